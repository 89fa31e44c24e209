"""The picture of the benchmark of learning: gains by fold, and the networks on fold 01."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.learning.cells import FOLDS, NETWORKS, SETS
from benchmarks.learning.figures import BOTH, NOTHING, Cells, both, mean


def plot(cells: Cells, path: Path) -> None:
    """Draw what is there; nothing is drawn when there is no cell of either panel."""
    if not any(cell.get("group") in ("folds", "networks") for cell in cells.values()):
        return
    folds = {name: [gain(cells, f"folds-{name}-{fold}") for fold in FOLDS] for name in SETS}
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.5, 3.8), layout="constrained", width_ratios=(1, 1.6)
    )
    left.set_xticks(range(len(SETS)), SETS)
    left.set_xlim(-0.5, len(SETS) - 0.5)
    left.bar(range(len(SETS)), [mean(gains) for gains in folds.values()], 0.6, color="#9db8d2")
    for x, gains in enumerate(folds.values()):
        places = [x + 0.08 * (i - 2) for i in range(len(gains))]
        left.scatter(places, gains, s=18, color="#1f3b57", zorder=3)
    left.set_title("New categories: five folds (points), mean", fontsize=10)
    left.set_ylabel("gain over frozen, points")
    _networks(right, cells)
    for panel in (left, right):
        panel.axhline(0, color="black", linewidth=0.8)
        panel.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def gain(cells: Cells, name: str) -> float:
    """Return trained less frozen, one example and the name; nan where there is no such cell."""
    frozen, trained = both(cells.get(name, NOTHING), BOTH)
    return trained - frozen


def _networks(panel: Any, cells: Cells) -> None:
    labels = ["matching", *NETWORKS]
    for i, name in enumerate(SETS):
        gains = [gain(cells, f"folds-{name}-01")]
        gains += [gain(cells, f"networks-{name}-{label}") for label in NETWORKS]
        panel.bar([x + 0.27 * (i - 1) for x in range(len(labels))], gains, 0.25, label=name)
    panel.set_xticks(range(len(labels)), labels, rotation=40, ha="right", fontsize=8)
    panel.set_title("Networks, fold 01", fontsize=10)
    panel.legend(fontsize=8)
