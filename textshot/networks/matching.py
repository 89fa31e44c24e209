"""Matching networks: attention over the support."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.errors import InvalidTextsError
from textshot.networks import context as contexts
from textshot.networks.attend import (
    ALL_KINDS,
    EpisodeKeys,
    attend,
    attention_scale,
    bounded_scale,
    cross_entropy,
    episode_keys,
    episode_prototypes,
    full_precision,
    initial_log_scale,
)
from textshot.networks.base import (
    DESCRIPTION,
    EXAMPLE,
    NAME,
    EpisodeEmbeddings,
    Network,
    Parameters,
)

if TYPE_CHECKING:
    from torch import Tensor

_CHOICES = {
    "keys": ("fused", "several"),
    "context": ("none", "lstm", "attention"),
    "readout": ("labels", "context"),
}


@dataclass(frozen=True, eq=False)
class Matching(Network):
    """Matching network (Vinyals et al. 2016, https://arxiv.org/abs/1606.04080).

    A query (n_query, dim) attends to the support: softmax over scale * cosine. With one row per
    category the attention is the answer, and the network is a prototypical one (Snell et al. 2017,
    figure 2). It becomes one of its own by its settings:

    - keys "fused": a category's keys are one row, the unit of their weighted sum. "several":
      every key is a support item and a category gets the attention of its keys, on the scale of
      a cosine: log(sum_k w_k exp(s cos_k) / sum_k w_k) / s.
    - context: full context embeddings, see `textshot.networks.context`: "lstm" as in the paper,
      which depends on the order of the support; "attention", which does not.
    - readout "labels": attention over labels, as in the paper. "context": the query is replaced
      by the unit attention-weighted sum of the category rows and compared with these again.

    Ours: the scale is learned (the paper has none; unscaled, 77 ways never get above 9 %). Keys
    are of three kinds (name, description, example) with weights w = exp(kind_bias) of their own.
    The loss adds half the cross-entropy without examples and half with examples alone, so that
    zero-shot and opaque names live on.

    Numbers: log_scale (1,), starting at log 20, the scale kept in 5 to 60; kind_bias (3,),
    starting at zero, where each key counts as one shot; those of the context.
    """

    name: ClassVar[str] = "matching"
    keys: Literal["fused", "several"] = "fused"
    context: Literal["none", "lstm", "attention"] = "none"
    readout: Literal["labels", "context"] = "labels"
    steps: int = 3

    def __post_init__(self) -> None:
        """Refuse settings that do not exist or do not go together."""
        for setting, choices in _CHOICES.items():
            if getattr(self, setting) not in choices:
                raise InvalidTextsError(
                    f"{setting} is {getattr(self, setting)!r}; the matching network has"
                    f" {', '.join(choices)}"
                )
        if self.keys == "several" and (self.context, self.readout) != ("none", "labels"):
            raise InvalidTextsError(
                f"keys='several' does not go with context={self.context!r} and readout="
                f"{self.readout!r}: these compare whole categories. Take keys='fused'"
            )
        if not 1 <= self.steps <= 32:
            raise InvalidTextsError(f"steps is {self.steps}; 1 to 32 steps of reading are possible")

    @property
    def contextual(self) -> bool:
        """Full context embeddings depend on the other categories."""
        return self.context != "none"

    @property
    def uses_prototypes(self) -> bool:
        """With several keys each of them has a say of its own."""
        return self.keys == "fused"

    @property
    def nearest_prototype(self) -> bool:
        """A context replaces the query by what it attends to."""
        return super().nearest_prototype and self.readout == "labels"

    def key_weights(self, kinds: IntArray) -> FloatArray | None:
        """Return exp(kind_bias) of each key, (n_keys,); None while all kinds count the same."""
        bias = self.parameters.get("kind_bias")
        if bias is None or not bias.any():
            return None
        weights: FloatArray = np.exp(bias)[kinds]
        return weights

    def contextualize(
        self, vectors: FloatArray, keys: FloatArray, rows: IntArray, kinds: IntArray
    ) -> FloatArray:
        """Return the category vectors in the context of each other."""
        if not self.parameters or not self.contextual:
            return vectors
        exact, scale = self._exact(), attention_scale(self.parameters)
        found = contexts.support(np, self.context, exact, vectors.astype(np.float64), scale)
        return unit_rows(found)

    def transform_queries(self, queries: FloatArray, vectors: FloatArray) -> FloatArray:
        """Return the queries after attention to the category vectors."""
        if not self.contextual and self.readout == "labels":
            return queries
        support, scale = vectors.astype(np.float64), attention_scale(self.parameters)
        found = queries.astype(np.float64)
        if self.parameters and self.contextual:
            exact = self._exact()
            found = contexts.query(np, self.context, exact, found, support, scale, self.steps)
        if self.readout == "context":
            found = contexts.attended(np, found, support, scale)
        return unit_rows(found)

    def score_keys(
        self, queries: FloatArray, keys: FloatArray, rows: IntArray, kinds: IntArray
    ) -> FloatArray | None:
        """Return the attention of each category's keys on the scale of a cosine."""
        if self.keys == "fused":
            return None
        scale, weights = attention_scale(self.parameters), self.key_weights(kinds)
        exact = np.ones(len(keys)) if weights is None else weights.astype(np.float64)
        cosines = queries.astype(np.float64) @ keys.T.astype(np.float64)
        return np.asarray(attend(cosines, rows, exact, scale), np.float32)

    def _exact(self) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
        return {name: array.astype(np.float64) for name, array in self.parameters.items()}

    def parameter_shapes(self, dim: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters."""
        return {
            "log_scale": (1,),
            "kind_bias": (3,),
            **contexts.parameter_shapes(self.context, dim),
        }

    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return the parameters that learning starts from."""
        own = {"log_scale": initial_log_scale(), "kind_bias": np.zeros(3, np.float32)}
        return {**own, **contexts.initial_parameters(self.context, dim, seed)}

    def logits(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return the scaled score of each query with each way, (n_query, n_way)."""
        with full_precision(views) as wide:
            return self._logits(parameters, wide.query, episode_keys(wide))

    def loss(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return the cross-entropy with all keys, plus half of it with either sort alone."""
        with full_precision(views) as wide:
            total = self._share(parameters, wide, ALL_KINDS)
            if wide.names is not None and wide.support.shape[1]:
                total = total + 0.5 * self._share(parameters, wide, (NAME, DESCRIPTION))
                total = total + 0.5 * self._share(parameters, wide, (EXAMPLE,))
        return total

    def _share(
        self, parameters: Parameters, views: EpisodeEmbeddings, kinds: tuple[int, ...]
    ) -> Tensor:
        logits = self._logits(parameters, views.query, episode_keys(views, kinds))
        return cross_entropy(logits, views.truth)

    def _logits(self, parameters: Parameters, queries: Tensor, keys: EpisodeKeys) -> Tensor:
        import torch

        scale = bounded_scale(parameters["log_scale"])
        if self.keys == "several":
            weights = parameters["kind_bias"][keys.kinds].expand(keys.present.shape)
            weights = weights.masked_fill(~keys.present, -torch.inf)
            cosines = torch.einsum("qd,wkd->qwk", queries, keys.rows)
            return torch.logsumexp(scale * cosines + weights, 2) - torch.logsumexp(weights, 1)
        vectors = episode_prototypes(keys, parameters["kind_bias"])
        if self.contextual:
            vectors = contexts.support(torch, self.context, parameters, vectors, scale)
            queries = contexts.query(
                torch, self.context, parameters, queries, vectors, scale, self.steps
            )
        if self.readout == "context":
            queries = contexts.attended(torch, queries, vectors, scale)
        return scale * (queries @ vectors.T)
