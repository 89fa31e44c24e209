"""The page of the index at size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.search.measure import BATCH, BEST, BLAS_SIZE, COMPARED, ROUNDS, SINGLES, SIZES
from benchmarks.search.vectors import NOISE, SETS

Found = Mapping[str, Any]

_HEAD = """# Large indexes: figures

Made by `make bench-search DATA=folder` from `benchmarks/results/search.json`, on {cores} cores.
Categories are unit vectors of 384 dimensions: texts of {sets}, encoded by the default
encoder, plus Gaussian noise of length {noise} (a cosine of {cosine:.2f} to the text). Queries are
test texts of the same sets; each asks for the {k} best categories. Encoding is not included: it
takes milliseconds per text ([speed](speed-figures.md)).

{note}![Time of a query by number of categories](images/search.png)

## Search

{singles} single queries, with FAISS (the default) and its NumPy counterpart in turns; and a batch
of {batch}, best of several. *memory*: of a process that holds only the vectors and the search, and
what a batch of {batch} adds.

"""
_SEARCH = (
    "categories",
    "one query, ms: p50, p99",
    "NumPy: p50, p99",
    "batch, ms",
    "NumPy",
    "memory, MiB",
    "batch adds, MiB",
)
_CHANGES = (
    "categories",
    "add all, s",
    "add one, s",
    "remove one, s",
    "threshold, s",
    "save, s",
    "load, s",
    "first query, s",
    "on disk, MiB",
    "peak memory, MiB",
)
_KEPT = """
## Changes and files

The categories have a name and no example, so one key each. *threshold*: the time to derive it
again, which an `Engine` does after every change. *save* and *load* include every check. *peak
memory*: of one process that does all of this.

"""


def page(found: Found) -> str:
    """Return the page; what was not measured is a dash."""
    cells = found["cells"]
    head = _HEAD.format(
        cores=found["cores"],
        sets=" and ".join(SETS),
        noise=NOISE,
        cosine=1 / np.sqrt(1 + NOISE**2),
        k=BEST,
        singles=SINGLES,
        batch=BATCH,
        note=f"**{found['note']}**\n\n" if "note" in found else "",
    )
    search = _table(_SEARCH, [_search_row(cells, size) for size in SIZES])
    kept = _table(_CHANGES, [_changes_row(cells, size) for size in SIZES])
    parts = [head + search, _same(cells), _blas(cells), _KEPT + kept]
    return "\n".join(part for part in parts if part) + "\n"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (names, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(names), *lines[1:]])


def _search_row(cells: Found, size: int) -> list[str]:
    found, memory = (cells.get(f"{kind} {size}") for kind in ("searching", "memory"))
    shown = ["-"] * 4
    if found:
        shown = [
            f"{each['p50']:.3g}, {each['p99']:.3g}"
            for each in (found["single_ms"][name] for name in ("faiss", "numpy"))
        ] + [_number(found["batch_ms"][name]) for name in ("faiss", "numpy")]
    more = ["-"] * 2
    if memory:
        more = [_number(memory["ready_mib"]), _number(memory["peak_mib"] - memory["ready_mib"])]
    return [f"{size:,}", *shown, *more]


def _changes_row(cells: Found, size: int) -> list[str]:
    found = cells.get(f"changing {size}")
    names = (
        *("add_all_s", "add_one_s", "remove_one_s", "threshold_s", "save_s", "load_s"),
        *("first_search_s", "disk_mib", "peak_mib"),
    )
    shown = [_number(found[name]) for name in names] if found else ["-"] * len(names)
    return [f"{size:,}", *shown]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _same(cells: Found) -> str:
    """Count the sizes at which all searches agree."""
    found = [cells[f"searching {size}"] for size in SIZES if f"searching {size}" in cells]
    if not found:
        return ""
    furthest, same = max(c["furthest"] for c in found), sum(c["same_rows"] for c in found)
    return (
        f"\nFAISS, NumPy and a sorted product in double precision ({COMPARED} queries, 10 best)"
        f" return the same rows at {same} of {len(found)} sizes; scores differ by"
        f" {furthest:.1g} at most."
    )


def _blas(cells: Found) -> str:
    """Compare with the default FAISS, in pairs measured one after the other."""
    found = cells.get(f"blas {BLAS_SIZE}")
    if not found:
        return ""
    rows = []
    for k, each in found.items():
        times = np.array(each["faiss"]) / np.array(each["textshot"])
        best = [f"{1e3 * min(each[name]):,.0f}" for name in ("faiss", "textshot")]
        ratio = min(each["faiss"]) / min(each["textshot"])
        rows.append([k, *best, f"{ratio:.1f}", f"{times.min():.1f} to {times.max():.1f}"])
    names = ("k", "FAISS, default, ms", "textshot, ms", "times, best of each", "times, in pairs")
    return (
        f"\n## A batch of {BATCH} on {BLAS_SIZE:,} categories, one thread\n\n*FAISS, default*: an"
        " `IndexFlatIP` with the default `distance_compute_blas_threshold`, which uses BLAS from"
        f" 334 queries of 384 dimensions. In turns, {ROUNDS} rounds; textshot scores exactly.\n\n"
        + _table(names, rows)
    )
