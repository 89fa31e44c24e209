"""How requests are read: JSON strictly, and what every route needs of its request."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from textshot.service.keys import Caller, Role
from textshot.service.problems import Problem
from textshot.service.schemas import (
    Classify,
    Correction,
    Corrections,
    NewCategory,
    NewExample,
)
from textshot.service.served_index import Served
from textshot.service.service import Service

_SHOWN = 5
_FIELDS = {
    *Classify.model_fields,
    *NewCategory.model_fields,
    *NewExample.model_fields,
    *Corrections.model_fields,
    *Correction.model_fields,
    *("generation", "offset", "limit", "format", "output", "text_column", "(unknown field)"),
}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def service_of(request: Request) -> Service:
    """Return what all requests share."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> Caller:
    """Return who calls, as the guard found out."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def may_write(request: Request) -> bool:
    """Tell whether this caller may change indexes."""
    return service_of(request).settings.writable and caller_of(request).role is Role.WRITE


def needs_write(request: Request) -> None:
    """Refuse a caller who may not change indexes.

    Raises:
        Problem: 403.
    """
    if not service_of(request).settings.writable:
        raise Problem(
            403, "read_only", "this service does not change its indexes. Start it with --writable"
        )
    if caller_of(request).role is not Role.WRITE:
        raise Problem(
            403, "needs_write_key", "this key may read, not write. Use one of the role write"
        )


def default_index(request: Request) -> Served:
    """Return the index of a path that names none."""
    return service_of(request).find(None)


def named_index(
    request: Request, index: Annotated[str, Path(description="As /v1/info lists it.")]
) -> Served:
    """Return the index that a path names."""
    return service_of(request).find(index)


class JsonRoute(APIRoute):
    """A route whose body, if it has one, is JSON by RFC 8259: no NaN, no lone surrogates."""

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if self.body_field is None:
                return await answer(request)
            return await answer(_Read(request, read_json(await _body(request))))

        return handle


class _Read(Request):
    """A request whose JSON was read already."""

    def __init__(self, request: Request, found: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._body, self._found = request._body, found

    async def json(self) -> Any:
        return self._found


async def _body(request: Request) -> bytes:
    check_is_json(dict(request.scope["headers"]))
    return await request.body()


def check_is_json(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that does not say it is JSON: a form of another site's page cannot say so.

    Raises:
        Problem: 415.
    """
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Problem(
            415,
            "wrong_content_type",
            "the body has to be JSON. Send Content-Type: application/json",
        )


def read_json(body: bytes) -> Any:
    """Return what JSON says.

    Raises:
        Problem: 400, with the place where it ends to be JSON.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _invalid_json(str(error)) from None


def invalid(errors: list[Any]) -> Problem:
    """Return the answer to a body or a parameter of the wrong form; nothing that was sent is in it.

    Args:
        errors: as pydantic lists them.
    """
    if errors and errors[0]["type"] == "json_invalid":
        return _invalid_json(str(errors[0].get("ctx", {}).get("error", "")))
    told = [f"{_place(error)}: {_reason(error)}" for error in errors[:_SHOWN]]
    more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
    return Problem(
        422, "invalid_request", f"{'; '.join(told)}{more}. /openapi.json describes what is taken"
    )


def _invalid_json(reason: str) -> Problem:
    return Problem(400, "invalid_json", f"the body is not JSON ({reason or 'it is cut off'})")


def _place(error: Any) -> str:
    """Return which field it is; a name that is none of ours is not repeated."""
    words = [part for part in error["loc"] if part not in ("body", "path", "query")]
    if error["type"] == "extra_forbidden":
        words = [*words[:-1], "(unknown field)"]
    known = [str(word) if isinstance(word, int) or word in _FIELDS else "(...)" for word in words]
    return ".".join(known) or "the body"


def _reason(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    return str(error["msg"])[:200]
