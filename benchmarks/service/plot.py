"""Latency by load, and memory over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def plot(found: dict[str, Any], path: Path) -> None:
    """Draw the picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    cells = found["cells"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    edges = 1e3 * np.geomspace(1e-3, 20, 61)
    for name, cell in cells.items():
        if name.startswith("load "):
            counts = np.asarray(cell["histogram"], float)
            below = np.cumsum(counts) / max(1.0, counts.sum())
            left.step(edges[1:], 100 * below, where="pre", label=f"{name[5:]} of capacity")
    left.set_xscale("log")
    left.set_xlabel("milliseconds until the answer")
    left.set_ylabel("% of accepted requests")
    left.legend(frameon=False)
    for name in ("load 2.0", "soak"):
        if name in cells:
            rss = cells[name]["rss"]
            label = "twice the capacity" if name != "soak" else "0.8 of it, texts of any length"
            right.plot(np.arange(len(rss)) / 60, rss, label=label)
    right.set_xlabel("minutes")
    right.set_ylabel("MiB")
    right.set_ylim(bottom=0)
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
