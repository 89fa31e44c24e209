"""The page of the benchmark of accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.accuracy.sets import OPEN, SETS, SHOTS

Cells = Mapping[str, Mapping[str, Any]]

SETTINGS = ("example", "both, mean", "both", "both + batch", "logistic", "logistic + name")
_HEAD = """# Accuracy: the figures

Made by `make bench-accuracy DATA=folder` out of `benchmarks/results/accuracy`, a file for each set.
Accuracy in %, whole test split, all categories at once, abstaining off, ± the standard deviation
over 30 draws of examples from the training split (10 for logistic regression). Encoder
all-MiniLM-L6-v2, frozen. No option was chosen on a test split ([what a name is
worth](adr/0009-what-a-name-is-worth.md), [the batch](adr/0010-the-unlabelled-batch.md)).

- *example*: the examples alone; *name*: the names alone;
- *both, mean*: every key counts as one, plain NumPy on the same draws;
- *both*: what textshot does, names weighed;
- *both + batch*: adapted to the unlabelled tests (`--adapt`), in their natural mixture;
- *logistic*: logistic regression on the same embeddings; with the name as one more example.

![Accuracy by number of examples](images/accuracy.png)
"""
_STREAMS = """
## What adapting changes, by stream

Points of accuracy against no batch, mean over draws. *Zipf*: half of the tests, the r-th category
1/r as frequent as the first. *30 % foreign*: tests of another set among them, which fit no
category.
"""
_OPEN = """
## Unknown, at the default threshold

*accuracy* of the texts that fit a category ("unknown" counts as wrong), *recall* and *precision*
of unknown, *AUROC* of the score, all in %. *near*: other categories of the same subject; *far*:
anything. With *batch* the engine was adapted to all of these texts, those that fit nothing too.
"""


def page(cells: Cells) -> str:
    """Return the page; "-" where nothing was measured yet."""
    parts = [_HEAD]
    for n_shot in SHOTS:
        some = "example" if n_shot == 1 else "examples"
        parts += [f"\n## {n_shot} {some} of each category\n\n", _accuracy(cells, n_shot)]
    parts += ["\n## Both against the better of name alone and example alone\n\n", _better(cells)]
    parts += [_STREAMS, "\n", _streams(cells), _OPEN, "\n", _open(cells)]
    return "".join(parts)


def mean_of(cells: Cells, name: str, setting: str, n_shot: int) -> float:
    """Return the mean over draws; nan where there is none."""
    draws = _draws(cells, name, setting, n_shot)
    return float(np.mean(draws)) if draws else float("nan")


def _draws(cells: Cells, name: str, setting: str, n_shot: int) -> list[float]:
    found: list[float] = (
        cells.get(name, {}).get("accuracy", {}).get(setting, {}).get(str(n_shot), [])
    )
    return found


def _accuracy(cells: Cells, n_shot: int) -> str:
    rows = [["set", "categories", "name", *SETTINGS]]
    for name in SETS:
        row = [name, str(cells.get(name, {}).get("n_way", "-"))]
        row.append(_shown(_draws(cells, name, "name", 0)))
        rows.append(row + [_shown(_draws(cells, name, setting, n_shot)) for setting in SETTINGS])
    return _table(rows)


def _better(cells: Cells) -> str:
    rows = [["set", *(f"{n_shot}, mean rule" for n_shot in SHOTS), *(f"{n}" for n in SHOTS)]]
    for name in SETS:
        row = [name]
        for setting in ("both, mean", "both"):
            for n_shot in SHOTS:
                alone = mean_of(cells, name, "name", 0), mean_of(cells, name, "example", n_shot)
                row.append(_signed(mean_of(cells, name, setting, n_shot) - max(alone)))
        rows.append(row)
    return _table(rows)


def _streams(cells: Cells) -> str:
    rows = [["set", *(f"{n}: {kind}" for n in (1, 5) for kind in ("natural", "Zipf", "foreign"))]]
    for name in SETS:
        row = [name]
        for n_shot in (1, 5):
            natural = mean_of(cells, name, "both + batch", n_shot)
            row.append(_signed(natural - mean_of(cells, name, "both", n_shot)))
            for kind in ("zipf", "foreign"):
                row.append(_signed(mean_of(cells, name, f"batch, {kind}: change", n_shot)))
        rows.append(row)
    columns = [[_number(row[i]) for row in rows[1:]] for i in range(1, 7)]
    rows.append(["mean", *(_signed(float(np.nanmean(c)) if c else np.nan) for c in columns)])
    return _table(rows)


def _open(cells: Cells) -> str:
    rows = [["set", "examples", "batch", "accuracy", "recall", "precision", "AUROC"]]
    for name in OPEN:
        found = cells.get(f"open-{name}", {}).get("open", {})
        for n_shot in ("1", "5"):
            for setting, batch in (("both", ""), ("both + batch", "yes")):
                figures = found.get(setting, {}).get(n_shot, {})
                kinds = ("accuracy", "recall", "precision", "auroc")
                shown = [_shown(figures.get(kind, [])) for kind in kinds]
                rows.append([name, n_shot, batch, *shown])
    return _table(rows)


def _shown(draws: list[float]) -> str:
    if not draws:
        return "-"
    if len(draws) == 1:
        return f"{draws[0]:.1f}"
    return f"{np.mean(draws):.1f} ± {np.std(draws, ddof=1):.1f}"


def _signed(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:+.1f}"


def _number(shown: str) -> float:
    return float("nan") if shown == "-" else float(shown)


def _table(rows: list[list[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body]) + "\n"
