"""How the batch job grows: rows a second and memory from 10,000 to 10,000,000 rows.

With the hashing encoder, so that what is measured is the job and not the encoder; and beside a bare
loop of the real encoder. Inputs are made in build/job. Each cell is a process of its own and is
kept, so that a stop costs one.
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
from benchmarks.job.measure import FORMATS, SIZES
from benchmarks.job.page import page
from benchmarks.job.plot import plot

RESULTS = Path(__file__).parents[1] / "results" / "job.json"
PAGE, PICTURE = Path("docs/job-figures.md"), Path("docs/images/job.png")
BUILD = Path("build/job")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets, for the bare loop")
    parser.add_argument("--most", type=int, default=max(SIZES), help="rows of the largest cell")
    parser.add_argument("--tables", action="store_true", help="write only the page")
    options = parser.parse_args()
    if options.data is None and not options.tables:
        sys.exit("pass --data FOLDER with the sets, or --tables to write only the page")
    if not options.tables:
        BUILD.mkdir(parents=True, exist_ok=True)
        measure(options.data, options.most)
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(page(found), encoding="utf-8")
    plot(found, PICTURE)


def measure(data: Path, most: int) -> None:
    """Measure what is missing in the results; each cell is saved when it is done."""
    found: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "cells": {}}
    if RESULTS.exists():
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
    sizes = [(n, 1) for n in SIZES] + [(n, 2) for n in SIZES[:-1]]
    cells = [f"{kind} {n} {p}" for n, p in sorted(sizes) if n <= most for kind in FORMATS]
    for name in [*cells, "beside"]:
        if name not in found["cells"]:
            command = [sys.executable, "-m", "benchmarks.job.measure", name, str(BUILD), str(data)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found["cells"][name] = json.loads(done.stdout.splitlines()[-1])
            save(RESULTS, found)
            print(name, json.dumps(found["cells"][name]), flush=True)


if __name__ == "__main__":
    main()
