"""Matching network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.errors import InvalidTextsError
from textshot.networks import context as contexts
from textshot.networks.base import (
    ALL_KINDS,
    DESCRIPTION,
    EXAMPLE,
    NAME,
    EpisodeEmbeddings,
    EpisodeKeys,
    Network,
    Parameters,
    attention_scale,
    bounded_scale,
    cross_entropy,
    episode_keys,
    episode_prototypes,
    full_precision,
)

if TYPE_CHECKING:
    from torch import Tensor

CONTEXTS = ("none", "lstm", "attention")


@dataclass(frozen=True, eq=False)
class Matching(Network):
    """Matching network (Vinyals et al. 2016).

    "Matching Networks for One Shot Learning", https://arxiv.org/abs/1606.04080.

    A query (n_query, dim) attends to the support: softmax over scale * cosine. With one prototype
    per category the attention is the answer, and the network equals a prototypical one (Snell et
    al. 2017, figure 2). `context` adds full context embeddings, see `textshot.networks.context`:
    "lstm" as in the paper, which depends on the order of the support; "attention", which does not.
    `steps` is the number of reading steps of "lstm".

    Ours: the scale is learned (the paper has none; unscaled, 77 ways never get above 9 %). Keys
    are of three kinds (name, description, example) with weights exp(kind_bias) of their own. The
    loss adds half the cross-entropy without examples and half with examples alone, so that the
    network works zero-shot and with uninformative names.

    Parameters: log_scale (1,), initially log 20, the scale bounded to 5 to 60; kind_bias (3,),
    initially zero, where each key counts as one shot; those of the context.
    """

    name: ClassVar[str] = "matching"
    context: Literal["none", "lstm", "attention"] = "none"
    steps: int = 3

    def __post_init__(self) -> None:
        """Refuse settings that do not exist."""
        if self.context not in CONTEXTS:
            raise InvalidTextsError(
                f"context is {self.context!r}; the matching network has {', '.join(CONTEXTS)}"
            )
        if not 1 <= self.steps <= 32:
            raise InvalidTextsError(f"steps is {self.steps}; 1 to 32 steps of reading are possible")

    @property
    def contextual(self) -> bool:
        """Full context embeddings depend on the other categories."""
        return self.context != "none"

    def key_weights(self, kinds: IntArray) -> FloatArray | None:
        """Return exp(kind_bias) of each key, (n_keys,); None while all kinds count the same."""
        bias = self.parameters.get("kind_bias")
        if bias is None or not bias.any():
            return None
        return np.asarray(np.exp(bias)[kinds])

    def contextualize(
        self, vectors: FloatArray, keys: FloatArray, rows: IntArray, kinds: IntArray
    ) -> FloatArray:
        """Return the prototypes in the context of each other."""
        if not self.parameters or not self.contextual:
            return vectors
        double, scale = self._double(), attention_scale(self.parameters)
        return unit_rows(
            contexts.support(np, self.context, double, vectors.astype(np.float64), scale)
        )

    def transform_queries(self, queries: FloatArray, vectors: FloatArray) -> FloatArray:
        """Return the queries after attention to the prototypes."""
        if not self.contextual:
            return queries
        support, scale = vectors.astype(np.float64), attention_scale(self.parameters)
        wide = queries.astype(np.float64)
        if self.parameters:
            double = self._double()
            wide = contexts.query(np, self.context, double, wide, support, scale, self.steps)
        return unit_rows(wide)

    def _double(self) -> dict[str, NDArray[np.float64]]:
        return {name: array.astype(np.float64) for name, array in self.parameters.items()}

    def parameter_shapes(self, dim: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters."""
        shapes = contexts.parameter_shapes(self.context, dim)
        return {**super().parameter_shapes(dim), "kind_bias": (3,), **shapes}

    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return the parameters that training starts from."""
        start = super().initial_parameters(dim, n_classes, seed)
        context = contexts.initial_parameters(self.context, dim, seed)
        return {**start, "kind_bias": np.zeros(3, np.float32), **context}

    def logits(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return the scaled score of each query with each way, (n_query, n_way)."""
        with full_precision(episode) as wide:
            return self._logits(parameters, wide.query, episode_keys(wide))

    def loss(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return the cross-entropy with all keys, plus half of it with either sort alone."""
        with full_precision(episode) as wide:
            total = self._cross_entropy(parameters, wide, ALL_KINDS)
            if wide.names is not None and wide.support.shape[1]:
                total = total + 0.5 * self._cross_entropy(parameters, wide, (NAME, DESCRIPTION))
                total = total + 0.5 * self._cross_entropy(parameters, wide, (EXAMPLE,))
        return total

    def _cross_entropy(
        self, parameters: Parameters, episode: EpisodeEmbeddings, kinds: tuple[int, ...]
    ) -> Tensor:
        logits = self._logits(parameters, episode.query, episode_keys(episode, kinds))
        return cross_entropy(logits, episode.truth)

    def _logits(self, parameters: Parameters, queries: Tensor, keys: EpisodeKeys) -> Tensor:
        import torch

        scale = bounded_scale(parameters)
        vectors = episode_prototypes(keys, parameters["kind_bias"])
        if self.contextual:
            vectors = contexts.support(torch, self.context, parameters, vectors, scale)
            queries = contexts.query(
                torch, self.context, parameters, queries, vectors, scale, self.steps
            )
        return scale * (queries @ vectors.T)
