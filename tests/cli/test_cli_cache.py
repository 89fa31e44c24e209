"""--cache: the next run encodes nothing, and prints the same."""

from pathlib import Path

import pytest

from textshot.encoders import HashingEncoder
from textshot.engine.encoder_identity import PROBE

LABELLED = "text,label\nmy canary parcel,late parcel\nI want my money,refund request\nzzz,\n" + (
    "".join(f"my parcel {i},late parcel\nmoney back {i},refund request\n" for i in range(20))
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The cache of these tests."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TEXTSHOT_CACHE", str(folder))
    return folder


@pytest.fixture
def asked(monkeypatch):
    """The texts that were encoded, but for the probe, which is always."""
    texts = []
    encode = HashingEncoder.encode

    def spying(self, given, *, batch_size=32):
        texts.extend(text for text in given if text != PROBE)
        return encode(self, given, batch_size=batch_size)

    monkeypatch.setattr(HashingEncoder, "encode", spying)
    return texts


@pytest.fixture
def labelled():
    Path("labelled.csv").write_text(LABELLED, encoding="utf-8")
    return "labelled.csv"


def commands(index, inbox, labelled, categories):
    return {
        "classify": ("classify", index, "my parcel", "the weather", "my parcel"),
        "categorize": ("categorize", index, inbox, "--rejects", "rejects.csv"),
        "evaluate": ("evaluate", index, labelled),
        "tune": ("tune", index, labelled),
        "index": ("index", categories, "-o", "made", "--encoder", "hashing"),
    }


@pytest.mark.parametrize("name", ["classify", "categorize", "evaluate", "tune", "index"])
def test_the_second_run_encodes_nothing_and_says_the_same(
    run, asked, cache, name, index, inbox, labelled, categories
):
    command = commands(index, inbox, labelled, categories)[name]
    without = run(*command)
    assert asked
    assert not cache.exists()
    asked.clear()
    first = run(*command, "--cache")
    assert asked
    asked.clear()
    second = run(*command, "--cache")
    assert asked == []
    if name in ("classify", "categorize", "evaluate"):  # the others count generations
        assert without.output == first.output == second.output
    assert [path.suffix for path in cache.glob("vectors/*.sqlite")] == [".sqlite"]


def test_a_command_finds_what_another_one_kept_and_no_text_is_in_the_cache(
    run, asked, cache, index, labelled
):
    run("evaluate", index, labelled, "--cache")
    asked.clear()
    run("classify", index, "my canary parcel", "something new", "--cache")
    assert asked == ["something new"]
    for path in (cache / "vectors").iterdir():
        assert b"canary" not in path.read_bytes()


def test_it_can_be_set_by_a_variable(run, asked, index):
    for _ in range(2):
        run("classify", index, "my parcel", env={"TEXTSHOT_CLASSIFY_CACHE": "1"})
    assert asked == ["my parcel"]


def test_a_cache_that_cannot_be_written_changes_no_answer(run, cache, index, caplog):
    cache.write_text("a file")
    expected = run("classify", index, "my parcel").stdout
    assert run("classify", index, "my parcel", "--cache").stdout == expected
    assert "embeddings are not cached in" in caplog.text
