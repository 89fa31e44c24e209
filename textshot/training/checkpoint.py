"""The checkpoint of a run: one safetensors file, written atomically."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from textshot._files import make_folder, write_atomic
from textshot.errors import TrainingError
from textshot.training.config import TrainConfig
from textshot.training.step import Step

NAME = "checkpoint.safetensors"
_VERSION = "1"


@dataclass
class Progress:
    """The progress of a run; `history` has (step, held-out accuracy, mean loss since the last).

    `n_way`, `alphas` and `layers` are those that fit into the time; 0 and none: as in the options.
    """

    identity: str
    steps: int
    step: int = 0
    seconds: float = 0.0
    seconds_per_step: float = 0.0
    history: list[tuple[int, float, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best_step: int = 0
    best_score: float = -1.0
    stopped: str = ""
    n_way: int = 0
    alphas: list[float] = field(default_factory=list)
    layers: int | str = 0


Weights = dict[str, Tensor]


def copy_weights(step: Step) -> Weights:
    """Return a copy of the weights."""
    return {name: weight.detach().clone() for name, weight in step.weights.items()}


def set_weights(step: Step, weights: Mapping[str, Tensor]) -> None:
    """Set the weights."""
    with torch.no_grad():
        for name, weight in step.weights.items():
            weight.copy_(weights[name])


def write(folder: Path, step: Step, progress: Progress, best: Weights) -> None:
    """Write all that is needed to resume with the same result."""
    from safetensors.torch import save

    tensors = {f"now.{n}": w.detach() for n, w in step.weights.items()}
    tensors |= {f"best.{n}": w for n, w in best.items()}
    for name, weight in step.weights.items():
        for key, value in step.optimizer.state.get(weight, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value.detach()
    # The file has its own version, and only `read` reads it.
    tensors, text = {n: t.contiguous() for n, t in tensors.items()}, json.dumps(asdict(progress))
    data = save(tensors, {"version": _VERSION, "progress": text, "sum": _checksum(tensors, text)})
    make_folder(folder)
    write_atomic(folder / NAME, data)


def fitted_options(folder: Path, config: TrainConfig) -> TrainConfig:
    """Return the options with which an unfinished run began, fitted to its minutes.

    Raises:
        TrainingError: the checkpoint is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return config
    _, progress = _open(path)
    if not progress.get("layers"):  # of a version before these
        return config
    names = ("n_way", "layers")
    alphas = tuple(progress["alphas"])
    return replace(config, alphas=alphas, **{name: progress[name] for name in names})


def read(folder: Path, step: Step, identity: str) -> tuple[Progress, Weights] | None:
    """Restore weights and optimizer from a checkpoint; None when there is none.

    Raises:
        TrainingError: the checkpoint belongs to another run, or is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    tensors, progress = _open(path)
    if progress["identity"] != identity:
        raise TrainingError(
            f"{folder} holds an unfinished training of other texts, another encoder or other"
            " options. Use --restart to discard it, or choose another output"
        )
    set_weights(step, _with_prefix(tensors, "now."))
    for name, weight in step.weights.items():
        keys = {key: f"optimizer.{key}.{name}" for key in ("step", "exp_avg", "exp_avg_sq")}
        if state := {key: tensors[full] for key, full in keys.items() if full in tensors}:
            step.optimizer.state[weight] = state
    progress["history"] = [tuple(entry) for entry in progress["history"]]
    return Progress(**progress), _with_prefix(tensors, "best.")


def _open(path: Path) -> tuple[Weights, dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata["version"] != _VERSION:
            raise ValueError(f"it is of version {metadata['version']}, not {_VERSION}")
        if metadata["sum"] != _checksum(tensors, metadata["progress"]):
            raise ValueError("its checksum does not fit: it is damaged")
        return tensors, json.loads(metadata["progress"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{path} cannot be read ({error}). Use --restart to begin again"
        ) from None


def _checksum(tensors: Weights, text: str) -> str:
    """Return a checksum, since nobody would notice one wrong bit in a weight."""
    checksum = zlib.crc32(text.encode())
    for name in sorted(tensors):
        checksum = zlib.crc32(tensors[name].numpy().reshape(-1).data, checksum)
    return str(checksum)


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> Weights:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
