"""How it is measured. Seconds are kept as they were; pages take best and median."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.engines import DEFAULT, OURS, Encode, Tokens, ours
from textshot.encoders.compiled.tokens import padded_length

REPEATS = 3
SIZES = (1, 8, 64, 512)

Seconds = dict[str, list[float]]


def throughput(engines: Mapping[str, Encode], texts: Sequence[str], tokens: Tokens) -> Any:
    """Return the seconds of all engines for all texts, and how much of ours is filled up."""
    lengths = np.array([len(row) for row in tokens(texts)], np.int64)
    return {
        "n_texts": len(texts),
        "n_tokens": int(lengths.sum()),
        "waste": round(float(padded_length(lengths, 256).sum() / lengths.sum()), 4),
        "seconds": _interleaved(engines, [texts]),
    }


def sizes(engines: Mapping[str, Encode], texts: Sequence[str]) -> dict[str, Seconds]:
    """Return the seconds for all texts in calls of so many."""
    parts = {n: [texts[i : i + n] for i in range(0, len(texts), n)] for n in SIZES}
    return {str(n): _interleaved(engines, some[:64]) for n, some in parts.items()}


def singles(engines: Mapping[str, Encode], texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the milliseconds of calls of one text."""
    return {name: _single(encode, texts) for name, encode in engines.items()}


def _interleaved(engines: Mapping[str, Encode], calls: Sequence[Sequence[str]]) -> Seconds:
    seconds: Seconds = {name: [] for name in engines}
    for encode in engines.values():
        encode(calls[0][:64])
    for _ in range(REPEATS):
        for name, encode in engines.items():
            begun = time.perf_counter()
            for texts in calls:
                encode(texts)
            seconds[name].append(round(time.perf_counter() - begun, 4))
    return seconds


def _single(encode: Encode, texts: Sequence[str]) -> dict[str, float]:
    encode(texts[:1])
    spent = []
    for text in texts:
        begun = time.perf_counter()
        encode([text])
        spent.append(1e3 * (time.perf_counter() - begun))
    return {f"p{q}": round(float(np.percentile(spent, q)), 2) for q in (50, 99)}


def limits() -> dict[str, float]:
    """Return what both cores can multiply, GFLOP/s: 512 tokens by a layer's weights, best of 30."""
    import torch

    found = {}
    for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = torch.randn(512, 384).to(kind), torch.randn(384, 1536).to(kind)
        best = np.inf
        for _ in range(30):
            begun = time.perf_counter()
            for _ in range(20):
                torch.mm(a, b)
            best = min(best, (time.perf_counter() - begun) / 20)
        found[name] = round(2 * 512 * 384 * 1536 / best / 1e9, 1)
    return found


def memory(texts: Sequence[str]) -> dict[str, float]:
    """Return the largest memory of a process that encodes the texts, in MB."""
    code = (
        "import json, sys; from benchmarks.speed.measures import run_alone;"
        " run_alone(*json.loads(sys.stdin.read())); print(open('/proc/self/status').read())"
    )
    found = {}
    for name, kind in {DEFAULT: str(ours("openvino", "fp32").folder), **OURS}.items():
        command = [sys.executable, "-c", code]
        asked = json.dumps([kind, list(texts)])
        done = subprocess.run(command, input=asked, check=True, capture_output=True, text=True)
        # Linux alone tells a process from its parent, whose peak ru_maxrss begins with.
        found[name] = round(int(done.stdout.partition("VmHWM:")[2].split()[0]) / 1024)
    return found


def run_alone(kind: str | tuple[str, str], texts: Sequence[str]) -> None:
    """Encode the texts by one of our engines, or by sentence-transformers from a folder."""
    if not isinstance(kind, str):
        ours(*kind).encode(texts)
        return
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(kind, device="cpu", local_files_only=True).encode(texts)


def repeated(texts: Sequence[str]) -> dict[str, Any]:
    """Return the seconds of `categorize` for a file, and for one with every text ten times."""
    from textshot import Engine, load_encoder
    from textshot.batch import categorize
    from textshot.encoders.compiled.backends import OPENVINO
    from textshot.io.categories import read_categories

    categories = read_categories("examples/support/categories.csv")
    engine = Engine.build(categories, encoder=load_encoder(device="cpu", backend=OPENVINO))
    found: dict[str, list[float]] = {"once": [], "ten times": []}
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in (("once", texts), ("ten times", list(texts) * 10)):
            body = "".join(f"{' '.join(text.split())}\n" for text in lines)
            Path(folder, f"{name}.txt").write_text(body, encoding="utf-8")
        for _ in range(REPEATS):
            for name, spent in found.items():
                begun = time.perf_counter()
                source, target = Path(folder, f"{name}.txt"), Path(folder, "out.csv")
                categorize(engine, source, target, rejects=Path(folder, "rejects.csv"))
                spent.append(round(time.perf_counter() - begun, 3))
    return {"n_texts": len(texts), "seconds": found}


def cold_starts() -> dict[str, list[dict[str, float]]]:
    """Return wall and processor seconds of `textshot classify` in a new process, ten times."""
    found: dict[str, list[dict[str, float]]] = {"openvino": [], "torch": []}
    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder, "index"))
        command = [sys.executable, "-m", "textshot"]
        made = [*command, "index", "examples/support/categories.csv", "-o", index]
        subprocess.run(made, check=True, capture_output=True)
        for _ in range(11):
            for backend, each in found.items():
                before, begun = os.times(), time.perf_counter()
                asked = [*command, "classify", index, "where is my parcel?", "--backend", backend]
                subprocess.run(asked, check=True, capture_output=True)
                wall, after = time.perf_counter() - begun, os.times()
                spent = after.children_user - before.children_user
                spent += after.children_system - before.children_system
                each.append({"wall": round(wall, 3), "processor": round(spent, 3)})
    return {backend: each[1:] for backend, each in found.items()}  # the first one compiles
