"""New generations under load, some of them damaged, from several writers: which one answered?"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.service.client import Answer, constant
from benchmarks.service.server import BACKEND, Server, serving
from textshot import Engine
from textshot.types import Category

N_TEXTS = 20
NEAR = 2e-3
"""How far a score may be from that of the library."""

EVERY_COMMAND = 20
"""One generation of so many is written by the command line, in a process of its own."""

Known = dict[int, list[tuple[str | None, float]]]


def reloads(
    index: Path, texts: Sequence[str], rate: float, n: int, n_damaged: int
) -> dict[str, Any]:
    """Publish n generations under load, n_damaged of them broken; compare each answer.

    Args:
        index: a folder that is changed.
        texts: the first N_TEXTS of them are asked about.
        rate: requests a second.
        n: generations that are put in place.
        n_damaged: so many of them are damaged, and mended a second later.
    """
    asked = list(texts[:N_TEXTS])
    with serving(index, "--poll", "0.1", "--no-access-log") as server:
        writer = _Writer(index, asked, n, n_damaged)

        pick = random.Random(0)
        places = [pick.choices(range(len(asked)), k=pick.randint(1, 3)) for _ in range(1000)]

        async def both() -> list[Answer]:
            done = asyncio.create_task(asyncio.to_thread(writer.write, server))
            texts_of = [[asked[place] for place in some] for some in places]
            found = await constant(server.port, rate, 3600, lambda i: texts_of[i % 1000], done.done)
            await done
            return found

        answers = asyncio.run(both())
    statuses = Counter(str(a.status) if a.status else a.failed for a in answers)
    return {
        "requests": len(answers),
        "statuses": dict(statuses),
        "generations": len(writer.known),
        "answering": len({a.json()["index_generation"] for a in answers if a.status == 200}),
        "damaged": n_damaged,
        "refused_reloads": server.events.count("reload_failed"),
        "taken": server.events.count("loaded") - 1,
        **_compared(answers, places, writer.known),
    }


def _compared(
    answers: Sequence[Answer], places: Sequence[Sequence[int]], known: Known
) -> dict[str, Any]:
    """Compare each answer, text by text, with that of the generation that it names."""
    wrong, most = 0, 0.0
    for i, answer in enumerate(answers):
        if answer.status != 200:
            continue
        found = answer.json()
        generation = known[found["index_generation"]]
        for place, prediction in zip(places[i % len(places)], found["predictions"], strict=True):
            label, score = generation[place]
            apart = abs(score - prediction["score"])
            most = max(most, apart)
            wrong += label != prediction["label"] or apart > NEAR
    return {"wrong": wrong, "largest_difference": most}


class _Writer:
    """Puts generations in place, and knows the answers of each by the library."""

    def __init__(self, index: Path, texts: Sequence[str], n: int, n_damaged: int) -> None:
        self._index, self._n, self._n_damaged = index, n, n_damaged
        engine = Engine.load(index, backend=BACKEND)
        self._encoder, self._vectors = engine.encoder, engine.encoder.encode(texts)
        self.known: Known = {}
        self._learn()

    def write(self, server: Server) -> None:
        draw = random.Random(0)
        damaged = set(draw.sample(range(self._n), self._n_damaged))
        for i in range(self._n):
            if i in damaged:
                self._damage(server)
            elif i % EVERY_COMMAND == 0:
                self._command(i)
            else:
                self._change(draw)
            time.sleep(draw.uniform(0.05, 0.4))

    def _change(self, draw: random.Random) -> None:
        engine = Engine.load(self._index, encoder=self._encoder)
        names = engine.index.labels
        if len(names) > 60 and draw.random() < 0.5:
            engine.remove(draw.choice(names))
        else:
            name = f"made {draw.randrange(10**6)}"
            engine.add([Category(name, examples=[f"about {name} {draw.random()}"])])
        engine.save(self._index)
        self._learn()

    def _command(self, i: int) -> None:
        words = ["labels", "add", str(self._index), f"by hand {i}", f"said by hand {i}"]
        command = [sys.executable, "-m", "textshot", *words]
        environment = {**os.environ, "TEXTSHOT_BACKEND": BACKEND}
        subprocess.run(command, check=True, capture_output=True, env=environment)
        self._learn()

    def _damage(self, server: Server) -> None:
        """Break a new generation, and mend it when it has been refused."""
        refused = server.events.count("reload_failed")
        [path] = [self._index / self._named("vectors")]
        whole = path.read_bytes()
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
        os.utime(self._index / "index.json")
        end = time.monotonic() + 10
        while server.events.count("reload_failed") == refused and time.monotonic() < end:
            time.sleep(0.02)
        path.write_bytes(whole)
        os.utime(self._index / "index.json")

    def _named(self, role: str) -> str:
        manifest = json.loads((self._index / "index.json").read_text())
        name: str = manifest["files"][role]["name"]
        return name

    def _learn(self) -> None:
        engine = Engine.load(self._index, encoder=self._encoder)
        found = engine.classify_vectors(np.asarray(self._vectors))
        self.known[engine.index.generation] = [(p.label, p.score) for p in found]
