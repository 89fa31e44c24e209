"""Figures out of the cells that are there; what is not there is nan, and shown as "-"."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

BOTH = "example + name"
NOTHING: Mapping[str, Any] = {}
Cells = Mapping[str, Mapping[str, Any]]


def read_cells(folder: Path) -> dict[str, dict[str, Any]]:
    """Return all cells by name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def at(cell: Mapping[str, Any], *path: str) -> float:
    """Return the number at the end of a path of keys; nan where there is none."""
    found: Any = cell
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else math.nan


def both(cell: Mapping[str, Any], *path: str) -> tuple[float, float]:
    """Return a mean of the frozen encoder and of the trained one."""
    return at(cell, "frozen", *path, "mean"), at(cell, "trained", *path, "mean")


def both_spread(cell: Mapping[str, Any], *path: str) -> list[str]:
    """Return frozen, trained and gain for people, with their spread over draws."""
    means = both(cell, *path)
    deviations = (at(cell, side, *path, "std") for side in ("frozen", "trained"))
    figures = [spread(m, d) for m, d in zip(means, deviations, strict=True)]
    return [*figures, shown(means[1] - means[0], "+.1f")]


def mean(values: Iterable[float]) -> float:
    """Return the mean of the numbers that are there, nan when there are none."""
    there = [value for value in values if not math.isnan(value)]
    return sum(there) / len(there) if there else math.nan


def std(values: Sequence[float]) -> float:
    """Return the standard deviation of the numbers that are there; nan for fewer than two."""
    there = [value for value in values if not math.isnan(value)]
    if len(there) < 2:
        return math.nan
    middle = mean(there)
    return math.sqrt(sum((value - middle) ** 2 for value in there) / (len(there) - 1))


def shown(value: float, form: str = ".1f") -> str:
    """Return a number for people."""
    return "-" if math.isnan(value) else format(value, form)


def spread(value: float, deviation: float) -> str:
    """Return a number with its standard deviation, where it has one."""
    if math.isnan(value) or math.isnan(deviation):
        return shown(value)
    return f"{value:.1f} ± {deviation:.1f}"


def kept(cell: Mapping[str, Any]) -> str:
    """Return whether the guard kept what was learned."""
    return {True: "yes", False: "no"}.get(cell.get("kept", ""), "-")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
