"""Exact cosine search over a few unit vectors. The only module that imports faiss.

FAISS finds the candidates; their scores are then computed again in double precision and ties go
to the lower row. So the answer of a query never depends on the other queries of its batch (FAISS
takes another path for one query than for many), and FAISS and NumPy agree to the last digit.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy as np

from textshot.arrays import FloatArray, IntArray
from textshot.errors import InvalidTextsError

SEARCH_VARIABLE = "TEXTSHOT_SEARCH"

# Candidates beyond k: enough to see whether a tie reaches over the edge.
_SLACK = 4
# Single precision is this far from double at most, for unit vectors of a few thousand dims.
_NOISE = 1e-5
_BLOCK = 512
# Numbers in double precision that are settled at once: 64 MiB, whatever k is.
_BUDGET = 8 << 20
# FAISS 1.15 turns to BLAS at 128,000 query values; on few cores BLAS wins from about 16 queries
# of 384 dims (measured: 1.5 s -> 0.2 s for 256 queries on 100,000 rows).
_BLAS_FROM = 16 * 384
# Below this the threads of OpenMP cost more than they bring: 16 ms against 0.3 on a busy machine.
_THREADS_FROM = 16


class VectorSearch(Protocol):
    """Finds the rows with the largest inner product."""

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Return scores and rows, each (n_queries, min(k, size)), best first."""
        ...


def make_search(vectors: FloatArray, engine: str | None = None) -> VectorSearch:
    """Return a search over `vectors`, float32 (size, dim), unit rows.

    Args:
        vectors: the rows to search; not copied, not to be changed afterwards.
        engine: "faiss" or "numpy"; by default what the variable TEXTSHOT_SEARCH says, else faiss.
            NumPy is the way out where faiss and torch clash (two OpenMP runtimes on macOS).
    """
    engine = engine or os.environ.get(SEARCH_VARIABLE) or "faiss"
    if engine not in ("faiss", "numpy"):
        raise InvalidTextsError(
            f"search engine {engine!r} is not known; {SEARCH_VARIABLE} can be faiss or numpy"
        )
    return NumpySearch(vectors) if engine == "numpy" else FaissSearch(vectors)


class NumpySearch:
    """The plain twin: one matrix product."""

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Return scores and rows, each (n_queries, min(k, size)), best first."""
        return _in_blocks(self._vectors, queries, k, self._candidates)

    def _candidates(self, queries: FloatArray, n: int) -> IntArray:
        scores = queries @ self._vectors.T
        return np.argpartition(-scores, n - 1, axis=1)[:, :n].astype(np.int64)


class FaissSearch:
    """FAISS IndexFlatIP, held in memory only: no FAISS file is ever written or read."""

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors
        self._faiss = _faiss()
        self._index = self._faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)
        self._threads = self._faiss.omp_get_max_threads()

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Return scores and rows, each (n_queries, min(k, size)), best first."""
        return _in_blocks(self._vectors, queries, k, self._candidates)

    def _candidates(self, queries: FloatArray, n: int) -> IntArray:
        # The setting belongs to the calling thread, so threads do not disturb each other.
        few = len(queries) < _THREADS_FROM
        self._faiss.omp_set_num_threads(1 if few else self._threads)
        rows: IntArray = self._index.search(queries, n)[1]  # n <= size: no -1 padding
        return rows


def _faiss() -> Any:
    import faiss

    faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM
    return faiss


class _Candidates(Protocol):
    def __call__(self, queries: FloatArray, n: int) -> IntArray: ...


def _in_blocks(
    vectors: FloatArray, queries: FloatArray, k: int, candidates: _Candidates
) -> tuple[FloatArray, IntArray]:
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


def _settle(
    vectors: FloatArray, queries: FloatArray, rows: IntArray, k: int
) -> tuple[FloatArray, IntArray]:
    """Score the candidates exactly, order them by (score, row) and keep k."""
    scores, rows = _ordered(vectors, queries, rows)
    if rows.shape[1] < len(vectors):
        # Rows that tie with the k-th may have been left out: those queries see every row.
        for i in np.flatnonzero(scores[:, k - 1] - scores[:, -1] <= _NOISE):
            every = np.arange(len(vectors), dtype=np.int64)[None, :]
            best_scores, best_rows = _ordered(vectors, queries[i : i + 1], every)
            scores[i], rows[i] = best_scores[0, : rows.shape[1]], best_rows[0, : rows.shape[1]]
    return scores[:, :k].astype(np.float32), rows[:, :k]


def _ordered(
    vectors: FloatArray, queries: FloatArray, rows: IntArray
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], IntArray]:
    scores = np.einsum("qd,qnd->qn", queries.astype(np.float64), vectors[rows].astype(np.float64))
    order = np.lexsort((rows, -scores))
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
