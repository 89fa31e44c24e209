"""POST classify: the route of nearly all requests, so it must cost little."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from fastapi import Depends
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.types import Receive, Scope, Send

from textshot.encoders import clean_texts
from textshot.service.answers import Task
from textshot.service.errors import APIError, error_responses
from textshot.service.options import ServiceOptions
from textshot.service.requests import (
    check_content_type,
    check_lengths,
    invalid_request,
    parse_json,
)
from textshot.service.schemas import Classify, Predictions
from textshot.service.served_index import ServedIndex
from textshot.service.service import Service

CLIENT_CLOSED_REQUEST = 499
"""Status in the log of a request whose caller has disconnected; nobody receives it."""

_BODY = TypeAdapter(Classify)


def classify_route(prefix: str, index_of: Callable[..., ServedIndex]) -> ClassifyRoute:
    """Return the route for the default index, or for the one that the path names."""

    def classify(body: Classify, served: ServedIndex = Depends(index_of)) -> Task:
        """Return a prediction for each text: its category, or null if it fits none."""
        return Task(served.snapshot(), body.k, body.threshold)

    return ClassifyRoute(
        f"{prefix}/classify",
        classify,
        methods=["POST"],
        tags=["classify"],
        summary="Classify texts",
        response_model=Predictions,
        responses=error_responses(400, 401, 403, 404, 413, 415, 421, 422, 429, 503),
    )


class ClassifyRoute(APIRoute):
    """A route that FastAPI describes in /openapi.json, and that answers as plain ASGI.

    FastAPI's own handling of the body, the dependencies and the response would double the cost of
    a request.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)  # 405
            return
        service: Service = scope["app"].state.service
        check_content_type(dict(scope["headers"]))
        content = await _read(receive)
        if content is None:
            return
        body = _parse(content, service.options)
        task = self.endpoint(body, service.find(scope["path_params"].get("index")))
        result = service.batcher.submit(clean_texts(body.texts), task)
        await _respond(result, receive, send)


async def _respond(result: asyncio.Future[bytes], receive: Receive, send: Send) -> None:
    """Send a result when it is there; drop the request if the caller disconnects before."""
    disconnect = asyncio.ensure_future(_cancel_on_disconnect(receive, result))
    try:
        await _send(send, 200, await result)
    except asyncio.CancelledError:
        if not disconnect.done():
            raise  # the service stops
        await _send(send, CLIENT_CLOSED_REQUEST, b"")
    finally:
        result.cancel()
        disconnect.cancel()
        with suppress(asyncio.CancelledError):
            await disconnect


async def _cancel_on_disconnect(receive: Receive, result: asyncio.Future[bytes]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    result.cancel()


async def _read(receive: Receive) -> bytes | None:
    """Return the body of a request; None: the caller has disconnected."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _parse(content: bytes, options: ServiceOptions) -> Classify:
    try:
        body = parse_json(_BODY.validate_json, content)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        raise invalid_request(details) from None
    check_lengths(body.texts, options)
    n, limit = len(body.texts), options.max_texts
    if n > limit:
        message = f"{n:,} texts; a request may have {limit:,}. Send several, or a file to /v1/files"
        raise APIError(422, "too_many_texts", message)
    return body


async def _send(send: Send, status: int, body: bytes) -> None:
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
