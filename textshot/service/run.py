"""The service as a process: one socket, one event loop, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from textshot.errors import ServiceError
from textshot.service.app import make_app
from textshot.service.hosts import is_loopback
from textshot.service.logs import log_to_stderr
from textshot.service.protocol import Protocol
from textshot.service.service import Service

_log = logging.getLogger("textshot.service")

_AFTER = 5.0  # seconds beyond the deadline that what is under way may take at the end
_ENTER = 0.3  # seconds in which who came in last becomes a connection
_LINGER = 2.0  # seconds that a connection has to say what is wanted of it, before it is closed
_KEEP_ALIVE = 30  # seconds that an idle connection stays


class _Server(uvicorn.Server):
    """uvicorn, with signals left to us: it would close its door before anybody knows."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door first, and let those who have come in say what they want.

        Who has connected while nobody looked is let in too: the system would hang up on them. Each
        answer closes its connection by now; those that are left have not asked yet.
        """
        doors = [bound.dup() for bound in sockets or ()]
        for server in self.servers:
            server.close()
        came = [connection for door in doors for connection in _waiting(door)]
        for door in [*doors, *(sockets or ())]:
            door.close()
        loop = asyncio.get_running_loop()
        for connection in came:
            await loop.connect_accepted_socket(self._protocol, connection)
        await asyncio.sleep(_ENTER)
        until = loop.time() + _LINGER
        while self.server_state.connections and not self.force_exit and loop.time() < until:
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return Protocol(self.config, self.server_state, self.lifespan.state)


def _waiting(door: socket.socket) -> list[socket.socket]:
    """Return the connections that nobody has taken yet."""
    door.setblocking(False)
    found = []
    with suppress(OSError):
        while True:
            found.append(door.accept()[0])
    return found


def serve(service: Service, host: str, port: int) -> None:
    """Answer requests until SIGTERM or SIGINT; a second one ends it at once.

    The socket is there from the start: until the indexes are loaded, /livez answers, and all else
    is 503. After the signal /readyz is 503 while requests are still answered for the grace time,
    and each answer closes its connection; then the socket closes, what was taken is answered, and
    who has connected but not asked yet has two seconds to do so, and is refused.

    Args:
        service: not begun yet.
        host: to bind to; without keys it has to be one of this machine alone.
        port: 0 takes a free one.

    Raises:
        ServiceError: the address cannot be bound to, or is public and there are no keys.
        TextshotError: an index cannot be loaded.
    """
    log_to_stderr()
    bound = _bind(service, host, port)
    config = uvicorn.Config(
        make_app(service),
        http=Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=round(service.settings.deadline + _AFTER),
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_run(_Server(config), service, bound))


async def _run(server: _Server, service: Service, bound: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[None]] = []

    def stop() -> None:
        if stopping:
            server.force_exit = True
        server.should_exit = server.should_exit or bool(stopping)
        stopping.append(asyncio.ensure_future(_stop(server, service)))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    serving = asyncio.create_task(server.serve([bound]))
    _log.info("listening", extra={"event": "listening", "url": _url(bound)})
    beginning = asyncio.create_task(service.begin())
    await asyncio.wait([serving, beginning], return_when=asyncio.FIRST_COMPLETED)
    if beginning.done() and beginning.exception() is not None:
        server.should_exit = True
    await serving
    if not beginning.done():
        beginning.cancel()
        await asyncio.wait([beginning])
    await service.end()
    if not beginning.cancelled():
        beginning.result()


async def _stop(server: _Server, service: Service) -> None:
    await service.drain()
    server.should_exit = True


def _bind(service: Service, host: str, port: int) -> socket.socket:
    if not service.has_keys and not is_loopback(host):
        raise ServiceError(
            f"{host} can be reached from other machines, so callers need keys: --api-keys FILE. Or"
            " bind to 127.0.0.1"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host.strip("[]"), port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or error
        raise ServiceError(
            f"cannot listen at {host}:{port} ({reason}). Name another by --host and --port"
        ) from None
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
