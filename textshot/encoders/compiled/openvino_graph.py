"""OpenVINO behind its one door. It reports to nobody."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from textshot.encoders.compiled.onnx_graph import Batch, Done, all_cores, n_cores, versions
from textshot.errors import EncoderError


def import_openvino() -> Any:
    """Return the module, telemetry kept out."""
    # Its converter would bring openvino_telemetry along; without it, it has a silent stand-in.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@lru_cache(maxsize=1)
def has_bf16() -> bool:
    """Tell whether the CPU computes in bf16 by itself, as OpenVINO sees it."""
    if versions()["openvino"] is None:
        return False
    told: list[str] = import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in told


class OpenVinoGraph:
    """A graph in OpenVINO on the CPU: a stream of one thread for each core, and a queue.

    Args:
        data: the graph as ONNX, in 8 bits as `to_int8` gave it, or what `compiled` gave.
        precision: "fp32", "bf16" or "int8".
        is_compiled: whether `data` is what `compiled` gave, on this machine.

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
                parts = unpack(data) if precision == "int8" else (data,)
                self._compiled = core.compile_model(core.read_model(*parts), "CPU", settings)
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


def pack(model: Any) -> bytes:
    """Return a model of OpenVINO as one file: what it is, and its numbers, as safetensors."""
    from safetensors.numpy import save

    with TemporaryDirectory() as folder:
        path = Path(folder, "model.xml")
        import_openvino().save_model(model, path, compress_to_fp16=False)
        both = {"xml": path.read_bytes(), "bin": path.with_suffix(".bin").read_bytes()}
    return save({name: np.frombuffer(data, np.uint8) for name, data in both.items()})


def unpack(data: bytes) -> tuple[bytes, bytes]:
    """Return what `pack` packed, as OpenVINO reads it.

    Raises:
        EncoderError: it is something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        both = load(data)
        return both["xml"].tobytes(), both["bin"].tobytes()
    except (SafetensorError, KeyError) as error:
        raise EncoderError(f"this is no graph in 8 bits: {error}") from error
