"""The client: what it sends, what it makes of answers, and when it tries again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from textshot.client import AnswerError, Client
from textshot.client.wire import category_body, parse_category
from textshot.errors import InvalidCategoriesError, InvalidTextsError, ServiceError
from textshot.types import Category, Example, KeyKind

LIMITS = {"max_body": 4000, "max_texts": 3, "max_characters": 100, "max_file": 1000, "deadline": 1}


class Fake:
    """Answers requests by a script of (status, headers), then as a service would."""

    def __init__(self, *script: tuple[int, dict[str, str]] | Exception) -> None:
        self.script, self.asked, self.slept = list(script), list[httpx.Request](), list[float]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/info":
            return httpx.Response(200, json={"limits": LIMITS})
        self.asked.append(request)
        request.read()
        if self.script:
            said = self.script.pop(0)
            if isinstance(said, Exception):
                raise said
            status, headers = said
            error = {"code": "some_code", "message": "the reason", "request_id": "r1"}
            return httpx.Response(status, headers=headers, json={"error": error})
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        shown = [prediction(text) for text in body.get("texts", [])]
        shown += [prediction(one["text"]) for one in body.get("corrections", [])]
        return httpx.Response(200, json={"predictions": shown, "index_generation": 7})

    def client(self, **more) -> Client:
        client = Client(transport=httpx.MockTransport(self), **more)
        client._send._sleep = self.slept.append
        return client


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
    [found, unknown] = Fake().client().classify(["some", "none"])
    assert (found.label, found.labels, found.score) == ("SOME", ("SOME",), 0.5)
    assert found.matches[0].key.kind is KeyKind.EXAMPLE
    assert found.matches[0].key.correction_order == 3
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
def test_what_is_refused_for_now_is_sent_again_when_it_says(status: int):
    fake = Fake((status, {"Retry-After": "3"}), (status, {}), (status, {"Retry-After": "9999"}))
    assert fake.client().classify(["x"])[0].label == "X"
    assert fake.slept == [3.0, 0.5, 60.0]


def test_it_gives_up_with_what_the_service_said():
    fake = Fake(*[(429, {"Retry-After": "1"})] * 3)
    with pytest.raises(AnswerError, match="answered 429: the reason") as found:
        fake.client(attempts=3).classify(["x"])
    assert (found.value.status, found.value.code, found.value.request_id) == (
        429,
        "some_code",
        "r1",
    )
    assert len(fake.asked) == 3
    assert isinstance(found.value, ServiceError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_other_refusals_are_not_sent_again(status: int):
    fake = Fake((status, {}))
    with pytest.raises(AnswerError, match=f"answered {status}: the reason"):
        fake.client().classify(["x"])
    assert (len(fake.asked), fake.slept) == (1, [])


def test_a_connection_that_breaks_is_tried_again_where_it_only_reads():
    broken = httpx.ReadError("gone")
    assert Fake(broken, broken).client().classify(["x"])[0].label == "X"
    with pytest.raises(AnswerError, match=r"no answer \(ReadError, 1 attempt\)"):
        Fake(broken).client().correct("x", "y")


def test_a_change_that_was_never_sent_is_tried_again():
    fake = Fake(httpx.ConnectError("refused"))
    assert fake.client().correct("x", "y").label == "X"


def test_no_service_there_is_told():
    with pytest.raises(
        AnswerError, match=r"http://127.0.0.1:8000: no answer .ConnectError, 2 attempts"
    ):
        Fake(*[httpx.ConnectError("refused")] * 2).client(attempts=2).classify(["x"])


def test_an_answer_of_something_else_is_told():
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


def test_an_attempt_at_least_is_needed():
    with pytest.raises(ValueError, match="attempts is 0"):
        Client(attempts=0)


def test_proxies_of_the_environment_are_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert not Client()._http.trust_env


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


def test_a_file_is_sent_again_from_its_beginning(tmp_path: Path):
    class Echo(Fake):
        def answer(self, request):
            return httpx.Response(200, content=request.content)

    fake: Callable = Echo((429, {"Retry-After": "1"}))
    (tmp_path / "in.csv").write_text("text\nx\n")
    fake.client().categorize(
        tmp_path / "in.csv", tmp_path / "out.csv", text_columns=["a", "b"], output="csv"
    )
    assert (tmp_path / "out.csv").read_text() == "text\nx\n"
    asked = fake.asked[-1].url.params
    assert (asked["name"], asked["output"], asked.get_list("text_column")) == (
        "in.csv",
        "csv",
        ["a", "b"],
    )


def test_examples_are_sent_with_what_the_service_has_to_keep_of_them():
    """Plain ones as plain texts, as services of the first edition take them."""
    examples = (Example("a"), Example("b", "import"), Example("c", "correction", 7))
    assert category_body(Category("x", examples=examples))["examples"] == [
        "a",
        {"text": "b", "source": "import", "written": 0},
        {"text": "c", "source": "correction", "written": 7},
    ]


def test_a_service_that_does_not_tell_the_order_of_corrections_is_understood():
    shown = {"name": "x", "examples": [{"text": "a", "source": "correction"}]}
    assert parse_category(shown).examples == (Example("a", "correction", 0),)


@pytest.mark.parametrize(
    "category", [Category("x", None), Category("x", examples=(Example("a"), Example(None)))]
)
def test_a_category_without_its_texts_is_not_sent(category: Category):
    """Else its private description would be taken for an empty one, and lost."""
    fake = Fake()
    with pytest.raises(InvalidCategoriesError, match="'x' comes from a private index"):
        fake.client().put(category)
    assert fake.asked == []
