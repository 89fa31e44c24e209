"""The service as a process: socket, event loop, log and orderly shutdown."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from traceback import walk_tb
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from textshot.errors import ServiceError, TableWarning
from textshot.service.access import is_loopback
from textshot.service.app import make_app
from textshot.service.errors import APIError
from textshot.service.service import Service

_LOGGER = "textshot.service"
_log = logging.getLogger(_LOGGER)

LINGER_SECONDS = 2.0
"""Seconds that an open connection has at the end to send its request."""

_SHUTDOWN_SECONDS = 5.0  # beyond the deadline, for requests in progress
_CONNECT_SECONDS = 0.3  # for the last accepted sockets to become connections
_KEEP_ALIVE_SECONDS = 30
_BAD_REQUEST = (
    "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\n"
    "connection: close\r\n\r\n"
)
_RECORD_FIELDS = {*vars(logging.makeLogRecord({})), "message", "taskName", "color_message"}


def serve(service: Service, host: str, port: int) -> None:
    """Serve requests until SIGTERM or SIGINT; a second signal ends it at once.

    The socket listens from the start: while the indexes load, /livez answers and the rest is 503.
    After the signal, /readyz is 503, and requests are answered for the grace time, each with
    "Connection: close". Then the socket closes, and requests in progress are answered. A connection
    without a request has two seconds to send one, which is refused with 503.

    Args:
        service: a service that is not started.
        host: the address to listen on; without keys it must be a loopback address.
        port: 0 takes a free one.

    Raises:
        ServiceError: cannot listen on the address, or it is public and there are no keys.
        TextshotError: an index cannot be loaded.
    """
    _log_to_stderr()
    warnings.simplefilter("ignore", TableWarning)  # of uploads, about temporary files
    listener = _bind(service, host, port)
    config = uvicorn.Config(
        make_app(service),
        http=_Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(service.options.deadline + _SHUTDOWN_SECONDS),
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_run(_Server(config), service, listener))


class _Protocol(HttpToolsProtocol):
    """Answers bytes that are not HTTP with the one shape of errors."""

    def send_400_response(self, msg: str) -> None:
        """Refuse the bytes, and close the connection."""
        error = APIError(400, "invalid_http", "this is not an HTTP request. Send HTTP/1.1")
        body = error.body(secrets.token_hex(8))
        self.transport.write(_BAD_REQUEST.format(len(body)).encode() + body)
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn with our signal handling: its own would close the socket before /readyz is 503."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listening sockets, then give open connections time to send their request.

        Connections that the system has accepted but nobody has read from are taken over, as closing
        the socket would reset them. Every response closes its connection by now, so the remaining
        ones have not sent a request yet.
        """
        listeners = [listener.dup() for listener in sockets or ()]
        for server in self.servers:
            server.close()
        pending = [connection for listener in listeners for connection in _pending(listener)]
        for listener in [*listeners, *(sockets or ())]:
            listener.close()
        loop = asyncio.get_running_loop()
        for connection in pending:
            await loop.connect_accepted_socket(self._protocol, connection)
        await asyncio.sleep(_CONNECT_SECONDS)
        until = loop.time() + LINGER_SECONDS
        while self.server_state.connections and not self.force_exit and loop.time() < until:
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return _Protocol(self.config, self.server_state, self.lifespan.state)


def _pending(listener: socket.socket) -> list[socket.socket]:
    """Return the connections that wait to be accepted."""
    listener.setblocking(False)
    connections = []
    with suppress(OSError):
        while True:
            connections.append(listener.accept()[0])
    return connections


async def _run(server: _Server, service: Service, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[None]] = []

    def stop() -> None:
        if stopping:
            server.force_exit = True
        server.should_exit = server.should_exit or bool(stopping)
        stopping.append(asyncio.ensure_future(_drain(server, service)))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    serving = asyncio.create_task(server.serve([listener]))
    _log.info("listening", extra={"event": "listening", "url": _url(listener)})
    if sys.stderr.isatty():
        sys.stderr.write(banner(service, _url(listener)))
    starting = asyncio.create_task(service.start())
    await asyncio.wait([serving, starting], return_when=asyncio.FIRST_COMPLETED)
    if starting.done() and starting.exception() is not None:
        server.should_exit = True
    await serving
    if not starting.done():
        starting.cancel()
        await asyncio.wait([starting])
    await service.stop()
    if not starting.cancelled():
        starting.result()


def banner(service: Service, url: str) -> str:
    """Return what a person at a terminal is told: where what is, and how to end it."""
    names = ", ".join(service.indexes)
    keys = "an API key is needed" if service.has_keys else "without API keys, for this machine only"
    return (
        f"\n  textshot serves {names} ({keys})\n  page: {url}/\n  API:  {url}/docs\n"
        "  Ctrl-C ends it\n\n"
    )


async def _drain(server: _Server, service: Service) -> None:
    await service.drain()
    server.should_exit = True


def _bind(service: Service, host: str, port: int) -> socket.socket:
    if not service.has_keys and not is_loopback(host):
        raise ServiceError(
            f"{host} can be reached from other machines, so API keys are required: use --api-keys"
            " FILE, or listen on 127.0.0.1"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise ServiceError(
            f"cannot listen on {host}:{port} ({reason}). Choose another --host or --port"
        ) from None
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time, level, message and the fields of `extra`.

    An exception is logged by its type and where it was raised, without its message, which may hold
    a text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _RECORD_FIELDS}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = type(error).__name__
            line["at"] = [
                f"{frame.f_code.co_filename}:{number} {frame.f_code.co_name}"
                for frame, number in walk_tb(error.__traceback__)
            ]
        return json.dumps(line, ensure_ascii=False, default=str)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name, level in ((_LOGGER, logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
