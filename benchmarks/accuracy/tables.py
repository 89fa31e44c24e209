"""The page of the benchmark of accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.accuracy.sets import OPEN, SETS, SHOTS

Cells = Mapping[str, Mapping[str, Any]]

SETTINGS = ("example", "both, mean", "both", "both + batch", "logistic", "logistic + name")
_HEAD = """# Accuracy: figures

Made by `make bench-accuracy DATA=folder` from `benchmarks/results/accuracy`, a file for each set.
Accuracy in % on the whole test split, with all categories at once and abstaining off, ± the
standard deviation over 30 random samples of examples from the training split (10 for logistic
regression). The encoder is all-MiniLM-L6-v2 without its adapter; [with it](adapter-figures.md).
No option was chosen on a test split ([what a name is worth](adr/0009-what-a-name-is-worth.md), [the
batch](adr/0010-the-unlabelled-batch.md)).

- *example*: the examples alone; *name*: the names alone;
- *both, mean*: names and examples with equal weight, plain NumPy on the same samples;
- *both*: textshot, with its weight of the names;
- *both + batch*: adapted to the unlabelled test texts (`--adapt`) in their natural mixture;
- *logistic*: logistic regression on the same embeddings; *+ name*: the name as one more example.

![Accuracy by number of examples](images/accuracy.png)
"""
_ADAPTER_HEAD = """# The adapter: figures

Made by `make adapter DATA=folder` and
`python -m benchmarks.accuracy --data DIR --adapters build/adapter`
from `benchmarks/results/accuracy/adapter`. The setup is that of [accuracy](accuracy-figures.md),
but each set is measured with an adapter that was trained without that set and without related
sets ([how](adapter.md)). Expect this on your own texts.

![Accuracy by number of examples, with the adapter](images/accuracy-adapter.png)

## Gain of the adapter, with names and examples

Points of accuracy, means over the same 30 samples.

"""
_STREAMS = """
## Effect of adapting to a batch

Points of accuracy gained over no batch, means over the samples. *Zipf*: half of the test texts, the
r-th category 1/r as frequent as the first. *out-of-scope*: 30 % of the texts are from another set
and fit no category.
"""
_OPEN = """
## Unknown, at the default threshold

*accuracy* on in-scope texts ("unknown" counts as wrong), *recall* and *precision* of unknown, and
*AUROC* of the score, all in %. *near*: out-of-scope texts of the same subject; *far*: of any
subject. *batch*: the engine was adapted to all of these texts, in scope and out of scope.
"""


_SURE = """
## Calibration of probabilities

After `textshot tune` on 100 other training texts, all in scope. For the best category of each test
text: expected calibration error (*ECE*, 15 bins), Brier score and the *area* under the
risk-coverage curve, each from 0 to 1, smaller is better; means over 30 samples. *floor*: the ECE of
equally many perfectly calibrated answers, below which nothing can be measured.

![Risk by coverage]({picture})
"""


def page(cells: Cells, plain: Cells | None = None) -> str:
    """Return the page; "-" where nothing was measured yet.

    Args:
        cells: what was measured.
        plain: the same without the adapter, if `cells` are with it.
    """
    parts = [_HEAD] if plain is None else [_ADAPTER_HEAD, _gains(cells, plain)]
    for n_shot in SHOTS:
        some = "example" if n_shot == 1 else "examples"
        parts += [f"\n## {n_shot} {some} of each category\n\n", _accuracy(cells, n_shot)]
    parts += [
        "\n## Gain of both over the better of name alone and example alone\n\n",
        _better(cells),
    ]
    parts += [_STREAMS, "\n", _streams(cells), _OPEN, "\n", _open(cells)]
    picture = "risk-coverage.png" if plain is None else "risk-coverage-adapter.png"
    parts += [_SURE.format(picture=f"images/{picture}"), "\n", _sure(cells)]
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


def _gains(cells: Cells, plain: Cells) -> str:
    rows = [["set", *(f"{n}" for n in SHOTS), *(f"{n} + batch" for n in SHOTS)]]
    for name in SETS:
        row = [name]
        for setting in ("both", "both + batch"):
            for n in SHOTS:
                gain = mean_of(cells, name, setting, n) - mean_of(plain, name, setting, n)
                row.append(_signed(gain))
        rows.append(row)
    return _with_means(rows)


def _with_means(rows: list[list[str]]) -> str:
    """Return the table with the mean of each column below; of those numbers that there are."""
    columns = [[_number(row[i]) for row in rows[1:]] for i in range(1, len(rows[0]))]
    known = [[value for value in column if not np.isnan(value)] for column in columns]
    means = [_signed(float(np.mean(column)) if column else np.nan) for column in known]
    return _table([*rows, ["mean", *means]])


def _streams(cells: Cells) -> str:
    rows = [
        ["set", *(f"{n}: {kind}" for n in (1, 5) for kind in ("natural", "Zipf", "out-of-scope"))]
    ]
    for name in SETS:
        row = [name]
        for n_shot in (1, 5):
            natural = mean_of(cells, name, "both + batch", n_shot)
            row.append(_signed(natural - mean_of(cells, name, "both", n_shot)))
            for kind in ("zipf", "foreign"):
                row.append(_signed(mean_of(cells, name, f"batch, {kind}: change", n_shot)))
        rows.append(row)
    return _with_means(rows)


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


def _sure(cells: Cells) -> str:
    kinds = ("ece", "floor", "brier", "area")
    heads = (f"{n}: {kind}" for n in (1, 5) for kind in ("ECE", "floor", "Brier", "area"))
    rows = [["set", *heads]]
    for name in SETS:
        found = cells.get(f"sure-{name}", {}).get("sure", {})
        each = [found.get(kind, {}).get(n, []) for n in ("1", "5") for kind in kinds]
        rows.append([name, *(f"{np.mean(draws):.3f}" if draws else "-" for draws in each)])
    columns = [[float(row[i]) for row in rows[1:] if row[i] != "-"] for i in range(1, len(rows[0]))]
    medians = (f"{np.median(column):.3f}" if column else "-" for column in columns)
    return _table([*rows, ["median", *medians]])


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
