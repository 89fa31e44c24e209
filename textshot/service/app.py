"""The service as an ASGI application: its routes, its page and its error handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from textshot._version import __version__
from textshot.errors import ConflictError, PublishError, TextshotError
from textshot.service.api_page import api_page
from textshot.service.categories import category_routes
from textshot.service.classify import classify_route
from textshot.service.errors import APIError, error_responses
from textshot.service.files import file_routes
from textshot.service.guard import Guard, internal_error
from textshot.service.requests import (
    caller_of,
    default_index,
    invalid_request,
    may_write,
    named_index,
    service_of,
)
from textshot.service.schemas import Info, Live, Ready
from textshot.service.served_index import ServedIndex
from textshot.service.service import Service

PAGE = Path(__file__).with_name("page")
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_PREFIXES = (("/v1", default_index), ("/v1/indexes/{index}", named_index))
_LIMITS = ("max_body", "max_file", "max_texts", "max_characters", "deadline")
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}
_HTTP_ERRORS = {
    400: ("invalid_json", "the body cannot be read. Send JSON"),
    404: ("unknown_path", "there is no such path. /openapi.json lists all paths"),
    405: ("wrong_method", "this path does not take this method. /openapi.json lists all methods"),
}


def make_app(service: Service) -> Guard:
    """Return the application; the caller starts and stops the service."""
    app = FastAPI(
        title="textshot",
        version=__version__,
        summary="Classifies text into your own categories from one example each, or as unknown.",
        docs_url=None,  # both load assets from other sites
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    app.router.routes[:0] = [classify_route(*arguments) for arguments in _PREFIXES]
    app.include_router(_status_routes())
    for prefix, index_of in _PREFIXES:
        app.include_router(category_routes(prefix, index_of))
        app.include_router(file_routes(prefix, index_of))
    _add_page(app)
    for kind, convert in _CONVERTERS.items():
        app.add_exception_handler(kind, _handler(convert))
    return Guard(app, service)


def _status_routes() -> APIRouter:
    router = APIRouter(tags=["service"])

    @router.get("/livez", response_model=Live)
    async def live() -> Any:
        """Tell that the process runs."""
        return {"live": True}

    @router.get("/readyz", response_model=Ready, responses={503: {"model": Ready}})
    async def ready(request: Request, response: Response) -> Any:
        """Tell whether the service accepts requests: 503 while it loads or stops."""
        reason = service_of(request).not_ready_reason
        if reason is not None:
            response.status_code = 503
        return {"ready": reason is None, "reason": reason}

    @router.get(
        "/metrics", response_class=Response, responses=error_responses(401, 403, 429) | _TEXT
    )
    async def metrics(request: Request) -> Response:
        """Return the metrics in the text format of Prometheus."""
        body = service_of(request).metrics.scrape()
        return Response(body, media_type=CONTENT_TYPE_LATEST)

    @router.get("/v1/info", response_model=Info, responses=error_responses(401, 403, 421, 429, 503))
    async def info(request: Request) -> Any:
        """Describe the service, its limits and its indexes."""
        service = service_of(request)
        return {
            "version": __version__,
            "writable": may_write(request),
            "role": caller_of(request).role,
            "draining": service.not_ready_reason == "draining",
            "limits": {name: getattr(service.options, name) for name in _LIMITS},
            "indexes": [_index_info(s, s is service.default) for s in service.indexes.values()],
        }

    return router


def _index_info(served: ServedIndex, is_default: bool) -> dict[str, Any]:
    now = served.snapshot()
    info = now.engine.info
    failed = served.load_error is not None
    return {
        "name": served.name,
        "default": is_default,
        "generation": now.generation,
        "categories": len(info.labels),
        "keys": info.n_keys,
        "calibrated": now.engine.calibrated,
        "threshold": info.decision.threshold,
        "private": info.private,
        "encoder": {
            "name": now.engine.encoder.name,
            "fingerprint": now.engine.encoder.fingerprint,
            "kind": now.engine.encoder.runtime,
            "dim": now.engine.encoder.dim,
        },
        "loaded": now.loaded_at.isoformat(timespec="seconds"),
        "reload_error": "it cannot be loaded; the log says why" if failed else None,
    }


def _add_page(app: FastAPI) -> None:
    files = {path.name: path for path in PAGE.iterdir() if path.suffix in _MEDIA_TYPES}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html", media_type="text/html")

    @lru_cache(1)
    def docs() -> str:
        return api_page(app.openapi())

    @app.get("/docs", include_in_schema=False)
    async def api() -> Response:
        return HTMLResponse(docs())

    @app.get("/page/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        return FileResponse(files[name], media_type=_MEDIA_TYPES[files[name].suffix])


def _handler(
    convert: Callable[[Any, str], APIError],
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return a handler that answers an exception in the one shape of errors."""

    async def handle(request: Request, error: Exception) -> Response:
        request_id = request.scope["state"]["request_id"]
        converted = convert(error, request_id)
        if converted.status == 405:
            converted.headers["Allow"] = _methods(request)
        request.scope["state"]["code"] = converted.code
        return converted.response(request_id)

    return handle


def _methods(request: Request) -> str:
    """Return the methods of a path, which several routes share."""
    path = getattr(request.scope.get("route"), "path_format", "")
    operations: dict[str, Any] = request.app.openapi()["paths"].get(path, {})
    return ", ".join(method.upper() for method in operations) or "GET"


def _from_http(error: HTTPException, _: str) -> APIError:
    default = ("invalid_request", "the request is refused. /openapi.json describes all requests")
    code, message = _HTTP_ERRORS.get(error.status_code, default)
    return APIError(error.status_code, code, message, headers=error.headers)


def _from_library(error: TextshotError, _: str) -> APIError:
    """Return an error of the library without its message, which may hold names and texts."""
    if isinstance(error, ConflictError):
        message = "another writer changed the index first. Nothing was changed; try again"
        return APIError(409, "stale_generation", message)
    if isinstance(error, PublishError):
        message = "the index cannot be written. Nothing was changed; check its disk"
        return APIError(503, "cannot_write", message, retry_after=10)
    if isinstance(error, ValueError):
        return APIError(422, "invalid_request", "the request cannot be applied to this index")
    message = "the index on disk cannot be loaded; the loaded generation stays in use"
    return APIError(503, "unreadable_index", message, retry_after=10)


_CONVERTERS: dict[type[Exception], Callable[[Any, str], APIError]] = {
    APIError: lambda error, _: error,
    RequestValidationError: lambda error, _: invalid_request(list(error.errors())),
    HTTPException: _from_http,
    TextshotError: _from_library,
    Exception: internal_error,
}
