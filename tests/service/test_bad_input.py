"""Bad input gets the right 4xx with a remedy, and the service keeps running."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from process import Process

from textshot import Category, Engine
from textshot.encoders import HashingEncoder, clean_texts

READ, WRITE = "r" * 20, "w" * 20
JSON = {"Content-Type": "application/json"}
KEYS = {"TEXTSHOT_API_KEYS": f"read one {READ}\nwrite two {WRITE}"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("bad") / "news"
    categories = [
        Category("sport", examples=["the match"]),
        Category("food", examples=["bread and soup"]),
    ]
    Engine.build(categories, encoder=HashingEncoder()).save(folder)
    options = ("--writable", "--max-body", "1000000", "--max-file", "200000")
    with Process(folder, *options, env=KEYS).ready() as running:
        yield running
        assert running.stop() == 0
    assert [line for line in running.lines if line.get("level") == "error"] == []


@pytest.fixture
def client(service: Process) -> Iterator[httpx.Client]:
    headers = {"X-API-Key": WRITE}
    with httpx.Client(base_url=service.url, headers=headers, trust_env=False) as client:
        yield client
        answer = client.post("/v1/classify", json={"texts": ["bread and soup"]})
        assert answer.json()["predictions"][0]["label"] == "food"  # it goes on


def check(answer: httpx.Response, status: int, code: str, message: str) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["request_id"]) == (code, answer.headers["X-Request-ID"])
    assert message in error["message"]


BODIES = [
    (b"", 400, "invalid_json", "the body is not JSON (EOF"),
    (b"{", 400, "invalid_json", "the body is not JSON"),
    (b'{"texts": ["a"]} x', 400, "invalid_json", "trailing characters"),
    (b'{"texts": ["a\x01"]}', 400, "invalid_json", "control character"),
    (b'{"texts": ["\xff"]}', 400, "invalid_json", "unicode"),
    (b'{"texts": ["a"], "threshold": NaN}', 422, "invalid_request", "threshold"),
    (b'{"texts": ["a"], "threshold": 1e999}', 422, "invalid_request", "threshold"),
    (b"[" * 100_000, 400, "invalid_json", "the body is not JSON"),
    (b'{"texts": ["a"], "k": 1' + b"0" * 5000 + b"}", 400, "invalid_json", "out of range"),
    (b"[]", 422, "invalid_request", "the body: "),
    (b'"a"', 422, "invalid_request", "the body: "),
    (b"{}", 422, "invalid_request", "texts: Field required"),
    (b'{"texts": []}', 422, "invalid_request", "texts: List should have at least 1 item"),
    (b'{"texts": "a"}', 422, "invalid_request", "texts: Input should be a valid"),
    (b'{"texts": [1]}', 422, "invalid_request", "texts.0: Input should be a valid string"),
    (b'{"texts": [null]}', 422, "invalid_request", "texts.0: "),
    (b'{"texts": ["a"], "k": 0}', 422, "invalid_request", "k: Input should be greater"),
    (b'{"texts": ["a"], "k": "3"}', 422, "invalid_request", "k: Input should be a valid integer"),
    (b'{"texts": ["a"], "threshold": 2}', 422, "invalid_request", "threshold"),
    (b'{"texts": ["a"], "threshhold": 1}', 422, "invalid_request", "(unknown field)"),
    (
        b'{"texts": ["' + b"a" * 40_000 + b'"]}',
        422,
        "text_too_long",
        "40,000 characters; the limit is 32,768",
    ),
    (json.dumps({"texts": ["a"] * 257}).encode(), 422, "too_many_texts", "257 texts"),
    (json.dumps({"texts": ["a"] * 100_000}).encode(), 422, "too_many_texts", "100,000 texts"),
    (b'{"texts": ["' + b"a" * 10_000_000 + b'"]}', 413, "body_too_large", "1,000,000 bytes"),
]


@pytest.mark.parametrize(("body", "status", "code", "message"), BODIES, ids=range(len(BODIES)))
def test_a_bad_body_is_refused_with_the_reason(
    client: httpx.Client, body: bytes, status: int, code: str, message
):
    check(client.post("/v1/classify", content=body, headers=JSON), status, code, message)


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "message"),
    [
        ("GET", "/nowhere", 404, "unknown_path", "/openapi.json lists all paths"),
        ("GET", "/v1/classify", 405, "wrong_method", "does not take this method"),
        ("GET", "/v1/indexes/x/categories", 404, "unknown_index", "there are news"),
        ("GET", "/v1/categories/x", 404, "unknown_category", "among 2. GET /v1/categories"),
        ("DELETE", "/v1/categories/x", 404, "unknown_category", "among 2"),
        ("DELETE", "/v1/categories/food?generation=9", 409, "stale_generation", "for 9"),
        ("GET", "/v1/categories?limit=0", 422, "invalid_request", "limit: "),
        ("GET", "/v1/categories?limit=x", 422, "invalid_request", "limit: "),
        ("GET", "/v1/categories/%FF", 400, "invalid_path", "Percent-encode names as UTF-8"),
        ("GET", "/v1/categories/a%00", 422, "invalid_request", "name: "),
        ("GET", "/v1/files/none", 404, "unknown_file", "X-Request-ID"),
    ],
)
def test_a_bad_path_is_refused_with_the_reason(client, method, path, status, code, message):
    check(client.request(method, path), status, code, message)


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        ({"name": "food", "examples": ["x"]}, 409, "category_exists", "Use PUT to replace it"),
        ({"name": "unknown", "examples": ["x"]}, 422, "invalid_categories", '"unknown"'),
        ({"name": " ", "examples": ["x"]}, 422, "invalid_request", "name: "),
        ({"name": "a\nb", "examples": ["x"]}, 422, "invalid_request", "name: "),
        ({"name": "x", "examples": [" "]}, 422, "invalid_request", "examples.0.text: "),
        ({"name": "x", "examples": [3]}, 422, "invalid_request", "examples.0: use a text, or an"),
        ({"name": "x", "examples": [{"source": "a"}]}, 422, "invalid_request", "examples.0.text: "),
        (
            {"name": "x", "examples": [{"text": "a", "written": -1}]},
            422,
            "invalid_request",
            "examples.0.written: ",
        ),
        (
            {"name": "x", "examples": [{"text": "a", "label": "b"}]},
            422,
            "invalid_request",
            "examples.0.(unknown field): ",
        ),
        (
            {"name": "x", "examples": [{"text": "y" * 40_000}]},
            422,
            "text_too_long",
            "40,000 characters",
        ),
        ({"name": "x", "examples": "x"}, 422, "invalid_request", "examples: "),
        ({"name": "x", "threshold": 2}, 422, "invalid_request", "threshold"),
        ({"name": "x" * 2000}, 422, "invalid_request", "name: "),
        ({"examples": ["x"]}, 422, "invalid_request", "name: Field required"),
        ({"name": "x", "examples": ["y" * 40_000]}, 422, "text_too_long", "40,000 characters"),
    ],
)
def test_a_bad_category_is_refused_with_the_reason(
    client: httpx.Client, body: dict, status: int, code: str, message
):
    check(client.post("/v1/categories", json=body), status, code, message)


def test_bad_corrections_are_refused_with_the_reason(client: httpx.Client):
    for request, status, code in (
        ([], 422, "invalid_request"),
        ([{"text": "a"}], 422, "invalid_request"),
        ([{"text": " ", "label": "food"}], 422, "invalid_request"),
        ([{"text": "a", "label": "foood"}], 404, "unknown_category"),
    ):
        check(client.post("/v1/corrections", json={"corrections": request}), status, code, "")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_does_not_say_it_is_json_is_refused(client: httpx.Client, kind: str):
    answer = client.post("/v1/classify", content=b"{}", headers={"Content-Type": kind})
    check(answer, 415, "wrong_content_type", "Send Content-Type: application/json")


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x"])
def test_a_file_as_a_form_is_refused(client: httpx.Client, kind: str):
    answer = client.post("/v1/files", content=b"text\na\n", headers={"Content-Type": kind})
    check(answer, 415, "wrong_content_type", "application/octet-stream")


def test_keys_are_required_and_roles_hold(service: Process, client: httpx.Client):
    request = {"texts": ["a"]}
    bare = httpx.Client(base_url=service.url, trust_env=False)
    check(bare.post("/v1/classify", json=request), 401, "no_key", "Authorization: Bearer KEY")
    wrong = {"Authorization": "Bearer " + "x" * 20}
    check(
        bare.post("/v1/classify", json=request, headers=wrong), 401, "wrong_key", "Ask its operator"
    )
    check(bare.get("/metrics"), 401, "no_key", "an API key is required")
    read = {"Authorization": f"Bearer {READ}"}
    assert bare.post("/v1/classify", json=request, headers=read).status_code == 200
    answer = bare.put("/v1/categories/x", json={"examples": ["a"]}, headers=read)
    check(answer, 403, "needs_write_key", "Use a key with the role write")
    for path in ("/", "/livez", "/readyz", "/openapi.json"):
        assert bare.get(path).status_code == 200
    bare.close()


def test_a_body_without_a_length_is_cut_at_the_limit(client: httpx.Client):
    parts = (b"x" * 100_000 for _ in range(50))
    answer = client.post("/v1/classify", content=parts, headers=JSON)
    check(answer, 413, "body_too_large", "more than 1,000,000 bytes")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET",
        b"POST /v1/classify HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\nX-API-Key: " + WRITE.encode() + b"\r\n\r\n{",
        b"POST /v1/files?name=a.csv HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nX-API-Key: "
        + WRITE.encode()
        + b"\r\n\r\ntext\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
    ids=range(7),
)
def test_a_caller_who_disconnects_in_the_middle_harms_nobody(service, client, sent: bytes):
    parts = urlsplit(service.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(sent)
        time.sleep(0.1)


def test_a_length_that_lies_is_no_request(service: Process, client: httpx.Client):
    parts = urlsplit(service.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}")
        answer = connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"code": "invalid_http"' in answer


HALVES = {
    r"\ud83d": "\ufffd",
    r"\uDE00": "\ufffd",
    r"\ude00\ud83d": "\ufffd\ufffd",
    r"\ud83d\ud83d\ude00": "\ufffd\U0001f600",
    r"\\ud83d": r"\ud83d",
    r"\\\ud83d": "\\\ufffd",
    r"\ud83d\n\u0041": "\ufffd\nA",
    r"\uD83D\uDE00": "\U0001f600",
}


@pytest.mark.parametrize(("escaped", "expected"), HALVES.items())
def test_half_characters_are_answered_as_the_library_answers_them(
    client: httpx.Client, escaped: str, expected: str
):
    body = f'{{"texts": ["bread and soup {escaped}"]}}'
    answer = client.post("/v1/classify", content=body, headers=JSON)
    plain = client.post("/v1/classify", json={"texts": [f"bread and soup {expected}"]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == plain.json()["predictions"]
    library = clean_texts([json.loads(body)["texts"][0]])
    assert library == [f"bread and soup {expected}"]


def test_half_characters_in_examples_are_kept_as_the_library_keeps_them(client: httpx.Client):
    body = r'{"name": "halves", "description": "a \ud83d b", "examples": ["one \ud83d two"]}'
    assert client.post("/v1/categories", content=body, headers=JSON).status_code == 201
    try:
        correction = r'{"corrections": [{"text": "three \udc00", "label": "halves"}]}'
        answer = client.post("/v1/corrections", content=correction, headers=JSON)
        assert answer.status_code == 200
        kept = client.get("/v1/categories/halves").json()["category"]
        texts = [example["text"] for example in kept["examples"]]
        assert texts == ["one \ufffd two", "three \ufffd"]
        assert kept["description"] == "a \ufffd b"
    finally:
        assert client.delete("/v1/categories/halves").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("categories", r'{"name": "half \ud83d", "examples": ["one"]}', "name"),
        ("categories", r'{"name": "x", "examples": ["a"], "parent": "half \ud83d"}', "parent"),
        (
            "corrections",
            r'{"corrections": [{"text": "a", "label": "half \ud83d"}]}',
            "corrections.0.label",
        ),
    ],
)
def test_a_name_with_half_a_character_is_refused(
    client: httpx.Client, path: str, body: str, field: str
):
    answer = client.post(f"/v1/{path}", content=body, headers=JSON)
    check(answer, 422, "invalid_request", f"{field}: use one line, not blank, without control")
    assert "half a character" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (r'{"name": "x", "examples": ["a \ud83d"], "threshold": NaN}', "expected value"),
        (r'{"name": "x", "examples": ["a \ud83d\q"]}', "invalid escape"),
        (r'{"name": "x", "examples": ["a \ud83d', "EOF"),
        (r'{"name": "x \ud83d", "y": ' + "[" * 100_000, "recursion limit"),
    ],
)
def test_half_a_character_makes_nothing_else_valid(client: httpx.Client, body: str, reason: str):
    answer = client.post("/v1/categories", content=body, headers=JSON)
    check(answer, 400, "invalid_json", f"the body is not JSON ({reason}")
