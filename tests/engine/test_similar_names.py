"""Names that differ only in case, blanks or form: one category, unless both are asked for."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from textshot import Category, Engine, OneShotClassifier, evaluate
from textshot.cli import main
from textshot.encoders import HashingEncoder
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.types import parse_truth

SIMILAR = [
    "Council Tax",
    "council  tax",
    "COUNCIL\u00a0TAX",
    "council\u200b tax",
    "\uff43ouncil tax",
]
CATEGORIES = {"Council tax": ["the bill for my house"], "parking": ["a fine for my car"]}


@pytest.fixture
def engine():
    return Engine.build(CATEGORIES, encoder=HashingEncoder())


@pytest.fixture
def both():
    names = CATEGORIES | {"Council Tax": ["another one"]}
    return Engine.build(names, encoder=HashingEncoder(), allow_similar=True)


@pytest.mark.parametrize("name", SIMILAR)
def test_a_similar_name_is_not_added_unless_asked_for(engine, name):
    message = r"differs from 'Council tax' only in case.*--allow-similar, allow_similar=True"
    with pytest.raises(InvalidCategoriesError, match=message):
        engine.add([Category(name)])
    with pytest.raises(InvalidCategoriesError, match=message):
        engine.rename("parking", name)
    with pytest.raises(InvalidCategoriesError, match="only in case"):
        Engine.build(CATEGORIES | {name: []}, encoder=HashingEncoder())
    engine.add([Category(name)], allow_similar=True)
    assert len(engine.categories) == 3


@pytest.mark.parametrize("name", SIMILAR)
def test_a_similar_name_finds_the_only_category_that_is_meant(engine, name):
    assert engine.category(name).name == "Council tax"
    assert engine.correct("a question about bins", name).label == "Council tax"
    engine.add_example(name, "band D")
    assert len(engine.category("Council tax").examples) == 3
    assert evaluate(engine, ["my house"], [name], threshold=None).accuracy == 1.0
    engine.tune([f"bill {i} for my house" for i in range(30)], [name] * 30)
    engine.replace(Category(name, examples=["new"]))
    assert engine.index.labels == ("Council tax", "parking")
    engine.remove(name)
    assert engine.index.labels == ("parking",)


def test_where_there_are_both_the_exact_name_decides(both, tmp_path):
    both.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index", encoder=HashingEncoder())
    assert loaded.index.labels == ("Council Tax", "Council tax", "parking")
    assert loaded.correct("something about bins", "Council tax").label == "Council tax"
    with pytest.raises(InvalidCategoriesError, match="no category 'COUNCIL TAX'"):
        loaded.category("COUNCIL TAX")
    with pytest.raises(InvalidTextsError, match="'COUNCIL TAX': not among the 3 categories"):
        evaluate(loaded, ["bill"], ["COUNCIL TAX"])
    loaded.rename("Council Tax", "other tax")
    loaded.rename("Council tax", "COUNCIL tax")
    assert loaded.index.labels == ("COUNCIL tax", "other tax", "parking")


def test_classes_of_one_name_are_one_class():
    X = ["the bill", "the bill too", "a fine"]
    fitted = OneShotClassifier(HashingEncoder()).fit(X, ["tax", "tax ", "parking"])
    assert fitted.classes_.tolist() == ["parking", "tax"]
    assert fitted.predict(["the bill too"]).tolist() == ["tax"]
    fitted.partial_fit(["a bill again"], [" tax"])
    fitted.partial_fit(["caf\u00e9 row"], ["caf\u00e9"])
    fitted.partial_fit(["other caf\u00e9 row"], ["cafe\u0301"], classes=["tax  ", "parking"])
    assert fitted.classes_.tolist() == ["caf\u00e9", "parking", "tax"]
    assert len(fitted.engine_.categories) == 3
    fitted.tune([f"the bill {i}" for i in range(30)], ["tax "] * 30)
    np.testing.assert_allclose(fitted.predict_proba(["the bill", "fine"]).sum(axis=1), 1.0)
    mapped = OneShotClassifier(HashingEncoder()).fit({"a ": ["x"], "a": ["y"], "b": ["z"]})
    assert mapped.classes_.tolist() == ["a", "b"]
    assert len(mapped.engine_.category("a").examples) == 2
    kept = OneShotClassifier(HashingEncoder()).fit(["x", "y"], ["a ", "b"])
    assert kept.predict(["x"]).tolist() == ["a "], "the class as the user wrote it"


def test_similar_classes_are_refused_unless_asked_for():
    X, y = ["the bill", "the letter", "a fine"], ["Tax", "tax", "parking"]
    with pytest.raises(InvalidCategoriesError, match="allow_similar=True"):
        OneShotClassifier(HashingEncoder()).fit(X, y)
    fitted = OneShotClassifier(HashingEncoder(), allow_similar=True).fit(X, y)
    assert fitted.predict(["the letter"]).tolist() == ["tax"]
    with pytest.raises(InvalidCategoriesError, match="allow_similar=True"):
        OneShotClassifier(HashingEncoder()).fit(X[1:], y[1:]).partial_fit(["x"], ["TAX"])


def test_commands_name_the_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(main, arguments)

    (tmp_path / "c.csv").write_text("label,text\nCouncil tax,bill\nparking,fine\n")
    assert run("index", "c.csv", "-o", "ix", "--encoder", "hashing").exit_code == 0
    for command in (["add", "ix", "Council Tax"], ["rename", "ix", "parking", "COUNCIL tax"]):
        refused = run("labels", *command)
        assert refused.exit_code == 1
        assert "'Council tax' only in case" in refused.stderr
        assert "--allow-similar" in refused.stderr
    corrected = run("correct", "ix", "pay for the bins", "council TAX ", "--json")
    assert json.loads(corrected.stdout)["answers"][0]["after"] == "Council tax"
    (tmp_path / "l.csv").write_text("text,label\nwho pays for trees,COUNCIL TAX \n")
    assert run("correct", "ix", "--from", "l.csv").exit_code == 0
    assert run("evaluate", "ix", "l.csv", "--include-learned").exit_code == 0
    assert run("labels", "add", "ix", "Council Tax", "--allow-similar").exit_code == 0
    (tmp_path / "d.csv").write_text("label,text\nCouncil tax,bill\nCouncil Tax,fine\n")
    refused = run("index", "d.csv", "-o", "new", "--encoder", "hashing")
    assert (refused.exit_code, "--allow-similar" in refused.stderr) == (1, True)
    made = run("index", "d.csv", "-o", "new", "--encoder", "hashing", "--allow-similar")
    assert made.exit_code == 0


@pytest.mark.parametrize("word", ["Unknown", " unknown\u200b", "\uff35nknown", "unknown\u00a0"])
def test_unknown_is_unknown_however_it_is_written(word):
    assert parse_truth(word) is None
    with pytest.raises(InvalidCategoriesError, match="is the answer for texts that fit none"):
        Category(word)
