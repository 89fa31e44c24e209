"""What stands before every route: ids, hosts, keys, limits, one shape of errors, one log line.

It is plain ASGI, as it runs for each request: a tenth of a millisecond is a tenth of a core at a
thousand requests a second.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from time import perf_counter
from urllib.parse import unquote_to_bytes

from textshot.service.asgi import App, Message, Receive, Scope, Send
from textshot.service.hosts import check_host, check_origin
from textshot.service.problems import Problem, too_large
from textshot.service.service import Service

_log = logging.getLogger("textshot.service")

_OUR_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_WITHOUT_KEY = ("/", "/livez", "/readyz", "/openapi.json", "/favicon.ico")
_PAGE = "/page/"
_UPLOAD = re.compile(r"/v1/(indexes/[^/]+/)?files")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        b" connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
]
_NO_STORE = (b"cache-control", b"no-store")
_LINGER = 2.0
"""Seconds that the rest of a body is read after an answer that closes the connection: closed with
something unread, it is reset, and a reset can take the answer with it."""


class Guard:
    """An ASGI application around another one.

    Args:
        app: the routes.
        service: what they share.
    """

    def __init__(self, app: App, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; what is no request is handed on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self._service, scope, receive, send).run(self._app)


class _Exchange:
    """One request and its answer."""

    def __init__(self, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        self._service, self._scope, self._receive, self._send = service, scope, receive, send
        self._begun, self._status, self._code = perf_counter(), 0, ""
        self._headers = dict(scope["headers"])
        self._id = _request_id(self._headers.get(b"x-request-id"))
        self._most = service.settings.max_body
        self._got, self._ended, self._closing = 0, False, False
        scope.setdefault("state", {})["request_id"] = self._id

    async def run(self, app: App) -> None:
        try:
            self._check()
            await app(self._scope, self._bounded, self._answer)
        except Problem as problem:
            await self._refuse(problem)
        except Exception as error:
            if not self._status:
                await self._refuse(internal(error, self._id))
            elif self._status != 500:  # begun: break off, so that nobody takes it for whole
                _log.error("broken off", exc_info=error, extra={"request_id": self._id})
                self._code = "broken_off"
                raise
        finally:
            self._tell()

    def _check(self) -> None:
        """Refuse what must not reach a route."""
        path, headers, settings = self._scope["path"], self._headers, self._service.settings
        _check_path(self._scope.get("raw_path"))
        if not self._service.has_keys:
            check_host(headers.get(b"host"), settings.allowed_hosts)
        if path not in _WITHOUT_KEY and not path.startswith(_PAGE):
            check_origin(headers)
            self._scope["state"]["caller"] = self._service.caller(_key(headers))
            if path != "/metrics":
                self._service.check_open()
        if _UPLOAD.fullmatch(path):
            self._most = settings.max_file
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._most:
            raise too_large("the request", self._most)

    async def _bounded(self) -> Message:
        message = await self._read()
        if message["type"] == "http.request":
            self._got += len(message.get("body", b""))
            if self._got > self._most:
                raise too_large("the request", self._most)
        return message

    async def _read(self) -> Message:
        message = await self._receive()
        self._ended = not message.get("more_body", False)
        return message

    async def _read_on(self) -> None:
        """Read what else comes of the body, and forget it; the time is none of the answer's."""
        answered = perf_counter()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while not self._ended:
                    await self._read()
        self._begun += perf_counter() - answered

    async def _answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = [*message.get("headers", ()), *_HEADERS, (b"x-request-id", self._id.encode())]
            if self._scope["path"].startswith("/v1/"):
                headers.append(_NO_STORE)
            self._closing = self._closing or self._service.reason == "draining"
            if self._closing:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        elif self._closing and not self._ended and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._read_on()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _refuse(self, problem: Problem) -> None:
        if self._status:
            raise problem
        self._code = problem.code
        body = problem.body(self._id)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *((k.lower().encode(), v.encode()) for k, v in problem.headers.items()),
        ]
        self._closing = problem.status == 413  # what else comes of the body is not kept
        await self._answer(
            {"type": "http.response.start", "status": problem.status, "headers": headers}
        )
        await self._answer({"type": "http.response.body", "body": body})

    def _tell(self) -> None:
        """Count the request, and write its line."""
        seconds, scope = perf_counter() - self._begun, self._scope
        route = getattr(scope.get("route"), "path", "(none)")
        self._service.metrics.request(route, _method(scope["method"]), self._status, seconds)
        code = self._code or scope["state"].get("code", "")
        if code:
            self._service.metrics.errors.labels(code).inc()
        if not self._service.settings.access_log or route in ("/livez", "/readyz", "/metrics"):
            return
        told = {
            "event": "request",
            "request_id": self._id,
            "method": _method(scope["method"]),
            "route": route,
            "status": self._status,
            "ms": round(1e3 * seconds, 1),
        }
        caller = scope["state"].get("caller")
        told |= {"key": caller.name} if caller else {}
        told |= {"code": code} if code else {}
        _log.info("request", extra=told)


def internal(error: Exception, request_id: str) -> Problem:
    """Write down where an unexpected error came from, and return the answer to it."""
    _log.error("internal error", exc_info=error, extra={"request_id": request_id})
    return Problem(
        500,
        "internal",
        "something went wrong here that is no fault of the request. The log has the place under"
        " this request id",
    )


def _check_path(raw: bytes | None) -> None:
    try:
        unquote_to_bytes(raw or b"").decode()
    except UnicodeDecodeError:
        raise Problem(
            400, "invalid_path", "the path is not UTF-8. Percent-encode names as UTF-8"
        ) from None


def _key(headers: Mapping[bytes, bytes]) -> str | None:
    scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    other = headers.get(b"x-api-key")
    return None if other is None else other.decode("latin-1").strip()


def _request_id(given: bytes | None) -> str:
    wanted = (given or b"").decode("latin-1")
    return wanted if _OUR_ID.fullmatch(wanted) else secrets.token_hex(8)


def _method(name: str) -> str:
    """Keep the number of series small, whatever somebody sends."""
    usual = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
    return name if name in usual else "(other)"
