"""How fast the encoder is: sentence-transformers as everyone calls it, its bf16, and our engines.

In one run, interleaved, best and median of several repeats; short (banking77), medium (ag_news) and
long (20newsgroups, cut at 256 tokens by all) texts; single texts; cold starts of the command line.
Absolute figures are those of one machine; ratios travel.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import load, save
from textshot import load_encoder

RESULTS, PAGE = Path(__file__).parent / "results" / "speed.json", Path("docs/speed-figures.md")
SETS = {"banking77": 2000, "ag_news": 500, "20newsgroups": 150}
REPEATS, SINGLES = 3, 200
OURS = {
    "textshot, OpenVINO bf16": ("openvino", "bf16"),
    "textshot, OpenVINO fp32": ("openvino", "fp32"),
    "textshot, ONNX Runtime fp32": ("onnx", "fp32"),
    "textshot, torch fp32": ("torch", "fp32"),
}
DEFAULT = "sentence-transformers"
Encode = Callable[[Sequence[str]], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--tables", action="store_true", help="the page alone")
    options = parser.parse_args()
    if options.data is None and not options.tables:
        sys.exit("say --data FOLDER with the sets, or --tables for the page alone")
    if not options.tables:
        measure(options.data)
    PAGE.write_text(page(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


def measure(data: Path) -> None:
    """Measure what is missing in the results; each part is saved when it is done."""
    engines, count = _engines()
    found: dict[str, Any] = {"machine": _machine(), "sets": {}}
    if RESULTS.exists():
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
    if "limit" not in found:
        found["limit"] = _limits()
    for name, most in SETS.items():
        if name in found["sets"]:
            continue
        texts = load(data, name, "test")[0][:most]
        tokens = count(texts)
        seconds = _interleaved(engines, texts)
        found["sets"][name] = {"n_texts": len(texts), "n_tokens": tokens, "seconds": seconds}
        save(RESULTS, found)
        print(name, {k: round(len(texts) / min(v)) for k, v in seconds.items()}, flush=True)
    short = [t for t in load(data, "banking77", "test")[0] if 8 <= count([t]) <= 12][:SINGLES]
    if "single" not in found:
        found["single"] = {name: _single(encode, short) for name, encode in engines.items()}
        save(RESULTS, found)
    if "cold" not in found:
        found["cold"] = _cold()
        save(RESULTS, found)


def _engines() -> tuple[Mapping[str, Encode], Callable[[Sequence[str]], int]]:
    import torch
    from sentence_transformers import SentenceTransformer

    reference = load_encoder(layer=None, long_texts="cut", device="cpu", backend="torch")
    folder = str(reference.folder)
    plain = SentenceTransformer(folder, device="cpu", local_files_only=True)
    half = SentenceTransformer(folder, device="cpu", local_files_only=True).to(torch.bfloat16)
    engines: dict[str, Encode] = {
        DEFAULT: lambda texts: plain.encode(list(texts)),
        "sentence-transformers, bf16": lambda texts: half.encode(
            list(texts), convert_to_numpy=False
        ),
    }
    for name, (backend, precision) in OURS.items():
        encoder = load_encoder(
            layer=None, long_texts="cut", device="cpu", backend=backend, precision=precision
        )
        engines[name] = encoder.encode
    tokenizer, limit = plain.tokenizer, plain.max_seq_length

    def count(texts: Sequence[str]) -> int:
        rows = tokenizer(list(texts), truncation=True, max_length=limit)["input_ids"]
        return sum(len(row) for row in rows)

    return engines, count


def _interleaved(engines: Mapping[str, Encode], texts: Sequence[str]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for encode in engines.values():
        encode(texts[:64])
    for _ in range(REPEATS):
        for name, encode in engines.items():
            begun = time.perf_counter()
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


def _limits() -> dict[str, float]:
    """Return what both cores can multiply, GFLOP/s: square matrices, best of ten."""
    import torch

    found = {}
    for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.randn(1536, 1536).to(kind) for _ in range(2))
        best = np.inf
        for _ in range(10):
            begun = time.perf_counter()
            torch.mm(a, b)
            best = min(best, time.perf_counter() - begun)
        found[name] = round(2 * 1536**3 / best / 1e9, 1)
    return found


def _cold() -> dict[str, list[dict[str, float]]]:
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
    return {backend: each[1:] for backend, each in found.items()}  # the first one makes the twin


def _machine() -> dict[str, Any]:
    from benchmarks.learning.fit import versions

    return {"cores": len(os.sched_getaffinity(0)), "versions": versions()}


def page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    lines = [f"# Speed: the figures\n\n{_about(found)}\n"]
    sets = found["sets"]
    lines.append(
        f"| | {' | '.join(f'{n}, docs/s | times' for n in sets)} | one text, ms: p50, p99 |"
    )
    lines.append(f"|---|{'---|---|' * len(sets)}---|")
    for name in found["single"]:
        cells = []
        for one in sets.values():
            best = min(one["seconds"][name])
            ratio = np.median(np.array(one["seconds"][DEFAULT]) / np.array(one["seconds"][name]))
            cells.append(f"{one['n_texts'] / best:,.0f} | {ratio:.1f}")
        single = found["single"][name]
        lines.append(f"| {name} | {' | '.join(cells)} | {single['p50']:.1f}, {single['p99']:.1f} |")
    return "\n".join([*lines, "", _shares(found), "", _starts(found["cold"])]) + "\n"


def _about(found: Mapping[str, Any]) -> str:
    kinds = ", ".join(
        f"{n} ({s['n_texts']:,} texts of {s['n_tokens'] / s['n_texts']:.0f} tokens)"
        for n, s in found["sets"].items()
    )
    return (
        f"Made by `make bench-speed DATA=folder` on {found['machine']['cores']} cores."
        f" all-MiniLM-L6-v2 on {kinds}; all cut at 256 tokens. docs/s: best of {REPEATS}, all in"
        f" one run and interleaved; *times*: {DEFAULT} as everyone calls it is 1, median of the"
        " repeats."
    )


def _shares(found: Mapping[str, Any]) -> str:
    """Say how much of what the cores can multiply is used, 21.2 MFLOP a token."""
    one = found["sets"]["banking77"]
    shown = []
    for name, kind in (("OpenVINO bf16", "bf16"), ("OpenVINO fp32", "fp32")):
        rate = one["n_tokens"] / min(one["seconds"][f"textshot, {name}"])
        share = 100 * 21.2e6 * rate / (1e9 * found["limit"][kind])
        shown.append(
            f"{name} {rate:,.0f} tokens/s, {share:.0f} % of {found['limit'][kind]:.0f} GFLOP/s"
        )
    return f"On banking77, against a product of two matrices on the same cores: {'; '.join(shown)}."


def _starts(cold: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    shown = []
    for backend, each in cold.items():
        wall, processor = (min(x[kind] for x in each) for kind in ("wall", "processor"))
        shown.append(f"{backend} {wall:.2f} s ({processor:.2f} s of a processor)")
    return f"`textshot classify` of one text in a new process, best of ten: {', '.join(shown)}."


if __name__ == "__main__":
    main()
