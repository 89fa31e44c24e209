"""Seeded N-way K-shot Q-query episodes as index arrays. Pure NumPy.

Episode number n is a function of the seed and n alone, so a resumed run draws the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, islice

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import IntArray, unit_rows
from textshot.errors import InvalidTextsError

_MAX_SHOWN = 5
_BLOCK = 1024


@dataclass(frozen=True, eq=False, slots=True)
class Episode:
    """Rows of texts, way by way.

    Attributes:
        classes: int64 (n_way,), the category of each way.
        support: int64 (n_way, n_shot), its examples.
        query: int64 (n_way, n_query), other texts of it, to be classified.
    """

    classes: IntArray
    support: IntArray
    query: IntArray

    @property
    def truth(self) -> IntArray:
        """The way of each query in the order of `query.ravel()`, int64 (n_way * n_query,)."""
        return np.repeat(np.arange(len(self.classes)), self.query.shape[1])


@dataclass(frozen=True, eq=False)
class EpisodeSampler:
    """Draws N-way K-shot Q-query episodes (Vinyals et al. 2016, https://arxiv.org/abs/1606.04080).

    Every category is equally likely, whatever its number of texts, and within an episode no text
    occurs twice. Setup sorts the labels once; the time of an episode does not depend on their
    number.

    Attributes:
        labels: int64 (n,), 0 to n_classes - 1, the category of each text.
        n_way, n_shot, n_query: categories, and texts of each: examples and queries. n_shot may be
            0 where names stand for the categories.
        seed: with the step, decides each draw.
        neighbours: int64 (n_classes, m), the nearest categories of each (`class_neighbours`).
        hard: the share of the ways that are drawn from the neighbours of one of the others. These
            episodes are harder and not balanced: a category near many others is drawn more often.
        domains: int64 (n_classes,), the domain of each category. An episode stays in one domain,
            drawn with probability proportional to the root of its number of categories, and has
            fewer ways where the domain has fewer categories.

    Raises:
        InvalidTextsError: fewer categories than ways, categories with fewer texts than shots and
            queries, or impossible settings.
    """

    labels: IntArray
    n_way: int
    n_shot: int = 1
    n_query: int = 1
    seed: int = 0
    neighbours: IntArray | None = None
    hard: float = 0.0
    domains: IntArray | None = None

    def __post_init__(self) -> None:
        _check_settings(self)
        _check_labels(self)

    @cached_property
    def counts(self) -> IntArray:
        """The number of texts of each category, int64 (n_classes,)."""
        return np.bincount(self.labels).astype(np.int64)

    @cached_property
    def pools(self) -> list[IntArray]:
        """The categories of each domain; an episode takes its ways from one pool."""
        if self.domains is None:
            return [np.arange(len(self.counts))]
        return [np.flatnonzero(self.domains == domain) for domain in np.unique(self.domains)]

    @cached_property
    def _by_class(self) -> list[IntArray]:
        order = np.argsort(self.labels, kind="stable")
        return np.split(order, np.cumsum(self.counts)[:-1])

    def episode(self, step: int) -> Episode:
        """Return episode number `step`."""
        rng = np.random.default_rng([self.seed, step])
        roots = np.sqrt([len(pool) for pool in self.pools])
        pool = self.pools[rng.choice(len(roots), p=roots / roots.sum())]
        classes = self._classes(rng, pool, min(len(pool), self.n_way))
        n_texts = self.n_shot + self.n_query
        rows = np.stack([rng.choice(self._by_class[c], n_texts, replace=False) for c in classes])
        return Episode(classes, rows[:, : self.n_shot], rows[:, self.n_shot :])

    def _classes(self, rng: np.random.Generator, pool: IntArray, n_way: int) -> IntArray:
        n_near = min(round(self.hard * n_way), n_way - 1)
        if self.neighbours is None or not n_near:
            return rng.choice(pool, n_way, replace=False)
        anchor = rng.choice(pool)
        near = self.neighbours[anchor]
        near = near[np.isin(near, pool) & (near != anchor)]
        near = rng.choice(near, min(n_near, len(near)), replace=False)
        classes = np.append(near, anchor)
        others = np.setdiff1d(pool, classes)
        classes = np.append(classes, rng.choice(others, n_way - len(classes), replace=False))
        # Shuffled: no network may learn the position of the anchor.
        return rng.permutation(classes)


def stream(sampler: EpisodeSampler, start: int = 0, stop: int | None = None) -> Iterator[Episode]:
    """Yield the episodes from number `start` up to `stop`; None: without end."""
    steps = count(start) if stop is None else range(start, stop)
    return (sampler.episode(step) for step in steps)


def sample_episodes(
    labels: Sequence[str | int] | IntArray,
    n_way: int,
    n_shot: int,
    n_query: int,
    seed: int = 0,
    n_episodes: int | None = None,
) -> Iterator[Episode]:
    """Yield episodes of labelled texts; rows are indices into `labels`.

    Args:
        labels: the label of each text, strings or numbers. `Episode.classes` are indices into the
            sorted unique labels.
        n_way: categories of an episode.
        n_shot: examples of each.
        n_query: other texts of each, to be classified.
        seed: the same seed gives the same episodes.
        n_episodes: how many; None: without end.
    """
    classes = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
    sampler = EpisodeSampler(classes, n_way=n_way, n_shot=n_shot, n_query=n_query, seed=seed)
    return islice(stream(sampler), n_episodes)


def class_neighbours(centres: ArrayLike, m: int) -> IntArray:
    """Return the nearest other categories of each category by cosine, nearest first.

    Args:
        centres: (n_classes, dim), a vector for each category.
        m: how many; at most n_classes - 1.

    Returns:
        int64 (n_classes, min(m, n_classes - 1)).
    """
    rows = unit_rows(centres)
    m = min(m, len(rows) - 1)
    nearest = [np.empty((0, m), np.int64)]
    for start in range(0, len(rows), _BLOCK):  # the full matrix may not fit into memory
        cosines = rows[start : start + _BLOCK] @ rows.T
        block = np.arange(len(cosines))
        cosines[block, block + start] = -np.inf
        nearest.append(np.argsort(-cosines, axis=1, kind="stable")[:, :m])
    return np.concatenate(nearest)


def _check_settings(sampler: EpisodeSampler) -> None:
    if sampler.n_way < 2:
        raise InvalidTextsError(f"{sampler.n_way} ways: two at least are needed")
    if sampler.n_shot < 0 or sampler.n_query < 1:
        raise InvalidTextsError(
            f"{sampler.n_shot} shots and {sampler.n_query} queries: none or more shots are needed,"
            " and one query or more"
        )
    if not 0 <= sampler.hard <= 1 or (sampler.hard and sampler.neighbours is None):
        raise InvalidTextsError(
            f"a share of {sampler.hard} hard ways: it lies in 0 to 1, and needs neighbours"
        )


def _check_labels(sampler: EpisodeSampler) -> None:
    labels = np.asarray(sampler.labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or not len(labels):
        raise InvalidTextsError(
            f"labels of shape {labels.shape} and type {labels.dtype}: integers (n,) are needed"
        )
    if labels.min() < 0:
        raise InvalidTextsError(f"a label is {labels.min()}; they count from 0")
    n = len(sampler.counts)
    for what, rows in (("neighbours", sampler.neighbours), ("domains", sampler.domains)):
        if rows is not None and len(rows) != n:
            raise InvalidTextsError(f"{what} for {len(rows)} categories, but there are {n}")
    if sampler.domains is None and n < sampler.n_way:
        raise InvalidTextsError(
            f"{sampler.n_way} ways, but there are {n} categories. Ask for at most {n}, or add"
            " texts of more"
        )
    if min(len(pool) for pool in sampler.pools) < 2:
        raise InvalidTextsError(
            "a domain has one category only: nothing to tell apart. Leave it out"
        )
    need = sampler.n_shot + sampler.n_query
    short = np.flatnonzero(sampler.counts < need)
    if len(short):
        listed = ", ".join(map(str, short[:_MAX_SHOWN])) + ", ..." * (len(short) > _MAX_SHOWN)
        raise InvalidTextsError(
            f"{sampler.n_shot} shots and {sampler.n_query} queries need {need} texts of each"
            f" category; {len(short)} of {len(sampler.counts)} categories have fewer (number"
            f" {listed}). Add texts of them, leave them out, or ask for fewer shots or queries"
        )
