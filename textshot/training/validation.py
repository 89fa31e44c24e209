"""How good the encoder is on categories held out from training; which weights are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.evaluation import recalls
from textshot.networks import Network
from textshot.training.data import NOWHERE, Part
from textshot.training.split_encoder import Tower

MOST_LOST = 0.005
"""A domain may lose this much of its accuracy where others gain more."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """Accuracy on held-out categories, all those of a domain at once.

    Attributes:
        by_category: float64 (n_categories,), the share of its texts that were recognised, mean
            over the draws of supports.
        domains: int64 (n_categories,).
        alone: as `by_category`, by the examples without names; None: not looked at.
    """

    by_category: NDArray[np.float64]
    domains: IntArray
    alone: NDArray[np.float64] | None = None

    @cached_property
    def by_domain(self) -> NDArray[np.float64]:
        """The mean over the categories of each domain, float64 (n_domains,)."""
        return _means(self.by_category, self.domains)

    @property
    def accuracy(self) -> float:
        """The mean over domains, so that none drowns the others."""
        return float(self.by_domain.mean())

    @property
    def merit(self) -> float:
        """What states of a run are compared by: the accuracy with names and that without, halved.

        With good names held-out categories are often near their ceiling and hardly tell one state
        from another; examples alone do, and are what opaque names leave.
        """
        if self.alone is None:
            return self.accuracy
        return (self.accuracy + float(_means(self.alone, self.domains).mean())) / 2

    def gain(self, before: Judgement) -> float:
        """Return how much better this one is than `before`."""
        return self.accuracy - before.accuracy

    def standard_error(self, before: Judgement) -> float:
        """Return the standard error of `gain`, with the category as the unit.

        New categories are what the encoder is for, so what counts is how the gain varies between
        categories; it varies far less between draws of the same ones.
        """
        change = self.by_category - before.by_category
        squares = []
        for domain in np.unique(self.domains):
            own = change[self.domains == domain]
            squares.append(own.var(ddof=1) / len(own) if len(own) > 1 else own[0] ** 2)
        return float(np.sqrt(np.sum(squares)) / len(squares))

    def loses_nowhere(self, before: Judgement) -> bool:
        """Tell whether every domain keeps its accuracy, but for MOST_LOST."""
        return bool((self.by_domain >= before.by_domain - MOST_LOST).all())


def judge(
    tower: Tower, network: Network | None, part: Part, *, n_shot: int, draws: int, seed: int
) -> Judgement:
    """Classify held-out texts by `n_shot` examples of each category, with its name and without.

    Args:
        tower: with the weights that are to be judged.
        network: with the numbers that go with them; None for the plain encoder.
        part: the held-out categories.
        n_shot: examples of each.
        draws: how many supports are drawn; the same for the same seed.
        seed: of the draws.
    """
    corpus = part.corpus
    vectors, names = tower.embed(part.texts), tower.embed(part.names)
    descriptions = _descriptions(tower, part, names)
    found, alone = np.zeros(len(corpus.names)), np.zeros(len(corpus.names))
    for domain in np.unique(corpus.domains):
        own = np.flatnonzero(corpus.domains == domain)
        places = np.full(len(corpus.names), -1, np.int64)
        places[own] = np.arange(len(own))
        rows = np.flatnonzero(places[corpus.labels] >= 0)
        look = partial(
            recalls,
            network,
            vectors[rows],
            places[corpus.labels[rows]],
            n_shot=n_shot,
            draws=draws,
            seed=seed,
        )
        described = None if descriptions is None else descriptions[own]
        found[own] = look(names=names[own], descriptions=described).mean(axis=0)
        alone[own] = look().mean(axis=0)
    return Judgement(found, corpus.domains, alone)


def best_share(
    frozen: Judgement, tried: Mapping[float, Judgement], choices: Sequence[float]
) -> float | None:
    """Return the share of the way to the trained weights that is to be kept, or None.

    It is the one with the largest merit. Who gives several domains wants an encoder for texts of
    yet others, where going far costs more than the held-out categories of these domains can show:
    then it is the smallest share whose merit is within one standard error of the largest (Breiman
    et al. 1984; docs/adr/0008). None where every share loses something in a domain
    (`Judgement.loses_nowhere`).
    """
    fine = [a for a in choices if tried[a].loses_nowhere(frozen)]
    # Of equal ones the one nearer to where it started.
    best = max(fine, key=lambda a: (tried[a].merit, -a), default=None)
    if best is None or len(frozen.by_domain) == 1:
        return best
    enough = tried[best].merit - tried[best].standard_error(frozen)
    return min(a for a in fine if tried[a].merit >= enough)


def _descriptions(tower: Tower, part: Part, names: FloatArray) -> FloatArray | None:
    there = np.flatnonzero(part.descriptions != NOWHERE)
    if not len(there):
        return None
    found = np.zeros_like(names)
    found[there] = tower.embed(part.descriptions[there])
    return found


def _means(values: NDArray[np.float64], groups: IntArray) -> NDArray[np.float64]:
    _, places = np.unique(groups, return_inverse=True)
    sums = np.bincount(places, weights=values)
    return np.asarray(sums / np.bincount(places), np.float64)
