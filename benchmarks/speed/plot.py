"""The picture of the figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.engines import STATIC
from benchmarks.speed.page import sets_of, times


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Draw how many times as fast as sentence-transformers each engine is, on each set."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    sets = sets_of(found)
    names = [name for name in found["single"] if name != STATIC]  # a hundred times off the scale
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for i, (name, one) in enumerate(sets.items()):
        places = np.arange(len(names)) + (i - 1) * 0.27
        axes.barh(places, [times(one, engine) for engine in names], 0.25, label=name)
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as sentence-transformers")
    axes.legend(fontsize=8, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
