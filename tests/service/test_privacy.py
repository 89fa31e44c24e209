"""What callers send appears nowhere else: not in the log, not in metrics, not in errors."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from inside import ask
from process import Process

from textshot.encoders import HashingEncoder

WORD = "Quokkalumin"
SHAPES = (
    WORD,
    WORD.upper(),
    WORD.lower(),
    quote(WORD[::-1]),
    base64.b64encode(WORD.encode()).decode().rstrip("="),
)
LONG = f"{WORD} " * 3000  # beyond the limit of a text
JSON = {"Content-Type": "application/json"}
OCTETS = {"Content-Type": "application/octet-stream"}


def requests() -> list[tuple[str, str, dict]]:
    """Return requests with the word in every place there is; most of them are refused."""
    bodies = [
        {"texts": [WORD, f"some {WORD} text"]},
        {"texts": [LONG]},
        {"texts": WORD},
        {"texts": [WORD, 3]},
        {"texts": [{WORD: WORD}]},
        {"texts": ["a"], WORD: WORD},
        {"texts": ["a"], "k": WORD},
        {"texts": ["a"], "threshold": WORD},
        {WORD: 1},
        WORD,
        [WORD],
    ]
    result = [("POST", "/v1/classify", {"json": body}) for body in bodies]
    for raw in (
        f'{{"texts": ["{WORD}"',
        f'{{"texts": ["{WORD}\\ud800"]}}',
        f"{WORD}",
        f'"{WORD}\x01"',
    ):
        result.append(("POST", "/v1/classify", {"content": raw, "headers": JSON}))
    categories = [
        {"name": WORD + "\n", "examples": ["a"]},
        {"name": "x", "examples": [WORD, ""]},
        {"name": "x", "examples": [LONG]},
        {"name": "sport", "examples": [WORD]},
        {"name": "x", "description": 3, "examples": WORD},
        {"name": "x", "examples": ["a"], "metadata": {WORD: 3}},
        {"name": "x", "examples": ["a"], "parent": WORD + "\x00"},
        {"name": "taken", "examples": [WORD], "description": WORD, "metadata": {WORD: WORD}},
    ]
    result += [("POST", "/v1/categories", {"json": body}) for body in categories]
    result += [
        ("PUT", f"/v1/categories/{WORD}%00", {"json": {"examples": ["a"]}}),
        ("DELETE", f"/v1/categories/{WORD}", {}),
        ("PATCH", f"/v1/categories/{WORD}", {}),
        ("GET", f"/v1/categories/{WORD}", {}),
        ("GET", f"/v1/categories?limit={WORD}", {}),
        ("GET", f"/v1/indexes/{WORD}/categories", {}),
        ("POST", f"/v1/indexes/{WORD}/classify", {"json": {"texts": ["a"]}}),
        ("GET", f"/{WORD}", {}),
        (WORD, "/v1/classify", {}),
        ("GET", f"/page/{WORD}.js", {}),
        ("GET", f"/v1/files/{WORD}", {}),
        (
            "GET",
            "/v1/info",
            {"headers": {"Authorization": f"Bearer {WORD}{WORD}", "X-Other": WORD}},
        ),
        ("POST", f"/v1/categories?generation={WORD}", {"json": {"name": "y", "examples": ["a"]}}),
        ("POST", "/v1/classify", {"content": WORD, "headers": {"Content-Type": f"text/{WORD}"}}),
    ]
    for label in (WORD, "sport", None):
        body = {"corrections": [{"text": WORD, "label": label}]}
        result.append(("POST", "/v1/corrections", {"json": body}))
    return result + files()


def files() -> list[tuple[str, str, dict]]:
    """Return uploads of all kinds of damage."""
    sent = {
        f"{WORD}.csv": f"text\n{WORD}\n".encode(),
        "a.csv": f"{WORD},{WORD}2\n1,2\n".encode(),
        "b.csv": f"text\n{WORD} \xff\n{WORD},{WORD},3\n".encode("latin-1"),
        "c.jsonl": f'{{"text": "{WORD}"\n{{"text": ["{WORD}"]}}\n{{"{WORD}": 1}}\n'.encode(),
        "d.parquet": WORD.encode() * 100,
        "e.xlsx": WORD.encode() * 100,
        "f.csv.gz": WORD.encode(),
        f"g.{WORD}": WORD.encode(),
        "h.csv": f'text\n"{WORD}\n'.encode(),
    }
    result = [(name, data, "") for name, data in sent.items()]
    more = (f"&text_column={WORD}", f"&encoding={WORD}", f"&threshold={WORD}", f"&format={WORD}")
    result += [("i.csv", b"text\nx\n", query) for query in more]
    return [
        (
            "POST",
            f"/v1/files?name={n}{q}",
            {"content": d, "headers": {**OCTETS, "X-Request-ID": f"f{i}"}},
        )
        for i, (n, d, q) in enumerate(result)
    ]


def assert_free(where: str, content: str) -> None:
    for shape in SHAPES:
        assert shape not in content, f"{where}: {content[:500]}"
    assert json.dumps(WORD)[1:-1] not in content


def test_a_sent_word_is_in_no_log_metric_or_error(folder: Path):
    statuses = set()
    with Process(folder, "--writable", "--poll", "0.05").ready() as service:
        with httpx.Client(base_url=service.url, trust_env=False) as client:
            for method, path, more in requests():
                answer = client.request(method, path, **more)
                statuses.add(answer.status_code)
                if answer.is_error:
                    error = answer.json()["error"]
                    # Only whoever sent the file gets the names of its columns back.
                    assert "columns" not in error or "/files" in path
                    error.pop("columns", None)
                    assert_free(f"{method} {path[:40]}", json.dumps(error, ensure_ascii=False))
                    assert set(error) == {"code", "message", "request_id"}
                    assert error["message"]
            for i in range(len(files())):
                assert_free("progress", client.get(f"/v1/files/f{i}").text)
            assert_free("metrics", client.get("/metrics").text)
            assert_free("info", client.get("/v1/info").text)
            assert client.post("/v1/classify", json={"texts": ["bread"]}).status_code == 200
        assert service.stop() == 0
    assert statuses >= {200, 201, 400, 404, 405, 409, 415, 422}
    assert not any(status >= 500 for status in statuses)
    assert_free("log", json.dumps(service.lines))
    assert_free("log", "\n".join(map(str, service.lines)))


def test_an_internal_error_is_logged_without_its_message(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    from textshot.service.server import JsonFormatter

    def breaking(self, texts, *, batch_size=32):
        raise RuntimeError(f"cannot encode {texts}")

    async def body(client, service):
        monkeypatch.setattr(HashingEncoder, "encode", breaking)
        return await client.post("/v1/classify", json={"texts": [WORD]})

    with caplog.at_level("DEBUG"):
        answer = ask({"news": folder}, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert_free("answer", answer.text)
    lines = [
        JsonFormatter().format(r) for r in caplog.records if r.name.startswith("textshot.service")
    ]
    [line] = [json.loads(line) for line in lines if "internal error" in line]
    assert line["error"] == "RuntimeError"
    assert any("test_privacy.py" in place for place in line["at"])
    assert_free("log", "\n".join(lines))
