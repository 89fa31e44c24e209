"""The page of the index at size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.search.measure import BATCH, BEST, BLAS_SIZE, COMPARED, ROUNDS, SINGLES, SIZES
from benchmarks.search.vectors import NOISE, SETS

Found = Mapping[str, Any]

_HEAD = """# The index at size: the figures

Made by `make bench-search DATA=folder` out of `benchmarks/results/search.json`, on {cores} cores.
Categories are vectors of 384 dims: texts of {sets}, encoded by the default
encoder, each with Gaussian noise of length {noise} (a cosine of {cosine:.2f} to the text), unit
again; queries are test texts of the same sets, and the {k} best of each are asked for. Encoding is
not in these figures: it takes milliseconds a text ([speed](speed-figures.md)).

{note}![Time of a query by number of categories](images/search.png)

## Search

One query at a time, {singles} of them, FAISS (what textshot uses) and its NumPy twin by turns; a
batch of {batch}, best of several. *memory*: of a process that holds vectors and search and nothing
else, and what a batch of {batch} takes beside.

"""
_SEARCH = (
    "categories",
    "one query, ms: p50, p99",
    "NumPy: p50, p99",
    "batch, ms",
    "NumPy",
    "memory, MiB",
    "batch takes, MiB",
)
_CHANGES = (
    "categories",
    "add all, s",
    "add one, s",
    "remove one, s",
    "threshold, s",
    "save, s",
    "load, s",
    "first query then, s",
    "on disk, MiB",
    "peak memory, MiB",
)
_KEPT = """
## Changes, and the disk

Categories that have a name and no example, so one key each; with an example to each name there are
two. *threshold*: deriving it again, which an `Engine` does after every change, and an `Index` does
not. *save* and *load* are what the commands do, with every check; *peak memory* is that of all of
it in one process.

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
    """Say whether the answers are the same, size by size."""
    found = [cells[f"searching {size}"] for size in SIZES if f"searching {size}" in cells]
    if not found:
        return ""
    furthest, same = max(c["furthest"] for c in found), sum(c["same_rows"] for c in found)
    return (
        f"\nAnswers of FAISS, of NumPy and of a plain product in double precision that is sorted"
        f" ({COMPARED} queries, 10 best): the same rows at {same} of {len(found)} sizes, scores"
        f" {furthest:.1g} apart at most."
    )


def _blas(cells: Found) -> str:
    """Compare with FAISS as it comes; pairs were measured one after the other."""
    found = cells.get(f"blas {BLAS_SIZE}")
    if not found:
        return ""
    rows = []
    for k, each in found.items():
        times = np.array(each["faiss"]) / np.array(each["textshot"])
        best = [f"{1e3 * min(each[name]):,.0f}" for name in ("faiss", "textshot")]
        ratio = min(each["faiss"]) / min(each["textshot"])
        rows.append([k, *best, f"{ratio:.1f}", f"{times.min():.1f} to {times.max():.1f}"])
    names = ("k", "FAISS as it comes, ms", "textshot, ms", "times, best of each", "times, in pairs")
    return (
        f"\n## A batch of {BATCH} on {BLAS_SIZE:,} categories, one thread\n\nFAISS as it comes: an"
        " `IndexFlatIP` with the default `distance_compute_blas_threshold`, which turns to BLAS"
        f" from 334 queries of 384 dims on. By turns, {ROUNDS} rounds; ours with exact scores.\n\n"
        + _table(names, rows)
    )
