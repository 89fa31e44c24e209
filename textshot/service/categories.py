"""The routes that list categories, change them, and take corrections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from textshot.service.classify import check_lengths
from textshot.service.edits import (
    correct,
    correction_texts,
    find,
    new_category,
    put,
    remove,
    shown,
)
from textshot.service.problems import not_ready
from textshot.service.requests import JsonRoute, needs_write, service_of
from textshot.service.schemas import (
    MOST_NAME,
    NAME,
    Categories,
    CategoryBody,
    Corrected,
    Corrections,
    NewCategory,
    OneCategory,
    Written,
    errors,
)
from textshot.service.served_index import Served, Snapshot

MOST_LISTED = 10_000

Generation = Annotated[
    int | None, Query(ge=0, description="Refuse the change (409) unless this one is current.")
]
Name = Annotated[
    str,
    Path(
        max_length=MOST_NAME,
        pattern=NAME,
        description="Percent-encoded, slashes as %2F or as they are.",
    ),
]
_READ = errors(400, 401, 403, 404, 421, 422, 429, 503)
_WRITE = errors(400, 401, 403, 404, 409, 413, 415, 421, 422, 429, 503)
_NEEDS_WRITE = [Depends(needs_write)]


def category_routes(prefix: str, which: Callable[..., Served]) -> APIRouter:
    """Return the routes for the default index, or for one that the path names.

    Args:
        prefix: of the paths.
        which: finds the index of a request.
    """
    router = APIRouter(prefix=prefix, route_class=JsonRoute, tags=["categories"])
    _add_reading(router, which)
    _add_writing(router, which)
    _add_corrections(router, which)
    return router


def _add_reading(router: APIRouter, which: Callable[..., Served]) -> None:
    @router.get("/categories", responses=_READ, response_model=Categories)
    def list_categories(
        served: Served = Depends(which),
        offset: Annotated[int, Query(ge=0, le=1 << 40)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 1000,
    ) -> Any:
        """List categories, sorted by name."""
        now = _now(served)
        listed = now.engine.categories[offset : offset + limit]
        return {
            "categories": [shown(category) for category in listed],
            "total": len(now.state.entries),
            **_of(served, now.generation),
        }

    @router.get("/categories/{name:path}", responses=_READ, response_model=OneCategory)
    def get_category(name: Name, served: Served = Depends(which)) -> Any:
        """Return a category."""
        now = _now(served)
        return {"category": shown(find(now.state, name)), **_of(served, now.generation)}


def _add_writing(router: APIRouter, which: Callable[..., Served]) -> None:
    @router.post(
        "/categories",
        status_code=201,
        responses=_WRITE,
        response_model=Written,
        dependencies=_NEEDS_WRITE,
    )
    async def add_category(
        request: Request,
        body: NewCategory,
        served: Served = Depends(which),
        generation: Generation = None,
    ) -> Any:
        """Add a category; the next answer knows it. One that is there is a 409: PUT replaces."""
        category = new_category(body.name, body)
        check_lengths([e.text for e in body.examples], service_of(request).settings)
        return await _changed(request, served, put(category, replace=False), generation)

    @router.put(
        "/categories/{name:path}",
        responses=_WRITE | {201: {"model": Written}},
        response_model=Written,
        dependencies=_NEEDS_WRITE,
    )
    async def put_category(
        request: Request,
        response: Response,
        name: Name,
        body: CategoryBody,
        served: Served = Depends(which),
        generation: Generation = None,
    ) -> Any:
        """Add a category (201), or put it in the place of the one of that name (200)."""
        category = new_category(name, body)
        check_lengths([e.text for e in body.examples], service_of(request).settings)
        there = category.name in _now(served).state.rows
        found = await _changed(request, served, put(category, replace=True), generation)
        response.status_code = 200 if there else 201
        return found

    @router.delete(
        "/categories/{name:path}",
        responses=_WRITE,
        response_model=Written,
        dependencies=_NEEDS_WRITE,
    )
    async def delete_category(
        request: Request,
        name: Name,
        served: Served = Depends(which),
        generation: Generation = None,
    ) -> Any:
        """Remove a category."""
        return await _changed(request, served, remove(name), generation)


def _add_corrections(router: APIRouter, which: Callable[..., Served]) -> None:
    @router.post(
        "/corrections", responses=_WRITE, response_model=Corrected, dependencies=_NEEDS_WRITE
    )
    async def add_corrections(
        request: Request,
        body: Corrections,
        served: Served = Depends(which),
        generation: Generation = None,
    ) -> Any:
        """Learn where texts belong; the next answer knows. The same again changes nothing."""
        check_lengths(correction_texts(body), service_of(request).settings)
        return await _changed(request, served, correct(body), generation)


async def _changed(
    request: Request, served: Served, change: Callable[..., Any], generation: int | None
) -> Any:
    found, now, changed = await service_of(request).slowly(served.change, change, generation)
    return {**found, "changed": changed, **_of(served, now)}


def _now(served: Served) -> Snapshot:
    if served.current is None:
        raise not_ready("loading")
    return served.current


def _of(served: Served, generation: int) -> dict[str, Any]:
    return {"index": served.name, "index_generation": generation}
