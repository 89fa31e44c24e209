"""The same texts over HTTP, by the command line and by the library."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.service.client import Answer, Pool, classify
from benchmarks.service.server import BACKEND, serving
from textshot import Engine

EACH = 20


def same(index: Path, texts: Sequence[str], build: Path) -> dict[str, Any]:
    """Compare labels and scores of three ways to ask."""
    library = [(p.label, p.score) for p in Engine.load(index, backend=BACKEND).classify(texts)]
    with serving(index) as server:
        http = asyncio.run(_over_http(server.port, texts))
    command = _by_command(index, texts, build)
    return {
        "texts": len(texts),
        **{
            f"{name}_{what}": value
            for name, found in (("http", http), ("command", command))
            for what, value in _compared(library, found).items()
        },
    }


def _compared(one: Sequence[Any], other: Sequence[Any]) -> dict[str, Any]:
    pairs = list(zip(one, other, strict=True))
    return {
        "labels_differ": sum(a[0] != b[0] for a, b in pairs),
        "largest_difference": max(abs(a[1] - b[1]) for a, b in pairs),
    }


async def _over_http(port: int, texts: Sequence[str]) -> list[tuple[str | None, float]]:
    pool = Pool(port)
    parts = [texts[i : i + EACH] for i in range(0, len(texts), EACH)]
    answers = await asyncio.gather(*(pool.ask(*classify(p), Answer(0.0)) for p in parts))
    pool.close()
    return [(p["label"], p["score"]) for a in answers for p in a.json()["predictions"]]


def _by_command(index: Path, texts: Sequence[str], build: Path) -> list[tuple[str | None, float]]:
    path = build / "same.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    words = ["classify", str(index), "--file", str(path), "--json", "--backend", BACKEND]
    done = subprocess.run(
        [sys.executable, "-m", "textshot", *words], check=True, stdout=subprocess.PIPE, text=True
    )
    rows = (json.loads(line) for line in done.stdout.splitlines())
    return [(row["label"], row["score"]) for row in rows]
