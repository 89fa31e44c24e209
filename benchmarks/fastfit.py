"""textshot beside FastFit and SetFit: one example and five, names given to all, three draws.

Same weights, same draws (those of benchmarks/setfit.py, whose cells are read), whole test split,
nothing abstains. textshot: the encoder as it came, and with the adapter that saw neither the set
nor its relatives; nothing is trained on the examples. FastFit has its own environment (made
from benchmarks/peers/fastfit.txt if it is missing) and uses the settings of its own page. Each
cell is a file; run the same command again to resume.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.__main__ import EMBEDDINGS, adapter_for
from benchmarks.data import save
from benchmarks.oneshot import RESULTS
from benchmarks.setfit import PEERS, SETS, Draw, ask, prepare
from textshot import CachedEncoder, Category, Engine, load_encoder
from textshot.encoders import Encoder
from textshot.types import spoken_name

SHOTS, SEEDS = (1, 5), (0, 1, 2)
CELLS, SETFIT_CELLS = RESULTS / "peers", RESULTS / "learning" / "cells"
PAGE = Path("docs/peers-figures.md")
COLUMNS = {
    "textshot": "textshot",
    "textshot, no adapter": "textshot_plain",
    "FastFit": "fastfit",
    "SetFit": "setfit",
    "logistic regression": "logistic",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument(
        "--adapters", type=Path, default=Path("build/adapter"), help="folder of `make adapter`"
    )
    parser.add_argument("--peer", type=Path, default=Path("build/peers/fastfit"))
    parser.add_argument("--tables", action="store_true", help="write only the page")
    options = parser.parse_args()
    if options.data is None and not options.tables:
        sys.exit("pass --data FOLDER with the sets, or --tables to write only the page")
    try:
        if not options.tables:
            run(options.data, options.adapters, options.peer)
    except KeyboardInterrupt:
        sys.exit("stopped; run the same command again to resume")
    PAGE.write_text(page(CELLS, SETFIT_CELLS), encoding="utf-8")


def run(data: Path, adapters: Path, peer: Path) -> None:
    prepare(peer, PEERS / "fastfit.txt")
    plain = load_encoder(adapter=None, device="cpu")
    folder = plain.folder
    places = list(itertools.product(SHOTS, SEEDS, SETS))
    for ours in (True, False):  # ours of all draws first: theirs take hours
        for n_shot, seed, name in places:
            path = CELLS / f"{name}-{n_shot}-{seed}.json"
            cell: dict[str, Any] = {"set": name, "n_shot": n_shot, "seed": seed}
            cell |= json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            if ("textshot" if ours else "fastfit") in cell:
                continue
            begun = time.monotonic()
            draw = Draw(data, name, n_shot, names=False, seed=seed)
            if ours:
                with_adapter = load_encoder(adapter=adapter_for(name, adapters), device="cpu")
                for key, encoder in (("textshot", with_adapter), ("textshot_plain", plain)):
                    cell[key] = _ours(draw, CachedEncoder(encoder, cache_folder=EMBEDDINGS))
            else:
                cell |= _fastfit(draw, peer, folder)
            save(path, cell)
            print(f"{path.stem}: {time.monotonic() - begun:.0f} s", flush=True)
            PAGE.write_text(page(CELLS, SETFIT_CELLS), encoding="utf-8")


def _ours(draw: Draw, encoder: Encoder) -> float:
    categories = [Category(kind, examples=[*found]) for kind, found in draw.rows.items()]
    engine = Engine.build(categories, encoder=encoder, threshold=None)
    return draw.accuracy([p.label or "" for p in engine.classify(draw.tests, k=1)])


def _fastfit(draw: Draw, peer: Path, model: Path) -> dict[str, Any]:
    names = {spoken_name(kind): kind for kind in draw.rows}
    supports = [(text, spoken_name(kind)) for kind, found in draw.rows.items() for text in found]
    job = {"model": str(model), "supports": supports, "tests": draw.tests, "seed": draw.seed}
    found = ask(peer, PEERS / "fastfit_cell.py", job)
    right = draw.accuracy([names[answer] for answer in found.pop("answers")])
    return {"fastfit": right, **found}


def page(cells: Path, setfit: Path) -> str:
    """Return the page of all cells that are there."""
    lines = [
        "# Beside FastFit and SetFit\n",
        "`make bench-peers DATA=folder`. Accuracy in % on the whole test split, of all-MiniLM-L6-v2"
        " with each tool, mean ± standard deviation over samples (their number, if"
        " it is not three, in brackets). Every tool gets the category names. textshot trains"
        " nothing on the examples; its adapter saw neither the set nor related sets.\n",
        f"| set | examples | {' | '.join(COLUMNS)} |",
        f"|---|---|{'---|' * len(COLUMNS)}",
    ]
    for name, n_shot in itertools.product(SETS, SHOTS):
        found = list(_cells(cells, setfit, name, n_shot))
        shown = [_shown([c[key] for c in found if key in c]) for key in COLUMNS.values()]
        lines.append(f"| {name} | {n_shot} | {' | '.join(shown)} |")
    spent = [c["train_seconds"] for c in _cells(cells, setfit, "banking77", 1) if "fastfit" in c]
    if spent:
        lines.append(
            "\nWith one example per category of banking77, FastFit trained for"
            f" at least {min(spent):.0f} s, on one thread of a busy machine."
        )
    return "\n".join(lines) + "\n"


def _cells(cells: Path, setfit: Path, name: str, n_shot: int) -> Iterator[dict[str, Any]]:
    for seed in SEEDS:
        ours = cells / f"{name}-{n_shot}-{seed}.json"
        theirs = setfit / f"setfit-{name}-{n_shot}-names-{seed}.json"
        found: dict[str, Any] = {}
        if theirs.exists():
            cell = json.loads(theirs.read_text(encoding="utf-8"))
            found |= {key: cell[key] for key in ("setfit", "logistic")}
        if ours.exists():
            found |= json.loads(ours.read_text(encoding="utf-8"))
        yield found


def _shown(figures: Sequence[float]) -> str:
    if not figures:
        return "-"
    spread = f" ± {np.std(figures, ddof=1):.1f}" if len(figures) > 1 else ""
    draws = "" if len(figures) == len(SEEDS) else f" ({len(figures)})"
    return f"{np.mean(figures):.1f}{spread}{draws}"


if __name__ == "__main__":
    main()
