"""The last connections of a service that ends: who is slow to speak is answered all the same."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from process import Process

from textshot import Category, Engine
from textshot.encoders import HashingEncoder

BODY = json.dumps({"texts": ["bread and soup"]}).encode()
SLOW = 0.9  # seconds: far more than the stop would take if nobody was waited for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    categories = [
        Category("sport", examples=["the match"]),
        Category("food", examples=["bread and soup"]),
    ]
    Engine.build(categories, encoder=HashingEncoder()).save(tmp_path / "news")
    return tmp_path / "news"


@pytest.fixture
def service(folder: Path) -> Iterator[Process]:
    """A service whose door closes as soon as it is told to stop."""
    with Process(folder, "--grace", "0").ready() as service:
        yield service


def connect(service: Process) -> socket.socket:
    address = urlsplit(service.url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def head(length: int = len(BODY)) -> bytes:
    return (
        "POST /v1/classify HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {length}\r\n\r\n"
    ).encode()


def read(connection: socket.socket, until_closed: bool = True) -> tuple[int, dict[str, str], dict]:
    """Return the status, the headers and what JSON says, once the other side has closed."""
    found = b""
    while part := connection.recv(65536):
        found += part
        top, _, body = found.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(": ") for line in top.decode().split("\r\n")[1:])
        if not until_closed and len(body) == int(headers["content-length"]):
            break
    return int(top.split()[1]), headers, json.loads(body)


def stop(service: Process) -> None:
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("draining")


def refused(answer: tuple[int, dict[str, str], dict]) -> None:
    status, headers, shown = answer
    assert (status, shown["error"]["code"]) == (503, "draining")
    assert headers["connection"] == "close"


@pytest.mark.parametrize("asked_before", [False, True])
def test_who_has_connected_and_is_slow_to_ask_is_told(service: Process, asked_before: bool):
    with connect(service) as connection:
        if asked_before:
            connection.sendall(head() + BODY)
            status, headers, _ = read(connection, until_closed=False)
            assert (status, "connection" in headers) == (200, False)
        stop(service)
        time.sleep(SLOW)
        connection.sendall(head() + BODY)
        refused(read(connection))
    assert service.end() == 0


def test_a_refusal_is_there_at_once_and_whole_though_the_body_comes_late(service: Process):
    """Closed with a body that nobody has read, a connection is reset, and its answer with it."""
    with connect(service) as connection:
        stop(service)
        time.sleep(0.1)
        connection.sendall(head())
        refused(read(connection, until_closed=False))
        for part in (BODY[:10], BODY[10:]):
            time.sleep(0.2)
            connection.sendall(part)
        assert connection.recv(1) == b""
    assert service.end() == 0


def test_a_request_that_is_too_large_is_refused_without_a_reset(service: Process):
    with connect(service) as connection:
        connection.sendall(head(30_000_000))
        status, headers, shown = read(connection, until_closed=False)
        assert (status, shown["error"]["code"]) == (413, "body_too_large")
        assert headers["connection"] == "close"
        for _ in range(8):
            connection.sendall(b"a" * 100_000)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_answers_of_the_grace_time_close_their_connection(folder: Path):
    """So nobody has one left that he could ask by when the door is closed."""
    with Process(folder, "--grace", "2").ready() as service, connect(service) as connection:
        stop(service)
        connection.sendall(head() + BODY)
        status, headers, _ = read(connection)
        assert (status, headers["connection"]) == (200, "close")


def test_nobody_is_waited_for_who_is_gone(service: Process):
    with connect(service):
        pass
    begun = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - begun < 1.5


def test_who_says_nothing_does_not_hold_up_the_end(service: Process):
    with connect(service) as connection:
        begun = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - begun < 10
        assert connection.recv(1) == b""
