"""Checks and records of every request: id, host, key, limits, error shape, metrics, log.

Plain ASGI, because it runs for each request: at a thousand requests a second, a tenth of a
millisecond is a tenth of a core.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from time import perf_counter
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from textshot.service.access import check_host, check_origin
from textshot.service.errors import APIError, body_too_large
from textshot.service.service import Service

_log = logging.getLogger("textshot.service")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OPEN_PATHS = ("/", "/docs", "/livez", "/readyz", "/openapi.json", "/favicon.ico")
_PAGE = "/page/"
_UPLOAD = re.compile(r"/v1/(indexes/[^/]+/)?files")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_PARAMETER = re.compile(r"\{\w+\}")
_UNLOGGED = ("/livez", "/readyz", "/metrics")
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
LINGER_SECONDS = 2.0
"""Seconds to read the rest of a body after a response that closes the connection. Closed with
unread data, the connection would be reset, and the response could get lost."""


class Guard:
    """An ASGI application around the one with the routes.

    Args:
        app: the routes.
        service: the service behind them.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    @cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str]]]:
        return _route_patterns(self._app)

    def route_of(self, path: str) -> str:
        """Return the route of a path, for a request that was refused before it reached one."""
        return next((route for route, matches in self._routes if matches.fullmatch(path)), "(none)")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request, and refuse a WebSocket."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self, self._service, scope, receive, send).run(self._app)


class _Exchange:
    """One request and its response."""

    def __init__(
        self, guard: Guard, service: Service, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._guard = guard
        self._service, self._scope, self._receive, self._send = service, scope, receive, send
        self._start, self._status, self._code = perf_counter(), 0, ""
        self._headers = dict(scope["headers"])
        self._id = _request_id(self._headers.get(b"x-request-id"))
        self._max_body = service.options.max_body
        self._body_size, self._body_ended, self._closing = 0, False, False
        scope.setdefault("state", {})["request_id"] = self._id

    async def run(self, app: ASGIApp) -> None:
        try:
            self._check()
            await app(self._scope, self._receive_limited, self._send_response)
        except APIError as error:
            await self._refuse(error)
        except Exception as error:
            if not self._status:
                await self._refuse(internal_error(error, self._id))
            elif self._status != 500:  # started: break it off, so that it does not look complete
                _log.error("broken off", exc_info=error, extra={"request_id": self._id})
                self._code = "broken_off"
                raise
        finally:
            self._record()

    def _check(self) -> None:
        """Refuse a request that must not reach a route."""
        path, headers, options = self._scope["path"], self._headers, self._service.options
        _check_path(self._scope.get("raw_path"))
        if not self._service.has_keys:
            check_host(headers.get(b"host"), options.allowed_hosts)
        if path not in _OPEN_PATHS and not path.startswith(_PAGE):
            check_origin(headers)
            self._scope["state"]["caller"] = self._service.caller(_key(headers))
            if path != "/metrics":
                self._service.check_accepting()
        if _UPLOAD.fullmatch(path):
            self._max_body = options.max_file
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_body:
            raise body_too_large(self._max_body)

    async def _receive_limited(self) -> Message:
        message = await self._receive_next()
        if message["type"] == "http.request":
            self._body_size += len(message.get("body", b""))
            if self._body_size > self._max_body:
                raise body_too_large(self._max_body)
        return message

    async def _receive_next(self) -> Message:
        message = await self._receive()
        self._body_ended = not message.get("more_body", False)
        return message

    async def _discard_body(self) -> None:
        """Read the rest of the body without counting the time."""
        answered = perf_counter()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._body_ended:
                    await self._receive_next()
        self._start += perf_counter() - answered

    async def _send_response(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = [*message.get("headers", ()), *_HEADERS, (b"x-request-id", self._id.encode())]
            if self._scope["path"].startswith("/v1/"):
                headers.append(_NO_STORE)
            self._closing = self._closing or self._service.not_ready_reason == "draining"
            if self._closing:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        elif self._closing and not self._body_ended and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._discard_body()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _refuse(self, error: APIError) -> None:
        self._code = error.code
        if self._status:  # started: break it off, so that it does not look complete
            raise error
        self._closing = error.status == 413  # the rest of the body is discarded
        await error.response(self._id)(self._scope, self._receive, self._send_response)

    def _record(self) -> None:
        """Count the request, and log it."""
        seconds, scope = perf_counter() - self._start, self._scope
        known = getattr(scope.get("route"), "path_format", None)
        route = known or self._guard.route_of(scope["path"])
        # Whatever a caller sends, the number of series stays small.
        method = scope["method"] if scope["method"] in _METHODS else "(other)"
        self._service.metrics.count_request(route, method, self._status, seconds)
        code = self._code or scope["state"].get("code", "")
        if code:
            self._service.metrics.errors.labels(code).inc()
        if not self._service.options.access_log or route in _UNLOGGED:
            return
        record = {
            "event": "request",
            "request_id": self._id,
            "method": method,
            "route": route,
            "status": self._status,
            "ms": round(1e3 * seconds, 1),
        }
        caller = scope["state"].get("caller")
        record |= {"key": caller.name} if caller else {}
        record |= {"code": code} if code else {}
        _log.info("request", extra=record)


def _route_patterns(app: ASGIApp) -> list[tuple[str, re.Pattern[str]]]:
    """Return the routes that /openapi.json lists, each with what matches its paths."""
    describe = getattr(app, "openapi", None)
    paths = sorted(describe()["paths"], reverse=True) if describe else []
    return [(path, re.compile(_PARAMETER.sub(_any_value, path))) for path in paths]


def _any_value(parameter: re.Match[str]) -> str:
    return ".+" if parameter.group() == "{name}" else "[^/]+"  # a name may have slashes


def internal_error(error: Exception, request_id: str) -> APIError:
    """Log where an unexpected error was raised, and return the error for the caller."""
    _log.error("internal error", exc_info=error, extra={"request_id": request_id})
    message = "an internal error. The log of the service has the details under this request id"
    return APIError(500, "internal", message)


def _check_path(raw: bytes | None) -> None:
    try:
        unquote_to_bytes(raw or b"").decode()
    except UnicodeDecodeError:
        message = "the path is not UTF-8. Percent-encode names as UTF-8"
        raise APIError(400, "invalid_path", message) from None


def _key(headers: Mapping[bytes, bytes]) -> str | None:
    scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    other = headers.get(b"x-api-key")
    return None if other is None else other.decode("latin-1").strip()


def _request_id(header: bytes | None) -> str:
    value = (header or b"").decode("latin-1")
    return value if _REQUEST_ID.fullmatch(value) else secrets.token_hex(8)
