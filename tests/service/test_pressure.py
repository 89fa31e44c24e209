"""What a caller gets when there is too much, when it takes too long, and when something breaks."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import anyio
import pytest
from inside import ask

from textshot import Category, Engine
from textshot.encoders import HashingEncoder
from textshot.service import service as module


@pytest.fixture
def indexes(tmp_path: Path) -> dict[str, Path]:
    categories = [
        Category("sport", examples=["the match"]),
        Category("food", examples=["bread and soup"]),
    ]
    Engine.build(categories, encoder=HashingEncoder()).save(tmp_path / "news")
    return {"news": tmp_path / "news"}


class Held:
    """Stops the encoder of a service until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        inner = HashingEncoder.encode

        def encode(encoder, texts, **options):
            if "wait" in texts:
                self.free.wait(20)
            return inner(encoder, texts, **options)

        monkeypatch.setattr(HashingEncoder, "encode", encode)


def body(*texts: str) -> dict[str, list[str]]:
    return {"texts": list(texts)}


def test_a_full_queue_is_said_at_once(indexes, monkeypatch):
    held = Held(monkeypatch)

    async def main(client, service):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: client.post("/v1/classify", json=body("wait")))
            await anyio.sleep(0.2)
            tasks.start_soon(lambda: client.post("/v1/classify", json=body("a " * 30)))
            await anyio.sleep(0.1)
            with anyio.fail_after(5):
                found = await client.post("/v1/classify", json=body("b " * 30))
            held.free.set()
        return found

    found = ask(indexes, main, queue_tokens=30)
    assert found.status_code == 429
    assert found.json()["error"]["code"] == "queue_full"
    assert int(found.headers["retry-after"]) >= 1


def test_a_request_that_takes_too_long_is_told_so(indexes, monkeypatch):
    held = Held(monkeypatch)

    async def main(client, service):
        found = await client.post("/v1/classify", json=body("wait"))
        held.free.set()
        return found

    found = ask(indexes, main, deadline=0.3)
    assert found.status_code == 503
    assert found.json()["error"]["code"] == "deadline"
    assert "0.3 seconds" in found.json()["error"]["message"]
    assert found.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/categories"])
def test_the_place_of_an_internal_error_is_in_the_log_under_its_request(
    indexes, monkeypatch, caplog, path
):
    def broken(self, name):
        raise RuntimeError("a secret of a caller")

    async def main(client, service):
        monkeypatch.setattr(module.Service, "find", broken)
        headers = {"X-Request-ID": "asked-by-us"}
        if path == "/v1/classify":
            return await client.post(path, json=body("bread"), headers=headers)
        return await client.get(path, headers=headers)

    with caplog.at_level(logging.ERROR, "textshot.service"):
        found = ask(indexes, main)
    assert found.status_code == 500
    assert found.json()["error"]["request_id"] == "asked-by-us"
    assert "secret" not in json.dumps(found.json())
    [line] = [r for r in caplog.records if r.getMessage() == "internal error"]
    assert line.request_id == "asked-by-us"
