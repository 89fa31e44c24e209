"""The interface of a network, and what the networks share.

A network is used with NumPy only. Learning needs torch, which comes in through the tensors that
are passed in. Tests compare the two.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

import numpy as np

from textshot._arrays import FloatArray, IntArray
from textshot.errors import InvalidTextsError

if TYPE_CHECKING:
    from torch import Tensor

NAME, DESCRIPTION, EXAMPLE = ALL_KINDS = 0, 1, 2
"""Kinds of keys, as numbers; the order of `textshot.index.entries.KINDS`."""

SCALE = 20.0
"""The initial scale of a cosine: unscaled, no softmax over many ways can be sure."""

MIN_SCALE, MAX_SCALE = 5.0, 60.0

Setting = str | float | int | bool
Parameters = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class EpisodeEmbeddings:
    """The embeddings of one episode: unit rows, float32, one torch device.

    Attributes:
        support: (n_way, n_shot, dim); n_shot is 0 in a zero-shot episode.
        query: (n_query, dim).
        truth: int64 (n_query,), the way (0 to n_way - 1) of each query.
        classes: int64 (n_way,), the number of each way among all training categories.
        names: (n_way, dim), the category names; None where names are not used.
        descriptions: (n_way, dim), zeros where a category has none; None: no descriptions.
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
    """A way to score texts against categories, learned or with its initial values.

    `parameters` holds the learned values, float32 arrays by name. It is empty before training;
    each network then uses its documented initial values. Subclasses add their settings as fields.
    """

    name: ClassVar[str]
    parameters: Mapping[str, FloatArray] = field(default_factory=dict, kw_only=True)

    @property
    def settings(self) -> dict[str, Setting]:
        """The constructor's arguments without the parameters, as JSON can hold them."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "parameters"}

    def with_parameters(self, parameters: Mapping[str, FloatArray]) -> Self:
        """Return this network with these parameters, less those that only training needs."""
        kept = [name for name in self.parameter_shapes(1) if name in parameters]
        return replace(self, parameters={n: np.asarray(parameters[n], np.float32) for n in kept})

    needs_second_view: ClassVar[bool] = False
    """Whether the loss needs `EpisodeEmbeddings.second_view`."""

    # Inference: NumPy.

    examples_are_exemplars: ClassVar[bool] = False
    """Whether every example is scored as an exemplar, as corrections are."""

    @property
    def contextual(self) -> bool:
        """Whether prototypes depend on the other categories (`contextualize`)."""
        return False

    @property
    def uses_prototypes(self) -> bool:
        """Whether a category is the weighted mean of its keys, so that names can be weighted."""
        return True

    @property
    def nearest_prototype(self) -> bool:
        """Whether a score is the cosine with a prototype that depends on its category alone."""
        return self.uses_prototypes and not self.contextual and not self.examples_are_exemplars

    @property
    def decay(self) -> float:
        """How fast the score of an exemplar falls: 1 - decay * (1 - cosine)."""
        return 2.0

    def key_weights(self, kinds: IntArray) -> FloatArray | None:
        """Return the weight of each key in its prototype, (n_keys,); None: all equal."""
        return None

    def contextualize(
        self, vectors: FloatArray, keys: FloatArray, rows: IntArray, kinds: IntArray
    ) -> FloatArray:
        """Return the prototypes in the context of the other categories.

        Args:
            vectors: (n_categories, dim), the prototype of each category.
            keys: (n_keys, dim), all keys, category by category.
            rows: int64 (n_keys,), the category of each key.
            kinds: int64 (n_keys,), NAME, DESCRIPTION or EXAMPLE.
        """
        return vectors

    def transform_queries(self, queries: FloatArray, vectors: FloatArray) -> FloatArray:
        """Return queries (n, dim) in the context of the prototypes (n_categories, dim)."""
        return queries

    # Training: torch.

    def parameter_shapes(self, dim: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters that stay after training."""
        return {"log_scale": (1,)}

    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return the parameters that training starts from, float32."""
        return {"log_scale": np.array([math.log(SCALE)], np.float32)}

    def logits(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return the scaled score of each query with each way, (n_query, n_way).

        By default it is scale * cosine with the prototype.
        """
        with full_precision(episode) as wide:
            cosines = wide.query @ episode_prototypes(episode_keys(wide)).T
            return bounded_scale(parameters) * cosines

    @abstractmethod
    def loss(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return the training loss, a scalar."""


def attention_scale(parameters: Mapping[str, FloatArray]) -> float:
    """Return the learned scale within its bounds; SCALE before training."""
    if "log_scale" not in parameters:
        return SCALE
    return float(np.clip(np.exp(np.float64(parameters["log_scale"][0])), MIN_SCALE, MAX_SCALE))


def bounded_scale(parameters: Parameters) -> Tensor:
    """Return the scale within its bounds, (1,)."""
    return bounded(parameters["log_scale"].exp(), MIN_SCALE, MAX_SCALE)


def bounded(number: Tensor, low: float, high: float) -> Tensor:
    """Clamp a number but keep its gradient, so that it can return from beyond its bounds."""
    return number + (number.clamp(low, high) - number).detach()


@contextmanager
def full_precision(episode: EpisodeEmbeddings) -> Iterator[EpisodeEmbeddings]:
    """Leave autocast for a while: cosines times 60 have no digits to spare."""
    import torch

    tensors = {f.name: getattr(episode, f.name) for f in fields(episode)}
    narrow = (torch.bfloat16, torch.float16)
    wide = {n: t.float() for n, t in tensors.items() if t is not None and t.dtype in narrow}
    with torch.autocast(episode.query.device.type, enabled=False):
        yield replace(episode, **wide)


def unit(rows: Tensor) -> Tensor:
    """Return rows of length 1; a row of zeros stays."""
    from torch.nn.functional import normalize

    return normalize(rows, dim=-1)


class EpisodeKeys(NamedTuple):
    """The keys of an episode (n_way, n_keys, dim), kinds (n_keys,), present (n_way, n_keys)."""

    rows: Tensor
    kinds: list[int]
    present: Tensor


def episode_keys(episode: EpisodeEmbeddings, kinds: tuple[int, ...] = ALL_KINDS) -> EpisodeKeys:
    """Return the keys of these kinds: name, description and examples, as far as there are any.

    Raises:
        InvalidTextsError: a way has no key.
    """
    import torch

    texts = (NAME, episode.names), (DESCRIPTION, episode.descriptions)
    sources = [(kind, rows[:, None]) for kind, rows in texts if rows is not None]
    sources = [
        (kind, rows) for kind, rows in (*sources, (EXAMPLE, episode.support)) if kind in kinds
    ]
    key_kinds = [kind for kind, rows in sources for _ in range(rows.shape[1])]
    keys = torch.cat([rows for _, rows in sources], 1) if key_kinds else episode.support[:, :0]
    present = keys.detach().abs().amax(-1) > 0 if key_kinds else keys[..., 0] > 0
    if not bool(present.any(1).all()):
        raise InvalidTextsError(
            "an episode has a category without an example, a name or a description. Sample at"
            " least one example per category, or keep the names"
        )
    return EpisodeKeys(keys, key_kinds, present)


def episode_prototypes(keys: EpisodeKeys, kind_bias: Tensor | None = None) -> Tensor:
    """Return each way's keys as one unit row, (n_way, dim), weighted by exp(kind_bias) (3,)."""
    if kind_bias is None:  # absent keys are zeros
        return unit(keys.rows.sum(1))
    weights = kind_bias.exp()[keys.kinds]
    return unit((keys.rows * weights[None, :, None]).sum(1))


def cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean cross-entropy, a scalar, from logits (n, n_way)."""
    from torch.nn.functional import cross_entropy as torch_cross_entropy

    return torch_cross_entropy(logits, truth)
