"""Exact scores of what a search in single precision has found, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray

# Candidates beyond k: enough to see whether a tie reaches over the edge.
_SLACK = 4
# Single precision is this far from double at most, for unit vectors of a few thousand dims.
_NOISE = 1e-5
_BLOCK = 512
# Numbers that are at hand at once, 64 MiB in double precision, whatever k and the size are.
_BUDGET = 8 << 20


class Candidates(Protocol):
    """Finds rows in single precision."""

    def __call__(self, queries: FloatArray, n: int) -> IntArray:
        """Return n rows of each query that may be the nearest, int64 (n_queries, n)."""
        ...


def in_blocks(
    vectors: FloatArray, queries: FloatArray, k: int, candidates: Candidates
) -> tuple[FloatArray, IntArray]:
    """Return the exact scores and the rows of the k nearest, each (n_queries, min(k, size)).

    Args:
        vectors: float32 (size, dim), unit rows.
        queries: float32 (n_queries, dim), unit rows.
        k: how many.
        candidates: finds a few rows more than k.
    """
    k = min(k, len(vectors))
    if k < 1 or not len(queries):
        return np.empty((len(queries), max(k, 0)), np.float32), np.empty(
            (len(queries), max(k, 0)), np.int64
        )
    n = min(k + _SLACK, len(vectors))
    size = max(1, min(_BLOCK, _BUDGET // (n * vectors.shape[1])))
    parts = [
        _settle(vectors, block, candidates(block, n), k)
        for block in (queries[i : i + size] for i in range(0, len(queries), size))
    ]
    return np.concatenate([s for s, _ in parts]), np.concatenate([r for _, r in parts])


def products(vectors: FloatArray, queries: FloatArray) -> Iterator[FloatArray]:
    """Yield the inner products of a few queries at a time with all rows, float32 (m, size)."""
    size = max(1, _BUDGET // len(vectors))
    for start in range(0, len(queries), size):
        yield queries[start : start + size] @ vectors.T


def _settle(
    vectors: FloatArray, queries: FloatArray, rows: IntArray, k: int
) -> tuple[FloatArray, IntArray]:
    """Score the candidates exactly, order them by (score, row) and keep k."""
    scores, rows = _ordered(vectors, queries, rows)
    best, found = scores[:, :k], rows[:, :k]
    if rows.shape[1] < len(vectors):
        # Rows that tie with the k-th may have been left out: those queries see every row, and
        # settle those that single precision cannot tell from it, which are few.
        tied = np.flatnonzero(best[:, -1] - scores[:, -1] <= _NOISE)
        lines = (line for part in products(vectors, queries[tied]) for line in part)
        for i, line in zip(tied, lines, strict=True):
            near = np.flatnonzero(line >= best[i, -1] - _NOISE)
            near_scores, near_rows = _ordered(vectors, queries[i : i + 1], near[None, :])
            best[i], found[i] = near_scores[0, :k], near_rows[0, :k]
    return best.astype(np.float32), found


def _ordered(
    vectors: FloatArray, queries: FloatArray, rows: IntArray
) -> tuple[NDArray[np.float64], IntArray]:
    """Return the exact scores of rows (n, m) of each query, best first, and these rows."""
    exact = queries.astype(np.float64)
    size = max(1, _BUDGET // exact.size)
    parts = [
        np.einsum("qd,qnd->qn", exact, vectors[rows[:, i : i + size]].astype(np.float64))
        for i in range(0, rows.shape[1], size)
    ]
    scores = np.concatenate(parts, axis=1)
    order = np.lexsort((rows, -scores))
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
