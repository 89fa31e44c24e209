"""What runs a graph: the contract, and ONNX Runtime behind its one door, reporting to nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from textshot._arrays import FloatArray, IntArray
from textshot.encoders.compiled.export import INPUTS
from textshot.errors import EncoderError

Done = Callable[[IntArray, FloatArray], None]
Batch = tuple[IntArray, IntArray, IntArray]


class Graph(Protocol):
    """A graph that is ready to run."""

    def run(self, batches: Iterable[Batch], done: Done) -> None:
        """Run all batches, handing over the places and the rows (n, dim) of each."""
        ...

    def compiled(self) -> bytes | None:
        """Return the graph as it is compiled for this machine; None: it always is at once."""
        ...


def n_cores() -> int:
    """Return how many cores this process may use: a container's quota, and OMP_NUM_THREADS, count.

    Whoever starts several processes on a machine, as Ray does, sets the latter for each.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(all_cores(), _quota(), int(told) if told.isdecimal() else sys.maxsize))


def all_cores() -> int:
    """Return how many cores this process may run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def _quota() -> int:
    try:
        most, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        return sys.maxsize if most == "max" else max(1, round(int(most) / int(period)))
    except (OSError, ValueError):
        return sys.maxsize


def versions() -> dict[str, str | None]:
    """Return the version of each engine, and of the quantiser; None: it is not installed."""
    packages = {"openvino": "openvino", "onnx": "onnxruntime", "nncf": "nncf"}
    return {name: _version(package) for name, package in packages.items()}


@lru_cache(maxsize=8)
def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


class OnnxGraph:
    """A graph in ONNX Runtime on the CPU, in float32.

    Args:
        data: the graph as ONNX.

    Raises:
        EncoderError: it cannot be read.
    """

    def __init__(self, data: bytes) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, when it is imported
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_cores()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its kinds are not exported by name
            reason = str(error).strip().partition("\n")[0]
            raise EncoderError(f"ONNX Runtime cannot read the graph: {reason}") from error

    def run(self, batches: Iterable[Batch], done: Done) -> None:
        """Run all batches, handing over the places and the rows (n, dim) of each."""
        for places, numbers, mask in batches:
            [rows] = self._session.run(None, dict(zip(INPUTS, (numbers, mask), strict=True)))
            done(places, rows)

    def compiled(self) -> bytes | None:
        """Return nothing: a session is ready in less time than a compiled graph is read."""
        return None
