"""How the service behaves: limits, and how long things may take."""

from __future__ import annotations

from dataclasses import dataclass

from textshot.errors import ServiceError

_AT_LEAST_ONE = (
    "max_body",
    "max_file",
    "max_texts",
    "max_characters",
    "max_files",
    "batch_tokens",
    "queue_tokens",
)
_ABOVE_ZERO = ("deadline", "poll", "rate_limit")


@dataclass(frozen=True)
class Settings:
    """How the service behaves.

    Attributes:
        writable: whether categories and corrections are taken.
        max_body: bytes of a request, an uploaded file excepted.
        max_file: bytes of an uploaded file.
        max_texts: texts in a request.
        max_characters: of a text.
        max_files: uploaded files that are worked on at once.
        max_wait: seconds that the first text of a batch waits for others.
        batch_tokens: tokens of a batch, estimated.
        queue_tokens: tokens that wait for the encoder; a request beyond them is refused.
        deadline: seconds that a request may take.
        grace: seconds between "not ready" and the end of accepting, when it is told to stop.
        poll: seconds between two looks whether an index has changed on disk.
        rate_limit: requests a second of each key, in the mean; None: any number.
        access_log: whether each request is a line of the log.
        allowed_hosts: names by which the service is called, beside those of this machine; "*": any.

    Raises:
        ServiceError: a limit that nothing could keep.
    """

    writable: bool = False
    max_body: int = 2 << 20
    max_file: int = 100 << 20
    max_texts: int = 256
    max_characters: int = 32_768
    max_files: int = 4
    max_wait: float = 0.002
    batch_tokens: int = 4096
    queue_tokens: int = 65_536
    deadline: float = 10.0
    grace: float = 1.0
    poll: float = 1.0
    rate_limit: float | None = None
    access_log: bool = True
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*_AT_LEAST_ONE, *_ABOVE_ZERO):
            value = getattr(self, name)
            least = 1 if name in _AT_LEAST_ONE else 0
            if value is not None and (value < least or value <= 0):
                raise ServiceError(f"{name} is {value}; a positive number is needed")
        for name in ("max_wait", "grace"):
            if getattr(self, name) < 0:
                raise ServiceError(f"{name} is {getattr(self, name)}; 0 or more is needed")
