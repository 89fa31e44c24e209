"""What is measured, each cell in a process of its own: one does not hold another's memory."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.vectors import read
from textshot._arrays import FloatArray, IntArray
from textshot.encoders import Encoder
from textshot.engine import Engine
from textshot.engine.editing import add_categories, remove_categories
from textshot.index import Index, State
from textshot.index.search import FaissSearch, NumpySearch, VectorSearch
from textshot.types import Category

SIZES = (10, 1_000, 10_000, 50_000, 100_000, 1_000_000)
BATCH, BEST, SINGLES, REPEATS, COMPARED, ROUNDS = 256, 3, 200, 3, 32, 7
BLAS_SIZE, BLAS_K = 100_000, (1, 3, 10)


class _Encoder(Encoder):
    """Stands in where an engine has nothing to encode but the probe."""

    def __init__(self, dim: int) -> None:
        super().__init__("vectors", dim=dim)

    def encode(self, texts: list[str], *, batch_size: int = 32) -> FloatArray:
        return np.eye(1, self.dim, dtype=np.float32).repeat(len(texts), 0)


def searching(seeds: Path, size: int) -> dict[str, Any]:
    """Measure single queries and a batch, FAISS and NumPy by turns, and compare their answers."""
    vectors, queries = read(seeds, size)
    engines = {"faiss": FaissSearch(vectors), "numpy": NumpySearch(vectors)}
    single: dict[str, list[float]] = {name: [] for name in engines}
    for i in range(SINGLES):
        query = queries[i % len(queries)][None, :]
        for name, engine in engines.items():
            single[name].append(_seconds(lambda e=engine, q=query: e.search(q, BEST)))
    many = _batch(queries)
    batch = {
        name: min(_seconds(lambda e=engine: e.search(many, BEST)) for _ in range(REPEATS))
        for name, engine in engines.items()
    }
    return {
        "single_ms": {
            name: {f"p{q}": 1e3 * float(np.percentile(each, q)) for q in (50, 99)}
            for name, each in single.items()
        },
        "batch_ms": {name: 1e3 * seconds for name, seconds in batch.items()},
        **_compared(vectors, queries[:COMPARED], *engines.values()),
    }


def _compared(
    vectors: FloatArray, queries: FloatArray, faiss: VectorSearch, numpy: VectorSearch
) -> dict[str, Any]:
    """Tell how far apart the answers are: of FAISS, of NumPy, and of a product that is sorted."""
    (scores, rows), (others, other_rows) = (e.search(queries, 10) for e in (faiss, numpy))
    plain, plain_rows = _plain(vectors, queries, 10)
    furthest = max(float(np.abs(scores - each).max()) for each in (others, plain))
    same = all(np.array_equal(rows, each) for each in (other_rows, plain_rows))
    return {"furthest": furthest, "same_rows": same}


def _plain(vectors: FloatArray, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    wide = queries.astype(np.float64)
    parts = [wide @ vectors[i : i + 50_000].T for i in range(0, len(vectors), 50_000)]
    exact = np.concatenate(parts, axis=1)
    rows = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(exact, rows, 1).astype(np.float32), rows


def memory(seeds: Path, size: int) -> dict[str, float]:
    """Return the most memory of a process that searches, MiB: before, and with a batch more."""
    vectors, queries = read(seeds, size)
    search = FaissSearch(vectors)
    search.search(queries[:1], BEST)
    many = _batch(queries)
    with suppress(OSError):  # the peak begins anew, where the system lets us say so
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    ready = _peak_mib()
    search.search(many, BEST)
    return {"ready_mib": ready, "peak_mib": _peak_mib()}


def changing(seeds: Path, size: int) -> dict[str, float]:
    """Measure changes of an index as an engine has it, and its way to the disk and back.

    Each category has a name and no example: one key.
    """
    with tempfile.TemporaryDirectory(dir=seeds.parent) as folder:
        place = Path(folder, "index")
        found = _changes(seeds, size, place)
        gc.collect()  # what was changed is gone before another one is loaded
        begun = time.perf_counter()
        index = Index.load(place)
        found["load_s"] = time.perf_counter() - begun
        query = index.state.vectors[:1]
        found["first_search_s"] = _seconds(lambda: index.search(query, BEST))
    return found | {"peak_mib": _peak_mib()}


def _changes(seeds: Path, size: int, place: Path) -> dict[str, float]:
    vectors = read(seeds, size + 1)[0]
    state = State.empty(vectors.shape[1], weigh_names=True, key_attention=True)
    index = Index(state)
    engine = Engine(_Encoder(vectors.shape[1]), index)
    categories = [Category(f"category {i:07d}") for i in range(size)]

    def add(new: list[Category], rows: FloatArray) -> None:
        index.commit(add_categories(index.state, new, rows))

    found = {"add_all_s": _seconds(lambda: add(categories, vectors[:-1]))}
    changes = {
        "add_one_s": lambda: add([Category("one more")], vectors[-1:]),
        "remove_one_s": lambda: index.commit(remove_categories(index.state, ["one more"])),
    }
    for name in list(changes) * 3:
        found[name] = min(found.get(name, np.inf), _seconds(changes[name]))
    found["threshold_s"] = _seconds(lambda: engine.set_threshold("auto"))
    found["save_s"] = _seconds(lambda: engine.save(place))
    found["disk_mib"] = sum(p.stat().st_size for p in place.iterdir()) / 2**20
    return found


def blas(seeds: Path, size: int) -> dict[str, dict[str, list[float]]]:
    """Measure a batch beside FAISS as it comes, by turns, on one thread: {k: {whose: seconds}}."""
    import faiss

    default = faiss.cvar.distance_compute_blas_threshold
    vectors, queries = read(seeds, size)
    ours, plain = FaissSearch(vectors), faiss.IndexFlatIP(vectors.shape[1])
    own = faiss.cvar.distance_compute_blas_threshold
    plain.add(vectors)
    many = _batch(queries)
    found: dict[str, dict[str, list[float]]] = {}
    for k in BLAS_K:
        each: dict[str, list[float]] = {"faiss": [], "textshot": []}
        for _ in range(ROUNDS):
            for name, search, limit in (("faiss", plain, default), ("textshot", ours, own)):
                faiss.cvar.distance_compute_blas_threshold = limit
                seconds = _seconds(lambda s=search, k=k: s.search(many, k))
                each[name].append(seconds)
        found[str(k)] = each
    return found


CELLS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "searching": searching,
    "memory": memory,
    "changing": changing,
    "blas": blas,
}


def _batch(queries: FloatArray) -> FloatArray:
    return queries[np.arange(BATCH) % len(queries)]


def _seconds(do: Callable[[], object]) -> float:
    begun = time.perf_counter()
    do()
    return time.perf_counter() - begun


def _peak_mib() -> float:
    """Return the most memory that this process held; ru_maxrss would begin with its parent's."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")
