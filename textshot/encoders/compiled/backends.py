"""Which engine runs an encoder, and how precisely."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from textshot.encoders.compiled.onnx_graph import versions
from textshot.encoders.compiled.openvino_graph import has_bf16
from textshot.errors import EncoderError

AUTO, TORCH, OPENVINO, ONNX = "auto", "torch", "openvino", "onnx"
FP32, BF16, INT8 = "fp32", "bf16", "int8"

PRECISIONS: Mapping[str, tuple[str, ...]] = {
    AUTO: (AUTO, FP32, BF16, INT8),
    TORCH: (AUTO, FP32),
    OPENVINO: (AUTO, FP32, BF16, INT8),
    ONNX: (AUTO, FP32),
}
"""What each engine can do; the first one is the default."""

BACKEND_VARIABLE, PRECISION_VARIABLE = "TEXTSHOT_BACKEND", "TEXTSHOT_PRECISION"
"""Environment variables that stand for "auto"."""


def choose(backend: str, precision: str, device: str | None) -> tuple[str, str]:
    """Return the engine and the precision that are meant, neither of them "auto".

    On the CPU OpenVINO, in bf16 where the CPU has it, else in fp32; without OpenVINO ONNX Runtime,
    without either torch. Where there is a graphics card, or another device is named: torch.

    Raises:
        EncoderError: what does not exist, does not go together, or is not installed.
    """
    backend = _from_variable(backend, BACKEND_VARIABLE)
    precision = _from_variable(precision, PRECISION_VARIABLE)
    if backend not in PRECISIONS:
        raise EncoderError(f"backend is {backend!r}; there are {', '.join(PRECISIONS)}")
    if precision not in PRECISIONS[backend]:
        raise EncoderError(
            f"precision {precision!r} with backend {backend!r}; there are"
            f" {', '.join(PRECISIONS[backend])}"
        )
    if backend == AUTO:
        backend = _fastest(precision, device)
    _check_there(backend, device)
    if precision == INT8 and versions()["nncf"] is None:
        raise EncoderError(
            'int8 needs nncf, which is not installed: pip install "textshot-classifier[int8]"'
        )
    if precision == AUTO:
        return backend, BF16 if backend == OPENVINO and has_bf16() else FP32
    if precision == BF16 and not has_bf16():
        raise EncoderError("this CPU does not compute in bf16. Take --precision fp32")
    return backend, precision


def is_asked_for(backend: str, precision: str) -> bool:
    """Tell whether somebody wants this engine, by argument or variable, and not just a fast one."""
    named = _from_variable(backend, BACKEND_VARIABLE) != AUTO
    return named or _from_variable(precision, PRECISION_VARIABLE) in (BF16, INT8)


def _from_variable(given: str, variable: str) -> str:
    return os.environ.get(variable, "").strip() or AUTO if given == AUTO else given


def _fastest(precision: str, device: str | None) -> str:
    if precision in (BF16, INT8):
        return OPENVINO
    if device not in (None, "cpu") or (device is None and _has_accelerator()):
        return TORCH
    there = versions()
    return next((name for name in (OPENVINO, ONNX) if there[name] is not None), TORCH)


def _has_accelerator() -> bool:
    """Tell whether torch might find a better device than the CPU, without importing it."""
    return sys.platform == "darwin" or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()


def _check_there(backend: str, device: str | None) -> None:
    if backend == TORCH:
        return
    if device not in (None, "cpu"):
        raise EncoderError(f"{backend} runs on the CPU, not on {device}. Leave --device out")
    if versions()[backend] is None:
        extra = {OPENVINO: "fast", ONNX: "onnx"}[backend]
        raise EncoderError(
            f'{backend} is not installed: pip install "textshot-classifier[{extra}]"'
        )
