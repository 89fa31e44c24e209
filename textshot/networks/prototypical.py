"""Prototypical networks: the nearest mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textshot._arrays import FloatArray
from textshot.networks.attend import (
    bounded_scale,
    cross_entropy,
    episode_keys,
    episode_prototypes,
    full_precision,
    initial_log_scale,
)
from textshot.networks.base import EpisodeEmbeddings, Network, Parameters

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Prototypical(Network):
    """Prototypical network (Snell et al. 2017, https://arxiv.org/abs/1703.05175).

    A category is the mean of its shots; a query (n_query, dim) is scored by its distance to each
    prototype (n_way, dim), and learning makes the softmax over these scores right.

    Ours: the name, and the description where there is one, count as one more shot each, so that
    no example at all (zero-shot) and one example are the same formula. Means are made unit again;
    on the unit sphere the paper's squared distance is 2 - 2 cos, so that scale * cos has the very
    same softmax as -scale/2 * distance. The paper has no scale; on the unit sphere it takes one.

    Numbers: log_scale (1,), starting at log 20, the scale kept in 5 to 60.
    """

    name: ClassVar[str] = "prototypical"

    def parameter_shapes(self, dim: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters."""
        return {"log_scale": (1,)}

    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return the parameters that learning starts from."""
        return {"log_scale": initial_log_scale()}

    def logits(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return scale * cosine of each query with each prototype, (n_query, n_way)."""
        with full_precision(views) as wide:
            cosines = wide.query @ episode_prototypes(episode_keys(wide)).T
            return bounded_scale(parameters["log_scale"]) * cosines

    def loss(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return the cross-entropy of the queries."""
        return cross_entropy(self.logits(parameters, views), views.truth)
