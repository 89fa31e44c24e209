"""Memory network: exemplars that are read by content and written one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from textshot._arrays import FloatArray
from textshot.errors import InvalidTextsError
from textshot.networks.base import (
    EpisodeEmbeddings,
    Network,
    Parameters,
    bounded,
    bounded_scale,
    cross_entropy,
    episode_keys,
    episode_prototypes,
    full_precision,
    unit,
)

if TYPE_CHECKING:
    from torch import Tensor

MIN_DECAY, MAX_DECAY = 1.0, 8.0
SCORE_TOLERANCE = 1e-6
"""Scores closer than this count as equal; the exemplar that was written last wins."""


@dataclass(frozen=True, eq=False)
class Memory(Network):
    """Memory network (Kaiser et al. 2017).

    "Learning to Remember Rare Events", https://arxiv.org/abs/1703.03129.

    A query (dim,) is scored against every exemplar in memory; a way takes the score of its best
    exemplar. After each answer the truth is written: a nearest exemplar of the right way moves to
    unit(exemplar + query) and becomes the youngest; otherwise the query becomes a new exemplar.
    The memory needs no controller (unlike Santoro et al. 2016, https://arxiv.org/abs/1605.06065),
    so the keys of an index are the memory.

    Ours: nothing is evicted, so ages decide only between equal scores, where the last written
    exemplar wins. A way starts with its prototype and each example as an exemplar. A single
    example scores 1 - decay * (1 - cos), so that it decides about near texts only. Gradients flow
    through the writes of an episode, in the order of its queries. Inference moves nothing: a new
    example joins the prototype and is an exemplar (`textshot.scoring.exemplars`).

    Loss of each query before it is written: the memory loss [cos(nearest wrong exemplar) -
    cos(nearest right exemplar) + margin]_+ plus the cross-entropy of scale * score per way.

    Parameters: log_scale (1,), initially log 20; decay (1,), initially 2, bounded to 1 to 8.
    """

    name: ClassVar[str] = "memory"
    examples_are_exemplars: ClassVar[bool] = True
    margin: float = 0.1

    def __post_init__(self) -> None:
        """Refuse settings that do not exist."""
        if not 0.0 <= self.margin <= 1.0:
            raise InvalidTextsError(f"margin is {self.margin}; a margin of cosines lies in 0 to 1")

    @property
    def decay(self) -> float:
        """How fast the score of an exemplar falls, learned."""
        learned = self.parameters.get("decay")
        return 2.0 if learned is None else float(np.clip(learned[0], MIN_DECAY, MAX_DECAY))

    def parameter_shapes(self, dim: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters."""
        return {**super().parameter_shapes(dim), "decay": (1,)}

    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return the parameters that training starts from."""
        start = super().initial_parameters(dim, n_classes, seed)
        return {**start, "decay": np.array([2.0], np.float32)}

    def logits(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return scale * the best exemplar of each way, (n_query, n_way), before any write."""
        import torch

        with full_precision(episode) as wide:
            prototypes = wide.query @ episode_prototypes(episode_keys(wide)).T
            examples = torch.einsum("qd,wkd->qwk", wide.query, wide.support)
            single = 1 - _decay(parameters) * (1 - examples)
            best = torch.cat([prototypes[:, :, None], single], 2).amax(2)
            return bounded_scale(parameters) * best

    def loss(self, parameters: Parameters, episode: EpisodeEmbeddings) -> Tensor:
        """Return the mean over the queries, each written after its answer."""
        with full_precision(episode) as wide:
            memory = _EpisodeMemory(wide, _decay(parameters))
            scale, terms = bounded_scale(parameters), []
            for query, way in zip(wide.query, wide.truth, strict=True):
                cosines, scores = memory.read(query)
                right = memory.ways == way
                hinge = cosines[~right].amax() - cosines[right].amax() + self.margin
                logits = scale * memory.best_per_way(scores)
                terms.append(hinge.clamp(min=0) + cross_entropy(logits[None], way[None]))
                memory.write(query, way, scores)
            return sum(terms[1:], terms[0]) / len(terms)


def _decay(parameters: Parameters) -> Tensor:
    return bounded(parameters["decay"], MIN_DECAY, MAX_DECAY)


class _EpisodeMemory:
    """The exemplars of one episode, the last written last."""

    def __init__(self, episode: EpisodeEmbeddings, decay: Tensor) -> None:
        import torch

        prototypes = episode_prototypes(episode_keys(episode))
        self._decay, self._n_way = decay, len(prototypes)
        n_shot = episode.support.shape[1]
        self._rows = [*prototypes, *episode.support.flatten(0, 1)]
        ways = torch.arange(len(prototypes), device=prototypes.device)
        self.ways = torch.cat([ways, ways.repeat_interleave(n_shot)])
        rows = torch.arange(len(self._rows), device=prototypes.device)
        self._single = rows >= len(prototypes)

    def read(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cosine and the score of each exemplar, (n_exemplars,)."""
        import torch

        cosines = torch.stack(self._rows) @ query
        return cosines, torch.where(self._single, 1 - self._decay * (1 - cosines), cosines)

    def best_per_way(self, scores: Tensor) -> Tensor:
        """Return the best score of each way, (n_way,)."""
        lowest = scores.new_full((self._n_way,), float("-inf"))
        return lowest.scatter_reduce(0, self.ways, scores, "amax")

    def write(self, query: Tensor, way: Tensor, scores: Tensor) -> None:
        """Move the nearest exemplar if it is right, else add one; either is the youngest now."""
        import torch

        near = int((scores.detach() >= scores.detach().amax() - SCORE_TOLERANCE).nonzero()[-1])
        merge = bool(self.ways[near] == way)
        row = unit(self._rows[near] + query) if merge else query
        single = self._single[near] if merge else torch.ones_like(self._single[0])
        kept = [i for i in range(len(self._rows)) if not (merge and i == near)]
        self._rows = [*(self._rows[i] for i in kept), row]
        self.ways = torch.cat([self.ways[kept], way[None]])
        self._single = torch.cat([self._single[kept], single[None]])
