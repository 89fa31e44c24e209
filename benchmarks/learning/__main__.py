"""Learning from episodes: what it gains on categories and sets it never saw, and what it costs.

Each cell is a file of its own in benchmarks/results/learning/cells, made by a process of its own;
run the same command again to resume. The tables and the picture are made of what is there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.data import save
from benchmarks.learning.cells import GROUPS, Cell, all_cells, missing

RESULTS = Path(__file__).parents[1] / "results" / "learning"
PAGE, PICTURE = Path("docs/learning-figures.md"), Path("docs/images/learning.png")
PEER = Path("build/peers/setfit")


def main() -> None:
    options = _parser().parse_args()
    if options.data is None and not options.tables:
        sys.exit("pass --data FOLDER with the sets, or --tables to write only the tables")
    if not options.tables and not options.data.is_dir():
        sys.exit(f"{options.data} is no folder; docs/benchmarks.md says what it has to hold")
    if options.trial and options.out == RESULTS:
        sys.exit("--trial says nothing about accuracy: say --out FOLDER, so that it stays apart")
    if options.cell:
        run(all_cells()[options.cell], options)
        return
    failed: list[str] = []
    try:
        if not options.tables:
            failed = run_all(options)
    except KeyboardInterrupt:
        sys.exit("stopped; run the same command again to resume")
    write_tables(options.out)
    if failed:
        sys.exit(
            f"{len(failed)} cells failed: {', '.join(failed)}; the same command tries again, and"
            f" without {options.work} it starts them from nothing"
        )


def run_all(options: argparse.Namespace) -> list[str]:
    """Run the cells that are missing, group by group; return the names of those that failed."""
    cells, failed = all_cells(), []
    for group in GROUPS:
        if group not in options.only:
            continue
        for cell in missing(cells, (group,), options.out / "cells"):
            begun = time.monotonic()
            print(f"{cell.name}", flush=True)
            if subprocess.run(_command(cell, options), check=False).returncode:
                failed.append(cell.name)
            print(f"  {time.monotonic() - begun:.0f} s", flush=True)
            write_tables(options.out)
        if group == "setfit":
            run_setfit(options)
    return failed


def run_setfit(options: argparse.Namespace) -> None:
    from benchmarks import setfit

    (options.out / "cells").mkdir(parents=True, exist_ok=True)
    setfit.prepare(options.peer)
    setfit.run(options.data, options.peer, options.out / "cells")


def run(cell: Cell, options: argparse.Namespace) -> None:
    """Make one cell, in this process."""
    from benchmarks.learning.cost import preparation_cell, texts_cell
    from benchmarks.learning.fit import Place
    from benchmarks.learning.train import clean, fold_cell, mixture_cell

    place = Place(options.data, options.work, keep=options.keep, trial=options.trial)
    kinds = {"cross": mixture_cell, "cost": texts_cell}
    make = preparation_cell if cell.about == "preparation" else kinds.get(cell.group, fold_cell)
    body = {"cell": cell.name, "group": cell.group, "changes": dict(cell.changes)}
    save(options.out / "cells" / f"{cell.name}.json", body | make(cell, place))
    clean(cell, place)


def write_tables(out: Path) -> None:
    from benchmarks.learning.figures import read_cells
    from benchmarks.learning.plot import plot
    from benchmarks.learning.tables import page

    cells = read_cells(out / "cells")
    out.mkdir(parents=True, exist_ok=True)
    ours = out == RESULTS
    (PAGE if ours else out / "learning.md").write_text(page(cells), encoding="utf-8")
    plot(cells, PICTURE if ours else out / "learning.png")


def _command(cell: Cell, options: argparse.Namespace) -> list[str]:
    found = [sys.executable, "-m", "benchmarks.learning", "--cell", cell.name]
    for name in ("data", "out", "work"):
        found += [f"--{name}", str(getattr(options, name))]
    return found + [f"--{name}" for name in ("keep", "trial") if getattr(options, name)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--work", type=Path, default=Path("build/learning"))
    parser.add_argument("--peer", type=Path, default=PEER, help="the environment of SetFit")
    parser.add_argument("--only", nargs="+", default=list(GROUPS), choices=GROUPS)
    parser.add_argument("--cell", choices=list(all_cells()), help="make this one, again if need be")
    parser.add_argument("--keep", action="store_true", help="leave the encoders in WORK/encoders")
    parser.add_argument("--tables", action="store_true", help="the tables and the picture alone")
    parser.add_argument("--trial", action="store_true", help="20 steps on few texts, into --out")
    return parser


if __name__ == "__main__":
    main()
