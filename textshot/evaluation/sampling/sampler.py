"""Draws episodes: the n-th one is a function of the seed and n, so a resumed run draws the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, islice

import numpy as np

from textshot._arrays import IntArray
from textshot.errors import InvalidTextsError
from textshot.evaluation.sampling.episode import Episode

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class EpisodeSampler:
    """Draws N-way K-shot Q-query episodes (Vinyals et al. 2016, https://arxiv.org/abs/1606.04080).

    Every category is equally likely, however many texts it has, and within an episode no text
    occurs twice. Preparing sorts the labels once; an episode costs the same whatever their number.

    Attributes:
        labels: int64 (n,), 0 to n_classes - 1, the category of each text.
        n_way, n_shot, n_query: categories, and texts of each: examples, and to be recognised.
            n_shot may be 0 where names stand for the categories.
        seed: with the step, decides each draw.
        leave_one_out: all n_shot + n_query texts become the support; see `Episode.rotations`.
        neighbours: int64 (n_classes, m), each category's nearest ones (`class_neighbours`).
        hard: the share of the ways that are drawn from the neighbours of one of the others. These
            episodes are harder, and balanced no more: a category near many comes more often.
        domains: int64 (n_classes,), the domain of each category. An episode stays in one, drawn
            with probability proportional to the root of its number of categories, and has fewer
            ways where the domain has fewer categories.
        vary_ways, vary_shots: (low, high), both included; drawn anew for each episode in place of
            n_way and n_shot.

    Raises:
        InvalidTextsError: fewer categories than ways, categories with fewer texts than shots and
            queries, or settings that make no sense.
    """

    labels: IntArray
    n_way: int
    n_shot: int = 1
    n_query: int = 1
    seed: int = 0
    leave_one_out: bool = False
    neighbours: IntArray | None = None
    hard: float = 0.0
    domains: IntArray | None = None
    vary_ways: tuple[int, int] | None = None
    vary_shots: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _check_settings(self)
        _check_classes(self)
        _check_texts(self)

    @cached_property
    def counts(self) -> IntArray:
        """The number of texts of each category, int64 (n_classes,)."""
        return np.bincount(self.labels).astype(np.int64)

    @cached_property
    def pools(self) -> list[IntArray]:
        """The categories that may meet in an episode: those of each domain."""
        if self.domains is None:
            return [np.arange(len(self.counts))]
        return [np.flatnonzero(self.domains == domain) for domain in np.unique(self.domains)]

    @cached_property
    def _by_class(self) -> list[IntArray]:
        order = np.argsort(self.labels, kind="stable")
        return np.split(order, np.cumsum(self.counts)[:-1])

    def episode(self, step: int) -> Episode:
        """Return episode number `step`, whatever was drawn before."""
        rng = np.random.default_rng([self.seed, step])
        roots = np.sqrt([len(pool) for pool in self.pools])
        pool = self.pools[rng.choice(len(roots), p=roots / roots.sum())]
        n_way = min(len(pool), _drawn(rng, self.vary_ways, self.n_way))
        n_shot = _drawn(rng, self.vary_shots, self.n_shot)
        classes = self._classes(rng, pool, n_way)
        n_texts = n_shot + self.n_query
        rows = np.stack([rng.choice(self._by_class[c], n_texts, replace=False) for c in classes])
        split = n_texts if self.leave_one_out else n_shot
        return Episode(classes, rows[:, :split], rows[:, split:])

    def _classes(self, rng: np.random.Generator, pool: IntArray, n_way: int) -> IntArray:
        n_near = min(round(self.hard * n_way), n_way - 1)
        if self.neighbours is None or not n_near:
            return rng.choice(pool, n_way, replace=False)
        anchor = rng.choice(pool)
        near = self.neighbours[anchor]
        near = near[np.isin(near, pool) & (near != anchor)]
        near = rng.choice(near, min(n_near, len(near)), replace=False)
        chosen = np.append(near, anchor)
        others = np.setdiff1d(pool, chosen)
        chosen = np.append(chosen, rng.choice(others, n_way - len(chosen), replace=False))
        # Shuffled: no network may learn that the anchor is the way in a certain place.
        return rng.permutation(chosen)


def stream(sampler: EpisodeSampler, start: int = 0, stop: int | None = None) -> Iterator[Episode]:
    """Yield the episodes from number `start` up to `stop`, or without an end."""
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
    """Yield episodes of labelled texts; rows are places in `labels`.

    Args:
        labels: the label of each text, strings or numbers. `Episode.classes` are places among the
            sorted different ones.
        n_way: categories of an episode.
        n_shot: examples of each.
        n_query: other texts of each, to be recognised.
        seed: same seed, same episodes.
        n_episodes: how many; None: without an end.
    """
    numbers = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
    sampler = EpisodeSampler(numbers, n_way=n_way, n_shot=n_shot, n_query=n_query, seed=seed)
    return islice(stream(sampler), n_episodes)


def _drawn(rng: np.random.Generator, bounds: tuple[int, int] | None, fixed: int) -> int:
    return fixed if bounds is None else int(rng.integers(bounds[0], bounds[1], endpoint=True))


def _check_settings(sampler: EpisodeSampler) -> None:
    ways = sampler.vary_ways or (sampler.n_way, sampler.n_way)
    shots = sampler.vary_shots or (sampler.n_shot, sampler.n_shot)
    if not 2 <= ways[0] <= ways[1]:
        raise InvalidTextsError(f"{_range(ways)} ways: two at least are needed, the lower first")
    if not 0 <= shots[0] <= shots[1] or sampler.n_query < 1:
        raise InvalidTextsError(
            f"{_range(shots)} shots and {sampler.n_query} queries: none or more shots are needed,"
            " the lower first, and one query or more"
        )
    if not 0 <= sampler.hard <= 1 or (sampler.hard and sampler.neighbours is None):
        raise InvalidTextsError(
            f"a share of {sampler.hard} hard ways: it lies in 0 to 1, and needs neighbours"
        )


def _check_classes(sampler: EpisodeSampler) -> None:
    labels = np.asarray(sampler.labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or not len(labels):
        raise InvalidTextsError(
            f"labels of shape {labels.shape} and type {labels.dtype}: integers (n,) are needed"
        )
    if labels.min() < 0:
        raise InvalidTextsError(f"a label is {labels.min()}; they count from 0")
    n = len(sampler.counts)
    for what, each in (("neighbours", sampler.neighbours), ("domains", sampler.domains)):
        if each is not None and len(each) != n:
            raise InvalidTextsError(f"{what} for {len(each)} categories, but there are {n}")
    most = sampler.vary_ways[1] if sampler.vary_ways else sampler.n_way
    if sampler.domains is None and n < most:
        raise InvalidTextsError(
            f"{most} ways, but there are {n} categories. Ask for at most {n}, or add texts of more"
        )
    if min(len(pool) for pool in sampler.pools) < 2:
        raise InvalidTextsError(
            "a domain has one category only: nothing to tell apart. Leave it out"
        )


def _check_texts(sampler: EpisodeSampler) -> None:
    most = sampler.vary_shots[1] if sampler.vary_shots else sampler.n_shot
    need = most + sampler.n_query
    short = np.flatnonzero(sampler.counts < need)
    if len(short):
        few = ", ".join(map(str, short[:_SHOWN])) + (", ..." if len(short) > _SHOWN else "")
        raise InvalidTextsError(
            f"{most} shots and {sampler.n_query} queries need {need} texts of each category;"
            f" {len(short)} of {len(sampler.counts)} categories have fewer (number {few}). Add"
            " texts of them, leave them out, or ask for fewer shots or queries"
        )


def _range(bounds: tuple[int, int]) -> str:
    return str(bounds[0]) if bounds[0] == bounds[1] else f"{bounds[0]} to {bounds[1]}"
