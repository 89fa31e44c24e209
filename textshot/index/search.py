"""Exact cosine search over a few unit vectors. The only module that imports faiss.

FAISS finds the candidates; their scores are then computed again in double precision and ties go
to the lower row. So the answer of a query never depends on the other queries of its batch (FAISS
takes another path for one query than for many), and FAISS and NumPy agree to the last digit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

import numpy as np

from textshot._arrays import FloatArray, IntArray
from textshot.errors import InvalidTextsError
from textshot.index.rerank import in_blocks, products

SEARCH_VARIABLE = "TEXTSHOT_SEARCH"

# FAISS 1.15 turns to BLAS at 128,000 query values; on few cores BLAS wins from about 16 queries
# of 384 dims (measured: 1.5 s -> 0.2 s for 256 queries on 100,000 rows).
_BLAS_FROM = 16 * 384
# Below so many queries, and products of queries with rows, the threads of OpenMP cost more than
# they bring: on a busy machine 16 ms against 0.3 for one query, and 44 against 0.5 for 256 on 100
# rows. A million products take 10 to 20 ms of one thread.
_THREADS_FROM, _PRODUCTS_FROM = 16, 1 << 20


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
        return in_blocks(self._vectors, queries, k, self._candidates)

    def _candidates(self, queries: FloatArray, n: int) -> IntArray:
        found = [np.empty((0, n), np.int64)]
        for scores in products(self._vectors, queries):
            np.negative(scores, out=scores)
            found.append(np.argpartition(scores, n - 1, axis=1)[:, :n].astype(np.int64))
        return np.concatenate(found)


class FaissSearch:
    """FAISS IndexFlatIP, held in memory only: no FAISS file is ever written or read."""

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors
        self._faiss = _faiss()
        self._index = self._faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Return scores and rows, each (n_queries, min(k, size)), best first."""
        return in_blocks(self._vectors, queries, k, self._candidates)

    def _candidates(self, queries: FloatArray, n: int) -> IntArray:
        n_products = len(queries) * len(self._vectors)
        few = len(queries) < _THREADS_FROM or n_products < _PRODUCTS_FROM
        with _one_thread(self._faiss) if few else nullcontext():
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


def _faiss() -> Any:
    import faiss

    faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM
    return faiss
