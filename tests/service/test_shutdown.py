"""The last connections of a service that ends: a slow caller gets an answer all the same."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from process import PATIENCE, Process

BODY = json.dumps({"texts": ["bread and soup"]}).encode()
SLOW = 0.9  # seconds: more than the end takes if nothing is waited for


@pytest.fixture
def service(folder: Path) -> Iterator[Process]:
    """A service that closes its socket as soon as it is asked to stop."""
    with Process(folder, "--grace", "0", lingers=True).ready() as service:
        yield service


def connect(service: Process) -> socket.socket:
    address = urlsplit(service.url)
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE)


def head(length: int = len(BODY)) -> bytes:
    return (
        "POST /v1/classify HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {length}\r\n\r\n"
    ).encode()


def read(connection: socket.socket, until_closed: bool = True) -> tuple[int, dict[str, str], dict]:
    """Return status, headers and JSON; by default once the other side has closed."""
    data = b""
    while part := connection.recv(65536):
        data += part
        top, _, body = data.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(": ") for line in top.decode().split("\r\n")[1:])
        if not until_closed and len(body) == int(headers["content-length"]):
            break
    return int(top.split()[1]), headers, json.loads(body)


def stop(service: Process) -> None:
    """Tell the service to stop, and wait until its socket is closed."""
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("draining")
    while True:
        try:
            connect(service).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)


def assert_refused(response: tuple[int, dict[str, str], dict]) -> None:
    status, headers, body = response
    assert (status, body["error"]["code"]) == (503, "draining")
    assert headers["connection"] == "close"


@pytest.mark.parametrize("used_before", [False, True])
def test_a_slow_request_on_an_open_connection_is_refused_and_not_cut_off(
    service: Process, used_before: bool
):
    with connect(service) as connection:
        if used_before:
            connection.sendall(head() + BODY)
            status, headers, _ = read(connection, until_closed=False)
            assert (status, "connection" in headers) == (200, False)
        stop(service)
        time.sleep(SLOW)
        connection.sendall(head() + BODY)
        assert_refused(read(connection))
    assert service.end() == 0


def test_a_refusal_is_complete_though_the_body_comes_late(service: Process):
    """Closed with a body that nobody has read, a connection is reset, and its answer with it."""
    with connect(service) as connection:
        stop(service)
        connection.sendall(head())
        assert_refused(read(connection, until_closed=False))
        for part in (BODY[:10], BODY[10:]):
            time.sleep(0.2)
            connection.sendall(part)
        assert connection.recv(1) == b""
    assert service.end() == 0


def test_a_request_that_is_too_large_is_refused_without_a_reset(service: Process):
    with connect(service) as connection:
        connection.sendall(head(30_000_000))
        status, headers, body = read(connection, until_closed=False)
        assert (status, body["error"]["code"]) == (413, "body_too_large")
        assert headers["connection"] == "close"
        for _ in range(8):
            connection.sendall(b"a" * 100_000)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_answers_in_the_grace_time_close_their_connection(folder: Path):
    """So no open connection is left to send a request on when the socket is closed."""
    with Process(folder, "--grace", "600").ready() as service, connect(service) as connection:
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("draining")
        connection.sendall(head() + BODY)
        status, headers, _ = read(connection)
        assert (status, headers["connection"]) == (200, "close")


def test_a_closed_connection_is_not_waited_for(service: Process):
    with connect(service):
        pass
    assert service.stop() == 0  # it lingers ten minutes, and Process waits one


def test_a_silent_connection_does_not_hold_up_the_end(folder: Path):
    with (
        Process(folder, "--grace", "0").ready() as service,
        connect(service) as connection,
    ):
        assert service.stop() == 0
        assert connection.recv(1) == b""
