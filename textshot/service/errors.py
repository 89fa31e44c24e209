"""Errors of the HTTP API: one shape for all of them, without any text of a caller."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

_OPTION = re.compile(r"--(text-column|format|encoding|sheet|header-row)(?: (?=utf|cp|[0-9]))?")


class ErrorBody(BaseModel):
    """What is wrong, for programs and for people."""

    model_config = ConfigDict(extra="forbid")

    code: str
    message: str
    request_id: str
    columns: list[str] = Field(
        [], description="Of an uploaded file, if it is not known which of them holds the texts."
    )


class Error(BaseModel):
    """Every response that is not a success."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorBody


class APIError(Exception):
    """A response that is not a success.

    Args:
        status: the HTTP status.
        code: a word for programs, such as "queue_full".
        message: what is wrong, with the numbers, and what to do. It repeats nothing that the caller
            sent, because error bodies end up in logs.
        retry_after: seconds after which another try makes sense.
        headers: further headers by name.
        columns: of an uploaded file; the only part that repeats something of it, and not logged.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.columns = list(columns)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def body(self, request_id: str) -> bytes:
        """Return the JSON of the response."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        error |= {"request_id": request_id} | ({"columns": self.columns} if self.columns else {})
        return json.dumps({"error": error}, ensure_ascii=False).encode()

    def response(self, request_id: str) -> Response:
        """Return the response."""
        return Response(self.body(request_id), self.status, self.headers, "application/json")


def body_too_large(limit: int) -> APIError:
    """Return the error for a body of more than `limit` bytes."""
    message = f"the request has more than {limit:,} bytes, the limit of the service. Split it"
    return APIError(413, "body_too_large", message)


def not_ready(reason: str) -> APIError:
    """Return the error while indexes load ("loading") or the service stops ("draining")."""
    state = "loading its indexes" if reason == "loading" else "shutting down"
    return APIError(503, reason, f"the service is {state}. Try again in 1 s", retry_after=1)


def last_line(reason: str, request_id: str, *, is_json: bool) -> bytes:
    """Return the last bytes of a table that is sent back and is not complete."""
    message = f"{reason}. The rows after this line are missing"
    if is_json:
        return APIError(422, "incomplete", message).body(request_id) + b"\n"
    quoted = f"textshot error: {message}".replace('"', '""')
    return f'"{quoted}"\n'.encode()


def in_terms_of_http(message: str) -> str:
    """Return a message of the batch job with parameters for options, and without any text."""
    message = _OPTION.sub(lambda option: option[1].replace("-", "_") + "=", message)
    return redacted(message)


def redacted(message: str) -> str:
    """Remove what is quoted or in brackets from a message: it may come from the file."""
    n_brackets = 1
    while n_brackets:  # from the inside, as they may be nested
        message, n_brackets = re.subn(r"\s*\([^()]*\)", "", message)
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "'...'", message)


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error responses of a route for its OpenAPI description."""
    return {status: {"model": Error} for status in statuses}
