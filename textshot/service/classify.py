"""POST classify: the route that nearly all requests take."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.types import Receive

from textshot.encoders import clean_texts
from textshot.service.answers import Wanted
from textshot.service.problems import Problem, not_ready
from textshot.service.requests import ClassifyRoute, default_index, named_index, service_of
from textshot.service.schemas import Classify, Predictions, errors
from textshot.service.served import Served
from textshot.service.settings import Settings

_JSON = "application/json"
CLOSED = 499
"""The status of a request whose caller has gone, for the log; nobody reads it."""


async def _classify(request: Request, body: Classify, served: Served) -> Response:
    service = service_of(request)
    check_texts(body.texts, service.settings)
    snapshot = served.current
    if snapshot is None:
        raise not_ready("loading")
    wanted = Wanted(snapshot, body.k, body.threshold)
    answer = service.batcher.submit(clean_texts(body.texts), wanted)
    gone = asyncio.ensure_future(_until_gone(request.receive, answer))
    try:
        return Response(await answer, media_type=_JSON)
    except asyncio.CancelledError:
        if not gone.done():
            raise  # the service stops
        return Response(status_code=CLOSED)
    finally:
        answer.cancel()
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _until_gone(receive: Receive, answer: asyncio.Future[bytes]) -> None:
    """Drop a request whose caller has hung up, so that it is not encoded for nobody."""
    while (await receive())["type"] != "http.disconnect":
        pass
    answer.cancel()


def check_texts(texts: list[str], settings: Settings) -> None:
    """Refuse more, or longer, texts than are taken at once.

    Raises:
        Problem: 422, with the limit.
    """
    if len(texts) > settings.max_texts:
        raise Problem(
            422,
            "too_many_texts",
            f"{len(texts):,} texts in one request; {settings.max_texts:,} are the most. Send them"
            " in parts, or as a file to /v1/files",
        )
    for i, text in enumerate(texts):
        if len(text) > settings.max_characters:
            raise Problem(
                422,
                "text_too_long",
                f"text {i} has {len(text):,} characters; {settings.max_characters:,} are the most."
                " Send the part of it that matters",
            )


def classify_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", route_class=ClassifyRoute, tags=["classify"])
    about: dict[str, Any] = {
        "response_model": Predictions,
        "summary": "Sort texts into categories",
        "responses": errors(400, 401, 403, 404, 413, 415, 421, 422, 429, 503),
    }

    @router.post("/classify", **about)
    async def classify(
        request: Request, body: Classify, served: Served = Depends(default_index)
    ) -> Response:
        """Return an answer for each text: its category, or null where none fits."""
        return await _classify(request, body, served)

    @router.post("/indexes/{index}/classify", **about)
    async def classify_with(
        request: Request, body: Classify, served: Served = Depends(named_index)
    ) -> Response:
        """Return an answer for each text by the index that the path names."""
        return await _classify(request, body, served)

    return router
