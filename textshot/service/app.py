"""The service as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from textshot._version import __version__
from textshot.errors import ConflictError, PublishError, TextshotError
from textshot.service.categories import category_routes
from textshot.service.classify import FastPath, classify_routes
from textshot.service.guard import Guard, internal
from textshot.service.problems import Problem
from textshot.service.requests import default_index, invalid, named_index
from textshot.service.service import Service
from textshot.service.status import status_routes
from textshot.service.uploads import upload_routes

PAGE = Path(__file__).with_name("page")
_PAGE_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HTTP = {
    400: ("invalid_json", "the body cannot be read. Send JSON"),
    404: ("unknown_path", "there is nothing under this path. /openapi.json lists all paths"),
    405: ("wrong_method", "this path does not take this method. /openapi.json lists all methods"),
}


def make_app(service: Service) -> Guard:
    """Return the application; whoever runs it calls `Service.begin` and `end` itself."""
    app = FastAPI(
        title="textshot",
        version=__version__,
        summary="Sorts text into your own categories from one example each, or says unknown.",
        docs_url=None,  # both load their assets from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    app.include_router(status_routes())
    app.include_router(classify_routes())
    for prefix, which in (("/v1", default_index), ("/v1/indexes/{index}", named_index)):
        app.include_router(category_routes(prefix, which))
        app.include_router(upload_routes(prefix, which))
    _add_page(app)
    for kind, told in _TOLD.items():
        app.add_exception_handler(kind, _answering(told))
    return Guard(FastPath(app, service), service)


def _add_page(app: FastAPI) -> None:
    files = {p.name: p for p in PAGE.iterdir() if p.suffix in _PAGE_KINDS}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html", media_type="text/html")

    @app.get("/page/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        return FileResponse(files[name], media_type=_PAGE_KINDS[files[name].suffix])


def _answering(
    told: Callable[[Any, str], Problem],
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return what answers an exception in the one shape of errors."""

    async def answer(request: Request, error: Exception) -> Response:
        request_id = request.scope["state"]["request_id"]
        problem = told(error, request_id)
        if problem.status == 405:
            problem.headers["Allow"] = _methods(request)
        request.scope["state"]["code"] = problem.code
        return Response(
            problem.body(request_id), problem.status, problem.headers, "application/json"
        )

    return answer


def _methods(request: Request) -> str:
    """Return the methods of a path, which several routes share."""
    path = getattr(request.scope.get("route"), "path_format", "")
    described: dict[str, Any] = request.app.openapi()["paths"].get(path, {})
    return ", ".join(method.upper() for method in described) or "GET"


def _of_http(error: HTTPException, _: str) -> Problem:
    code, message = _HTTP.get(error.status_code, ("invalid_request", "the request is refused"))
    return Problem(error.status_code, code, message, headers=error.headers)


def _of_library(error: TextshotError, _: str) -> Problem:
    """Tell what the library refused, in other words: its own may hold names and texts."""
    if isinstance(error, ConflictError):
        return Problem(
            409, "stale_generation", "another writer was first. Nothing was changed; try again"
        )
    if isinstance(error, PublishError):
        message = "the index could not be written. Nothing was changed; look at its disk"
        return Problem(503, "cannot_write", message, retry_after=10)
    if isinstance(error, ValueError):
        return Problem(422, "invalid_request", "the request cannot be done with this index")
    message = "the index on disk cannot be read. What was loaded before goes on answering"
    return Problem(503, "unreadable_index", message, retry_after=10)


_TOLD: dict[type[Exception], Callable[[Any, str], Problem]] = {
    Problem: lambda error, _: error,
    RequestValidationError: lambda error, _: invalid(list(error.errors())),
    HTTPException: _of_http,
    TextshotError: _of_library,
    Exception: internal,
}
