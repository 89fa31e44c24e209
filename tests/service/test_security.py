"""Host names, origins, rates and the security headers of every answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from inside import ask

from textshot.service import APIKeys
from textshot.service.access import is_loopback

KEY = "k" * 20
SAID = {"texts": ["bread and soup"]}


def status(folder: Path, headers: dict[str, str], **more) -> tuple[int, str]:
    async def body(client, service):
        answer = await client.post("/v1/classify", json=SAID, headers=headers)
        return answer.status_code, answer.json().get("error", {}).get("code", "")

    return ask({"news": folder}, body, **more)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LOCALHOST"]
)
def test_host_names_of_this_machine_are_accepted(folder: Path, host: str):
    assert status(folder, {"Host": host}) == (200, "")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_without_keys_an_unknown_host_name_is_refused(folder: Path, host: str):
    assert status(folder, {"Host": host}) == (421, "unknown_host")


def test_an_allowed_host_name_is_accepted(folder: Path):
    host = {"Host": "textshot.example:8000"}
    assert status(folder, host, allowed_hosts=("textshot.example",)) == (200, "")
    assert status(folder, host, allowed_hosts=("*",)) == (200, "")


def test_with_keys_any_host_name_is_accepted(folder: Path):
    keys = APIKeys([f"read one {KEY}"], "test")
    headers = {"Host": "textshot.example", "X-API-Key": KEY}
    assert status(folder, headers, keys=keys) == (200, "")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_requests_of_a_page_of_another_site_are_refused(folder: Path, headers: dict[str, str]):
    assert status(folder, headers) == (403, "cross_origin")


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://127.0.0.1"}, {"Sec-Fetch-Site": "same-origin"}, {}]
)
def test_requests_of_our_page_or_a_program_are_accepted(folder: Path, headers: dict[str, str]):
    assert status(folder, headers) == (200, "")


def test_every_answer_has_the_security_headers(folder: Path):
    async def body(client, service):
        return [
            await client.get("/"),
            await client.get("/nowhere"),
            await client.get("/livez"),
            await client.post("/v1/classify", json=SAID),
            await client.post("/v1/classify", json={}),
            await client.options("/v1/classify", headers={"Origin": "https://evil.example"}),
            await client.get("/v1/info", headers={"Host": "evil.example"}),
        ]

    for answer in ask({"news": folder}, body):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["X-Request-ID"]


def test_answers_about_texts_are_not_cached(folder: Path):
    async def body(client, service):
        return await client.post("/v1/classify", json=SAID)

    assert ask({"news": folder}, body).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("my-id.1_2", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False)],
)
def test_a_callers_request_id_comes_back_where_it_is_one(folder: Path, given: str, kept: bool):
    async def body(client, service):
        return await client.get("/livez", headers={"X-Request-ID": given})

    result = ask({"news": folder}, body).headers["X-Request-ID"]
    assert (result == given) is kept
    assert result


def test_a_key_has_its_rate(folder: Path):
    keys = APIKeys([f"read one {KEY}"], "test")

    async def body(client, service):
        headers = {"X-API-Key": KEY}
        return [await client.get("/v1/info", headers=headers) for _ in range(2)]

    accepted, refused = ask({"news": folder}, body, keys=keys, rate_limit=0.001)
    assert accepted.status_code == 200
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 1000
    assert refused.json()["error"]["code"] == "rate_limited"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("example", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, local: bool):
    assert is_loopback(host) is local
