"""One episode: which texts are the examples of which categories, and which are to be recognised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import IntArray


@dataclass(frozen=True, eq=False, slots=True)
class Episode:
    """Rows of texts, way by way.

    Attributes:
        classes: int64 (n_way,), the category of each way.
        support: int64 (n_way, n_shot), the texts that stand for it.
        query: int64 (n_way, n_query), other texts of it, to be recognised.
    """

    classes: IntArray
    support: IntArray
    query: IntArray

    @property
    def truth(self) -> IntArray:
        """The way of each query in the order of `query.ravel()`, int64 (n_way * n_query,)."""
        return np.repeat(np.arange(len(self.classes)), self.query.shape[1])

    def rotations(self) -> Iterator[Episode]:
        """Yield the leave-one-out episodes of a support of m texts for each way.

        In each of the m episodes another column is the query and the other m - 1 the support, so
        every text is a query once and nothing is set aside (no split into support and query).
        """
        for left_out in range(self.support.shape[1]):
            support = np.delete(self.support, left_out, axis=1)
            yield Episode(self.classes, support, self.support[:, left_out : left_out + 1])


def pairs(episode: Episode) -> tuple[IntArray, IntArray, NDArray[np.bool_]]:
    """Return every pair of two texts of an episode, once, with whether they are of one category.

    Returns:
        first, second: int64 (n,), rows of texts; n = m (m - 1) / 2 for m texts in all.
        same: bool (n,).
    """
    rows, ways = _flat(episode)
    one, other = np.triu_indices(len(rows), k=1)
    return rows[one], rows[other], ways[one] == ways[other]


def triplets(episode: Episode, seed: int = 0) -> tuple[IntArray, IntArray, IntArray]:
    """Return each anchor with each of its positives and one seeded negative.

    One negative, not all: with 50 ways of 10 texts all of them were two million triplets.

    Returns:
        anchor, positive, negative: int64 (n,), rows of texts; n = n_way * m * (m - 1) for m texts
        of each way. The negative is drawn from the texts of all other ways alike.
    """
    rows, ways = _flat(episode)
    n_way = len(episode.classes)
    m = len(rows) // n_way
    if n_way < 2:
        return rows[:0], rows[:0], rows[:0]
    anchor, positive = np.nonzero((ways[:, None] == ways) & ~np.eye(len(rows), dtype=bool))
    # Rows lie way by way, so the texts of other ways are those from the end of the own one on.
    away = np.random.default_rng(seed).integers((n_way - 1) * m, size=len(anchor))
    negative = ((ways[anchor] + 1) * m + away) % len(rows)
    return rows[anchor], rows[positive], rows[negative]


def _flat(episode: Episode) -> tuple[IntArray, IntArray]:
    """Return the rows of all texts of an episode, way by way, and the way of each."""
    texts = np.concatenate([episode.support, episode.query], axis=1)
    return texts.ravel(), np.repeat(np.arange(len(texts)), texts.shape[1])
