"""The client and a real service together: the answers are those of the library."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from textshot import Category, Engine
from textshot.cli import main
from textshot.client import AnswerError, Client
from textshot.encoders import HashingEncoder

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))
from process import Process

ROOT = Path(__file__).parents[2]
CATEGORIES = ROOT / "examples" / "support" / "categories.csv"
INBOX = ROOT / "examples" / "support" / "inbox.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("client") / "support"
    words = ["index", str(CATEGORIES), "-o", str(path), "--encoder", "hashing"]
    assert CliRunner().invoke(main, words).exit_code == 0
    return path


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Process]:
    with Process(folder, "--writable", "--max-texts", "16").ready() as service:
        yield service
        assert service.stop() == 0


@pytest.fixture(scope="module")
def client(service: Process) -> Iterator[Client]:
    with Client(service.url) as client:
        yield client


def texts() -> list[str]:
    return [line.rpartition(",")[2] for line in INBOX.read_text().splitlines()[1:]]


def test_the_answers_are_the_librarys(folder: Path, client: Client):
    engine = Engine.load(folder)
    assert client.classify(texts(), 2) == engine.classify(texts(), 2)
    assert client.classify(["", "x\x00y"], threshold=None) == engine.classify(
        ["", "x\x00y"], threshold=None
    )
    assert client.categories() == engine.categories
    assert client.ready()


def test_a_file_is_what_the_command_writes(folder: Path, client: Client, tmp_path: Path):
    client.categorize(INBOX, tmp_path / "http.csv")
    words = ["categorize", str(folder), str(INBOX), "-o", str(tmp_path / "command.csv")]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert (tmp_path / "http.csv").read_bytes() == (tmp_path / "command.csv").read_bytes()


def test_changes_are_those_of_the_library(folder: Path, client: Client):
    before = client.info()["indexes"][0]["generation"]
    made = Category("a/b: ü?", description="what is above", examples=["the sky is blue"])
    assert client.add(made, generation=before) == before + 1
    assert made in client.categories()
    with pytest.raises(AnswerError, match="another writer was first") as caught:
        client.put(made, generation=before)
    assert caught.value.code == "stale_generation"
    assert client.correct("the sky is grey", "a/b: ü?").label == "a/b: ü?"
    assert client.classify(["the sky is grey"])[0].label == "a/b: ü?"
    assert client.correct("the sky is grey", None).label is None
    assert client.remove("a/b: ü?") == before + 4
    with pytest.raises(AnswerError, match="there is no category of that name"):
        client.remove("a/b: ü?")
    assert len(client.categories()) == len(Engine.load(folder).categories)


def test_a_category_that_is_read_and_put_back_keeps_its_corrections(folder: Path, client: Client):
    client.add(Category("sky", examples=["the sky is blue"]))
    client.correct("the sky is grey", "sky")
    client.correct("the sky was grey", "sky")
    [sky] = [c for c in client.categories() if c.name == "sky"]
    assert [(e.source, e.correction_order > 0) for e in sky.examples] == [
        ("example", False), ("correction", True), ("correction", True),
    ]  # fmt: skip
    there = Engine.load(folder)
    assert sky == there.index.state.entry("sky").category
    assert client.put(sky) == there.index.generation
    client.put(replace(sky, description="what is above"))
    after = Engine.load(folder).index.state.entry("sky").category
    assert after.description == "what is above"
    assert after.examples == sky.examples
    client.remove("sky")


def test_the_library_takes_a_hashing_encoder_too(client: Client):
    kind = client.info()["indexes"][0]["encoder"]
    assert kind["fingerprint"] == HashingEncoder().fingerprint


def test_proxies_of_the_environment_are_ignored(service: Process, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Client(service.url) as other:
        assert other.ready()
