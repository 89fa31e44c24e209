"""What every network is: settings, learned parameters, a loss to learn them, and their use.

Using a network takes NumPy only. Learning takes torch, which comes in through the tensors that
are passed in. Both sides are compared by tests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from textshot._arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from torch import Tensor

NAME, DESCRIPTION, EXAMPLE = 0, 1, 2
"""Kinds of keys, as numbers; the order of `textshot.index.state.KINDS`."""

Setting = str | float | int | bool
Parameters = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class EpisodeEmbeddings:
    """The embeddings of one episode: unit rows, float32, one torch device.

    Attributes:
        support: (n_way, n_shot, dim); n_shot is 0 in a zero-shot episode.
        query: (n_query, dim).
        truth: int64 (n_query,), the way (0 to n_way - 1) that each query belongs to.
        names: (n_way, dim), the category names; None when names are opaque.
        descriptions: (n_way, dim), rows of zeros where a category has none; None: none at all.
        classes: int64 (n_way,), each way's number among all training categories.
        second_view: (n_query, dim), the queries under another dropout mask; None: not needed.
    """

    support: Tensor
    query: Tensor
    truth: Tensor
    classes: Tensor
    names: Tensor | None = None
    descriptions: Tensor | None = None
    second_view: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Network(ABC):
    """A way to score texts against categories, learned or as it comes.

    `parameters` is what was learned, float32 arrays by name; empty before any learning, when each
    network takes its documented starting values. Subclasses add their settings as fields.
    """

    name: ClassVar[str]
    parameters: Mapping[str, FloatArray] = field(default_factory=dict, kw_only=True)

    @property
    def settings(self) -> dict[str, Setting]:
        """The constructor's arguments without the parameters, as JSON can hold them."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "parameters"}

    def with_parameters(self, parameters: Mapping[str, FloatArray]) -> Self:
        """Return this network with these parameters, less those that only learning needs."""
        kept = [name for name in self.parameter_shapes(1) if name in parameters]
        return replace(self, parameters={n: np.asarray(parameters[n], np.float32) for n in kept})

    needs_second_view: ClassVar[bool] = False
    """Whether learning needs `EpisodeEmbeddings.second_view`."""

    # Using it: NumPy.

    examples_are_exemplars: ClassVar[bool] = False
    """Whether every example is read on its own too, as corrections are (textshot/scoring.py)."""

    @property
    def contextual(self) -> bool:
        """Whether category vectors depend on the other categories (`contextualize`)."""
        return False

    @property
    def uses_prototypes(self) -> bool:
        """Whether a category is the weighted sum of its keys, so that names can be weighed."""
        return True

    @property
    def nearest_prototype(self) -> bool:
        """Whether a score is the cosine of a text with one vector that is the category's own."""
        return self.uses_prototypes and not self.contextual and not self.examples_are_exemplars

    @property
    def decay(self) -> float:
        """How fast the score of a single exemplar falls: 1 - decay * (1 - cosine)."""
        return 2.0

    def key_weights(self, kinds: IntArray) -> FloatArray | None:
        """Return the weight of each key of a category in its vector, (n_keys,); None: all equal."""
        return None

    def contextualize(
        self, vectors: FloatArray, keys: FloatArray, rows: IntArray, kinds: IntArray
    ) -> FloatArray:
        """Return the category vectors as they are among each other.

        Args:
            vectors: (n_categories, dim), each category's fused keys.
            keys: (n_keys, dim), all keys, category by category.
            rows: int64 (n_keys,), the category of each key.
            kinds: int64 (n_keys,), NAME, DESCRIPTION or EXAMPLE.
        """
        return vectors

    def transform_queries(self, queries: FloatArray, vectors: FloatArray) -> FloatArray:
        """Return queries (n, dim), unit rows, as they are before `vectors` (n_categories, dim)."""
        return queries

    def score_keys(
        self, queries: FloatArray, keys: FloatArray, rows: IntArray, kinds: IntArray
    ) -> FloatArray | None:
        """Return scores (n, n_categories) from every key, or None: the cosine with the vectors.

        A score is on the scale of a cosine: in -1 to 1, 1 for a text that equals every key.
        """
        return None

    # Learning: torch.

    @abstractmethod
    def parameter_shapes(self, dim: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters that stay after learning."""

    @abstractmethod
    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return the parameters that learning starts from, float32."""

    @abstractmethod
    def logits(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return the scaled score of each query with each way, (n_query, n_way)."""

    @abstractmethod
    def loss(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return what learning makes small, a scalar."""
