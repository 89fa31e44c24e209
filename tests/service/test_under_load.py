"""New generations, damaged ones and stops while requests come: none is lost, none is mixed.

The full numbers (200 reloads, 50 stops, the real encoder) are those of `make bench-service`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from inside import ask
from process import Process

from textshot import Category, Engine
from textshot.encoders import HashingEncoder

TEXTS = ["bread and soup", "the match was won", "what is it about 3", "nothing of it all"]
RELOADS, DAMAGED_EACH, STOPS = 24, 4, 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    categories = [
        Category("sport", examples=["the match"]),
        Category("food", examples=["bread and soup"]),
    ]
    Engine.build(categories, encoder=HashingEncoder()).save(tmp_path / "news")
    return tmp_path / "news"


def answers_of(engine: Engine) -> list[tuple[str | None, float]]:
    return [(p.label, p.score) for p in engine.classify(TEXTS)]


def publish(folder: Path, i: int) -> tuple[int, list[tuple[str | None, float]]]:
    """Write another generation, as another process would; return its number and its answers."""
    engine = Engine.load(folder)
    engine.add([Category(f"made {i}", examples=[f"what is it about {i}"])])
    if i % 3 == 2:
        engine.remove(f"made {i - 1}")
    engine.save(folder)
    return engine.index.generation, answers_of(engine)


def damage(folder: Path) -> tuple[Path, bytes]:
    manifest = folder / "index.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-20])
    return manifest, whole


def test_every_answer_is_that_of_one_generation_and_none_fails(folder: Path):
    known = {1: answers_of(Engine.load(folder))}

    async def write(service) -> None:
        for i in range(RELOADS):
            if i % DAMAGED_EACH == 0:
                path, whole = damage(folder)
                while service.default.load_error is None:
                    await asyncio.sleep(0.005)
                path.write_bytes(whole)
            generation, answers = await asyncio.to_thread(publish, folder, i)
            known[generation] = answers
            await asyncio.sleep(0.02)

    async def body(client, service):
        writing, found = asyncio.create_task(write(service)), []
        while not writing.done():
            few = (client.post("/v1/classify", json={"texts": TEXTS}) for _ in range(4))
            found += await asyncio.gather(*few)
        await writing
        return found, service.default.n_load_errors

    found, refused = ask({"news": folder}, body, poll=0.01)
    assert {answer.status_code for answer in found} == {200}
    seen = set()
    for answer in found:
        shown = answer.json()
        seen.add(shown["index_generation"])
        mine = [(p["label"], p["score"]) for p in shown["predictions"]]
        assert mine == known[shown["index_generation"]]
    assert len(seen) > RELOADS / 3
    assert refused >= RELOADS / DAMAGED_EACH


class Callers:
    """Threads that ask again and again until nobody is there."""

    def __init__(self, url: str, n: int) -> None:
        self.statuses: list[int] = []
        self.lost: list[str] = []
        self.readiness: list[int] = []
        self._url = url
        targets = [self._ask] * n + [self._watch]
        self._threads = [threading.Thread(target=target) for target in targets]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False) as client:
            while True:
                try:
                    answer = client.post("/v1/classify", json={"texts": TEXTS})
                except httpx.ConnectError:
                    return
                except httpx.TransportError as error:
                    self.lost.append(type(error).__name__)
                    return
                self.statuses.append(answer.status_code)

    def _watch(self) -> None:
        with suppress(httpx.TransportError):
            while True:
                answer = httpx.get(f"{self._url}/readyz", trust_env=False)
                self.readiness.append(answer.status_code)


@pytest.mark.parametrize("after", [i / 10 for i in range(STOPS)])
def test_a_stop_under_load_loses_no_request(folder: Path, after: float):
    """A request that was sent is answered, by 200 or by a 503; then nobody is let in."""
    with Process(folder, "--grace", "0.3").ready() as service:
        callers = Callers(service.url, 6)
        time.sleep(0.2 + after)
        os.kill(service.process.pid, signal.SIGTERM)
        assert service.end() == 0
        callers.join()
    assert callers.lost == []
    assert set(callers.statuses) <= {200, 503}
    assert callers.statuses.count(200) > 0
    assert callers.readiness[-1] == 503
