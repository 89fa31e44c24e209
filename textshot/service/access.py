"""Access control: API keys with roles, request rates, host names and origins."""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

from textshot.errors import ServiceError
from textshot.service.errors import APIError

MIN_KEY_LENGTH = 16
"""Characters of a key; `openssl rand -hex 24` makes one of 48."""

_BURST_SECONDS = 2


class Role(StrEnum):
    """What a key permits; `write` includes `read`."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: the name of its key, which appears in the log, and its role."""

    name: str
    role: Role


ANONYMOUS = Caller("anonymous", Role.WRITE)
"""Every caller of a service without keys, which listens on a loopback address only."""


class APIKeys:
    """The API keys of a service; only their SHA-256 digests are kept.

    Args:
        lines: one `ROLE NAME KEY` each, such as "read dashboard 5f1b..."; blank lines and comments
            (#) are skipped.
        source: where the lines come from, for error messages.

    Raises:
        ServiceError: a malformed line, a key that is too short, a repeated key or name, or no key.
    """

    def __init__(self, lines: Iterable[str], source: str) -> None:
        self._callers: dict[bytes, Caller] = {}
        names: set[str] = set()
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.lstrip().startswith("#"):
                digest, caller = _parse_line(line.split(), f"{source}, line {number}")
                if digest in self._callers or caller.name in names:
                    raise ServiceError(
                        f"{source}, line {number}: this key or name is repeated. Use each once"
                    )
                self._callers[digest] = caller
                names.add(caller.name)
        if not self._callers:
            raise ServiceError(f"{source} has no key. Write ROLE NAME KEY on a line")

    @classmethod
    def from_file(cls, path: str | Path) -> APIKeys:
        """Read keys from a UTF-8 file.

        Raises:
            ServiceError: as for `APIKeys`, or the file cannot be read.
        """
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ServiceError(f"{path}: cannot read the API keys ({reason})") from None
        return cls(lines, str(path))

    def caller(self, key: str | None) -> Caller:
        """Return the caller with this key; every known key is compared, in constant time.

        Raises:
            APIError: 401.
        """
        if key is None:
            message = "an API key is required. Send Authorization: Bearer KEY or X-API-Key: KEY"
            raise APIError(401, "no_key", message, headers={"WWW-Authenticate": "Bearer"})
        digest, match = sha256(key.encode(errors="replace")).digest(), None
        for known, caller in self._callers.items():
            if hmac.compare_digest(known, digest):
                match = caller
        if match is None:
            message = "this API key is not valid for this service. Ask its operator for one"
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise APIError(401, "wrong_key", message, headers=challenge)
        return match


class RateLimiter:
    """A token bucket for each caller.

    Args:
        rate: mean number of requests a second; None: unlimited.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._capacity = 0.0 if rate is None else max(1.0, _BURST_SECONDS * rate)
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            APIError: 429, the caller exceeds the rate.
        """
        if self._rate is None:
            return
        now = monotonic()
        level, since = self._buckets.get(caller.name, (self._capacity, now))
        level = min(self._capacity, level + (now - since) * self._rate)
        if level < 1.0:
            self._buckets[caller.name] = (level, now)
            wait = max(1, math.ceil((1.0 - level) / self._rate))
            message = f"more than {self._rate:g} requests a second with this key. Wait {wait} s"
            raise APIError(429, "rate_limited", message, retry_after=wait)
        self._buckets[caller.name] = (level - 1.0, now)


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on can be reached from this machine only."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_host(header: bytes | None, allowed: tuple[str, ...]) -> None:
    """Refuse a Host header with any other name: a defence against DNS rebinding.

    Raises:
        APIError: 421.
    """
    if header is None or "*" in allowed:
        return
    host = header.decode("latin-1").lower()
    name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    if name == "localhost" or name in allowed or is_loopback(name):
        return
    message = "unknown host name. Use 127.0.0.1, or start the service with --allowed-host NAME"
    raise APIError(421, "unknown_host", message)


def check_origin(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a request from a page of another site; programs send no Origin header.

    Raises:
        APIError: 403.
    """
    origin = headers.get(b"origin")
    same_site = headers.get(b"sec-fetch-site", b"none") in (b"none", b"same-origin")
    same_origin = origin is None or origin.partition(b"://")[2] == headers.get(b"host")
    if not (same_site and same_origin):
        message = "requests from other sites are refused. Call the service from your own server"
        raise APIError(403, "cross_origin", message)


def _parse_line(words: list[str], where: str) -> tuple[bytes, Caller]:
    if len(words) != 3 or words[0] not in list(Role):
        raise ServiceError(
            f"{where}: expected ROLE NAME KEY, such as: read dashboard 5f1b... The roles are"
            f" {', '.join(Role)}"
        )
    role, name, key = words
    if len(key) < MIN_KEY_LENGTH:
        raise ServiceError(
            f"{where}: the key has {len(key)} characters; the minimum is {MIN_KEY_LENGTH}. Create"
            " one with: openssl rand -hex 24"
        )
    return sha256(key.encode()).digest(), Caller(name, Role(role))
