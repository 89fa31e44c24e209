"""What the service refuses, and how it says so: one shape for every error, and no text in it."""

from __future__ import annotations

import json
from collections.abc import Mapping


class Problem(Exception):
    """An answer other than the one that was asked for.

    Args:
        status: of HTTP.
        code: a word for programs.
        message: for people: what is wrong, with the numbers, and what to do. It holds nothing that
            the caller sent: error bodies end up in logs.
        retry_after: seconds after which it is worth another try.
        headers: others, by name.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def body(self, request_id: str) -> bytes:
        """Return the answer's body."""
        told = {"code": self.code, "message": self.message, "request_id": request_id}
        return json.dumps({"error": told}, ensure_ascii=False).encode()


def too_large(what: str, most: int) -> Problem:
    """Return the answer to a body with more bytes than are taken."""
    return Problem(
        413,
        "body_too_large",
        f"{what} has more than {most:,} bytes, the most that is taken here. Send it in parts, or"
        " start the service with a larger limit",
    )


def not_ready(reason: str) -> Problem:
    """Return the answer while indexes are loaded, or after the service was told to stop."""
    what = "is loading its indexes" if reason == "loading" else "is about to stop"
    return Problem(503, reason, f"the service {what}. Try again in a second", retry_after=1)
