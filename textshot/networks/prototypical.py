"""Prototypical network: the nearest mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textshot.networks.base import EpisodeEmbeddings, Network, Parameters, cross_entropy

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Prototypical(Network):
    """Prototypical network (Snell et al. 2017).

    "Prototypical Networks for Few-shot Learning", https://arxiv.org/abs/1703.05175.

    A category is the mean of its shots. A query (n_query, dim) is scored by its distance to each
    prototype (n_way, dim), and training minimises the cross-entropy of the softmax over these.

    Ours: the name, and the description where there is one, count as one more shot each, so that
    zero-shot and one example are the same formula. Means are scaled to length one; on the unit
    sphere the paper's squared distance is 2 - 2 cos, so scale * cos has the same softmax as
    -scale/2 * distance. The paper has no scale; on the unit sphere it takes one.

    Parameters: log_scale (1,), initially log 20, the scale bounded to 5 to 60.
    """

    name: ClassVar[str] = "prototypical"

    def loss(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return the cross-entropy of the queries."""
        return cross_entropy(self.logits(parameters, episode), episode.truth)
