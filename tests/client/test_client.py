"""The client: its requests, its results and its retries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from textshot.client import AnswerError, Client, wire
from textshot.client.wire import category_body, parse_category
from textshot.errors import InvalidCategoriesError, InvalidTextsError, ServiceError, TableError
from textshot.types import Category, Example, KeyKind

LIMITS = {"max_body": 4000, "max_texts": 3, "max_characters": 100, "max_file": 1000, "deadline": 1}


class Fake:
    """Answers requests by a script of (status, headers), then as a service would."""

    def __init__(self, *script: tuple[int, dict[str, str]] | Exception) -> None:
        self.script, self.asked = list(script), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/info":
            return httpx.Response(200, json={"limits": LIMITS})
        self.asked.append(request)
        request.read()
        if self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            status, headers = step
            error = {"code": "some_code", "message": "the reason", "request_id": "r1"}
            return httpx.Response(status, headers=headers, json={"error": error})
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        predictions = [prediction(text) for text in body.get("texts", [])]
        predictions += [prediction(one["text"]) for one in body.get("corrections", [])]
        return httpx.Response(200, json={"predictions": predictions, "index_generation": 7})

    def client(self, **more) -> Client:
        return Client(transport=httpx.MockTransport(self), **more)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, which take no time here."""
    seconds: list[float] = []
    monkeypatch.setattr(wire, "sleep", seconds.append)
    return seconds


def prediction(text: str) -> dict:
    key = {"kind": "example", "text": text, "source": "correction", "written": 3}
    return {
        "label": None if text == "none" else text.upper(),
        "probability": None,
        "score": 0.5,
        "margin": 0.25,
        "threshold": 0.4,
        "unknown_because": None,
        "matches": [{"label": text.upper(), "score": 0.5, "key": key}],
    }


def test_an_answer_becomes_the_librarys_prediction():
    [result, unknown] = Fake().client().classify(["some", "none"])
    assert (result.label, result.labels, result.score) == ("SOME", ("SOME",), 0.5)
    assert result.matches[0].key.kind is KeyKind.EXAMPLE
    assert result.matches[0].key.correction_order == 3
    assert (unknown.label, unknown.labels) == (None, ())


@pytest.mark.parametrize("n", [0, 1, 3, 4, 10])
def test_any_number_of_texts_in_parts_and_in_order(n: int):
    fake = Fake()
    texts = [f"t{i}" for i in range(n)]
    assert [p.label for p in fake.client().classify(texts)] == [t.upper() for t in texts]
    assert [len(json.loads(r.content)["texts"]) for r in fake.asked] == [3] * (n // 3) + [n % 3] * (
        n % 3 > 0
    )


def test_parts_are_no_larger_than_a_body_may_be():
    fake = Fake()
    texts = ["a" * 1400, "b" * 1400, "c" * 1400, "ü" * 200, "d"]
    fake.client().classify(texts)
    assert sum(len(json.loads(r.content)["texts"]) for r in fake.asked) == 5
    assert max(len(r.content) for r in fake.asked) < LIMITS["max_body"]


def test_options_are_sent_as_they_are_meant():
    fake = Fake()
    client = fake.client(index="a b", api_key="secret")
    client.classify(["x"], k=1, threshold=None)
    client.classify(["x"], threshold=0.5)
    bodies = [json.loads(r.content) for r in fake.asked]
    assert bodies[0] == {"texts": ["x"], "k": 1, "threshold": None}
    assert bodies[1] == {"texts": ["x"], "k": 3, "threshold": 0.5}
    assert fake.asked[0].headers["Authorization"] == "Bearer secret"
    assert fake.asked[0].url.raw_path == b"/v1/indexes/a%20b/classify"


