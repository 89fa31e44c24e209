"""Measure accuracy with few examples, with names, with a batch, and on out-of-scope texts.

Each set is a cell in benchmarks/results/accuracy; run the same command again to resume. The page
and the picture show the cells that exist.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.accuracy.sets import DRAWS, OPEN, SETS
from benchmarks.data import save

RESULTS = Path(__file__).parents[1] / "results" / "accuracy"
ADAPTER_RESULTS = RESULTS / "adapter"
EMBEDDINGS = Path("build/embeddings")
PAGES = {
    RESULTS: (Path("docs/accuracy-figures.md"), Path("docs/images/accuracy.png")),
    ADAPTER_RESULTS: (Path("docs/adapter-figures.md"), Path("docs/images/accuracy-adapter.png")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--out", type=Path, help="in place of the published figures")
    parser.add_argument("--draws", type=int, default=DRAWS, help="fewer only with another --out")
    parser.add_argument(
        "--adapters",
        type=Path,
        help="folder of `make adapter`: measure each set with the adapter that never saw it;"
        " without it, the plain encoder",
    )
    parser.add_argument("--encoder", help="another one than the default; only with another --out")
    parser.add_argument("--only", nargs="+", default=_names(), choices=_names(), metavar="CELL")
    parser.add_argument("--tables", action="store_true", help="write only the page and the picture")
    options = parser.parse_args()
    if options.data is None and not options.tables:
        sys.exit("pass --data FOLDER with the sets, or --tables to write only the page")
    if options.encoder and options.adapters:
        sys.exit("--adapters are those of the default encoder: leave --encoder out")
    if options.out is None:
        if options.draws != DRAWS:
            sys.exit(f"fewer than {DRAWS} draws are no published figure: say --out FOLDER")
        if options.encoder:
            sys.exit("the published figures are those of the default encoder: say --out FOLDER")
        options.out = ADAPTER_RESULTS if options.adapters else RESULTS
    try:
        if not options.tables:
            run(options)
    except KeyboardInterrupt:
        sys.exit("stopped; run the same command again to resume")
    write(options.out or RESULTS)


def run(options: argparse.Namespace) -> None:
    from benchmarks.accuracy.measure import open_cell, set_cell, sure_cell
    from benchmarks.learning.fit import versions
    from textshot import CachedEncoder, load_encoder

    for name in options.only:
        path = options.out / f"{name}.json"
        if path.exists():
            continue
        adapter = adapter_for(name, options.adapters) if options.adapters else None
        # What windows over long texts are worth is a benchmark of its own (benchmarks/long.py).
        loaded = load_encoder(options.encoder, adapter=adapter, long_texts="cut", device="cpu")
        encoder = CachedEncoder(loaded, cache_folder=EMBEDDINGS)
        begun = time.monotonic()
        kind, _, about = name.partition("-")
        other = {"open": open_cell, "sure": sure_cell}.get(kind)
        make, about = (set_cell, name) if other is None else (other, about)
        cell = make(about, options.data, encoder, options.draws)
        cell |= {"draws": options.draws, "encoder": encoder.name, "versions": versions()}
        cell["layer"] = adapter and Path(adapter).stem
        save(path, cell)
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
        write(options.out)


def adapter_for(name: str, folder: Path) -> str:
    """Return the adapter that saw nothing of what a cell measures."""
    from benchmarks.adapter.recipe import ADAPTERS

    about = name.removeprefix("sure-")
    stem = next(name for name, left in ADAPTERS.items() if about in left.targets)
    adapter = folder / f"{stem}.safetensors"
    if not adapter.is_file():
        sys.exit(f"{adapter} is missing: make adapter DATA=... trains it")
    return str(adapter)


def write(out: Path) -> None:
    """Write the page and the picture of what is there."""
    from benchmarks.accuracy.plot import plot, plot_risk
    from benchmarks.accuracy.tables import page

    path, picture = PAGES.get(out, (out / "accuracy.md", out / "accuracy.png"))
    plain = read_cells(RESULTS) if out == ADAPTER_RESULTS else None
    cells = read_cells(out)
    path.write_text(page(cells, plain), encoding="utf-8")
    plot(cells, picture)
    plot_risk(cells, picture.with_stem(picture.stem.replace("accuracy", "risk-coverage")))


def read_cells(out: Path) -> dict[str, Any]:
    """Return the cells that are there."""
    paths = [out / f"{name}.json" for name in _names()]
    return {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in paths if p.exists()}


def _names() -> list[str]:
    return [*SETS, *(f"open-{name}" for name in OPEN), *(f"sure-{name}" for name in SETS)]


if __name__ == "__main__":
    main()
