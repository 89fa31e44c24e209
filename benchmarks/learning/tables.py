"""The page of the benchmark of learning: folds, networks, other sets, and details.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.learning.cells import FOLDS, MIXTURES, NETWORKS, SETS
from benchmarks.learning.details import ablation, cost, interpolation, setfit
from benchmarks.learning.figures import (
    BOTH,
    NOTHING,
    Cells,
    at,
    both,
    both_spread,
    kept,
    mean,
    shown,
    spread,
    table,
)

HEAD = """\
# Learning: figures

[How training works](learning.md). Made by `make bench-learning DATA=folder` from
`benchmarks/results/learning/cells`, a file for each run; "-": not measured yet. Accuracy in % with
all test categories at once, ± the standard deviation over random samples. No option was chosen on
test categories or test splits. "kept: no": validation found no gain of more than one standard error
on the held-out categories, or a domain that lost; the encoder then stays as it was, and so do its
figures. A name counts as one example here, with and without training; an index weights names
([the effect](accuracy-figures.md)).

![Gain on new categories, by network](images/learning.png)
"""


def page(cells: Cells) -> str:
    """Return all tables."""
    return "\n".join(f"{heading}\n\n{text}" if heading else text for heading, text in _parts(cells))


def _parts(cells: Cells) -> Iterator[tuple[str, str]]:
    yield "", HEAD
    yield "## New categories of the same set: one example and the name", folds(cells)
    yield "### Example alone, name alone (means over the folds)", settings(cells)
    yield "### 5-way episodes without names (600 per entry, means over the folds)", episodes(cells)
    yield "## Networks, fold 01: one example and the name", networks(cells, BOTH)
    yield "### One example alone", networks(cells, "example")
    yield "## Other sets: one example and the name, ten samples, whole test split", cross(cells)
    yield "## Ablation: fold 01, one example and the name", ablation(cells)
    yield (
        "### Interpolation: held-out categories of fold 01 by coefficient",
        interpolation(cells),
    )
    yield "## Cost", cost(cells)
    yield "## SetFit: three samples, whole test split", setfit(cells)


def folds(cells: Cells) -> str:
    """Return frozen and trained for each fold, and their means."""
    rows = []
    for name in SETS:
        found = [cells.get(f"folds-{name}-{fold}", NOTHING) for fold in FOLDS]
        for fold, cell in zip(FOLDS, found, strict=True):
            ways = shown(at(cell, "n_way"), ".0f")
            rows.append([name, fold, ways, *both_spread(cell, BOTH), kept(cell)])
        there = sum(bool(cell) for cell in found)
        label = "mean" if there == len(FOLDS) else f"mean of {there}"
        frozen, trained = _over_folds(cells, name, BOTH)
        middle = [shown(frozen), shown(trained), shown(trained - frozen, "+.1f")]
        rows.append([name, label, "", *(f"**{figure}**" for figure in middle), ""])
    return table(["set", "fold", "ways", "frozen", "trained", "gain", "kept"], rows)


def settings(cells: Cells) -> str:
    """Return the settings with less than an example and a name."""
    rows = []
    for setting in ("example", "name"):
        for name in SETS:
            frozen, trained = _over_folds(cells, name, setting)
            change = shown(trained - frozen, "+.1f")
            rows.append([setting, name, shown(frozen), shown(trained), change])
    return table(["setting", "set", "frozen", "trained", "gain"], rows)


def episodes(cells: Cells) -> str:
    """Return 5-way episodes, with the mean half width of their intervals."""
    rows = []
    for name in SETS:
        row = [name]
        for n_shot in (1, 5):
            setting = f"5-way {n_shot}-shot"
            means = _over_folds(cells, name, setting)
            for side, value in zip(("frozen", "trained"), means, strict=True):
                row.append(spread(value, _half(cells, name, side, setting)))
            row.append(shown(means[1] - means[0], "+.1f"))
        rows.append(row)
    head = [f"{n}-shot {what}" for n in (1, 5) for what in ("frozen", "trained", "gain")]
    text = "± the 95 % interval of one fold's episodes.\n\n"
    return text + table(["set", *head], rows)


def networks(cells: Cells, setting: str) -> str:
    """Return every network on fold 01 of each set, and its gain."""
    defaults = [cells.get(f"folds-{name}-01", NOTHING) for name in SETS]
    frozen = [shown(at(cell, "frozen", setting, "mean")) for cell in defaults]
    rows = [["(frozen)", *frozen]]
    for label in ("matching", *NETWORKS):
        found = [cells.get(f"networks-{name}-{label}", NOTHING) for name in SETS]
        found = defaults if label == "matching" else found
        each = [_with_gain(cell, setting) for cell in found]
        rows.append([label, *each])
    return table(["network", *SETS], rows)


def cross(cells: Cells) -> str:
    """Return every target of every mixture, those that lose too."""
    rows = []
    for mixture, made_of in MIXTURES.items():
        cell = cells.get(f"cross-{mixture}", NOTHING)
        for target in made_of.targets:
            ways = shown(at(cell, "targets", target, "n_way"), ".0f")
            domains = ", ".join(made_of.domains)
            figures = both_spread(cell, target, "1-names")
            rows.append([target, ways, domains, *figures, kept(cell)])
    head = ["target", "categories", "trained on", "frozen", "trained", "gain", "kept"]
    dropped = "The run for banking77 leaves out clinc150's domains banking and credit cards.\n\n"
    return dropped + table(head, rows)


def _with_gain(cell: Mapping[str, Any], setting: str) -> str:
    if not cell:
        return "-"
    frozen, trained = both(cell, setting)
    change = "nothing kept" if cell.get("kept") is False else shown(trained - frozen, "+.1f")
    return f"{shown(trained)} ({change})"


def _over_folds(cells: Cells, name: str, setting: str) -> tuple[float, float]:
    found = [cells.get(f"folds-{name}-{fold}", NOTHING) for fold in FOLDS]
    pairs = [both(cell, setting) for cell in found]
    return mean(frozen for frozen, _ in pairs), mean(trained for _, trained in pairs)


def _half(cells: Cells, name: str, side: str, setting: str) -> float:
    halves = []
    for fold in FOLDS:
        found = cells.get(f"folds-{name}-{fold}", NOTHING).get(side, NOTHING).get(setting, NOTHING)
        low, high = found.get("interval", (float("nan"), float("nan")))
        halves.append((high - low) / 2)
    return mean(halves)
