"""The state of an unfinished run on disk: one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from textshot._files import make_folder, write_atomic
from textshot.errors import TrainingError
from textshot.training.step import Step

NAME = "checkpoint.safetensors"
_VERSION = "1"


@dataclass
class Progress:
    """How far a run is; `history` has (step, held-out accuracy, mean loss since the last one)."""

    identity: str
    steps: int
    step: int = 0
    seconds: float = 0.0
    seconds_per_step: float = 0.0
    history: list[tuple[int, float, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best_step: int = 0
    best_merit: float = -1.0
    stopped: str = ""


Weights = dict[str, Tensor]


def copy_of(step: Step) -> Weights:
    """Return the weights as they are now."""
    return {name: weight.detach().clone() for name, weight in step.weights.items()}


def put_back(step: Step, weights: Mapping[str, Tensor]) -> None:
    """Set the weights."""
    with torch.no_grad():
        for name, weight in step.weights.items():
            weight.copy_(weights[name])


def write(folder: Path, step: Step, progress: Progress, best: Weights) -> None:
    """Keep all that is needed to go on as if nothing had happened."""
    from safetensors.torch import save

    tensors = {f"now.{n}": w.detach() for n, w in step.weights.items()}
    tensors |= {f"best.{n}": w for n, w in best.items()}
    for name, weight in step.weights.items():
        for key, value in step.optimizer.state.get(weight, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value.detach()
    # The file has a version of its own, and no code reads it but this.
    tensors, words = {n: t.contiguous() for n, t in tensors.items()}, json.dumps(asdict(progress))
    data = save(tensors, {"version": _VERSION, "progress": words, "sum": _sum(tensors, words)})
    make_folder(folder)
    write_atomic(folder / NAME, data)


def read(folder: Path, step: Step, identity: str) -> tuple[Progress, Weights] | None:
    """Go on where a run stopped: set weights and optimizer; None when there is no checkpoint.

    Raises:
        TrainingError: it belongs to another run, or is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    tensors, found = _open(path)
    if found["identity"] != identity:
        raise TrainingError(
            f"{folder} keeps an unfinished training of other texts, another encoder or other"
            " options. Say --restart to throw it away, or choose another output"
        )
    put_back(step, _part(tensors, "now."))
    for name, weight in step.weights.items():
        state: dict[str, Any] = {}
        for key in ("step", "exp_avg", "exp_avg_sq", "momentum_buffer"):
            if f"optimizer.{key}.{name}" in tensors:
                state[key] = tensors[f"optimizer.{key}.{name}"]
        if state:
            step.optimizer.state[weight] = state
    found["history"] = [tuple(each) for each in found["history"]]
    return Progress(**found), _part(tensors, "best.")


def _open(path: Path) -> tuple[Weights, dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata["version"] != _VERSION:
            raise ValueError(f"it is of version {metadata['version']}, not {_VERSION}")
        if metadata["sum"] != _sum(tensors, metadata["progress"]):
            raise ValueError("its checksum does not fit: it is damaged")
        return tensors, json.loads(metadata["progress"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{path} cannot be read ({error}). Say --restart to begin again"
        ) from None


def _sum(tensors: Weights, words: str) -> str:
    """Return a checksum: a weight that is wrong by one bit would go unnoticed."""
    found = zlib.crc32(words.encode())
    for name in sorted(tensors):
        found = zlib.crc32(tensors[name].numpy().reshape(-1).data, found)
    return str(found)


def _part(tensors: Mapping[str, Tensor], start: str) -> Weights:
    return {n[len(start) :]: t for n, t in tensors.items() if n.startswith(start)}
