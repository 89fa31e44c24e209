"""The HTTP service under load, on one core, beside the bare encoder on the same core.

Each part is a cell that is kept when it is done, so that a stop costs one. `--only` takes some of
them, `--seconds` and `--times` make a rehearsal of it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.data import load, save
from benchmarks.service.load import capacity, loaded, soak
from benchmarks.service.page import page
from benchmarks.service.plot import plot
from benchmarks.service.reloads import reloads
from benchmarks.service.same import same
from benchmarks.service.server import BACKEND
from benchmarks.service.stops import stops
from textshot import Category, Engine, load_encoder

RESULTS = Path(__file__).parents[1] / "results" / "service.json"
PAGE, PICTURE = Path("docs/service-figures.md"), Path("docs/images/service.png")
BUILD = Path("build/service")
SHARES = (0.5, 0.9, 2.0)
LIGHT_LOAD = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--only", help="some of the cells, with commas between")
    parser.add_argument("--seconds", type=float, default=180.0, help="of each load")
    parser.add_argument("--soak", type=float, default=1200.0, help="seconds of the longest load")
    parser.add_argument("--times", type=float, default=1.0, help="share of reloads and stops")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tables", action="store_true", help="write only the page")
    options = parser.parse_args()
    if options.data is None and not options.tables:
        sys.exit("pass --data FOLDER with the sets, or --tables to write only the page")
    if not options.tables:
        measure(options)
    found = json.loads(options.results.read_text(encoding="utf-8"))
    if options.results == RESULTS:
        PAGE.write_text(page(found), encoding="utf-8")
        plot(found, PICTURE)


def measure(options: argparse.Namespace) -> None:
    """Measure what is missing in the results."""
    found: dict[str, Any] = {"cells": {}}
    if options.results.exists():
        found = json.loads(options.results.read_text(encoding="utf-8"))
    index, texts = prepare(options.data)
    for name, cell in cells(index, texts, options, found["cells"]).items():
        wanted = options.only is None or name in options.only.split(",")
        if wanted and name not in found["cells"]:
            found["cells"][name] = cell()
            save(options.results, found)
            shown = {k: v for k, v in found["cells"][name].items() if k not in ("rss", "histogram")}
            print(name, json.dumps(shown), flush=True)


def cells(
    index: Path, texts: list[str], options: argparse.Namespace, found: dict[str, Any]
) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what is measured; all but the first want the capacity that it found."""

    def most() -> float:
        rate: float = found["capacity"]["rates"]["1"]
        return rate

    def many(n: int) -> int:
        return max(1, round(n * options.times))

    def copied() -> Path:
        target = BUILD / "changed"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(index, target)
        return target

    loads = {
        f"load {share}": lambda share=share: loaded(index, texts, share * most(), options.seconds)
        for share in SHARES
    }
    return {
        "same": lambda: same(index, texts[:500], BUILD),
        "capacity": lambda: capacity(index, texts, options.seconds / 4, BUILD),
        **loads,
        "reloads": lambda: reloads(copied(), texts, LIGHT_LOAD * most() / 2, many(200), many(40)),
        "stops": lambda: stops(index, texts, LIGHT_LOAD * most(), many(50)),
        "soak": lambda: soak(index, texts, 0.8, options.soak),
    }


def prepare(data: Path) -> tuple[Path, list[str]]:
    """Make the index, banking77 with one example of each category, and the texts to ask about."""
    texts, labels = load(data, "banking77", "train")
    draw = random.Random(0)
    examples: dict[str, list[str]] = {}
    for text, label in zip(texts, labels, strict=True):
        examples.setdefault(label, []).append(text)
    index = BUILD / "index"
    if not index.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        categories = [
            Category(name, examples=[draw.choice(examples[name])]) for name in sorted(examples)
        ]
        Engine.build(categories, encoder=load_encoder(backend=BACKEND)).save(index)
    asked, _ = load(data, "banking77", "test")
    draw.shuffle(asked)
    return index, asked


if __name__ == "__main__":
    main()
