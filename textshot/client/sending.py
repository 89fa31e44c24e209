"""How a request is sent: again where that helps, and what a refusal becomes."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from textshot.errors import ServiceError

_WAIT = {429, 503}
_MOST_WAIT = 60.0
_FIRST_WAIT = 0.5


class AnswerError(ServiceError):
    """The service refused a request, or did not answer it.

    Attributes:
        status: of HTTP; 0: there was no answer.
        code: the service's word for it, such as "unknown_category".
        request_id: under which its log has the request.
    """

    def __init__(self, message: str, status: int = 0, code: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.request_id = status, code, request_id


class Sender:
    """Sends a request until it is answered.

    Args:
        attempts: how often at most.
        where: the service, for messages.
        sleep: waits so many seconds.
    """

    def __init__(
        self, attempts: int, where: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        if attempts < 1:
            raise ValueError(f"attempts is {attempts}; 1 at least is needed")
        self._attempts, self.where, self._sleep = attempts, where, sleep

    def __call__(self, send: Callable[[], httpx.Response], *, reads: bool) -> httpx.Response:
        """Send until it is answered, as often as may be."""
        for attempt in range(1, self._attempts + 1):
            try:
                answer = send()
            except httpx.TransportError as error:
                never_sent = isinstance(error, httpx.ConnectError)
                if attempt == self._attempts or not (reads or never_sent):
                    raise AnswerError(
                        f"{self.where}: no answer ({type(error).__name__}, {attempt}"
                        f" {'try' if attempt == 1 else 'tries'}). Is the service there?"
                    ) from None
                self._sleep(min(_FIRST_WAIT * 2 ** (attempt - 1), _MOST_WAIT))
                continue
            if answer.status_code not in _WAIT or attempt == self._attempts:
                return answer
            self._sleep(_retry_after(answer))
        raise AssertionError("unreachable")


def checked(answer: httpx.Response) -> httpx.Response:
    """Return an answer that is a success.

    Raises:
        AnswerError: it is none, with what the service says about it.
    """
    if not answer.is_error:
        return answer
    try:
        error = answer.json()["error"]
        message, code, request_id = error["message"], error["code"], error["request_id"]
    except (ValueError, KeyError, TypeError):
        message, code, request_id = "it does not say why. Is this a textshot service?", "", ""
    raise AnswerError(
        f"the service answered {answer.status_code}: {message}",
        answer.status_code,
        code,
        request_id,
    )


def _retry_after(answer: httpx.Response) -> float:
    told = answer.headers.get("Retry-After", "")
    return min(float(told), _MOST_WAIT) if told.isdigit() else _FIRST_WAIT
