"""Exact cosine search over unit vectors. The only module that imports faiss.

FAISS finds candidates in single precision; they are reranked by their scores in double precision,
and ties go to the lower row. So the answer for a query never depends on the other queries of its
batch (FAISS takes another path for one query than for many), and FAISS and NumPy agree to the last
digit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.errors import InvalidTextsError

SEARCH_VARIABLE = "TEXTSHOT_SEARCH"

# FAISS 1.15 turns to BLAS at 128,000 query values; on few cores BLAS wins from about 16 queries
# of 384 dims (measured: 1.5 s -> 0.2 s for 256 queries on 100,000 rows).
_BLAS_FROM = 16 * 384
# Below so many queries, and products of queries with rows, the threads of OpenMP cost more than
# they bring: on a busy machine 16 ms against 0.3 for one query, and 44 against 0.5 for 256 on 100
# rows. A million products take 10 to 20 ms of one thread.
_THREADS_FROM, _PRODUCTS_FROM = 16, 1 << 20
# Candidates beyond k: enough to see whether a tie reaches over the edge.
_EXTRA_CANDIDATES = 4
# Single precision is this far from double at most, for unit vectors of a few thousand dims.
_NOISE = 1e-5
_BLOCK = 512
# Numbers in memory at once, 64 MiB in double precision, whatever k and the size are.
_BUDGET = 8 << 20

_FindCandidates = Callable[[FloatArray, int], IntArray]


class VectorSearch(Protocol):
    """Finds the rows with the largest inner product."""

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Return scores and rows, each (n_queries, min(k, size)), best first."""
        ...


def make_search(vectors: FloatArray, library: str | None = None) -> VectorSearch:
    """Return a search over `vectors`, float32 (size, dim), unit rows.

    Args:
        vectors: the rows to search; not copied, not to be changed afterwards.
        library: "faiss" or "numpy"; None: the value of TEXTSHOT_SEARCH, else faiss. NumPy is the
            way out where faiss and torch clash (two OpenMP runtimes on macOS).

    Raises:
        InvalidTextsError: another library.
    """
    library = library or os.environ.get(SEARCH_VARIABLE) or "faiss"
    if library not in ("faiss", "numpy"):
        raise InvalidTextsError(
            f"search engine {library!r} is not known; {SEARCH_VARIABLE} can be faiss or numpy"
        )
    return NumpySearch(vectors) if library == "numpy" else FaissSearch(vectors)


class NumpySearch:
    """The NumPy counterpart of FAISS: one matrix product."""

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Return scores and rows, each (n_queries, min(k, size)), best first."""
        return _rerank(self._vectors, queries, k, self._candidates)

    def _candidates(self, queries: FloatArray, n: int) -> IntArray:
        rows = [np.empty((0, n), np.int64)]
        for scores in _products(self._vectors, queries):
            np.negative(scores, out=scores)
            rows.append(np.argpartition(scores, n - 1, axis=1)[:, :n].astype(np.int64))
        return np.concatenate(rows)


class FaissSearch:
    """FAISS IndexFlatIP, held in memory only: no FAISS file is ever written or read."""

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors
        self._faiss = _import_faiss()
        self._index = self._faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Return scores and rows, each (n_queries, min(k, size)), best first."""
        return _rerank(self._vectors, queries, k, self._candidates)

    def _candidates(self, queries: FloatArray, n: int) -> IntArray:
        n_products = len(queries) * len(self._vectors)
        small = len(queries) < _THREADS_FROM or n_products < _PRODUCTS_FROM
        with _one_thread(self._faiss) if small else nullcontext():
            rows: IntArray = self._index.search(queries, n)[1]  # n <= size: no -1 padding
        return rows


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    """Search on one thread, then restore what the calling thread had.

    OpenMP keeps the number of threads per calling thread: from OMP_NUM_THREADS, or as the caller
    set it. Every later search of this thread, and the caller's own use of OpenMP, reads it.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


@cache
def _import_faiss() -> Any:
    import faiss

    if hasattr(os, "register_at_fork"):
        # The threads of OpenMP do not survive a fork, and a search would wait for them.
        os.register_at_fork(after_in_child=partial(faiss.omp_set_num_threads, 1))
    faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM
    return faiss


def _rerank(
    vectors: FloatArray, queries: FloatArray, k: int, find_candidates: _FindCandidates
) -> tuple[FloatArray, IntArray]:
    """Return the exact scores and the rows of the k nearest, each (n_queries, min(k, size)).

    Args:
        vectors: float32 (size, dim), unit rows.
        queries: float32 (n_queries, dim), unit rows.
        k: how many.
        find_candidates: takes queries and n; returns n rows of each that may be the nearest.
    """
    k = max(min(k, len(vectors)), 0)
    if k == 0 or not len(queries):
        return np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    n = min(k + _EXTRA_CANDIDATES, len(vectors))
    size = max(1, min(_BLOCK, _BUDGET // (n * vectors.shape[1])))
    parts = [
        _rerank_block(vectors, block, find_candidates(block, n), k)
        for block in (queries[i : i + size] for i in range(0, len(queries), size))
    ]
    return np.concatenate([s for s, _ in parts]), np.concatenate([r for _, r in parts])


def _rerank_block(
    vectors: FloatArray, queries: FloatArray, candidates: IntArray, k: int
) -> tuple[FloatArray, IntArray]:
    """Score the candidates exactly, order them by (score, row) and keep k."""
    scores, rows = _ordered(vectors, queries, candidates)
    best_scores, best_rows = scores[:, :k], rows[:, :k]
    if rows.shape[1] < len(vectors):
        # Rows that tie with the k-th may have been left out: those queries see every row, and
        # rerank the few that single precision cannot tell from it.
        tied = np.flatnonzero(best_scores[:, -1] - scores[:, -1] <= _NOISE)
        lines = (line for part in _products(vectors, queries[tied]) for line in part)
        for i, line in zip(tied, lines, strict=True):
            near = np.flatnonzero(line >= best_scores[i, -1] - _NOISE)
            near_scores, near_rows = _ordered(vectors, queries[i : i + 1], near[None, :])
            best_scores[i], best_rows[i] = near_scores[0, :k], near_rows[0, :k]
    return best_scores.astype(np.float32), best_rows


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


def _products(vectors: FloatArray, queries: FloatArray) -> Iterator[FloatArray]:
    """Yield the inner products of a few queries at a time with all rows, float32 (m, size)."""
    size = max(1, _BUDGET // len(vectors))
    for start in range(0, len(queries), size):
        yield queries[start : start + size] @ vectors.T
