"""How the client talks to the service: JSON records, request sizes, retries and errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from time import sleep
from typing import Any
from urllib.parse import quote

import httpx

from textshot.errors import InvalidCategoriesError, ServiceError
from textshot.types import UNREADABLE, Category, Example, Key, KeyKind, Match, Prediction

MAX_LAST_LINE = 1 << 14
"""More bytes than the line has that says why a table is not complete."""

_LAST_LINE = re.compile('"textshot error: ((?:[^"]|"")*)"')
_RETRY_STATUSES = {429, 503}
_MAX_WAIT = 60.0
_FIRST_WAIT = 0.5
_JSON_OVERHEAD = 1024  # bytes of a body besides its texts
_MAX_CHARACTER_BYTES = 12  # a character outside the basic plane, escaped


class AnswerError(ServiceError):
    """The service refuses a request, or does not answer.

    Attributes:
        status: the HTTP status; 0: there is no answer.
        code: the error code of the service, such as "unknown_category".
        request_id: the id of the request in the log of the service.
    """

    def __init__(self, message: str, status: int = 0, code: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.request_id = status, code, request_id


class Sender:
    """Sends a request, and retries it when that makes sense.

    Args:
        attempts: maximum number of attempts.
        url: the URL of the service, for error messages.
    """

    def __init__(self, attempts: int, url: str) -> None:
        if attempts < 1:
            raise ValueError(f"attempts is {attempts}; use 1 or more")
        self._attempts, self.url = attempts, url

    def __call__(self, send: Callable[[], httpx.Response], *, idempotent: bool) -> httpx.Response:
        """Call `send` until it succeeds or the attempts are used up.

        A request that is not idempotent is repeated only if it never reached the service.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                response = send()
            except httpx.TransportError as error:
                repeatable = idempotent or isinstance(error, httpx.ConnectError)
                if attempt == self._attempts or not repeatable:
                    tries = f"{attempt} attempt{'' if attempt == 1 else 's'}"
                    reason = f"no answer ({type(error).__name__}, {tries})"
                    raise AnswerError(f"{self.url}: {reason}. Is the service running?") from None
                sleep(min(_FIRST_WAIT * 2 ** (attempt - 1), _MAX_WAIT))
                continue
            if response.status_code not in _RETRY_STATUSES or attempt == self._attempts:
                return response
            sleep(_retry_after(response))
        raise AssertionError("unreachable")


def _retry_after(response: httpx.Response) -> float:
    seconds = response.headers.get("Retry-After", "")
    return min(float(seconds), _MAX_WAIT) if seconds.isdigit() else _FIRST_WAIT


def check_response(response: httpx.Response) -> httpx.Response:
    """Return a response that is a success.

    Raises:
        AnswerError: it is not; with the message of the service.
    """
    if not response.is_error:
        return response
    try:
        error = response.json()["error"]
        message, code, request_id = error["message"], error["code"], error["request_id"]
    except (ValueError, KeyError, TypeError):
        message, code, request_id = "no reason. Check that this is a textshot service", "", ""
    status = response.status_code
    raise AnswerError(f"the service answered {status}: {message}", status, code, request_id)


def reason_of_last_line(end: bytes) -> str | None:
    """Return why a table is not complete, if its last line says so.

    No line of answers is like that: it has more columns, and the keys of a row.
    """
    line = end.rstrip(b"\r\n").rpartition(b"\n")[2].decode("utf-8", "replace")
    if match := _LAST_LINE.fullmatch(line):
        return match[1].replace('""', '"')
    with suppress(ValueError):
        value = json.loads(line)
        if (
            isinstance(value, dict)
            and value.keys() == {"error"}
            and isinstance(value["error"], dict)
        ):
            return str(value["error"].get("message", "no reason"))
    return None


def split_texts(texts: Sequence[str], limits: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """Yield texts in chunks that fit into one request each."""
    start = size = 0
    for i, text in enumerate(texts):
        added = _max_json_size(text)
        too_large = size + added > limits["max_body"] - _JSON_OVERHEAD
        if i > start and (too_large or i - start >= limits["max_texts"]):
            yield texts[start:i]
            start, size = i, 0
        size += added
    if start < len(texts):
        yield texts[start:]


def _max_json_size(text: str) -> int:
    """Return an upper bound for the bytes of a text as JSON."""
    is_plain = text.isascii() and text.isprintable()
    return (1 if is_plain else _MAX_CHARACTER_BYTES) * len(text) + 4


def category_path(name: str) -> str:
    """Return the path of a category."""
    # The path segments "." and ".." would be resolved on the way.
    return "/categories/" + (name.replace(".", "%2E") if name in (".", "..") else quote(name, ""))


def category_body(category: Category, allow_similar: bool = False) -> dict[str, Any]:
    """Return a category as JSON, without its name.

    Raises:
        InvalidCategoriesError: it comes from a private index, without its texts.
    """
    if None in (category.description, *(example.text for example in category.examples)):
        raise InvalidCategoriesError(
            f"category {category.name!r} comes from a private index, which does not show its texts."
            " Send the category with its description and examples"
        )
    return {
        "description": category.description,
        "examples": [_example_json(example) for example in category.examples],
        "parent": category.parent,
        "threshold": category.threshold,
        "metadata": dict(category.metadata),
        **({"allow_similar": True} if allow_similar else {}),
    }


def _example_json(example: Example) -> str | dict[str, Any]:
    """Return an example as JSON: its text alone if it has no other source."""
    if example == Example(example.text):
        return example.text or ""
    return {"text": example.text, "source": example.source, "written": example.correction_order}


def parse_category(data: Mapping[str, Any]) -> Category:
    """Return the category of a response."""
    examples = tuple(
        Example(one["text"], one["source"], one.get("written", 0)) for one in data["examples"]
    )
    return Category(**{**data, "examples": examples})


def _parse_key(data: Mapping[str, Any]) -> Key:
    return Key(KeyKind(data["kind"]), data["text"], data["source"], data["written"])


def parse_prediction(data: Mapping[str, Any]) -> Prediction:
    """Return the prediction of a response."""
    label, reason = data["label"], data["unknown_because"]
    matches = (Match(m["label"], m["score"], _parse_key(m["key"])) for m in data["matches"])
    return Prediction(
        label=label,
        labels=() if label is None else (label,),
        score=data["score"],
        probability=data["probability"],
        margin=data["margin"],
        threshold=data["threshold"],
        matches=tuple(matches),
        # The service knows the text, and tells a blank one apart.
        unknown_because=UNREADABLE if reason == "empty" else reason,
    )
