"""How right textshot is with few examples, with names, with a batch, and about what fits nothing.

Each set is a cell of its own in benchmarks/results/accuracy; a run that was stopped goes on where
it was. The page and the picture are made of what is there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.accuracy.sets import DRAWS, OPEN, SETS
from benchmarks.data import save

RESULTS = Path(__file__).parents[1] / "results" / "accuracy"
PAGE, PICTURE = Path("docs/accuracy-figures.md"), Path("docs/images/accuracy.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--draws", type=int, default=DRAWS, help="fewer only with another --out")
    parser.add_argument("--encoder", help="another one than the default; only with another --out")
    parser.add_argument("--only", nargs="+", default=_names(), choices=_names(), metavar="CELL")
    parser.add_argument("--tables", action="store_true", help="the page and the picture alone")
    options = parser.parse_args()
    if options.data is None and not options.tables:
        sys.exit("say --data FOLDER with the sets, or --tables for the page alone")
    if options.draws != DRAWS and options.out == RESULTS:
        sys.exit(f"fewer than {DRAWS} draws are no published figure: say --out FOLDER")
    if options.encoder and options.out == RESULTS:
        sys.exit("the published figures are those of the default encoder: say --out FOLDER")
    try:
        if not options.tables:
            run(options)
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on with the cells that are missing")
    write(options.out)


def run(options: argparse.Namespace) -> None:
    from benchmarks.accuracy.measure import open_cell, set_cell
    from benchmarks.learning.fit import versions
    from textshot import load_encoder

    encoder = load_encoder(options.encoder, device="cpu")
    for name in options.only:
        path = options.out / f"{name}.json"
        if path.exists():
            continue
        begun = time.monotonic()
        make = open_cell if name.startswith("open-") else set_cell
        cell = make(name.removeprefix("open-"), options.data, encoder, options.draws)
        cell |= {"draws": options.draws, "encoder": encoder.source, "versions": versions()}
        save(path, cell)
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
        write(options.out)


def write(out: Path) -> None:
    """Write the page and the picture of what is there."""
    from benchmarks.accuracy.plot import plot
    from benchmarks.accuracy.tables import page

    paths = [out / f"{name}.json" for name in _names()]
    cells = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in paths if p.exists()}
    ours = out == RESULTS
    (PAGE if ours else out / "accuracy.md").write_text(page(cells), encoding="utf-8")
    plot(cells, PICTURE if ours else out / "accuracy.png")


def _names() -> list[str]:
    return [*SETS, *(f"open-{name}" for name in OPEN)]


if __name__ == "__main__":
    main()
