"""API keys: who may read, who may write, and how often."""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from time import monotonic

from textshot.errors import ServiceError
from textshot.service.problems import Problem

LEAST_LENGTH = 16
"""Characters of a key; `openssl rand -hex 24` makes one of 48."""

_BURST = 2  # seconds of the rate that may come at once
_FIELDS = 3


class Role(StrEnum):
    """What a key allows; who may write may read."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name of the key, which logs and metrics show, and what it allows."""

    name: str
    role: Role


ANONYMOUS = Caller("anonymous", Role.WRITE)
"""Everybody, where there are no keys: the service is then bound to this machine alone."""


class Keys:
    """The keys of a service; of each one only its sha256 is kept.

    Args:
        lines: `ROLE NAME KEY` each, such as "read dashboard 5f1b..."; empty lines and those that
            begin with # are left out.
        source: where they come from, for messages.

    Raises:
        ServiceError: a line that is none; a key or a name that comes twice; a short key.
    """

    def __init__(self, lines: Iterable[str], source: str) -> None:
        self._callers: dict[bytes, Caller] = {}
        names: set[str] = set()
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.lstrip().startswith("#"):
                digest, caller = _read(line.split(), f"{source}, line {number}")
                if digest in self._callers or caller.name in names:
                    raise ServiceError(f"{source}, line {number}: this key or name is there twice")
                self._callers[digest] = caller
                names.add(caller.name)
        if not self._callers:
            raise ServiceError(f"{source}: there is no key. Write ROLE NAME KEY on a line")

    @classmethod
    def of_file(cls, path: str | Path) -> Keys:
        """Read keys from a file.

        Raises:
            ServiceError: as for `Keys`, or it cannot be read.
        """
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ServiceError(f"{path}: the keys cannot be read ({reason})") from None
        return cls(lines, str(path))

    def caller(self, key: str | None) -> Caller:
        """Return whose key this is; the time that takes tells nothing about the others.

        Raises:
            Problem: 401.
        """
        if key is None:
            raise Problem(
                401,
                "no_key",
                "a key is needed. Send it as Authorization: Bearer KEY, or as X-API-Key: KEY",
                headers={"WWW-Authenticate": "Bearer"},
            )
        digest, found = sha256(key.encode(errors="replace")).digest(), None
        for known, caller in self._callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        if found is None:
            raise Problem(
                401,
                "wrong_key",
                "this is none of the keys of this service. Ask who runs it for one",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        return found


class Rates:
    """A token bucket for each caller.

    Args:
        rate: requests a second in the mean; None: any number.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._most = 0.0 if rate is None else max(1.0, _BURST * rate)
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            Problem: 429, there were too many.
        """
        if self._rate is None:
            return
        now = monotonic()
        left, since = self._left.get(caller.name, (self._most, now))
        left = min(self._most, left + (now - since) * self._rate)
        if left < 1.0:
            self._left[caller.name] = (left, now)
            raise Problem(
                429,
                "rate_limited",
                f"more than {self._rate:g} requests a second with this key. Try again after the"
                " time that Retry-After says, or send more texts in one request",
                retry_after=max(1, math.ceil((1.0 - left) / self._rate)),
            )
        self._left[caller.name] = (left - 1.0, now)


def _read(words: list[str], where: str) -> tuple[bytes, Caller]:
    if len(words) != _FIELDS or words[0] not in list(Role):
        raise ServiceError(
            f"{where}: ROLE NAME KEY is needed, such as: read dashboard 5f1b... The roles are"
            f" {', '.join(Role)}"
        )
    role, name, key = words
    if len(key) < LEAST_LENGTH:
        raise ServiceError(
            f"{where}: the key has {len(key)} characters; {LEAST_LENGTH} are needed. One is made by"
            " openssl rand -hex 24"
        )
    return sha256(key.encode()).digest(), Caller(name, Role(role))
