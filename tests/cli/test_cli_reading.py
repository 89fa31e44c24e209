"""Long texts and other languages are noticed, and said once on stderr."""

from pathlib import Path

import pytest

GERMAN = (
    "Mir wurde der Betrag zweimal abgebucht, bitte erstatten Sie mir das Geld zurück",
    "Meine Bestellung hätte schon am Dienstag hier ankommen sollen",
    "Die Webseite nimmt mein Kennwort nicht mehr an",
    "Wann öffnen Sie am Samstagvormittag Ihr Ladengeschäft",
    "Ich möchte mich auf die ausgeschriebene Stelle bewerben",
)
LONG = "1 text is longer than the 254 tokens that the encoder reads (about 190 words); the rest was"


@pytest.fixture
def made(run, categories):
    """An index made with the real encoder; its English texts are nothing to talk about."""
    result = run("index", categories, "-o", "made")
    assert "tokens" not in result.stderr
    assert "pieces" not in result.stderr
    return "made"


def test_a_long_text_is_noticed_wherever_texts_are_read(run, made, categories):
    long = "my parcel has not come " * 100
    Path("in.csv").write_text(f"text,label\nmoney back,\n{long},late parcel\n", encoding="utf-8")
    assert LONG in run("classify", made, "money back", long).stderr
    assert LONG in run("categorize", made, "in.csv", "-o", "out.csv").stderr
    assert LONG in run("evaluate", made, "in.csv").stderr
    with Path(categories).open("a", encoding="utf-8") as file:
        file.write(f"late parcel,{long},\n")
    assert LONG in run("index", categories, "-o", "again").stderr


def test_another_language_is_noticed_once(run, made):
    texts = [f"{text} {i}" for i in range(200) for text in GERMAN]
    Path("in.csv").write_text("text\n" + "\n".join(f'"{t}"' for t in texts), encoding="utf-8")
    shown = run("categorize", made, "in.csv", "-o", "out.csv").stderr
    assert shown.count("another language, or jargon?") == 1
    assert "tokens" not in shown


def test_an_encoder_that_cannot_tell_says_nothing(run, index):
    assert run("classify", index, "money back " * 1000).stderr == ""
