"""The picture of the figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.job.measure import FORMATS


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Draw microseconds a row, and memory, by the number of rows."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
    for kind in FORMATS:
        for processes, style in (("1", "-"), ("2", "--")):
            cells = [
                cell
                for name, cell in found["cells"].items()
                if name.split()[0] == kind and name.endswith(f" {processes}")
            ]
            rows = [cell["rows"] for cell in cells]
            label = f"{kind}, {processes} process" + "es" * (processes == "2")
            spent = [1e6 * cell["seconds"] / cell["rows"] for cell in cells]
            left.plot(rows, spent, style, marker="o", label=label)
            if processes == "1":
                right.plot(rows, [cell["mib"] for cell in cells], style, marker="o", label=label)
    for axis, name in ((left, "microseconds a row"), (right, "memory, MiB")):
        axis.set(xscale="log", xlabel="rows", ylabel=name, ylim=(0, None))
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
