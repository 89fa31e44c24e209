"""Run a graph in ONNX Runtime or OpenVINO; both are imported here only, without telemetry."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np

from textshot._arrays import FloatArray, IntArray
from textshot.errors import EncoderError

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "embedding"

Done = Callable[[IntArray, FloatArray], None]
Batch = tuple[IntArray, IntArray, IntArray]


class Graph(Protocol):
    """A graph that is ready to run."""

    def run(self, batches: Iterable[Batch], done: Done) -> None:
        """Run all batches; `done` gets the positions and the rows (n, dim) of each."""
        ...

    def compiled(self) -> bytes | None:
        """Return the graph as compiled for this machine; None: compiling it takes no time."""
        ...


def n_cores() -> int:
    """Return how many cores this process may use, by affinity, cgroup quota and OMP_NUM_THREADS.

    Programs that start several processes on a machine, as Ray does, set the latter for each.
    """
    threads = os.environ.get("OMP_NUM_THREADS", "")
    limit = int(threads) if threads.isdecimal() else sys.maxsize
    return max(1, min(all_cores(), _quota(), limit))


def all_cores() -> int:
    """Return how many cores this process may run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def _quota() -> int:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        return sys.maxsize if quota == "max" else max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):
        return sys.maxsize


def versions() -> dict[str, str | None]:
    """Return the version of each backend, and of the quantizer; None: it is not installed."""
    packages = {"openvino": "openvino", "onnx": "onnxruntime", "nncf": "nncf"}
    return {name: version_of(package) for name, package in packages.items()}


@lru_cache(maxsize=16)
def version_of(package: str) -> str | None:
    """Return the version of a package, None when it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def import_openvino() -> Any:
    """Return the module, without its telemetry."""
    # Its converter imports openvino_telemetry, and has a silent stand-in when that is missing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@lru_cache(maxsize=1)
def has_bf16() -> bool:
    """Tell whether the CPU computes in bf16 natively, according to OpenVINO."""
    if versions()["openvino"] is None:
        return False
    core = import_openvino().Core()
    capabilities: list[str] = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in capabilities


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
        """Run all batches; `done` gets the positions and the rows (n, dim) of each."""
        for positions, tokens, mask in batches:
            [rows] = self._session.run(None, dict(zip(INPUTS, (tokens, mask), strict=True)))
            done(positions, rows)

    def compiled(self) -> None:
        """Return None: a session is ready in less time than a compiled graph is read."""


class OpenVinoGraph:
    """A graph in OpenVINO on the CPU: a stream of one thread for each core, and a queue.

    Args:
        data: the graph as ONNX, in 8 bits as `quantize` returns it, or what `compiled` returned.
        precision: "fp32", "bf16" or "int8".
        is_compiled: whether `data` is what `compiled` returned, on this machine.

    Raises:
        EncoderError: it cannot be read.
    """

    def __init__(self, data: bytes, precision: str, *, is_compiled: bool = False) -> None:
        openvino = import_openvino()
        # What is not in 8 bits, of a graph that is, runs in bf16 where the CPU has it.
        hint = "bf16" if precision != "fp32" and has_bf16() else "f32"
        streams = n_cores()
        settings = {
            "INFERENCE_PRECISION_HINT": hint,
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams,
            # Processes with a part of the cores each would all take the first ones.
            "ENABLE_CPU_PINNING": streams == all_cores(),
        }
        core = openvino.Core()
        try:
            if is_compiled:
                self._compiled = core.import_model(io.BytesIO(data), "CPU", settings)
            else:
                parts = _unpack(data) if precision == "int8" else (data,)
                self._compiled = core.compile_model(core.read_model(*parts), "CPU", settings)
        except RuntimeError as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise EncoderError(f"OpenVINO cannot read the graph: {reason}") from error
        self._queue = openvino.AsyncInferQueue(self._compiled, 2 * streams)

    def compiled(self) -> bytes | None:
        """Return the graph as compiled for this machine: read again, it starts at once."""
        data: bytes = self._compiled.export_model().getvalue()
        return data

    def run(self, batches: Iterable[Batch], done: Done) -> None:
        """Run all batches; `done` gets the positions and the rows (n, dim) of each."""
        self._queue.set_callback(
            lambda request, positions: done(positions, request.get_output_tensor(0).data)
        )
        try:
            for positions, tokens, mask in batches:
                self._queue.start_async({0: tokens, 1: mask}, positions)
        finally:  # requests that still run must not reach the next run's `done`
            self._queue.wait_all()


def pack(model: Any) -> bytes:
    """Return a model of OpenVINO as one safetensors file: its description and its numbers."""
    from safetensors.numpy import save

    with TemporaryDirectory() as folder:
        path = Path(folder, "model.xml")
        import_openvino().save_model(model, path, compress_to_fp16=False)
        both = {"xml": path.read_bytes(), "bin": path.with_suffix(".bin").read_bytes()}
    return save({name: np.frombuffer(data, np.uint8) for name, data in both.items()})


def _unpack(data: bytes) -> tuple[bytes, bytes]:
    """Return what `pack` packed, as OpenVINO reads it; EncoderError: it is something else."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        both = load(data)
        return both["xml"].tobytes(), both["bin"].tobytes()
    except (SafetensorError, KeyError) as error:
        raise EncoderError(f"this is not a graph in 8 bits: {error}") from error
