"""A memory-augmented network: exemplars that are read by content and written one text at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from textshot._arrays import FloatArray
from textshot.errors import InvalidTextsError
from textshot.networks.attend import (
    bounded,
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

MIN_DECAY, MAX_DECAY = 1.0, 8.0
SCORE_TOLERANCE = 1e-6
"""Scores closer than this count as equal; the exemplar that was written last wins."""


@dataclass(frozen=True, eq=False)
class Memory(Network):
    """Memory network (Kaiser et al. 2017, "Learning to remember rare events", arXiv 1703.03129).

    Of the memories for one-shot learning (Santoro et al. 2016, arXiv 1605.06065, is the other) we
    take this one: it is read by cosine only, grows an exemplar at a time and needs no controller,
    so that the keys of an index are the memory. A query (dim,) is scored against every exemplar; a
    way counts by its best exemplar. After each answer the truth is written: a nearest exemplar of
    the right way moves to unit(exemplar + query) and is young again; otherwise the query gets a new
    exemplar.

    Ours: nothing is evicted, so ages decide only between equal scores, where the last written
    exemplar wins. A way starts with its fused keys as one exemplar and each example as another. An
    exemplar of a single example scores 1 - decay * (1 - cos): it is sure of its like only.
    Gradients flow through the writes of an episode, in the order of its queries. When used, nothing
    is moved: a new example joins the fused keys and is an exemplar of its own
    (`textshot.scoring.exemplars`).

    Loss, for each query before it is written: the memory loss [cos(nearest wrong exemplar) -
    cos(nearest right exemplar) + margin]_+ plus the cross-entropy of scale * score per way.

    Numbers: log_scale (1,), starting at log 20; decay (1,), starting at 2, kept in 1 to 8.
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
        """How fast the score of a single exemplar falls, learned."""
        learned = self.parameters.get("decay")
        return 2.0 if learned is None else float(np.clip(learned[0], MIN_DECAY, MAX_DECAY))

    def parameter_shapes(self, dim: int) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters."""
        return {"log_scale": (1,), "decay": (1,)}

    def initial_parameters(self, dim: int, n_classes: int, seed: int = 0) -> dict[str, FloatArray]:
        """Return the parameters that learning starts from."""
        return {"log_scale": initial_log_scale(), "decay": np.array([2.0], np.float32)}

    def logits(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return scale * the best exemplar of each way, (n_query, n_way), nothing written yet."""
        import torch

        with full_precision(views) as wide:
            fused = wide.query @ episode_prototypes(episode_keys(wide)).T
            examples = torch.einsum("qd,wkd->qwk", wide.query, wide.support)
            single = 1 - _decay(parameters) * (1 - examples)
            best = torch.cat([fused[:, :, None], single], 2).amax(2)
            return bounded_scale(parameters["log_scale"]) * best

    def loss(self, parameters: Parameters, views: EpisodeEmbeddings) -> Tensor:
        """Return the mean over the queries, each written after its answer."""
        with full_precision(views) as wide:
            memory = Exemplars(wide, _decay(parameters))
            scale, terms = bounded_scale(parameters["log_scale"]), []
            for query, way in zip(wide.query, wide.truth, strict=True):
                cosines, scores = memory.read(query)
                right = memory.ways == way
                hinge = cosines[~right].amax() - cosines[right].amax() + self.margin
                logits = scale * memory.per_way(scores)
                terms.append(hinge.clamp(min=0) + cross_entropy(logits[None], way[None]))
                memory.write(query, way, scores)
            return sum(terms[1:], terms[0]) / len(terms)


def _decay(parameters: Parameters) -> Tensor:
    return bounded(parameters["decay"], MIN_DECAY, MAX_DECAY)


class Exemplars:
    """The exemplars of one episode, the last written last."""

    def __init__(self, views: EpisodeEmbeddings, decay: Tensor) -> None:
        import torch

        fused = episode_prototypes(episode_keys(views))
        self._decay, self._n_way = decay, len(fused)
        n_shot = views.support.shape[1]
        self._rows = [*fused, *views.support.flatten(0, 1)]
        ways = torch.arange(len(fused), device=fused.device)
        self.ways = torch.cat([ways, ways.repeat_interleave(n_shot)])
        self._single = torch.arange(len(self._rows), device=fused.device) >= len(fused)

    def read(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cosine and the score of each exemplar, (n_exemplars,)."""
        import torch

        cosines = torch.stack(self._rows) @ query
        return cosines, torch.where(self._single, 1 - self._decay * (1 - cosines), cosines)

    def per_way(self, scores: Tensor) -> Tensor:
        """Return the best score of each way, (n_way,)."""
        nothing = scores.new_full((self._n_way,), float("-inf"))
        return nothing.scatter_reduce(0, self.ways, scores, "amax")

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
