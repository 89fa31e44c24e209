"""Accuracy on held-out categories, and the choice of the weights to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.evaluation import recalls
from textshot.networks import Network
from textshot.training.data import NO_ROW, EncodedSplit
from textshot.training.split_encoder import SplitEncoder

MAX_DOMAIN_LOSS = 0.005
"""A domain may lose this much accuracy where others gain more."""


@dataclass(frozen=True, eq=False)
class Validation:
    """Accuracy on held-out categories, with all categories of a domain at once.

    Attributes:
        by_category: float64 (n_categories,), the recall of each, mean over the samples of support.
        domains: int64 (n_categories,).
        without_names: as `by_category`, by the examples without names; None: not measured.
    """

    by_category: NDArray[np.float64]
    domains: IntArray
    without_names: NDArray[np.float64] | None = None

    @cached_property
    def by_domain(self) -> NDArray[np.float64]:
        """The mean over the categories of each domain, float64 (n_domains,)."""
        return _group_means(self.by_category, self.domains)

    @property
    def accuracy(self) -> float:
        """The mean over domains, so that large ones do not dominate."""
        return float(self.by_domain.mean())

    @property
    def selection_score(self) -> float:
        """The mean of the accuracy with names and without, by which weights are compared.

        With good names held-out categories are often near their ceiling and hardly tell weights
        apart. Examples alone do, and they are all that uninformative names leave.
        """
        if self.without_names is None:
            return self.accuracy
        without = float(_group_means(self.without_names, self.domains).mean())
        return (self.accuracy + without) / 2

    def gain(self, before: Validation) -> float:
        """Return the difference in accuracy to `before`."""
        return self.accuracy - before.accuracy

    def standard_error(self, before: Validation) -> float:
        """Return the standard error of `gain`, with the category as the unit.

        The encoder is for new categories, so what counts is how the gain varies between
        categories; it varies far less between samples of the same ones.
        """
        change = self.by_category - before.by_category
        squares = []
        for domain in np.unique(self.domains):
            changes = change[self.domains == domain]
            n = len(changes)
            squares.append(changes.var(ddof=1) / n if n > 1 else changes[0] ** 2)
        return float(np.sqrt(np.sum(squares)) / len(squares))

    def no_domain_loses(self, before: Validation) -> bool:
        """Return whether every domain keeps its accuracy, but for MAX_DOMAIN_LOSS."""
        return bool((self.by_domain >= before.by_domain - MAX_DOMAIN_LOSS).all())


def validate(
    encoder: SplitEncoder,
    network: Network | None,
    split: EncodedSplit,
    *,
    n_shot: int,
    draws: int,
    seed: int,
) -> Validation:
    """Classify held-out texts by `n_shot` examples of each category, with its name and without.

    Args:
        encoder: with the weights to validate.
        network: with the parameters that belong to them; None for the plain encoder.
        split: the held-out categories.
        n_shot: examples of each.
        draws: number of support samples; the same seed gives the same samples.
        seed: of the samples.
    """
    corpus = split.corpus
    vectors, names = encoder.embed(split.texts), encoder.embed(split.names)
    descriptions = _descriptions(encoder, split, names)
    n = len(corpus.names)
    with_names, without_names = np.zeros(n), np.zeros(n)
    for domain in np.unique(corpus.domains):
        members = np.flatnonzero(corpus.domains == domain)
        numbers = np.full(n, -1, np.int64)
        numbers[members] = np.arange(len(members))
        rows = np.flatnonzero(numbers[corpus.labels] >= 0)
        measure = partial(
            recalls,
            network,
            vectors[rows],
            numbers[corpus.labels[rows]],
            n_shot=n_shot,
            draws=draws,
            seed=seed,
        )
        described = None if descriptions is None else descriptions[members]
        recall = measure(names=names[members], descriptions=described)
        with_names[members] = recall.mean(axis=0)
        without_names[members] = measure().mean(axis=0)
    return Validation(with_names, corpus.domains, without_names)


def best_coefficient(
    frozen: Validation, tried: Mapping[float, Validation], coefficients: Sequence[float]
) -> float | None:
    """Return the interpolation coefficient between old (0) and trained (1) weights to keep.

    It is the one with the highest selection score. With several domains the encoder is meant for
    yet others, where going far costs more than the held-out categories can show: then it is the
    smallest coefficient whose score is within one standard error of the highest (Breiman et al.
    1984; docs/adr/0008). None where a domain loses at every coefficient.
    """
    allowed = [a for a in coefficients if tried[a].no_domain_loses(frozen)]
    # Of equal ones the one nearer to the old weights.
    best = max(allowed, key=lambda a: (tried[a].selection_score, -a), default=None)
    if best is None or len(frozen.by_domain) == 1:
        return best
    enough = tried[best].selection_score - tried[best].standard_error(frozen)
    return min(a for a in allowed if tried[a].selection_score >= enough)


def _descriptions(
    encoder: SplitEncoder, split: EncodedSplit, names: FloatArray
) -> FloatArray | None:
    described = np.flatnonzero(split.descriptions != NO_ROW)
    if not len(described):
        return None
    vectors = np.zeros_like(names)
    vectors[described] = encoder.embed(split.descriptions[described])
    return vectors


def _group_means(values: NDArray[np.float64], groups: IntArray) -> NDArray[np.float64]:
    _, numbers = np.unique(groups, return_inverse=True)
    sums = np.bincount(numbers, weights=values)
    return np.asarray(sums / np.bincount(numbers), np.float64)
