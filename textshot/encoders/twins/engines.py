"""What runs a graph: OpenVINO and ONNX Runtime, one door each. Neither reports to its makers."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from textshot.arrays import FloatArray, IntArray
from textshot.encoders.twins.export import INPUTS
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
    """Return how many cores this process may use, a container's quota included."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, _quota()))


def _quota() -> int:
    try:
        most, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        return sys.maxsize if most == "max" else max(1, round(int(most) / int(period)))
    except (OSError, ValueError):
        return sys.maxsize


def versions() -> dict[str, str | None]:
    """Return the version of each engine; None where it is not installed."""
    return {"openvino": _version("openvino"), "onnx": _version("onnxruntime")}


@lru_cache(maxsize=8)
def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _openvino() -> Any:
    # Its converter would bring openvino_telemetry along; without it, it has a silent stand-in.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@lru_cache(maxsize=1)
def has_bf16() -> bool:
    """Tell whether the CPU computes in bf16 by itself, as OpenVINO sees it."""
    if versions()["openvino"] is None:
        return False
    told: list[str] = _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in told


class OpenVinoGraph:
    """A graph in OpenVINO on the CPU: a stream of one thread for each core, and a queue.

    Args:
        data: the graph as ONNX, or what `compiled` gave.
        precision: "fp32" or "bf16".
        is_compiled: whether `data` is what `compiled` gave, on this machine.

    Raises:
        EncoderError: it cannot be read.
    """

    def __init__(self, data: bytes, precision: str, *, is_compiled: bool = False) -> None:
        openvino = _openvino()
        hint = {"fp32": "f32", "bf16": "bf16"}[precision]
        streams = n_cores()
        settings = {
            "INFERENCE_PRECISION_HINT": hint,
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams,
        }
        core = openvino.Core()
        try:
            if is_compiled:
                self._compiled = core.import_model(io.BytesIO(data), "CPU", settings)
            else:
                self._compiled = core.compile_model(core.read_model(data), "CPU", settings)
        except RuntimeError as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise EncoderError(f"OpenVINO cannot read the graph: {reason}") from error
        self._queue = openvino.AsyncInferQueue(self._compiled, 2 * streams)

    def compiled(self) -> bytes | None:
        """Return the graph as it is compiled for this machine: read again, it starts at once."""
        data: bytes = self._compiled.export_model().getvalue()
        return data

    def run(self, batches: Iterable[Batch], done: Done) -> None:
        """Run all batches, handing over the places and the rows (n, dim) of each."""
        self._queue.set_callback(
            lambda request, places: done(places, request.get_output_tensor(0).data)
        )
        try:
            for places, numbers, mask in batches:
                self._queue.start_async({0: numbers, 1: mask}, places)
        finally:  # what is under way must not reach the next run's `done`
            self._queue.wait_all()


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