def test_texts_are_checked_and_cleaned_as_the_library_does():
    fake = Fake()
    with pytest.raises(TypeError, match="one str; give a list"):
        fake.client().classify("bare")
    with pytest.raises(InvalidTextsError, match="text 1 is missing"):
        fake.client().classify(["a", None])
    fake.client().classify(["a\x00b\ud800"])
    assert json.loads(fake.asked[0].content)["texts"] == ["a b\ufffd"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_for_lack_of_capacity_is_retried_when_it_says(status: int, slept: list[float]):
    fake = Fake((status, {"Retry-After": "3"}), (status, {}), (status, {"Retry-After": "9999"}))
    assert fake.client().classify(["x"])[0].label == "X"
    assert slept == [3.0, 0.5, 60.0]


def test_it_gives_up_with_the_message_of_the_service():
    fake = Fake(*[(429, {"Retry-After": "1"})] * 3)
    with pytest.raises(AnswerError, match="answered 429: the reason") as caught:
        fake.client(attempts=3).classify(["x"])
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (
        429,
        "some_code",
        "r1",
    )
    assert len(fake.asked) == 3
    assert isinstance(caught.value, ServiceError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_other_refusals_are_not_sent_again(status: int, slept: list[float]):
    fake = Fake((status, {}))
    with pytest.raises(AnswerError, match=f"answered {status}: the reason"):
        fake.client().classify(["x"])
    assert (len(fake.asked), slept) == (1, [])


def test_a_broken_connection_is_retried_if_the_request_only_reads():
    broken = httpx.ReadError("gone")
    assert Fake(broken, broken).client().classify(["x"])[0].label == "X"
    with pytest.raises(AnswerError, match=r"no answer \(ReadError, 1 attempt\)"):
        Fake(broken).client().correct("x", "y")


def test_a_change_that_was_never_sent_is_tried_again():
    fake = Fake(httpx.ConnectError("refused"))
    assert fake.client().correct("x", "y").label == "X"


def test_a_missing_service_is_an_error():
    with pytest.raises(
        AnswerError, match=r"http://127.0.0.1:8000: no answer .ConnectError, 2 attempts"
    ):
        Fake(*[httpx.ConnectError("refused")] * 2).client(attempts=2).classify(["x"])


def test_an_answer_of_another_server_is_an_error():
    class Other(Fake):
        def answer(self, request):
            return httpx.Response(502, text="<html>bad gateway")

    with pytest.raises(AnswerError, match="answered 502: no reason"):
        Other().client().classify(["x"])


@pytest.mark.parametrize("name", ["a/b", "..", "a?b#c", "50%", "ä 👩‍🚀", "/"])
def test_any_name_is_sent_whole(name: str):
    fake = Fake()
    assert fake.client().put(Category(name, examples=["x"]), generation=6) == 7
    path, _, query = fake.asked[0].url.raw_path.decode().partition("?")
    assert unquote(path.removeprefix("/v1/categories/")) == name
    assert "/" not in path.removeprefix("/v1/categories/")
    assert query == "generation=6"


def test_at_least_one_attempt_is_needed():
    with pytest.raises(ValueError, match="attempts is 0"):
        Client(attempts=0)


def test_importing_it_loads_nothing_heavy():
    code = "import sys, textshot.client; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = {"torch", "faiss", "sklearn", "fastapi", "pyarrow", "sentence_transformers"}
    assert heavy & set(loaded) == set()


def test_a_file_that_breaks_off_leaves_what_was_there(tmp_path: Path):
    class Breaking(Fake):
        def answer(self, request):
            def parts():
                yield b"label\n"
                raise httpx.RemoteProtocolError("incomplete")

            return httpx.Response(200, content=parts())

    (tmp_path / "in.csv").write_text("text\nx\n")
    (tmp_path / "out.csv").write_text("before")
    with pytest.raises(AnswerError, match="the response broke off"):
        Breaking().client().categorize(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "out.csv"]


class Sending(Fake):
    """Answers a file with `content`, or the file itself, and then tells its progress."""

    content: bytes | None = None

    def answer(self, request):
        if request.method == "POST":
            content = request.content if self.content is None else self.content
            return httpx.Response(200, content=content)
        if request.url.path != f"/v1/files/{self.asked[-2].headers['X-Request-ID']}":
            return httpx.Response(404, json={})
        return httpx.Response(200, json={"rows": 3, "rejected": 1})


def test_a_file_is_sent_again_from_its_beginning(tmp_path: Path):
    fake = Sending((429, {"Retry-After": "1"}))
    (tmp_path / "in.csv").write_text("text\nx\n")
    progress = fake.client().categorize(
        tmp_path / "in.csv",
        tmp_path / "out.csv",
        text_columns=["a", "b"],
        output="csv",
        sheet="Data",
        header_row=3,
        allow_rejected=True,
    )
    assert progress == {"rows": 3, "rejected": 1}
    assert (tmp_path / "out.csv").read_text() == "text\nx\n"
    asked = fake.asked[-2].url.params
    assert (asked["name"], asked["output"], asked.get_list("text_column")) == (
        "in.csv",
        "csv",
        ["a", "b"],
    )
    assert asked["allow_rejected"] == "true"
    assert (asked["sheet"], asked["header_row"]) == ("Data", "3")


@pytest.mark.parametrize("target", ["in.csv", "IN.csv"])
def test_the_file_that_is_sent_is_not_replaced(tmp_path: Path, target: str):
    (tmp_path / "in.csv").write_text("text\nx\n")
    with pytest.raises(TableError, match="is the file to send, which would be replaced"):
        Sending().client().categorize(tmp_path / "in.csv", tmp_path / target)


@pytest.mark.parametrize(
    "line",
    [
        b'"textshot error: the ""file"" is damaged"\n',
        b'{"error": {"code": "incomplete", "message": "the \\"file\\" is damaged"}}\n',
    ],
)
def test_a_file_whose_last_line_says_that_it_is_not_complete_is_an_error(tmp_path: Path, line):
    fake = Sending()
    fake.content = b"text,label\nx,y\n" * 100_000 + line
    (tmp_path / "in.csv").write_text("text\nx\n")
    (tmp_path / "out.csv").write_text("before")
    with pytest.raises(AnswerError, match='nothing was written: the "file" is damaged'):
        fake.client().categorize(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "before"


def test_rows_that_speak_of_errors_are_rows(tmp_path: Path):
    fake = Sending()
    (tmp_path / "in.csv").write_text("text\nx\n")
    for content in (
        b'text,label\n"a\n""textshot error: b""",other\n',
        b'{"error": {"message": "b"}, "label": "other"}\n',
        b'{"error": "b"}\n',
        b"",
    ):
        fake.content = content
        fake.client().categorize(tmp_path / "in.csv", tmp_path / "out.csv")
        assert (tmp_path / "out.csv").read_bytes() == content


def test_a_service_that_forgot_the_file_is_no_error(tmp_path: Path):
    class Forgetful(Sending):
        def answer(self, request):
            return super().answer(request) if request.method == "POST" else httpx.Response(404)

    (tmp_path / "in.csv").write_text("text\nx\n")
    assert Forgetful().client().categorize(tmp_path / "in.csv", tmp_path / "out.csv") == {}
    assert (tmp_path / "out.csv").exists()


def test_examples_are_sent_with_their_source_and_order():
    """Plain ones as plain texts, as services of the first edition take them."""
    examples = (Example("a"), Example("b", "import"), Example("c", "correction", 7))
    assert category_body(Category("x", examples=examples))["examples"] == [
        "a",
        {"text": "b", "source": "import", "written": 0},
        {"text": "c", "source": "correction", "written": 7},
    ]


def test_a_service_without_the_order_of_corrections_is_understood():
    data = {"name": "x", "examples": [{"text": "a", "source": "correction"}]}
    assert parse_category(data).examples == (Example("a", "correction", 0),)


@pytest.mark.parametrize(
    "category", [Category("x", None), Category("x", examples=(Example("a"), Example(None)))]
)
def test_a_category_without_its_texts_is_not_sent(category: Category):
    """Else its private description would be taken for an empty one, and lost."""
    fake = Fake()
    with pytest.raises(InvalidCategoriesError, match="'x' comes from a private index"):
        fake.client().put(category)
    assert fake.asked == []
