"""The page of the figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    lines = [
        "# The batch job: the figures\n",
        f"Made by `make bench-job DATA=folder` on {found['cores']} cores. Texts of eleven words,"
        " all different, by the hashing encoder: what is measured is the job. *memory*: the most of"
        " the process that runs it; where two others answer, that of each of them beside.\n",
        "![Seconds a row and memory by the number of rows](images/job.png)\n",
        "| input | rows | one process, rows/s | memory, MiB | two that answer, rows/s | memory |",
        "|---|---|---|---|---|---|",
    ]
    cells = {tuple(name.split()): cell for name, cell in found["cells"].items() if " " in name}
    for kind, n_rows, processes in cells:
        if processes == "1":
            one, two = cells[kind, n_rows, "1"], cells.get((kind, n_rows, "2"))
            shown = [kind, f"{one['rows']:,}", _rate(one), f"{one['mib']:,}"]
            if two is not None:
                shown += [_rate(two), f"{two['mib']:,}, each other {two['each_other_mib']:,}"]
            else:
                shown += ["", ""]
            lines.append(f"| {' | '.join(shown)} |")
    if "beside" in found["cells"]:
        lines += ["", _beside(found["cells"]["beside"])]
    return "\n".join(lines) + "\n"


def _rate(cell: Mapping[str, float]) -> str:
    return f"{cell['rows'] / cell['seconds']:,.0f}"


def _beside(cell: Mapping[str, Any]) -> str:
    bare, job = np.array(cell["bare"]), np.array(cell["job"])
    more = 100 * (job / bare - 1)
    return (
        f"Beside a bare loop of the real encoder in OpenVINO, {cell['n_texts']:,} texts of"
        f" banking77 and clinc150, by turns: {bare.min():.2f} s and {job.min():.2f} s, best of"
        f" {len(bare)}; the job takes {np.median(more):+.1f} % (in pairs {more.min():+.1f} to"
        f" {more.max():+.1f}), reading, search, decision, writing and commits included."
    )
