"""New generations, damaged ones and stops while requests come: none is lost, none is mixed.

The full numbers (200 reloads, 50 stops, the real encoder) are those of `make bench-service`.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest
from inside import ask
from process import PATIENCE, Process

from textshot import Category, Engine
from textshot.service import Service

TEXTS = ["bread and soup", "the match was won", "what is it about 3", "nothing of it all"]
RELOADS, DAMAGED_EACH = 24, 4


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


async def publish_all(folder: Path, service: Service, known: dict, seen: set[int]) -> None:
    """Write generations, each when the one before it has been seen, and damage some for a while."""
    for i in range(RELOADS):
        if i % DAMAGED_EACH == 0:
            path, content = damage(folder)
            while service.default.load_error is None:
                await asyncio.sleep(0.005)
            path.write_bytes(content)
        generation, answers = await asyncio.to_thread(publish, folder, i)
        known[generation] = answers
        while generation not in seen:
            await asyncio.sleep(0.005)


def test_every_answer_is_that_of_one_generation_and_none_fails(folder: Path):
    known = {1: answers_of(Engine.load(folder))}
    seen: set[int] = set()
    responses: list[dict] = []

    async def body(client, service):
        writing = asyncio.create_task(publish_all(folder, service, known, seen))
        while not writing.done():
            requests = (client.post("/v1/classify", json={"texts": TEXTS}) for _ in range(4))
            answers = await asyncio.gather(*requests)
            assert {answer.status_code for answer in answers} == {200}
            responses.extend(answer.json() for answer in answers)
            seen.update(answer.json()["index_generation"] for answer in answers)
        await writing
        return service.default.n_load_errors

    assert ask({"news": folder}, body, poll=0.01) >= RELOADS / DAMAGED_EACH
    for response in responses:
        predictions = [(p["label"], p["score"]) for p in response["predictions"]]
        assert predictions == known[response["index_generation"]]
    assert seen | {1} == set(known)


class Callers:
    """Threads that send requests until the connection is refused."""

    def __init__(self, url: str, n: int) -> None:
        self.statuses: list[int] = []
        self.lost: list[str] = []
        self._url = url
        self._threads = [threading.Thread(target=self._send) for _ in range(n)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=PATIENCE) as client:
            while True:
                try:
                    answer = client.post("/v1/classify", json={"texts": TEXTS})
                except httpx.ConnectError:
                    return
                except httpx.TransportError as error:
                    self.lost.append(type(error).__name__)
                    return
                self.statuses.append(answer.status_code)


@pytest.mark.parametrize("n_answers", [10, 50, 250])
def test_a_stop_under_load_loses_no_request(folder: Path, n_answers: int):
    """A request that was sent is answered, by 200 or by a 503; then connections are refused."""
    with Process(folder, "--grace", "0.3", lingers=True).ready() as service:
        callers = Callers(service.url, 6)
        while len(callers.statuses) < n_answers:
            time.sleep(0.01)
        service.process.send_signal(signal.SIGTERM)
        assert service.end() == 0
        callers.join()
    assert callers.lost == []
    assert set(callers.statuses) <= {200, 503}
