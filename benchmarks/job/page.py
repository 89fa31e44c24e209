"""The page of the figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    lines = [
        "# The batch job: figures\n",
        f"Made by `make bench-job DATA=folder` on {found['cores']} cores. The texts have eleven"
        " words and are all different. The hashing encoder is fast, so the figures are those of the"
        " job. *memory*: the peak of the process that runs it, and of each worker process.\n",
        "![Seconds per row and memory by number of rows](images/job.png)\n",
        "| input | rows | one process, rows/s | memory, MiB | two workers, rows/s | memory, MiB |",
        "|---|---|---|---|---|---|",
    ]
    cells = {tuple(name.split()): cell for name, cell in found["cells"].items() if " " in name}
    for kind, n_rows, processes in cells:
        if processes == "1":
            one, two = cells[kind, n_rows, "1"], cells.get((kind, n_rows, "2"))
            shown = [kind, f"{one['rows']:,}", _rate(one), f"{one['mib']:,}"]
            if two is not None:
                shown += [_rate(two), f"{two['mib']:,}, each worker {two['each_other_mib']:,}"]
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
        f"Compared with a bare loop over the real encoder in OpenVINO, on {cell['n_texts']:,} texts"
        f" of banking77 and clinc150, in turns: {bare.min():.2f} s for the loop and"
        f" {job.min():.2f} s for the job, best of {len(bare)}. The job takes"
        f" {np.median(more):+.1f} % ({more.min():+.1f} to {more.max():+.1f} in pairs), with"
        " reading, search, decision, writing and checkpoints."
    )
