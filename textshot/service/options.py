"""Options of the service: limits and times."""

from __future__ import annotations

from dataclasses import dataclass

from textshot.errors import ServiceError

_MAY_BE_ZERO = ("writable", "access_log", "max_wait", "grace")


@dataclass(frozen=True)
class ServiceOptions:
    """Limits and times of a service.

    Attributes:
        writable: whether callers may change categories and send corrections.
        max_body: bytes of a request, except for an uploaded file.
        max_file: bytes of an uploaded file.
        max_texts: texts in a request.
        max_characters: characters of a text.
        max_files: uploaded files that are processed at the same time.
        max_wait: seconds that the first text of a batch waits for others.
        batch_tokens: estimated tokens of a batch.
        queue_tokens: tokens that may wait for the encoder; a request beyond them is refused.
        deadline: seconds in which a request must be answered.
        grace: seconds between "not ready" and the last accepted request when the service stops.
        poll: seconds between checks for a new generation of an index on disk.
        rate_limit: mean requests a second of each key; None: unlimited.
        access_log: whether each request is logged.
        allowed_hosts: host names of the service besides those of this machine; "*": any.

    Raises:
        ServiceError: a limit or a time out of range.
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
        limits = {k: v for k, v in vars(self).items() if isinstance(v, int | float)}
        for name, value in limits.items():
            if value < 0:
                raise ServiceError(f"{name} is {value}; use 0 or more")
            if value == 0 and name not in _MAY_BE_ZERO:
                raise ServiceError(f"{name} is 0; use a positive number")
