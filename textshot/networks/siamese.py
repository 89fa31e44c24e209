"""Siamese network: pairs and triplets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from textshot._arrays import FloatArray
from textshot.errors import InvalidTextsError
from textshot.networks.base import (
    SCALE,
    EpisodeEmbeddings,
    Network,
    Parameters,
    episode_keys,
    episode_prototypes,
    full_precision,
)

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Siamese(Network):
    """Siamese network (Koch et al. 2015).

    "Siamese Neural Networks for One-shot Image Recognition",
    https://www.cs.cmu.edu/~rsalakhu/papers/oneshot1.pdf.

    Two texts go through the same encoder; training brings those of one category together:

    - "contrastive" (Hadsell et al. 2006): torch's `cosine_embedding_loss`. A positive pair costs
      1 - cos, a negative one max(0, cos - margin). It takes all pairs of an episode; positives
      and negatives weigh the same, half each, though there are many more negatives.
    - "triplet" (Schroff et al. 2015, https://arxiv.org/abs/1503.03832): torch's
      `triplet_margin_with_distance_loss` with the distance 1 - cos. Each query with each of its
      positives, against its hardest negative in the episode.

    Ours: a query's positives are the examples of its way, the way's name and description, and the
    query itself under another dropout mask (Gao et al. 2021, SimCSE), so that one example gives
    useful pairs; its negatives are the keys of the other ways. Scores are those of a prototypical
    network with a fixed scale. There are no parameters.
    """

    name: ClassVar[str] = "siamese"
    needs_second_view: ClassVar[bool] = True
    loss_kind: Literal["contrastive", "triplet"] = "contrastive"
    margin: float = 0.3

    def __post_init__(self) -> None:
        """Refuse settings that do not exist."""
        if self.loss_kind not in ("contrastive", "triplet"):
            raise InvalidTextsError(
                f"loss_kind is {self.loss_kind!r}; the siamese network has contrastive, triplet"
            )
        if not 0.0 <= self.margin <= 1.0:
            raise InvalidTextsError(f"margin is {self.margin}; a margin of cosines lies in 0 to 1")

    def parameter_shapes(self, dim: int) -> dict[str, tuple[int, ...]]:
        """Return no names: only the encoder learns."""
        return {}

    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return no parameters: only the encoder learns."""
        return {}

    def logits(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return 20 * cosine of each query with each prototype, (n_query, n_way)."""
        with full_precision(episode) as wide:
            return SCALE * (wide.query @ episode_prototypes(episode_keys(wide)).T)

    def loss(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return the loss over the pairs or triplets of the episode."""
        with full_precision(episode) as wide:
            others, positive, negative = _pairs(wide)
            if self.loss_kind == "triplet":
                return self._triplet(wide.query, others, positive, negative)
            return self._contrastive(wide.query, others, positive, negative)

    def _contrastive(
        self, queries: Tensor, others: Tensor, positive: Tensor, negative: Tensor
    ) -> Tensor:
        from torch.nn.functional import cosine_embedding_loss

        terms = []
        for pairs, sign in ((positive, 1), (negative, -1)):
            i, j = pairs.nonzero(as_tuple=True)
            target = i.new_full(i.shape, sign)
            terms.append(cosine_embedding_loss(queries[i], others[j], target, self.margin))
        return 0.5 * terms[0] + 0.5 * terms[1]

    def _triplet(
        self, queries: Tensor, others: Tensor, positive: Tensor, negative: Tensor
    ) -> Tensor:
        import torch
        from torch.nn.functional import triplet_margin_with_distance_loss

        cosines = (queries @ others.T).detach().masked_fill(~negative, -torch.inf)
        hardest = cosines.argmax(1)
        i, j = positive.nonzero(as_tuple=True)
        return triplet_margin_with_distance_loss(
            queries[i],
            others[j],
            others[hardest[i]],
            distance_function=_distance,
            margin=self.margin,
        )


def _distance(a: Tensor, b: Tensor) -> Tensor:
    from torch.nn.functional import cosine_similarity

    return 1 - cosine_similarity(a, b)


def _pairs(episode: EpisodeEmbeddings) -> tuple[Tensor, Tensor, Tensor]:
    """Return the texts that queries are paired with, and which pairs are positive or negative.

    Returns:
        (m, dim), bool (n_query, m) and bool (n_query, m).
    """
    import torch

    keys = episode_keys(episode)
    ways = torch.arange(len(keys.rows), device=keys.rows.device)
    ways = ways[:, None].expand(keys.present.shape)[keys.present]
    others = keys.rows[keys.present]
    positive = episode.truth[:, None] == ways[None, :]
    negative = ~positive
    if episode.second_view is not None:
        same = torch.eye(len(episode.query), dtype=torch.bool, device=positive.device)
        others = torch.cat([others, episode.second_view])
        positive = torch.cat([positive, same], 1)
        negative = torch.cat([negative, torch.zeros_like(same)], 1)
    return others, positive, negative
