"""The geometry of categories: how near their names and examples are to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.index import Entry, State
from textshot.types import KeyKind

DEFAULT_SCALE = 0.33
"""`CategoryGeometry.scale` of MiniLM, where there are too few categories to find it out."""

MIN_CATEGORIES = 3
_BLOCK = 2048
_MIN_SCALE = 0.05

_Wide = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CategoryGeometry:
    """Each category as two unit vectors, of its label and of its examples; NaN where it has none.

    Attributes:
        labels: of the n categories.
        label_vectors: float32 (n, dim), the mean of name and description.
        example_centroids: float32 (n, dim), the mean of the examples.
        prototypes: float32 (n, dim), what is searched.
        examples: the examples of each category, float32 (n_examples, dim).
        scale: by how much examples are usually nearer to their own name than to those of others,
            as a cosine: the measure of what is near for an encoder.
    """

    labels: tuple[str, ...]
    label_vectors: FloatArray
    example_centroids: FloatArray
    prototypes: FloatArray
    examples: tuple[FloatArray, ...]
    scale: float

    @classmethod
    def of(cls, state: State) -> Self:
        """Return the geometry of two categories or more; uninformative names are left out."""
        uninformative = state.name_weight is not None and state.name_weight.uninformative
        kept = [_split(entry, names=not uninformative) for entry in state.entries]
        labelled = np.stack([_mean(one, state.dim) for one, _ in kept])
        centroids = np.stack([_mean(several, state.dim) for _, several in kept])
        prototypes = np.stack([entry.prototype for entry in state.entries])
        scale = _scale(labelled, centroids)
        return cls(state.labels, labelled, centroids, prototypes, tuple(e for _, e in kept), scale)

    def gaps(self) -> tuple[_Wide, IntArray]:
        """Return how much nearer each category's examples are to another one, and to which.

        As cosines (n,): of the examples' mean, with the names; where there are two examples or
        more also of each example, with all else of its category and of the others, and then the
        mean of both. -inf where neither is known.
        """
        n = len(self.labels)
        both = _has_vector(self.label_vectors) & _has_vector(self.example_centroids)
        gaps, others = np.full(n, np.nan), np.zeros(n, np.int64)
        labels = np.nan_to_num(self.label_vectors)
        best, owner = best_other(np.nan_to_num(self.example_centroids), np.arange(n), labels)
        to_own = np.einsum("ij,ij->i", self.label_vectors, self.example_centroids)
        gaps[both], others[both] = best[both] - to_own[both], owner[both]
        for row, vectors in enumerate(self.examples):
            if len(vectors) > 1:
                left_out, other = self._left_out(row, vectors)
                others[row] = others[row] if gaps[row] > left_out else other
                gaps[row] = left_out if np.isnan(gaps[row]) else (left_out + gaps[row]) / 2
        return np.nan_to_num(gaps, nan=-np.inf), others

    def _left_out(self, row: int, vectors: FloatArray) -> tuple[float, int]:
        """Return how much nearer examples are to another category than to the rest of their own."""
        rest = _units(vectors.sum(axis=0) - vectors)
        if _has_vector(self.label_vectors)[row]:
            rest = _units(rest + self.label_vectors[row])
        to_own = np.einsum("ij,ij->i", vectors, rest)
        best, owner = best_other(vectors, np.full(len(vectors), row), self.prototypes)
        return float((best - to_own).mean()), int(np.bincount(owner).argmax())

    def names_ahead(self) -> _Wide:
        """Return how much nearer each name is to its own examples than to those of others, (n,).

        inf where there is no name or no example.
        """
        both = _has_vector(self.label_vectors) & _has_vector(self.example_centroids)
        values = np.full(len(both), np.inf)
        if both.sum() >= MIN_CATEGORIES:
            labelled = self.label_vectors[both].astype(np.float64)
            centroids = self.example_centroids[both].astype(np.float64)
            to_own = np.einsum("ij,ij->i", labelled, centroids)
            values[both] = to_own - (labelled @ centroids.sum(axis=0) - to_own) / (len(to_own) - 1)
        return values

    def within(self) -> tuple[_Wide, float, float]:
        """Return the mean cosine of two examples: of each category, of different ones, and usual.

        inf for a category with fewer than two.
        """
        sums = np.stack([e.sum(axis=0, dtype=np.float64) for e in self.examples])
        n = np.array([len(e) for e in self.examples], np.float64)
        squares = np.einsum("ij,ij->i", sums, sums)
        several = n > 1
        values = np.full(len(n), np.inf)
        values[several] = ((squares - n) / np.maximum(n * (n - 1), 1))[several]
        pairs = n.sum() ** 2 - (n**2).sum()
        if several.sum() < MIN_CATEGORIES or pairs == 0:
            return np.full(len(n), np.inf), 0.0, 0.0
        total = sums.sum(axis=0)
        return (
            values,
            float((total @ total - squares.sum()) / pairs),
            float(np.median(values[several])),
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
    best, owner = np.empty(len(rows), np.float32), np.empty(len(rows), np.int64)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosines = rows[part] @ against.T
        cosines[np.arange(len(cosines)), owners[part]] = -np.inf
        owner[part] = cosines.argmax(axis=1)
        best[part] = cosines.max(axis=1)
    return best, owner


def _split(entry: Entry, *, names: bool) -> tuple[FloatArray, FloatArray]:
    kinds = [key.kind for key in entry.keys]
    centroids = np.array([kind is KeyKind.EXAMPLE for kind in kinds])
    labelled = np.array(
        [kind is KeyKind.DESCRIPTION or (names and kind is KeyKind.NAME) for kind in kinds]
    )
    return entry.vectors[labelled], entry.vectors[centroids]


def _mean(vectors: FloatArray, dim: int) -> FloatArray:
    values: FloatArray = np.full(dim, np.nan, np.float32)
    return _units(vectors.mean(axis=0)[None]).reshape(dim) if len(vectors) else values


def _units(rows: FloatArray) -> FloatArray:
    units: FloatArray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return units


def _has_vector(rows: FloatArray) -> NDArray[np.bool_]:
    return ~np.isnan(rows[:, 0])


def _scale(labelled: FloatArray, centroids: FloatArray) -> float:
    both = _has_vector(labelled) & _has_vector(centroids)
    n = int(both.sum())
    if n < MIN_CATEGORIES:
        return DEFAULT_SCALE
    left, right = labelled[both].astype(np.float64), centroids[both].astype(np.float64)
    to_own = np.einsum("ij,ij->i", left, right)
    between = (left.sum(axis=0) @ right.sum(axis=0) - to_own.sum()) / (n * (n - 1))
    return max(float(np.median(to_own)) - float(between), _MIN_SCALE)
