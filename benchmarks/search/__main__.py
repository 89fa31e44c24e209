"""How fast the index is, how much memory and disk it takes, from ten categories to a million.

Each cell is measured in a new process and saved when it is done; what is there is not measured
again. It wants a quiet machine with 16 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.data import save
from benchmarks.search.measure import BLAS_SIZE, CELLS, SIZES
from benchmarks.search.page import page
from benchmarks.search.plot import plot
from benchmarks.search.vectors import encode

RESULTS = Path(__file__).parents[1] / "results" / "search.json"
PAGE, PICTURE = Path("docs/search-figures.md"), Path("docs/images/search.png")
SEEDS = Path("build/search/seeds.npz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--tables", action="store_true", help="write only the page")
    parser.add_argument("--cell", nargs=2, metavar=("KIND", "SIZE"), help="what a child measures")
    options = parser.parse_args()
    if options.cell:
        kind, size = options.cell
        print(json.dumps(CELLS[kind](SEEDS, int(size))))
        return
    if options.data is None and not options.tables:
        sys.exit("pass --data FOLDER with the sets, or --tables to write only the page")
    if not options.tables:
        measure(options.data)
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(page(found), encoding="utf-8")
    plot(found, PICTURE)


def measure(data: Path) -> None:
    """Measure what is missing in the results; each cell is saved when it is done."""
    found: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "cells": {}}
    if RESULTS.exists():
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
    for kind in CELLS:
        for size in (BLAS_SIZE,) if kind == "blas" else SIZES:
            name = f"{kind} {size}"
            if name in found["cells"]:
                continue
            found["cells"][name] = _in_a_child(data, kind, size)
            save(RESULTS, found)
            print(name, json.dumps(found["cells"][name]), flush=True)


def _in_a_child(data: Path, kind: str, size: int) -> dict[str, Any]:
    if not SEEDS.exists():
        from textshot import load_encoder

        encode(data, load_encoder(), SEEDS)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "benchmarks.search", "--cell", kind, str(size)]
    environment = {**os.environ, **(threads if kind == "blas" else {})}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    cell: dict[str, Any] = json.loads(done.stdout)
    return cell


if __name__ == "__main__":
    main()
