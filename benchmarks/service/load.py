"""Capacity, and what happens at half, nine tenths and twice of it; and for twenty minutes."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.service.bare import bare
from benchmarks.service.client import constant, saturated, told
from benchmarks.service.server import Server, serving

IN_FLIGHT = {1: 192, 8: 32, 32: 16}
"""Requests that always wait, by the texts in each: a full queue that nothing is refused from."""

N_BARE = 1500


def texts_of(texts: Sequence[str], each: int = 1) -> Callable[[int], Sequence[str]]:
    """Return what request i asks about: the texts one after the other, from the start again."""
    return lambda i: [texts[(i * each + j) % len(texts)] for j in range(each)]


def capacity(index: Path, texts: Sequence[str], seconds: float, build: Path) -> dict[str, Any]:
    """Measure the bare encoder, and between its turns the service at saturation."""
    path = build / "texts.json"
    path.write_text(json.dumps(texts[:N_BARE]))
    bares, rates = [bare(index, path)], {}
    with serving(index) as server:
        for each, in_flight in IN_FLIGHT.items():
            asked = saturated(server.port, in_flight, seconds, texts_of(texts, each))
            rates[str(each)] = round(asyncio.run(asked), 1)
            bares.append(bare(index, path))
        rss = server.rss()
    rate = float(np.median([b["rate"] for b in bares]))
    return {
        "bare": bares,
        "bare_rate": rate,
        "bare_p50": float(np.median([b["p50"] for b in bares])),
        "rates": rates,
        "shares": {each: round(found / rate, 3) for each, found in rates.items()},
        "rss": round(rss, 1),
    }


def loaded(index: Path, texts: Sequence[str], rate: float, seconds: float) -> dict[str, Any]:
    """Send `rate` requests of one text a second, and watch latency and memory."""
    with serving(index) as server, Memory(server) as memory:
        asyncio.run(constant(server.port, rate / 2, 5, texts_of(texts)))  # warm
        first = len(memory.rss)
        answers = asyncio.run(constant(server.port, rate, seconds, texts_of(texts)))
        return {"rate": rate, **told(answers), "rss": memory.rss[first:]}


def soak(index: Path, texts: Sequence[str], share: float, seconds: float) -> dict[str, Any]:
    """Send texts of 1 to 250 tokens at a share of the capacity for them."""
    mixed = of_any_length(texts)
    with serving(index) as server, Memory(server) as memory:
        most = asyncio.run(saturated(server.port, 64, min(60.0, seconds), texts_of(mixed)))
        first = len(memory.rss)
        answers = asyncio.run(constant(server.port, share * most, seconds, texts_of(mixed)))
        return {"rate": share * most, **told(answers), "rss": memory.rss[first:]}


def of_any_length(texts: Sequence[str], n: int = 3000, seed: int = 0) -> list[str]:
    """Make texts of 1 to some 250 tokens of the words of others; all lengths are as frequent."""
    words = " ".join(texts).split()
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randint(1, 200))) for _ in range(n)]


class Memory:
    """Notes down the memory of a service each second, in a thread."""

    def __init__(self, server: Server) -> None:
        self._server, self.rss = server, list[float]()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        begun = time.monotonic()
        while not self._end.wait(max(0.0, begun + len(self.rss) - time.monotonic())):
            self.rss.append(round(self._server.rss(), 1))
