"""Choose the backend that computes the vectors, and its precision."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from textshot.encoders.compiled.graphs import has_bf16, versions
from textshot.errors import EncoderError

AUTO, TORCH, OPENVINO, ONNX = "auto", "torch", "openvino", "onnx"
FP32, BF16, INT8 = "fp32", "bf16", "int8"

PRECISIONS: Mapping[str, tuple[str, ...]] = {
    AUTO: (AUTO, FP32, BF16, INT8),
    TORCH: (AUTO, FP32),
    OPENVINO: (AUTO, FP32, BF16, INT8),
    ONNX: (AUTO, FP32),
}
"""The precisions of each backend; the first one is the default."""

BACKEND_VARIABLE, PRECISION_VARIABLE = "TEXTSHOT_BACKEND", "TEXTSHOT_PRECISION"
"""Environment variables that replace "auto"."""


def choose(backend: str, precision: str, device: str | None) -> tuple[str, str]:
    """Return backend and precision, neither of them "auto".

    - "torch" is the reference, in fp32.
    - "openvino" and "onnx" compile it for the CPU, once, into the cache: in fp32, with OpenVINO
      also in bf16. In "int8" (extra `int8`) vectors are near the reference's (cosine 0.998) and not
      equal: it is an encoder of its own, and an index is made and read with it.
    - "auto" is OpenVINO on the CPU, in bf16 where the CPU has it; without OpenVINO ONNX Runtime,
      without either torch. With a graphics card, or another device, it is torch.

    A static model is computed by NumPy in any of them but an explicit "torch".

    Raises:
        EncoderError: an unknown backend or precision, or one that is not available.
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
    _check_available(backend, device)
    if precision == INT8 and versions()["nncf"] is None:
        raise EncoderError(
            'int8 needs nncf, which is not installed: pip install "textshot-classifier[int8]"'
        )
    if precision == AUTO:
        return backend, BF16 if backend == OPENVINO and has_bf16() else FP32
    if precision == BF16 and not has_bf16():
        raise EncoderError("this CPU does not compute in bf16. Take --precision fp32")
    return backend, precision


def is_explicit(backend: str, precision: str) -> bool:
    """Tell whether the user chose this backend, by argument or variable."""
    named = _from_variable(backend, BACKEND_VARIABLE) != AUTO
    return named or _from_variable(precision, PRECISION_VARIABLE) in (BF16, INT8)


def _from_variable(value: str, variable: str) -> str:
    return os.environ.get(variable, "").strip() or AUTO if value == AUTO else value


def _fastest(precision: str, device: str | None) -> str:
    if precision in (BF16, INT8):
        return OPENVINO
    if device not in (None, "cpu") or (device is None and _has_accelerator()):
        return TORCH
    installed = versions()
    return next((name for name in (OPENVINO, ONNX) if installed[name] is not None), TORCH)


def _has_accelerator() -> bool:
    """Tell whether torch might find a better device than the CPU, without importing it."""
    return sys.platform == "darwin" or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()


def _check_available(backend: str, device: str | None) -> None:
    if backend == TORCH:
        return
    if device not in (None, "cpu"):
        raise EncoderError(f"{backend} runs on the CPU, not on {device}. Leave --device out")
    if versions()[backend] is None:
        extra = {OPENVINO: "fast", ONNX: "onnx"}[backend]
        raise EncoderError(
            f'{backend} is not installed: pip install "textshot-classifier[{extra}]"'
        )
