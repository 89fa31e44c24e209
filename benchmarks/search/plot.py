"""The picture of the index at size: milliseconds a query by number of categories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.search.measure import BATCH, SIZES

LINES = {
    "one query, NumPy": ("#8a8a8a", "numpy", False),
    "one query": ("#1f3b57", "faiss", False),
    f"a query of a batch of {BATCH}": ("#c0504d", "faiss", True),
}


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Draw what is there."""
    cells = {size: found["cells"].get(f"searching {size}") for size in SIZES}
    there = [size for size in SIZES if cells[size]]
    if not there:
        return
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for label, (colour, engine, in_batch) in LINES.items():
        values = [
            cells[size]["batch_ms"][engine] / BATCH
            if in_batch
            else cells[size]["single_ms"][engine]["p50"]
            for size in there
        ]
        axes.plot(there, values, color=colour, label=label, marker="o", ms=3)
    axes.set(xscale="log", yscale="log", xlabel="categories", ylabel="milliseconds")
    axes.grid(color="#e0e0e0", lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
