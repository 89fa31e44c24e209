"""Linear head: transfer learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.errors import InvalidTextsError
from textshot.networks.base import (
    EpisodeEmbeddings,
    Network,
    Parameters,
    bounded_scale,
    cross_entropy,
    full_precision,
    unit,
)

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Linear(Network):
    """Transfer learning with a linear head (Baseline++, Chen et al. 2019).

    "A Closer Look at Few-shot Classification", https://arxiv.org/abs/1904.04232.

    Training fits a head of one row per training category: scaled cosine, cross-entropy over all
    training categories at once, for queries and supports alike. The head is discarded afterwards;
    the features stay. The logits of an episode are those of prototypes.

    Inference fits a logistic regression (scikit-learn) to all keys of the user's categories, so
    one key per category is enough; the index stores its rows.

    Ours: no intercepts, and each row has length one, so that a score is a cosine. The head of a
    single category is its prototype.

    Parameters: log_scale (1,); head (n_classes, dim) during training.
    """

    name: ClassVar[str] = "linear"
    c: float = 30.0
    """Inverse regularisation strength, scikit-learn's C. The default was chosen on training
    splits of data sets that no benchmark of networks uses (docs/adr/0007)."""

    def __post_init__(self) -> None:
        """Refuse settings that do not exist."""
        if not 0.0 < self.c <= 1e6:
            raise InvalidTextsError(f"c is {self.c}; more than 0 and at most 1e6 is possible")

    @property
    def uses_prototypes(self) -> bool:
        """The head is fitted to the keys, not to their mean."""
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

        # With fewer than two rows a class scikit-learn warns that this looks like a regression,
        # and warnings know no threads. Every row twice at half the C is the same problem.
        copies = 2 if 2 * len(vectors) > len(keys) else 1
        # Of two classes it keeps one row, their difference, which weighs twice in the penalty.
        c = self.c / copies * (2 if len(vectors) == 2 else 1)
        regression = LogisticRegression(C=c, fit_intercept=False, max_iter=10_000)
        regression.fit(np.tile(keys.astype(np.float64), (copies, 1)), np.tile(rows, copies))
        head = regression.coef_
        if len(vectors) == 2:
            head = np.concatenate([-head, head])
        # Categories with the very same keys cannot be told apart.
        zero = np.linalg.norm(head, axis=1) < 1e-9
        return unit_rows(np.where(zero[:, None], vectors, head))

    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return the parameters that training starts from; the head is small and random."""
        head = np.random.default_rng(seed).standard_normal((n_classes, dim)) * 0.02
        start = super().initial_parameters(dim, n_classes, seed)
        return {**start, "head": head.astype(np.float32)}

    def loss(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return the cross-entropy over all training categories."""
        import torch

        with full_precision(episode) as wide:
            n_shot = wide.support.shape[1]
            texts = torch.cat([wide.query, wide.support.flatten(0, 1)])
            truth = torch.cat([wide.classes[wide.truth], wide.classes.repeat_interleave(n_shot)])
            cosines = texts @ unit(parameters["head"]).T
            return cross_entropy(bounded_scale(parameters) * cosines, truth)
