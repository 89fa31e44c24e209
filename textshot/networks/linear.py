"""Transfer learning: a linear head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.errors import InvalidTextsError
from textshot.networks.attend import (
    bounded_scale,
    cross_entropy,
    episode_keys,
    episode_prototypes,
    full_precision,
    initial_log_scale,
    unit,
)
from textshot.networks.base import EpisodeEmbeddings, Network, Parameters

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Linear(Network):
    """Transfer learning with a linear head (baseline++, Chen et al. 2019, arXiv 1904.04232).

    Learning: a head of one row per training category, cosine times scale, cross-entropy over all
    training categories at once, for queries and supports alike. The head is thrown away
    afterwards: what stays are the features. The logits of an episode are those of prototypes.

    Use: a logistic regression (scikit-learn) on all keys of the user's categories (names,
    descriptions and examples), so one key per category is enough; the index stores its rows.

    Ours: no intercepts, and each row is made unit, so that a score is a cosine as everywhere;
    of a single category the head is its fused vector, for there is nothing to tell it from.

    Numbers: log_scale (1,), and head (n_classes, dim) while learning.
    """

    name: ClassVar[str] = "linear"
    c: float = 30.0
    """The inverse strength of regularisation, scikit-learn's C. The default was chosen on training
    splits of sets that are no benchmark of networks, see docs/adr/0007."""

    def __post_init__(self) -> None:
        """Refuse settings that do not exist."""
        if not 0.0 < self.c <= 1e6:
            raise InvalidTextsError(f"c is {self.c}; more than 0 and at most 1e6 is possible")

    @property
    def uses_prototypes(self) -> bool:
        """The head is fitted to the keys, whatever their sum."""
        return False

    @property
    def contextual(self) -> bool:
        """A row of the head depends on the other categories."""
        return True

    def contextualize(
        self, vectors: FloatArray, keys: FloatArray, rows: IntArray, kinds: IntArray
    ) -> FloatArray:
        """Return the head, one unit row per category."""
        if len(vectors) < 2:
            return vectors
        from sklearn.linear_model import LogisticRegression

        # Everything twice at half the C is the same problem; with fewer than two rows a class
        # scikit-learn warns that this looks like a regression, and warnings know no threads.
        twice = 2 if 2 * len(vectors) > len(keys) else 1
        # Of two classes it keeps one row, their difference, which weighs twice in the penalty.
        c = self.c / twice * (2 if len(vectors) == 2 else 1)
        regression = LogisticRegression(C=c, fit_intercept=False, max_iter=10_000)
        regression.fit(np.tile(keys.astype(np.float64), (twice, 1)), np.tile(rows, twice))
        head = regression.coef_
        if len(vectors) == 2:
            head = np.concatenate([-head, head])
        # Categories with the very same keys cannot be told apart.
        nothing = np.linalg.norm(head, axis=1) < 1e-9
        return unit_rows(np.where(nothing[:, None], vectors, head))

    def parameter_shapes(self, dim: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters that stay."""
        return {"log_scale": (1,)}

    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return the parameters that learning starts from; the head is small and random."""
        head = np.random.default_rng(seed).standard_normal((n_classes, dim)) * 0.02
        return {"log_scale": initial_log_scale(), "head": head.astype(np.float32)}

    def logits(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return scale * cosine of each query with each prototype, (n_query, n_way)."""
        with full_precision(views) as wide:
            cosines = wide.query @ episode_prototypes(episode_keys(wide)).T
            return bounded_scale(parameters["log_scale"]) * cosines

    def loss(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return the cross-entropy over all training categories."""
        import torch

        with full_precision(views) as wide:
            n_shot = wide.support.shape[1]
            texts = torch.cat([wide.query, wide.support.flatten(0, 1)])
            truth = torch.cat([wide.classes[wide.truth], wide.classes.repeat_interleave(n_shot)])
            cosines = texts @ unit(parameters["head"]).T
            return cross_entropy(bounded_scale(parameters["log_scale"]) * cosines, truth)
