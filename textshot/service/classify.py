"""POST classify: the route that nearly all requests take, and the one that has to be cheap."""

from __future__ import annotations

import asyncio
import re
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import TypeAdapter, ValidationError

from textshot.encoders import clean_texts
from textshot.service.answers import Wanted
from textshot.service.asgi import App, Receive, Scope, Send
from textshot.service.problems import Problem, not_ready
from textshot.service.requests import check_is_json, invalid, named_index
from textshot.service.schemas import Classify, Predictions, errors
from textshot.service.service import Service
from textshot.service.settings import Settings

CLOSED = 499
"""The status of a request whose caller has gone, for the log; nobody reads it."""

_PATH = re.compile(r"/v1/(?:indexes/([^/]+)/)?classify")
_BODY = TypeAdapter(Classify)


@dataclass(frozen=True)
class _Route:
    path: str


class FastPath:
    """Answers POST classify itself, and hands all else on.

    FastAPI's stack takes twice as long for a request as all of this. The routes below only
    describe this one.

    Args:
        app: all other routes.
        service: what they share.
    """

    def __init__(self, app: App, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        name = found[1]
        scope["route"] = _Route("/v1/classify" if name is None else _OF_AN_INDEX)
        check_is_json(dict(scope["headers"]))
        body = await _read(receive)
        if body is not None:
            await self._answer(name, _checked(body, self._service.settings), receive, send)

    async def _answer(self, name: str | None, body: Classify, receive: Receive, send: Send) -> None:
        snapshot = self._service.find(name).current
        if snapshot is None:
            raise not_ready("loading")
        wanted = Wanted(snapshot, body.k, body.threshold)
        answer = self._service.batcher.submit(clean_texts(body.texts), wanted)
        gone = asyncio.ensure_future(_until_gone(receive, answer))
        try:
            await _send(send, 200, await answer)
        except asyncio.CancelledError:
            if not gone.done():
                raise  # the service stops
            await _send(send, CLOSED, b"")
        finally:
            answer.cancel()
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone


def _checked(body: bytes, settings: Settings) -> Classify:
    try:
        found = _BODY.validate_json(body)
    except ValidationError as error:
        raise invalid(error.errors(include_input=False, include_url=False)) from None
    check_texts(found.texts, settings)
    return found


def check_texts(texts: list[str], settings: Settings) -> None:
    """Refuse more, or longer, texts than are taken at once.

    Raises:
        Problem: 422, with the limit.
    """
    check_lengths(texts, settings)
    if len(texts) > settings.max_texts:
        raise Problem(
            422,
            "too_many_texts",
            f"{len(texts):,} texts in one request; {settings.max_texts:,} are the most. Send them"
            " in parts, or as a file to /v1/files",
        )


def check_lengths(texts: list[str], settings: Settings) -> None:
    """Refuse texts that are too long.

    Raises:
        Problem: 422, with the limit.
    """
    for i, text in enumerate(texts):
        if len(text) > settings.max_characters:
            raise Problem(
                422,
                "text_too_long",
                f"text {i} has {len(text):,} characters; {settings.max_characters:,} are the most."
                " Send the part of it that matters",
            )


async def _read(receive: Receive) -> bytes | None:
    """Return the body of a request; None: the caller has gone."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(send: Send, status: int, body: bytes) -> None:
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _until_gone(receive: Receive, answer: asyncio.Future[bytes]) -> None:
    """Drop a request whose caller has hung up, so that it is not encoded for nobody."""
    while (await receive())["type"] != "http.disconnect":
        pass
    answer.cancel()


_OF_AN_INDEX = "/v1/indexes/{index}/classify"


def classify_routes() -> APIRouter:
    """Return the description of what `FastPath` answers."""
    router = APIRouter(tags=["classify"])
    about: MutableMapping[str, Any] = {
        "response_model": Predictions,
        "summary": "Sort texts into categories",
        "responses": errors(400, 401, 403, 404, 413, 415, 421, 422, 429, 503),
    }

    @router.post("/v1/classify", **about)
    async def classify(body: Classify) -> Any:
        """Return an answer for each text: its category, or null where none fits."""
        raise NotImplementedError

    @router.post(_OF_AN_INDEX, dependencies=[Depends(named_index)], **about)
    async def classify_with(body: Classify) -> Any:
        """Return an answer for each text by the index that the path names."""
        raise NotImplementedError

    return router
