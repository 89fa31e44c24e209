"""What a caller gets when the queue is full, when it takes too long, and when something breaks."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import anyio
import pytest
from inside import ask

from textshot.encoders import HashingEncoder
from textshot.service import make_app
from textshot.service import service as module


@pytest.fixture
def indexes(folder: Path) -> dict[str, Path]:
    return {"news": folder}


class HeldEncoder:
    """Holds the encoder of a service at the text "wait" until `free` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.free = threading.Event(), threading.Event()
        inner = HashingEncoder.encode

        def encode(encoder, texts, **options):
            if "wait" in texts:
                self.begun.set()
                assert self.free.wait(60)
            return inner(encoder, texts, **options)

        monkeypatch.setattr(HashingEncoder, "encode", encode)


def body(*texts: str) -> dict[str, list[str]]:
    return {"texts": list(texts)}


def test_a_full_queue_is_refused_while_the_encoder_is_busy(indexes, monkeypatch):
    held = HeldEncoder(monkeypatch)

    async def main(client, service):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: client.post("/v1/classify", json=body("wait")))
            assert await anyio.to_thread.run_sync(held.begun.wait, 60)
            tasks.start_soon(lambda: client.post("/v1/classify", json=body("a " * 30)))
            while service.batcher.n_open < 2:
                await anyio.sleep(0.01)
            answer = await client.post("/v1/classify", json=body("b " * 30))
            held.free.set()
        return answer

    answer = ask(indexes, main, queue_tokens=30, deadline=60)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "queue_full"
    assert int(answer.headers["retry-after"]) >= 1


def test_a_request_past_its_deadline_is_a_503(indexes, monkeypatch):
    held = HeldEncoder(monkeypatch)

    async def main(client, service):
        answer = await client.post("/v1/classify", json=body("wait"))
        held.free.set()
        return answer

    answer = ask(indexes, main, deadline=0.3)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "deadline"
    assert "0.3 seconds" in answer.json()["error"]["message"]
    assert answer.headers["retry-after"] == "1"


def test_a_request_whose_caller_disconnects_is_dropped(indexes, monkeypatch):
    held, sent = HeldEncoder(monkeypatch), []

    async def main(client, service):
        content = json.dumps(body("wait")).encode()
        messages = [{"type": "http.request", "body": content}]

        async def receive():
            if messages:
                return messages.pop()
            assert await anyio.to_thread.run_sync(held.begun.wait, 60)
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/v1/classify", "headers": headers}
        await make_app(service)(scope, receive, send)
        held.free.set()
        return service.batcher.n_open, (await client.get("/metrics")).text

    n_open, metrics = ask(indexes, main)
    assert sent[0]["status"] == 499
    assert n_open == 0
    assert 'textshot_dropped_total{reason="cancelled"} 1.0' in metrics


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
        result = ask(indexes, main)
    assert result.status_code == 500
    assert result.json()["error"]["request_id"] == "asked-by-us"
    assert "secret" not in json.dumps(result.json())
    [line] = [r for r in caplog.records if r.getMessage() == "internal error"]
    assert line.request_id == "asked-by-us"
