"""Making an index again from a table: nothing that was learned since goes without a word."""

import json
import shlex
from pathlib import Path

import pytest

from textshot import Engine
from textshot.index import Index

CORRECTED = {"when is the courier open": "late parcel", "out of office": "unknown"}


@pytest.fixture
def corrected(run, categories):
    """An index with two corrections that its table does not have."""
    run("index", categories, "-o", "index", "--encoder", "hashing")
    for text, label in CORRECTED.items():
        run("correct", "index", text, label)
    return "index"


def corrections(index):
    engine = Engine.load(index)
    labelled = [(c.name, e) for c in engine.categories for e in c.examples]
    labelled += [("unknown", e) for e in engine.out_of_scope]
    return {e.text: name for name, e in labelled if e.source == "correction"}


def test_corrections_are_not_thrown_away_unasked(run, corrected, categories):
    before = {p: p.read_bytes() for p in Path(corrected).iterdir()}
    result = run("index", categories, "-o", corrected, "--encoder", "hashing", code=1)
    assert result.stderr == (
        "Error: index holds 2 corrections that categories.csv does not have. Take them over with"
        " --keep-corrections, or leave them out with --discard-corrections (`textshot labels"
        " export` writes a table that has them)\n"
    )
    assert {p: p.read_bytes() for p in Path(corrected).iterdir()} == before


def test_they_are_kept_or_discarded_by_choice(run, corrected, categories):
    run("index", categories, "-o", corrected, "--encoder", "hashing", "--keep-corrections")
    assert corrections(corrected) == CORRECTED
    texts = list(CORRECTED)
    labels = [p.label for p in Engine.load(corrected).classify(texts)]
    assert labels == ["late parcel", None]
    run("index", categories, "-o", corrected, "--encoder", "hashing", "--discard-corrections")
    assert corrections(corrected) == {}


def test_a_table_that_has_them_needs_no_choice(run, corrected):
    run("labels", "export", corrected, "-o", "exported.csv")
    run("index", "exported.csv", "-o", corrected, "--encoder", "hashing")
    assert corrections(corrected) == CORRECTED


def test_corrections_of_a_category_that_is_gone_are_named(run, corrected):
    Path("few.csv").write_text("label,text\na,one\nb,two\n")
    arguments = ("index", "few.csv", "-o", corrected, "--encoder", "hashing")
    result = run(*arguments, "--keep-corrections", code=1)
    assert "index holds corrections to 'late parcel', no categories of few.csv" in result.stderr
    result = run(*arguments, "--discard-corrections")
    assert "left out, as few.csv does not have them: 5 categories and 5 examples" in result.stderr


def test_corrections_of_a_private_index_cannot_be_kept(run, categories):
    arguments = ("index", categories, "-o", "secret", "--encoder", "hashing", "--private")
    run(*arguments)
    run(*arguments)  # a private index knows its examples by their hashes
    run("correct", "secret", "when is the courier open", "late parcel")
    assert "secret holds 1 correction that categories.csv" in run(*arguments, code=1).stderr
    result = run(*arguments, "--keep-corrections", code=1)
    assert "secret is private: the texts of its 1 correction are gone" in result.stderr
    run(*arguments, "--discard-corrections")


def test_a_correction_that_comes_in_the_meantime_is_not_lost(
    run, corrected, categories, monkeypatch
):
    follow = Index.follow

    def slow(self, other):
        follow(self, other)
        run("correct", corrected, "another courier", "late parcel")

    monkeypatch.setattr(Index, "follow", slow)
    arguments = ("index", categories, "-o", corrected, "--encoder", "hashing")
    result = run(*arguments, "--discard-corrections", code=1)
    assert "another writer was first" in result.stderr
    assert "another courier" in corrections(corrected)


