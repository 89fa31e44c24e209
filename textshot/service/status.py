"""The routes that tell about the service itself."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from textshot._version import __version__
from textshot.engine.decision import decision_of
from textshot.service.requests import caller_of, may_write, service_of
from textshot.service.schemas import Info, Live, Ready, errors
from textshot.service.served_index import Served


def status_routes() -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["service"])

    @router.get("/livez", response_model=Live)
    async def live() -> Any:
        """Tell that the process runs."""
        return {"live": True}

    @router.get("/readyz", response_model=Ready, responses={503: {"model": Ready}})
    async def ready(request: Request, response: Response) -> Any:
        """Tell whether requests are to be sent here: 503 while loading and before a stop."""
        reason = service_of(request).reason
        if reason is not None:
            response.status_code = 503
        return {"ready": reason is None, "reason": reason}

    @router.get("/metrics", response_class=Response, responses=errors(401, 403, 429) | _TEXT)
    async def metrics(request: Request) -> Response:
        """Return figures in the format of Prometheus."""
        body = service_of(request).metrics.scrape()
        return Response(body, media_type=CONTENT_TYPE_LATEST)

    @router.get("/v1/info", response_model=Info, responses=errors(401, 403, 421, 429, 503))
    async def info(request: Request) -> Any:
        """Describe the service, its limits and its indexes."""
        service = service_of(request)
        limits = ("max_body", "max_file", "max_texts", "max_characters", "deadline")
        return {
            "version": __version__,
            "writable": may_write(request),
            "role": caller_of(request).role,
            "draining": service.reason == "draining",
            "limits": {name: getattr(service.settings, name) for name in limits},
            "indexes": [_index(s, s is service.default) for s in service.served.values()],
        }

    return router


_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}


def _index(served: Served, default: bool) -> dict[str, Any]:
    now = served.current
    assert now is not None  # the guard lets nobody in before
    return {
        "name": served.name,
        "default": default,
        "generation": now.generation,
        "categories": len(now.state.entries),
        "keys": len(now.state.key_rows),
        "calibrated": now.engine.calibrated,
        "threshold": decision_of(now.state).threshold,
        "private": now.state.private,
        "encoder": {
            "name": now.encoder.name,
            "fingerprint": now.encoder.fingerprint,
            "kind": getattr(now.encoder, "kind", "own"),
            "dim": now.encoder.dim,
        },
        "loaded": now.loaded.isoformat(timespec="seconds"),
        "reload_error": None if served.problem is None else "it cannot be loaded; see the log",
    }
