"""Training in the benchmark of learning, and what it costs in time and memory."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.data import load_corpus
from benchmarks.learning.cells import Cell
from textshot.encoders import Encoder
from textshot.training import TrainCallbacks, TrainConfig, train_splits
from textshot.training.corpus import Corpus, Splits
from textshot.training.output import work_folder

TRIAL = {"steps": 20, "eval_every": 20, "draws": 3}
TRIAL_TEXTS = 24


@dataclass(frozen=True)
class Place:
    """Where data is, and where things go.

    Attributes:
        data: folder with the sets.
        work: encoders and embeddings.
        keep: whether the encoders stay.
        trial: a run of few steps and texts that shows whether it works at all.
    """

    data: Path
    work: Path
    keep: bool = False
    trial: bool = False

    def corpus(self, name: str, limit: int | None = None) -> Corpus:
        """Return a set; a few of its texts in a trial."""
        return load_corpus(self.data, name, max_per_category=TRIAL_TEXTS if self.trial else limit)

    def config(self, cell: Cell) -> TrainConfig:
        """Return the options of a cell."""
        return TrainConfig(**{**cell.changes, **(TRIAL if self.trial else {})})


def fit(encoder: Encoder, splits: Splits, config: TrainConfig, folder: Path) -> dict[str, Any]:
    """Train into a folder; return the report, and what the run cost."""
    import torch

    moments: list[float] = []
    # What an earlier process did is in neither the seconds nor the memory.
    resumed, begun = work_folder(folder).exists(), time.monotonic()
    report = train_splits(
        encoder,
        splits,
        config,
        output=folder,
        overwrite=True,
        callbacks=TrainCallbacks(
            on_message=lambda line: print(f"  {line}", flush=True),
            on_step=lambda done, share: moments.append(time.monotonic()),
        ),
    )
    return {
        "report": report.to_dict(),
        "seconds": time.monotonic() - begun,
        "peak_mib": peak_mib(),
        "step_seconds": median([b - a for a, b in pairwise(moments)] or [0.0]),
        "resumed": resumed,
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }


def peak_mib() -> float | None:
    """Return the most memory that this process held (VmHWM); None where there is no /proc."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    for line in status.read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None


def versions() -> dict[str, str]:
    """Return the versions that figures may depend on."""
    packages = ("textshot-classifier", "sentence-transformers", "transformers", "torch", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
