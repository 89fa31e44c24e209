"""Who gets in: no page of a stranger, no strange name; and what every answer says to a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from inside import ask

from textshot import Category, Engine
from textshot.encoders import HashingEncoder
from textshot.service import APIKeys
from textshot.service.access import is_loopback

KEY = "k" * 20
SAID = {"texts": ["bread and soup"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    categories = [
        Category("sport", examples=["the match"]),
        Category("food", examples=["bread and soup"]),
    ]
    Engine.build(categories, encoder=HashingEncoder()).save(tmp_path / "news")
    return tmp_path / "news"


def status(folder: Path, headers: dict[str, str], **more) -> tuple[int, str]:
    async def body(client, service):
        answer = await client.post("/v1/classify", json=SAID, headers=headers)
        return answer.status_code, answer.json().get("error", {}).get("code", "")

    return ask({"news": folder}, body, **more)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LOCALHOST"]
)
def test_names_of_this_machine_are_ours(folder: Path, host: str):
    assert status(folder, {"Host": host}) == (200, "")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_without_keys_a_strange_name_is_refused(folder: Path, host: str):
    assert status(folder, {"Host": host}) == (421, "unknown_host")


def test_a_name_that_is_allowed_is_ours(folder: Path):
    host = {"Host": "textshot.example:8000"}
    assert status(folder, host, allowed_hosts=("textshot.example",)) == (200, "")
    assert status(folder, host, allowed_hosts=("*",)) == (200, "")


def test_with_keys_any_name_will_do(folder: Path):
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
def test_what_a_page_of_another_site_sends_is_refused(folder: Path, headers: dict[str, str]):
    assert status(folder, headers) == (403, "cross_origin")


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://127.0.0.1"}, {"Sec-Fetch-Site": "same-origin"}, {}]
)
def test_what_our_page_or_a_program_sends_is_taken(folder: Path, headers: dict[str, str]):
    assert status(folder, headers) == (200, "")


def test_every_answer_says_what_a_browser_needs_to_hear(folder: Path):
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


def test_what_is_answered_about_texts_is_not_stored(folder: Path):
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

    found = ask({"news": folder}, body).headers["X-Request-ID"]
    assert (found == given) is kept
    assert found


def test_a_key_has_its_rate(folder: Path):
    keys = APIKeys([f"read one {KEY}"], "test")

    async def body(client, service):
        headers = {"X-API-Key": KEY}
        return [await client.get("/v1/info", headers=headers) for _ in range(3)]

    *taken, refused = ask({"news": folder}, body, keys=keys, rate_limit=1.0)
    assert [answer.status_code for answer in taken] == [200, 200]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
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