TABLE = (
    "label,text,description,team\n"
    'late parcel,"where, then, is it",The parcel has not come,\n'
    "late parcel,=SUM(A1),,Goods\n"
    "login,'-quoted,,\n"
    "login,two\nlines,,\n".replace("two\nlines", '"two\nlines"')
    + "refund,,Money back,\n"
    "opening hours,wann habt ihr geöffnet 🧥,,\n"
    "unknown,out of office,,\n"
)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.xlsx", "a.parquet"])
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--no-unknown",),
        ("--threshold", "0.3"),
        ("--unknown-rate", "0.7", "--no-names"),
        ("--network", "memory"),
    ],
    ids=" ".join,
)
def test_the_same_index_is_made_of_an_export(run, name, options):
    Path("table.csv").write_text(TABLE.replace("refund,,", "refund,money,"), encoding="utf-8")
    run("index", "table.csv", "-o", "index", "--encoder", "hashing", *options)
    run("correct", "index", "the cat, it sat", "login")
    run("correct", "index", "=HYPERLINK()", "late parcel")
    run("labels", "add", "index", "unknown", "the weather")
    run("correct", "index", "moon", "unknown")
    line = run("labels", "export", "index", "-o", name).stderr.splitlines()[-1]
    assert line.startswith(f"the same index: textshot index {name} -o INDEX --encoder hashing")
    command = shlex.split(line.removeprefix("the same index: textshot "))
    run(*["again" if word == "INDEX" else word for word in command])
    first, second = Index.load("index"), Index.load("again")
    assert second.categories == first.categories
    assert second.digest() == first.digest()
    assert Engine.load("again").out_of_scope == Engine.load("index").out_of_scope


def test_thresholds_and_parents_are_exported_too(run):
    from textshot import Category, Example
    from textshot.testing import HashingEncoder

    examples = [Example("one", "web", 3), "two"]
    categories = [
        Category("a", "first", examples, parent="top", threshold=0.1234567890123),
        Category("b", threshold=-0.5),
        Category("c", examples=["three"], metadata={"team": "x", "Größe": "7"}),
    ]
    Engine.build(categories, encoder=HashingEncoder()).save("index")
    run("labels", "export", "index", "-o", "exported.csv")
    header = Path("exported.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert header == "label,text,description,_source,_correction,_parent,_threshold,Größe,team"
    run("index", "exported.csv", "-o", "again", "--encoder", "hashing")
    assert Index.load("again").categories == Index.load("index").categories


def test_an_export_that_was_changed_by_hand_is_checked(run):
    Path("exported.csv").write_text("label,text,_correction\na,one,1\nb,two,first\n")
    result = run("index", "exported.csv", "-o", "index", "--encoder", "hashing", code=1)
    assert "exported.csv:3: _correction and _threshold, the columns of an export" in result.stderr
    Path("exported.csv").write_text("label,text,_threshold\na,one,2\nb,two,\n")
    result = run("index", "exported.csv", "-o", "index", "--encoder", "hashing", code=1)
    assert "category 'a' has threshold 2.0; a cosine lies in -1 to 1" in result.stderr


def test_a_private_index_cannot_be_exported(run, categories):
    run("index", categories, "-o", "secret", "--encoder", "hashing", "--private")
    result = run("labels", "export", "secret", "-o", "out.csv", code=1)
    assert result.stderr == "Error: secret is private: it has no texts to write\n"


def test_a_calibration_that_ends_is_mentioned(run, categories):
    arguments = ("index", categories, "-o", "index", "--encoder", "hashing")
    run(*arguments)
    rows = "".join(f"money back {i},refund request\n" for i in range(40))
    Path("labelled.csv").write_text(f"text,label\n{rows}")
    run("tune", "index", "labelled.csv")
    assert json.loads(run("info", "index", "--json").stdout)["decision"]["temperature"]
    assert "probabilities end with this change" in run(*arguments).stderr


def test_a_category_that_is_written_otherwise_keeps_its_corrections(run, corrected, categories):
    table = Path(categories).read_text(encoding="utf-8").replace("late parcel", "Late  Parcel")
    Path("other.csv").write_text(table, encoding="utf-8")
    arguments = ("index", "other.csv", "-o", corrected, "--encoder", "hashing")
    result = run(*arguments, "--keep-corrections")
    assert "left out" not in result.stderr
    assert corrections(corrected) == {**CORRECTED, "when is the courier open": "Late  Parcel"}
