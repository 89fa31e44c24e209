"""Long texts and other languages are noticed, and said once on stderr."""

import json
from pathlib import Path

import pytest

from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

GERMAN = (
    "Mir wurde der Betrag zweimal abgebucht, bitte erstatten Sie mir das Geld zurück",
    "Meine Bestellung hätte schon am Dienstag hier ankommen sollen",
    "Die Webseite nimmt mein Kennwort nicht mehr an",
    "Wann öffnen Sie am Samstagvormittag Ihr Ladengeschäft",
    "Ich möchte mich auf die ausgeschriebene Stelle bewerben",
)
LONG = (
    "1 text is longer than the 12224 tokens that the encoder reads (about 9168 words); the rest was"
    " ignored"
)


@pytest.fixture
def made(run, categories):
    """An index made with the real encoder; its English texts are nothing to talk about."""
    result = run("index", categories, "-o", "made")
    assert "tokens" not in result.stderr
    return "made"


@pytest.fixture
def beginnings_only(monkeypatch):
    """What is told of long texts is no matter of their vectors, which would take half a minute."""
    original = SentenceTransformerEncoder.encode

    def encode(self, texts, **options):
        return original(self, [text[:500] for text in texts], **options)

    monkeypatch.setattr(SentenceTransformerEncoder, "encode", encode)


@pytest.mark.usefixtures("beginnings_only")
def test_a_long_text_is_noticed_wherever_texts_are_read(run, made, categories):
    long = "my parcel has not come " * 2445  # 12,225 tokens
    Path("in.csv").write_text(f"text,label\nmoney back,\n{long},late parcel\n", encoding="utf-8")
    assert LONG in run("classify", made, "money back", long).stderr
    assert LONG in run("categorize", made, "in.csv", "-o", "out.csv").stderr
    assert LONG in run("evaluate", made, "in.csv").stderr
    with Path(categories).open("a", encoding="utf-8") as file:
        file.write(f"late parcel,{long},\n")
    assert LONG in run("index", categories, "-o", "again").stderr


@pytest.mark.usefixtures("beginnings_only")
def test_a_text_that_just_fits_into_all_windows_is_not_noticed(run, made):
    assert run("classify", made, "word " * 12224).stderr == ""


def test_a_text_of_a_few_windows_is_read_to_its_end_and_nothing_is_reported(run, made):
    pages = "when is the shop open on Saturday " * 40  # 280 tokens
    end = "my parcel has not come yet " * 200
    found = {}
    for text in (pages, pages + end):
        result = run("classify", made, text, "--json")
        assert result.stderr == ""
        found[text] = json.loads(result.stdout)["matches"][0]["label"]
    assert list(found.values()) == ["opening hours", "late parcel"]


def test_another_language_is_noticed_once(run, made):
    texts = [f"{text} {i}" for i in range(6) for text in GERMAN]
    Path("in.csv").write_text("text\n" + "\n".join(f'"{t}"' for t in texts), encoding="utf-8")
    shown = run("categorize", made, "in.csv", "-o", "out.csv").stderr
    assert shown.count("another language, or jargon?") == 1
    assert "longer than" not in shown


def test_an_encoder_that_cannot_tell_says_nothing(run, index):
    assert run("classify", index, "money back " * 1000).stderr == ""


def test_texts_without_a_known_word_are_reported_by_each_command(run, made):
    result = run("classify", made, "👍", "I want my money back")
    assert "1 text says nothing to the encoder" in result.stderr
    assert result.stdout.splitlines()[1].startswith("unknown")
    [record] = map(json.loads, run("classify", made, "👍", "--json").stdout.splitlines())
    assert (record["label"], record["unknown_because"]) == (None, "unreadable")
    result = run("correct", made, "👍", "refund request")
    assert "warning: 1 of 1 texts say nothing to the encoder" in result.stderr
    assert "the encoder knows no word of the text" in run("explain", made, "👍").stdout


def test_an_index_warns_of_examples_that_say_nothing(run, tmp_path):
    table = tmp_path / "c.csv"
    table.write_text("label,text\npraise,great work\nother,👍\nother,\u200b\n", encoding="utf-8")
    result = run("index", str(table), "-o", "made")
    assert "warning: 1 of 2 examples say nothing to the encoder" in result.stderr
    assert "Says nothing to the encoder" in run("check", "made").stdout
