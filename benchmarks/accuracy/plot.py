"""The picture of the benchmark of accuracy: a panel for each set, a line for each setting."""

from __future__ import annotations

from pathlib import Path

from benchmarks.accuracy.sets import SETS, SHOTS
from benchmarks.accuracy.tables import Cells, mean_of

LINES = {
    "both + batch": ("#c0504d", "textshot, with the batch"),
    "both": ("#1f3b57", "textshot"),
    "both, mean": ("#9db8d2", "mean of name and examples"),
    "example": ("#8a8a8a", "examples alone"),
    "logistic + name": ("#6b9e5b", "logistic regression, with the name"),
}


def plot(cells: Cells, path: Path) -> None:
    """Draw what is there."""
    if not any(name in cells for name in SETS):
        return
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 3, figsize=(9, 8), layout="constrained", sharex=True)
    for panel, name in zip(axes.flat, SETS, strict=True):
        for setting, (colour, label) in LINES.items():
            values = [mean_of(cells, name, setting, n_shot) for n_shot in SHOTS]
            panel.plot(range(len(SHOTS)), values, color=colour, label=label, marker="o", ms=3)
        panel.axhline(mean_of(cells, name, "name", 0), color="#8a8a8a", ls=":", label="names alone")
        panel.set_title(name, fontsize=10)
        panel.set_xticks(range(len(SHOTS)), SHOTS)
        panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("examples of each category", fontsize=10)
    figure.supylabel("accuracy, %", fontsize=10)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=3, loc="outside upper center", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
