"""API keys, and how often each may be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from textshot.errors import ServiceError
from textshot.service import access as module
from textshot.service.access import APIKeys, Caller, RateLimiter, Role
from textshot.service.errors import APIError

READ, WRITE = "r" * 16, "w" * 16
LINES = [f"read dashboard {READ}", "", "# who writes", f"  write anna {WRITE}"]


def test_a_key_tells_who_calls_and_what_is_allowed():
    keys = APIKeys(LINES, "keys.txt")
    assert keys.caller(READ) == Caller("dashboard", Role.READ)
    assert keys.caller(WRITE) == Caller("anna", Role.WRITE)


@pytest.mark.parametrize(
    ("key", "code"), [(None, "no_key"), ("", "wrong_key"), (READ[:-1], "wrong_key")]
)
def test_any_other_key_is_refused(key: str | None, code: str):
    with pytest.raises(APIError, match="key") as caught:
        APIKeys(LINES, "keys.txt").caller(key)
    assert (caught.value.status, caught.value.code) == (401, code)
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")


def test_every_key_is_compared_whole(monkeypatch: pytest.MonkeyPatch):
    compared = []
    plain = module.hmac.compare_digest
    monkeypatch.setattr(
        module.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or plain(a, b)
    )
    APIKeys(LINES, "keys.txt").caller(READ)
    assert len(compared) == 2
    assert all(len(a) == len(b) == 32 for a, b in compared)


def test_a_key_is_not_kept():
    assert READ not in repr(vars(APIKeys(LINES, "keys.txt")))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("admin anna " + WRITE, "line 1: expected ROLE NAME KEY.*read, write"),
        ("write " + WRITE, "line 1: expected ROLE NAME KEY"),
        ("write anna short", "line 1: the key has 5 characters; the minimum is 16"),
        (f"read a {READ}\nread b {READ}", "line 2: this key or name is repeated"),
        (f"read a {READ}\nread a {WRITE}", "line 2: this key or name is repeated"),
        ("# nothing", "keys.txt has no key"),
    ],
)
def test_a_malformed_key_file_is_reported_by_line(line: str, message: str):
    with pytest.raises(ServiceError, match=message):
        APIKeys(line.splitlines(), "keys.txt")


def test_keys_come_from_a_file(tmp_path: Path):
    path = tmp_path / "keys.txt"
    with pytest.raises(ServiceError, match=r"cannot read the API keys \(No such file"):
        APIKeys.from_file(path)
    path.write_text("\n".join(LINES))
    assert APIKeys.from_file(path).caller(READ).name == "dashboard"


def test_a_rate_is_a_mean_with_bursts(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    rates, one, other = RateLimiter(2.0), Caller("a", Role.READ), Caller("b", Role.READ)
    for _ in range(4):  # two seconds' worth at once
        rates.take(one)
    with pytest.raises(APIError, match="more than 2 requests a second") as caught:
        rates.take(one)
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "1"})
    rates.take(other)  # each key has its own
    now[0] += 0.5
    rates.take(one)
    with pytest.raises(APIError, match="more than 2 requests"):
        rates.take(one)


def test_without_a_rate_everything_is_accepted():
    for _ in range(1000):
        RateLimiter(None).take(Caller("a", Role.READ))
