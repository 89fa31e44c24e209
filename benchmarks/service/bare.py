"""The bare encoder on the service's core, in a process of its own: `python -m ... INDEX TEXTS`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.service.server import BACKEND, cores

SINGLES = 100


def bare(index: Path, texts: Path) -> dict[str, Any]:
    """Return texts a second in one large call, and milliseconds of one text alone."""
    command = [sys.executable, "-m", "benchmarks.service.bare", str(index), str(texts)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    from textshot import Engine

    os.sched_setaffinity(0, {cores()[0]})
    engine = Engine.load(Path(sys.argv[1]), backend=BACKEND)
    texts = json.loads(Path(sys.argv[2]).read_text())
    encoder = engine.encoder
    encoder.encode(texts[:50])
    begun = perf_counter()
    encoder.encode(texts)
    rate = len(texts) / (perf_counter() - begun)
    seconds = []
    for text in texts[:SINGLES]:
        begun = perf_counter()
        encoder.encode([text])
        seconds.append(perf_counter() - begun)
    p50, p99 = (round(1e3 * float(np.percentile(seconds, p)), 2) for p in (50, 99))
    kind = encoder.runtime
    print(json.dumps({"rate": round(rate, 1), "p50": p50, "p99": p99, "kind": kind}))


if __name__ == "__main__":
    main()
