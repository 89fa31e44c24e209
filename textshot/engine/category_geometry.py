"""What stands for categories beside their examples, and how near the two are. Pure arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.index import Entry, State
from textshot.types import KeyKind

USUAL = 0.33
"""`Sides.scale` of MiniLM, where there are too few categories to find it out."""

FEWEST = 3
_BLOCK = 2048
_LEAST = 0.05

_Wide = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sides:
    """Categories as two unit vectors each; a row of NaN where a category has no such side.

    Attributes:
        labels: of the n categories.
        said: float32 (n, dim), the mean of name and description.
        shown: float32 (n, dim), the mean of the examples.
        prototypes: float32 (n, dim), what is searched.
        examples: the examples of each category, float32 (n_examples, dim).
        scale: by how much examples are usually nearer to their own name than to those of others,
            as a cosine: the measure of what is near for an encoder.
    """

    labels: tuple[str, ...]
    said: FloatArray
    shown: FloatArray
    prototypes: FloatArray
    examples: tuple[FloatArray, ...]
    scale: float

    @classmethod
    def of(cls, state: State) -> Self:
        """Return the sides of an index's categories, two at least; opaque names say nothing."""
        uninformative = state.name_weight is not None and state.name_weight.uninformative
        kept = [_split(entry, names=not uninformative) for entry in state.entries]
        said = np.stack([_mean(one, state.dim) for one, _ in kept])
        shown = np.stack([_mean(several, state.dim) for _, several in kept])
        prototypes = np.stack([entry.prototype for entry in state.entries])
        scale = _scale(said, shown)
        return cls(state.labels, said, shown, prototypes, tuple(e for _, e in kept), scale)

    def gaps(self) -> tuple[_Wide, IntArray]:
        """Return how much nearer each category's examples are to another one, and to which.

        As cosines (n,): of the examples' mean, with the names; where there are two examples or
        more also of each example, with all else of its category and of the others, and then the
        mean of both. -inf where neither can be told.
        """
        n = len(self.labels)
        both = _there(self.said) & _there(self.shown)
        gaps, others = np.full(n, np.nan), np.zeros(n, np.int64)
        standing = np.where(_there(self.said)[:, None], self.said, 0.0).astype(np.float32)
        best, who = best_other(np.nan_to_num(self.shown), np.arange(n), standing)
        own = np.einsum("ij,ij->i", self.said, self.shown)
        gaps[both], others[both] = best[both] - own[both], who[both]
        for row, vectors in enumerate(self.examples):
            if len(vectors) > 1:
                left_out, who_else = self._left_out(row, vectors)
                others[row] = others[row] if gaps[row] > left_out else who_else
                gaps[row] = left_out if np.isnan(gaps[row]) else (left_out + gaps[row]) / 2
        return np.nan_to_num(gaps, nan=-np.inf), others

    def _left_out(self, row: int, vectors: FloatArray) -> tuple[float, int]:
        """Return how much nearer examples are to another category than to the rest of their own."""
        rest = _units(vectors.sum(axis=0) - vectors)
        if _there(self.said)[row]:
            rest = _units(rest + self.said[row])
        own = np.einsum("ij,ij->i", vectors, rest)
        best, who = best_other(vectors, np.full(len(vectors), row), self.prototypes)
        return float((best - own).mean()), int(np.bincount(who).argmax())

    def names_ahead(self) -> _Wide:
        """Return how much nearer each name is to its own examples than to those of others, (n,).

        inf where there is no name or no example.
        """
        both = _there(self.said) & _there(self.shown)
        found = np.full(len(both), np.inf)
        if both.sum() >= FEWEST:
            said, shown = self.said[both].astype(np.float64), self.shown[both].astype(np.float64)
            own = np.einsum("ij,ij->i", said, shown)
            found[both] = own - (said @ shown.sum(axis=0) - own) / (len(own) - 1)
        return found

    def within(self) -> tuple[_Wide, float, float]:
        """Return the mean cosine of two examples: of each category, of different ones, and usual.

        inf for a category with fewer than two.
        """
        sums = np.stack([e.sum(axis=0, dtype=np.float64) for e in self.examples])
        n = np.array([len(e) for e in self.examples], np.float64)
        squares = np.einsum("ij,ij->i", sums, sums)
        several = n > 1
        found = np.full(len(n), np.inf)
        found[several] = ((squares - n) / np.maximum(n * (n - 1), 1))[several]
        pairs = n.sum() ** 2 - (n**2).sum()
        if several.sum() < FEWEST or pairs == 0:
            return np.full(len(n), np.inf), 0.0, 0.0
        total = sums.sum(axis=0)
        return (
            found,
            float((total @ total - squares.sum()) / pairs),
            float(np.median(found[several])),
        )


def best_other(
    rows: FloatArray, owners: IntArray, against: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Return the largest cosine of each row with the vector of a category that is not its own.

    Args:
        rows: (m, dim), unit rows.
        owners: (m,), the category of each row.
        against: (n, dim), one vector for each category, two at least.

    Returns:
        The cosine, float32 (m,), and the category, int64 (m,).
    """
    best, who = np.empty(len(rows), np.float32), np.empty(len(rows), np.int64)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosines = rows[part] @ against.T
        cosines[np.arange(len(cosines)), owners[part]] = -np.inf
        who[part] = cosines.argmax(axis=1)
        best[part] = cosines.max(axis=1)
    return best, who


def _split(entry: Entry, *, names: bool) -> tuple[FloatArray, FloatArray]:
    kinds = [key.kind for key in entry.keys]
    shown = np.array([kind is KeyKind.EXAMPLE for kind in kinds])
    said = np.array(
        [kind is KeyKind.DESCRIPTION or (names and kind is KeyKind.NAME) for kind in kinds]
    )
    return entry.vectors[said], entry.vectors[shown]


def _mean(vectors: FloatArray, dim: int) -> FloatArray:
    found: FloatArray = np.full(dim, np.nan, np.float32)
    return _units(vectors.mean(axis=0)[None]).reshape(dim) if len(vectors) else found


def _units(rows: FloatArray) -> FloatArray:
    units: FloatArray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return units


def _there(rows: FloatArray) -> NDArray[np.bool_]:
    return ~np.isnan(rows[:, 0])


def _scale(said: FloatArray, shown: FloatArray) -> float:
    both = _there(said) & _there(shown)
    n = int(both.sum())
    if n < FEWEST:
        return USUAL
    one, other = said[both].astype(np.float64), shown[both].astype(np.float64)
    own = np.einsum("ij,ij->i", one, other)
    between = (one.sum(axis=0) @ other.sum(axis=0) - own.sum()) / (n * (n - 1))
    return max(float(np.median(own)) - float(between), _LEAST)
