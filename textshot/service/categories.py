"""Routes that list categories, change them and take corrections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from textshot.service import edits, schemas
from textshot.service.errors import error_responses
from textshot.service.requests import JsonRoute, check_lengths, require_write, service_of
from textshot.service.served_index import ServedIndex

MAX_LISTED = 10_000

Generation = Annotated[
    int | None, Query(ge=0, description="Refuse the change (409) unless this one is current.")
]
_NAME = Path(
    max_length=schemas.MAX_NAME_LENGTH,
    pattern=schemas.NAME,
    description="Percent-encoded; slashes as they are.",
)
Name = Annotated[str, _NAME]
IndexOf = Callable[..., ServedIndex]
_READ: dict[str, Any] = {"responses": error_responses(400, 401, 403, 404, 421, 422, 429, 503)}
_WRITE: dict[str, Any] = {
    "responses": error_responses(400, 401, 403, 404, 409, 413, 415, 421, 422, 429, 503),
    "dependencies": [Depends(require_write)],
}


def category_routes(prefix: str, index_of: IndexOf) -> APIRouter:
    """Return the routes for the default index, or for the one that the path names.

    Args:
        prefix: the start of the paths.
        index_of: the dependency that returns the index of a request.
    """
    router = APIRouter(prefix=prefix, route_class=JsonRoute, tags=["categories"])
    _add_get(router, index_of)
    _add_post(router, index_of)
    _add_put_and_delete(router, index_of)
    _add_corrections(router, index_of)
    return router


def _add_get(router: APIRouter, index_of: IndexOf) -> None:
    @router.get("/categories", response_model=schemas.Categories, **_READ)
    def list_categories(
        served: ServedIndex = Depends(index_of),
        offset: Annotated[int, Query(ge=0, le=1 << 40)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 1000,
    ) -> Any:
        """List categories, sorted by name."""
        now = served.snapshot()
        categories = now.engine.categories
        return {
            "categories": [edits.category_json(c) for c in categories[offset : offset + limit]],
            "total": len(categories),
            **_index_fields(served, now.generation),
        }

    @router.get("/categories/{name:path}", response_model=schemas.OneCategory, **_READ)
    def get_category(name: Name, served: ServedIndex = Depends(index_of)) -> Any:
        """Return a category."""
        now = served.snapshot()
        category = edits.category_json(edits.find_category(now.engine, name))
        return {"category": category, **_index_fields(served, now.generation)}


def _add_post(router: APIRouter, index_of: IndexOf) -> None:
    @router.post("/categories", status_code=201, response_model=schemas.ChangedCategory, **_WRITE)
    async def add_category(
        request: Request,
        body: schemas.NewCategory,
        served: ServedIndex = Depends(index_of),
        generation: Generation = None,
    ) -> Any:
        """Add a category, which counts from the next answer on; 409 if there is one already."""
        edit = edits.put(
            edits.new_category(body.name, body), replace=False, allow_similar=body.allow_similar
        )
        check_lengths([e.text for e in body.examples], service_of(request).options)
        return await _change(request, served, edit, generation)


def _add_put_and_delete(router: APIRouter, index_of: IndexOf) -> None:
    @router.put(
        "/categories/{name:path}",
        response_model=schemas.ChangedCategory,
        dependencies=_WRITE["dependencies"],
        responses=_WRITE["responses"] | {201: {"model": schemas.ChangedCategory}},
    )
    async def put_category(
        request: Request,
        response: Response,
        name: Name,
        body: schemas.CategoryBody,
        served: ServedIndex = Depends(index_of),
        generation: Generation = None,
    ) -> Any:
        """Add a category (201), or replace the one of this name (200)."""
        category = edits.new_category(name, body)
        check_lengths([e.text for e in body.examples], service_of(request).options)
        exists = category.name in served.snapshot().engine.info.labels
        edit = edits.put(category, replace=True, allow_similar=body.allow_similar)
        answer = await _change(request, served, edit, generation)
        response.status_code = 200 if exists else 201
        return answer

    @router.delete("/categories/{name:path}", response_model=schemas.ChangedCategory, **_WRITE)
    async def delete_category(
        request: Request,
        name: Name,
        served: ServedIndex = Depends(index_of),
        generation: Generation = None,
    ) -> Any:
        """Remove a category."""
        return await _change(request, served, edits.remove(name), generation)


def _add_corrections(router: APIRouter, index_of: IndexOf) -> None:
    @router.post("/corrections", response_model=schemas.Corrected, **_WRITE)
    async def add_corrections(
        request: Request,
        body: schemas.Corrections,
        served: ServedIndex = Depends(index_of),
        generation: Generation = None,
    ) -> Any:
        """Add corrections, which count from the next answer on; repeated ones change nothing."""
        check_lengths([c.text for c in body.corrections], service_of(request).options)
        return await _change(request, served, edits.correct(body), generation)


async def _change(
    request: Request, served: ServedIndex, edit: Callable[..., Any], generation: int | None
) -> Any:
    service = service_of(request)
    answer, now, changed = await service.run_in_thread(served.change, edit, generation)
    return {**answer, "changed": changed, **_index_fields(served, now)}


def _index_fields(served: ServedIndex, generation: int) -> dict[str, Any]:
    return {"index": served.name, "index_generation": generation}
