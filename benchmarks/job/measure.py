"""One cell, in a process of its own: its arguments are its name, a folder and the data."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
FORMATS = ("jsonl", "parquet")
REPEATS, N_TEXTS = 3, 20_000
_CHUNK = 100_000
_BEGIN, _END = ("par", "mon", "log", "pass", "shop", "pay"), ("cel", "ey", "in", "word", "s", "t")
_WORDS = [begin + end for begin in _BEGIN for end in _END]


def growing(kind: str, n_rows: int, processes: int, folder: Path) -> dict[str, float]:
    """Return seconds, and the most memory of this process and of those that it began, MiB."""
    from textshot.batch import categorize
    from textshot.testing import toy_engine

    source, target = make(folder, kind, n_rows), folder / "out"
    engine = toy_engine(threshold=0.25)
    begun = time.perf_counter()
    report = categorize(engine, source, f"{target}/", processes=processes, restart=True)
    seconds = time.perf_counter() - begun
    assert report.read == report.written == n_rows
    others = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 if processes > 1 else 0
    return {
        "rows": n_rows,
        "seconds": round(seconds, 2),
        "mib": round(_peak_mib()),
        "each_other_mib": round(others),
    }


def make(folder: Path, kind: str, n_rows: int) -> Path:
    """Write an input of so many rows, once; few texts come twice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{n_rows}.{kind}"
    if path.exists():
        return path
    rng, half = np.random.default_rng(0), path.with_suffix(".part")
    schema = pa.schema({"id": pa.int64(), "text": pa.string()})
    with half.open("wb") as file:
        writer = pq.ParquetWriter(file, schema) if kind == "parquet" else None
        for start in range(0, n_rows, _CHUNK):
            words = rng.integers(0, len(_WORDS), (min(_CHUNK, n_rows - start), 10))
            texts = [
                " ".join(_WORDS[w] for w in row) + f" {start + i}" for i, row in enumerate(words)
            ]
            ids = range(start, start + len(texts))
            if writer is not None:
                writer.write_table(pa.table({"id": ids, "text": texts}, schema=schema))
            else:
                lines = (json.dumps({"id": i, "text": t}) for i, t in zip(ids, texts, strict=True))
                file.write("".join(f"{line}\n" for line in lines).encode())
        if writer is not None:
            writer.close()
    return half.rename(path)


def beside(folder: Path, data: Path) -> dict[str, Any]:
    """Return the seconds of a bare loop of the real encoder, and of the job, by turns."""
    from benchmarks.data import load
    from textshot import Engine, load_encoder
    from textshot.batch import categorize
    from textshot.encoders.compiled.backends import OPENVINO
    from textshot.io.categories import read_categories

    texts = [t for s in ("banking77", "clinc150") for t in load(data, s, "train")[0]][:N_TEXTS]
    texts = [" ".join(text.split()) for text in texts]
    source = folder / "texts.txt"
    source.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    encoder = load_encoder(device="cpu", backend=OPENVINO)
    engine = Engine.build(read_categories("examples/support/categories.csv"), encoder=encoder)
    encoder.encode(texts[:512])
    found: dict[str, list[float]] = {"bare": [], "job": []}
    for _ in range(REPEATS):
        begun = time.perf_counter()
        for start in range(0, len(texts), 4096):
            encoder.encode(texts[start : start + 4096])
        found["bare"].append(round(time.perf_counter() - begun, 3))
        begun = time.perf_counter()
        categorize(engine, source, folder / "texts.csv", restart=True)
        found["job"].append(round(time.perf_counter() - begun, 3))
    return {"n_texts": len(texts), **found}


def _peak_mib() -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    name, folder, data = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if name == "beside":
        found = beside(folder, data)
    else:
        kind, n_rows, processes = name.split()
        found = growing(kind, int(n_rows), int(processes), folder)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
