"""The pictures of the benchmark of accuracy: a panel for each set, a line for each setting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.accuracy.sets import COVERAGES, SETS, SHOTS
from benchmarks.accuracy.tables import Cells, mean_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = {
    "both + batch": ("#c0504d", "textshot, with the batch"),
    "both": ("#1f3b57", "textshot"),
    "both, mean": ("#9db8d2", "mean of name and examples"),
    "example": ("#8a8a8a", "examples alone"),
    "logistic + name": ("#6b9e5b", "logistic regression, with the name"),
}


def plot(cells: Cells, path: Path) -> None:
    """Draw the accuracies that are there."""
    if not any(name in cells for name in SETS):
        return
    figure, axes = _panels()
    for panel, name in zip(axes.flat, SETS, strict=True):
        for setting, (colour, label) in LINES.items():
            values = [mean_of(cells, name, setting, n_shot) for n_shot in SHOTS]
            panel.plot(range(len(SHOTS)), values, color=colour, label=label, marker="o", ms=3)
        panel.axhline(mean_of(cells, name, "name", 0), color="#8a8a8a", ls=":", label="names alone")
        panel.set_title(name, fontsize=10)
        panel.set_xticks(range(len(SHOTS)), SHOTS)
    _finish(figure, axes, "examples of each category", "accuracy, %", path)


def plot_risk(cells: Cells, path: Path) -> None:
    """Draw how often the surest answers are wrong, for every share of answers."""
    if not any(f"sure-{name}" in cells for name in SETS):
        return
    figure, axes = _panels()
    for panel, name in zip(axes.flat, SETS, strict=True):
        for n_shot, colour in (("1", "#c0504d"), ("5", "#1f3b57")):
            risk = cells.get(f"sure-{name}", {}).get("risk", {}).get(n_shot, [])
            shares = [100 * share for share in COVERAGES[: len(risk)]]
            label = f"{n_shot} example{'s' if n_shot != '1' else ''} + name"
            panel.plot(shares, [100 * r for r in risk], color=colour, label=label)
        panel.set_title(name, fontsize=10)
        panel.set_ylim(bottom=0)
    _finish(figure, axes, "answered, the surest first, %", "wrong, %", path)


def _panels() -> tuple[Figure, Any]:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    return plt.subplots(3, 3, figsize=(9, 8), layout="constrained", sharex=True)


def _finish(figure: Figure, axes: Any, across: str, up: str, path: Path) -> None:
    import matplotlib.pyplot as plt

    for panel in axes.flat:
        panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(across, fontsize=10)
    figure.supylabel(up, fontsize=10)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=3, loc="outside upper center", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
