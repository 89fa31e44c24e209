"""What is measured: functions from texts to vectors, all of the same weights."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.setfit import PEERS, prepare, python_of
from textshot import load_encoder

DEFAULT, BF16 = "sentence-transformers", "sentence-transformers, bf16"
STATIC = "textshot, static"
OTHERS = {"SetFit, predict": "setfit", "FastFit, predict": "fastfit"}
OURS = {
    "textshot, OpenVINO int8": ("openvino", "int8"),
    "textshot, OpenVINO bf16": ("openvino", "bf16"),
    "textshot, OpenVINO fp32": ("openvino", "fp32"),
    "textshot, ONNX Runtime fp32": ("onnx", "fp32"),
    "textshot, torch fp32": ("torch", "fp32"),
}
Encode = Callable[[Sequence[str]], Any]
Tokens = Callable[[Sequence[str]], Sequence[Sequence[int]]]


@contextmanager
def make_engines(peers: Path) -> Iterator[tuple[Mapping[str, Encode], Tokens]]:
    """Yield the engines, and the tokenizer that counts for all of them."""
    from sentence_transformers import SentenceTransformer

    folder = str(ours("torch", "fp32").folder)
    plain = SentenceTransformer(folder, device="cpu", local_files_only=True)
    engines: dict[str, Encode] = {
        DEFAULT: lambda texts: plain.encode(list(texts)),
        BF16: _half(folder),
        **{name: ours(*kind).encode for name, kind in OURS.items()},
    }
    limit = plain.max_seq_length

    def tokens(texts: Sequence[str]) -> Sequence[Sequence[int]]:
        return plain.tokenizer(list(texts), truncation=True, max_length=limit)["input_ids"]

    with tempfile.TemporaryDirectory() as static, ExitStack() as running:
        for name, peer in OTHERS.items():
            engines[name] = running.enter_context(_other(peers, peer, folder))
        engines[STATIC] = _static(static)
        yield engines, tokens


def ours(backend: str, precision: str) -> Any:
    """Return an engine of the default encoder without its adapter, which the others lack."""
    return load_encoder(
        adapter=None, long_texts="cut", device="cpu", backend=backend, precision=precision
    )


def _half(folder: str) -> Encode:
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu", local_files_only=True).to(torch.bfloat16)
    return lambda texts: model.encode(list(texts), convert_to_numpy=False)


def _static(folder: str) -> Encode:
    """Distil the encoder, as `textshot distill` does."""
    made = Path(folder, "static")
    command = [sys.executable, "-m", "textshot", "distill", "-o", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return load_encoder(str(made), long_texts="cut", device="cpu", backend="auto").encode


@contextmanager
def _other(peers: Path, name: str, folder: str) -> Iterator[Encode]:
    """Answer by a peer's model of 77 classes, in an environment and a process of its own."""
    prepare(peers / name, PEERS / f"{name}.txt")
    command = [str(python_of(peers / name)), str((PEERS / f"{name}_speed.py").resolve()), folder]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )

    def predict(texts: Sequence[str]) -> None:
        print(json.dumps(list(texts)), file=process.stdin, flush=True)
        if process.stdout.readline() != "done\n":
            sys.exit(f"{command[1]} ended with code {process.wait()}")

    try:
        yield predict
    finally:
        process.stdin.close()
        process.wait()
