"""Reading requests: strict JSON, limits of texts, and who may do what."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import Path, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from textshot.service.access import Caller, Role
from textshot.service.errors import APIError
from textshot.service.options import ServiceOptions
from textshot.service.schemas import (
    NAME,
    NOT_BLANK,
    Classify,
    Correction,
    Corrections,
    NewCategory,
    NewExample,
)
from textshot.service.served_index import ServedIndex
from textshot.service.service import Service

# Each escape, one after the other: the backslash of one may be the end of another.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_PATTERNS = {
    NAME: "use one line, not blank, without control characters and without half a character or"
    " U+FFFD, which stands for one",
    NOT_BLANK: "use a text that is not blank",
}
_MAX_ERRORS = 5
_MAX_REASON = 200
_MODELS = (Classify, NewCategory, NewExample, Corrections, Correction)
_PARAMETERS = {"generation", "offset", "limit", "format", "output", "text_column"}
_FIELDS = {"(unknown field)", *_PARAMETERS, *(f for model in _MODELS for f in model.model_fields)}

T = TypeVar("T")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def service_of(request: Request) -> Service:
    """Return the service that a request belongs to."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> Caller:
    """Return the caller, as authenticated by the guard."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def may_write(request: Request) -> bool:
    """Tell whether the caller may change indexes."""
    return service_of(request).options.writable and caller_of(request).role is Role.WRITE


def require_write(request: Request) -> None:
    """Refuse a caller who may not change indexes.

    Raises:
        APIError: 403.
    """
    if not service_of(request).options.writable:
        raise APIError(403, "read_only", "this service is read-only. Start it with --writable")
    if caller_of(request).role is not Role.WRITE:
        message = "this key has the role read. Use a key with the role write"
        raise APIError(403, "needs_write_key", message)


def default_index(request: Request) -> ServedIndex:
    """Return the default index."""
    return service_of(request).find(None)


def named_index(
    request: Request, index: Annotated[str, Path(description="As listed by /v1/info.")]
) -> ServedIndex:
    """Return the index that the path names."""
    return service_of(request).find(index)


def check_lengths(texts: Sequence[str], options: ServiceOptions) -> None:
    """Refuse texts that are too long.

    Raises:
        APIError: 422, with the limit.
    """
    limit = options.max_characters
    for i, text in enumerate(texts):
        if len(text) > limit:
            message = f"text {i} has {len(text):,} characters; the limit is {limit:,}. Shorten it"
            raise APIError(422, "text_too_long", message)


class JsonRoute(APIRoute):
    """A route whose body, if any, is JSON by RFC 8259: no NaN."""

    def get_route_handler(self) -> Handler:
        """Return the handler, which reads the body before FastAPI does."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if self.body_field is None:
                return await handler(request)
            check_content_type(dict(request.scope["headers"]))
            return await handler(_ParsedRequest(request, _parse_body(await request.body())))

        return handle


class _ParsedRequest(Request):
    """A request whose JSON is already parsed."""

    def __init__(self, request: Request, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._body, self._value = request._body, value

    async def json(self) -> Any:
        return self._value


def check_content_type(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that is not declared as JSON: a form on another site cannot declare it.

    Raises:
        APIError: 415.
    """
    content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if content_type != b"application/json":
        message = "the body must be JSON. Send Content-Type: application/json"
        raise APIError(415, "wrong_content_type", message)


def parse_json(parse: Callable[[bytes], T], body: bytes) -> T:
    """Parse JSON in which U+FFFD stands for each escape of half a character.

    A program that cuts strings in the middle of an emoji sends such escapes, and Python's json
    reads them; textshot treats these characters so everywhere (`clean_texts`).

    Args:
        parse: a strict parser, which refuses half a character.
        body: JSON. It is searched for such escapes, which takes far longer than parsing, only if
            the parser refuses it.

    Raises:
        ValueError: as `parse` raises it.
    """
    try:
        return parse(body)
    except ValueError:
        whole = _ESCAPE.sub(_whole, body) if _SURROGATE.search(body) else body
        if whole == body:
            raise
    return parse(whole)


def _whole(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match["half"] else match.group()


def _parse_body(body: bytes) -> Any:
    try:
        return parse_json(partial(from_json, allow_inf_nan=False), body)
    except ValueError as error:
        raise _invalid_json(str(error)) from None


def invalid_request(errors: Sequence[Any]) -> APIError:
    """Return the error for a body or parameter that is not valid; it repeats nothing of it.

    Args:
        errors: as listed by pydantic.
    """
    if errors and errors[0]["type"] == "json_invalid":
        return _invalid_json(str(errors[0].get("ctx", {}).get("error", "")))
    reasons = [f"{_field(error)}: {_reason(error)}" for error in errors[:_MAX_ERRORS]]
    if len(errors) > _MAX_ERRORS:
        reasons.append(f"and {len(errors) - _MAX_ERRORS} more")
    message = f"{'; '.join(reasons)}. /openapi.json describes the request"
    return APIError(422, "invalid_request", message)


def _invalid_json(reason: str) -> APIError:
    message = f"the body is not JSON ({reason or 'it is cut off'}). Send valid JSON"
    return APIError(400, "invalid_json", message)


def _field(error: Any) -> str:
    """Return the path of a field; names that are not ours are left out."""
    words = [part for part in error["loc"] if part not in ("body", "path", "query")]
    if error["type"] == "extra_forbidden":
        words = [*words[:-1], "(unknown field)"]
    known = [str(word) if isinstance(word, int) or word in _FIELDS else "(...)" for word in words]
    return ".".join(known) or "the body"


def _reason(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] in _PATTERNS:
        return _PATTERNS[error["ctx"]["pattern"]]
    return str(error["msg"])[:_MAX_REASON]
