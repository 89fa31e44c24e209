"""How fast the encoder is: sentence-transformers as everyone calls it, its peers, and our engines.

In one run, interleaved, best and median of several repeats; short (banking77), medium (ag_news) and
long (20newsgroups, cut at 256 tokens by all) texts; calls of few texts and of many; texts that come
again; memory; cold starts of the command line. Absolute figures are those of one machine; ratios
travel.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.data import load, save
from benchmarks.speed import measures
from benchmarks.speed.engines import make_engines
from benchmarks.speed.page import page
from benchmarks.speed.plot import plot

RESULTS = Path(__file__).parents[1] / "results" / "speed.json"
PAGE, PICTURE = Path("docs/speed-figures.md"), Path("docs/images/speed.png")
SETS = {"banking77": 2000, "ag_news": 500, "20newsgroups": 150}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--peers", type=Path, default=Path("build/peers"))
    parser.add_argument("--tables", action="store_true", help="write only the page")
    options = parser.parse_args()
    if options.data is None and not options.tables:
        sys.exit("pass --data FOLDER with the sets, or --tables to write only the page")
    if not options.tables:
        measure(options.data, options.peers)
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(page(found), encoding="utf-8")
    plot(found, PICTURE)


def measure(data: Path, peers: Path) -> None:
    """Measure what is missing in the results; each part is saved when it is done."""
    found: dict[str, Any] = {}
    if RESULTS.exists():
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
    texts = {name: load(data, name, "test")[0][:most] for name, most in SETS.items()}
    with make_engines(peers) as (engines, tokens):

        def part(name: str, made: Callable[[], Any]) -> None:
            if name not in found:
                found[name] = made()
                save(RESULTS, found)
                print(name, flush=True)

        part("machine", _machine)
        part("limit", measures.limits)
        for name, some in texts.items():
            part(f"set {name}", lambda some=some: measures.throughput(engines, some, tokens))
        short = [text for text in texts["banking77"] if 8 <= len(tokens([text])[0]) <= 12]
        part("single", lambda: measures.singles(engines, short[:200]))
        part("sizes", lambda: measures.sizes(engines, texts["banking77"][:512]))
    part("memory", lambda: measures.memory(texts["ag_news"]))
    part("repeated", lambda: measures.repeated(texts["banking77"]))
    part("cold", measures.cold_starts)


def _machine() -> dict[str, Any]:
    from benchmarks.learning.fit import versions

    return {"cores": len(os.sched_getaffinity(0)), "versions": versions()}


if __name__ == "__main__":
    main()
