"""An index knows which texts it learned, and what it would answer had it not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from textshot import Category, Engine, FunctionEncoder, evaluate
from textshot.engine.leave_out import without_examples
from textshot.errors import IndexFormatError, InvalidTextsError
from textshot.evaluation import classify_labelled
from textshot.index.disk.manifest import seal
from textshot.index.entries import hash_of, text_hash
from textshot.testing import HashingEncoder

CATEGORIES = [
    Category("late parcel", "the courier does not come", ["my parcel has not come"]),
    Category("refund", examples=["money back please", "the money is wrong"]),
    Category("login", examples=["cannot log in"]),
]
TEXTS = ["where is it", "my parcel has not come", "log in fails", "out of office"]
TRUTHS = ["late parcel", "late parcel", "login", None]


@pytest.fixture
def engine():
    return Engine.build(CATEGORIES, encoder=HashingEncoder(64), threshold=None)


@pytest.fixture(params=["in memory", "saved", "private"])
def stored(request, tmp_path):
    """A function that returns an engine as it is after saving and loading."""

    def again(engine):
        if request.param == "in memory":
            return engine
        engine.save(tmp_path / "index", private=request.param == "private" or None)
        return Engine.load(tmp_path / "index")

    return again


def test_examples_corrections_and_out_of_scope_texts_are_learned(engine, stored):
    engine.correct_all(["where is it", "out of office"], ["late parcel", None])
    assert stored(engine).has_learned(TEXTS).tolist() == [True, True, False, True]


def test_case_and_blanks_make_no_other_text(engine, stored):
    texts = ["My  parcel has not\ncome ", "my parcel has come", "Login", "LATE PARCEL"]
    assert stored(engine).has_learned(texts).tolist() == [True, False, True, True]


def test_what_is_removed_is_not_learned_any_more(engine, stored):
    engine.remove_example("refund", "money back please")
    engine.remove("login")
    texts = ["money back please", "the money is wrong", "cannot log in"]
    assert stored(engine).has_learned(texts).tolist() == [False, True, False]


def test_learned_texts_are_left_out_of_an_evaluation(engine, stored):
    engine.correct("where is it", "login")  # wrong, so it would count as an error
    engine = stored(engine)
    result = evaluate(engine, TEXTS, TRUTHS)
    assert (result.n, result.n_learned) == (2, 2)
    whole = evaluate(engine, TEXTS, TRUTHS, learned="include")
    assert (whole.n, whole.n_learned) == (4, 0)
    assert whole.labels["late parcel"].support == 2


def test_where_all_are_learned_there_is_nothing_to_measure(engine):
    with pytest.raises(
        InvalidTextsError, match=r"was calibrated on all labelled texts \(1 in all\)"
    ):
        evaluate(engine, ["cannot log in"], ["login"])
    with pytest.raises(InvalidTextsError, match="learned is 'all'; one of 'exclude', 'include'"):
        evaluate(engine, ["cannot log in"], ["login"], learned="all")


def test_a_text_that_is_held_out_is_answered_by_an_index_without_it(engine, stored):
    """The index that was built without the text is the measure."""
    text = "it is gone and the box is empty"
    engine.correct(text, "late parcel")
    engine = stored(engine)
    others = Engine.build(CATEGORIES, encoder=HashingEncoder(64), threshold=None)
    [held_out], [expected] = engine.classify_held_out([text], 3), others.classify([text])
    assert held_out.label == expected.label
    assert [m.label for m in held_out.matches] == [m.label for m in expected.matches]
    scores = [[m.score for m in p.matches] for p in (held_out, expected)]
    np.testing.assert_allclose(*scores, atol=1e-6)
    assert engine.classify([text])[0].score == 1.0


def test_the_threshold_of_held_out_texts_is_derived_without_them():
    categories = [Category(f"c{i}", examples=[f"word{i} thing{i}"]) for i in range(6)]
    engine = Engine.build(categories, encoder=HashingEncoder(64))
    engine.add_example("c1", "word1 word2 thing3")
    others = Engine.build(categories, encoder=HashingEncoder(64))
    [held_out] = engine.classify_held_out(["word1 word2 thing3"])
    assert held_out.threshold == pytest.approx(others.decision.threshold, abs=1e-6)


def test_learned_and_new_texts_are_held_out_in_one_evaluation(engine):
    engine.correct("where is it", "late parcel")
    results = classify_labelled(engine, TEXTS, TRUTHS, learned="hold out")
    assert (results.texts, results.n_held_out, results.n_learned) == (TEXTS, 2, 0)
    plain = engine.classify(TEXTS)
    assert [p.label for p in results.predictions[2:]] == [p.label for p in plain[2:]]
    assert results.predictions[0] == engine.classify_held_out(TEXTS[:2])[0]
    assert results.evaluation.n == 4


def test_a_category_of_which_nothing_is_left_is_no_answer():
    categories = [Category("a", examples=["one two"]), Category("b", examples=["three four"])]
    engine = Engine.build(categories, encoder=HashingEncoder(64), threshold=None, use_names=False)
    [held_out] = engine.classify_held_out(["one two"])
    assert held_out.label == "b"
    none_left = without_examples(engine.index.state, lambda example: True)
    assert none_left.labels == ()


def labelled(n):
    return [f"money {i}" for i in range(n)], ["refund"] * n


def test_calibrated_texts_are_known_until_the_calibration_goes(engine, stored):
    texts, truths = labelled(40)
    engine.tune([*texts, "cannot log in"], [*truths, "login"])
    loaded = stored(engine)
    assert loaded.has_learned(["money 7", "Money  7", "money 77"]).tolist() == [True, True, False]
    assert not loaded.has_learned(texts, calibrated=False).any()
    assert loaded.decision.n_texts == 40  # an example of a category says nothing about others
    loaded.add([Category("new", examples=["quite new"])])
    assert not loaded.has_learned(texts).any()


def test_too_few_new_texts_cannot_be_tuned_on(engine):
    texts, truths = labelled(29)
    match = r"29 labelled texts fit a category \(1 more are left out: the index learned them\)"
    with pytest.raises(InvalidTextsError, match=match):
        engine.tune([*texts, "cannot log in"], [*truths, "login"])


@pytest.mark.parametrize("damage", ["zz", "0123456789abcdef0", '"'])
def test_hashes_that_are_none_are_refused(engine, tmp_path, damage):
    engine.tune(*labelled(40))
    engine.save(tmp_path / "index")
    path = next((tmp_path / "index").glob("calibrated-*.jsonl"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == sorted(text_hash(t) for t in labelled(40)[0])
    data = f"{damage}\n".encode()
    path.write_bytes(data)
    manifest_path = tmp_path / "index" / "index.json"
    manifest = json.loads(manifest_path.read_text())
    from hashlib import sha256

    manifest["files"]["calibrated"] |= {"size": len(data), "sha256": sha256(data).hexdigest()}
    manifest_path.write_bytes(seal(manifest))
    with pytest.raises(IndexFormatError, match="the hashes of the calibration are not valid"):
        Engine.load(tmp_path / "index")


def test_a_hash_is_that_of_the_text_that_is_gone(engine, tmp_path):
    engine.save(tmp_path / "index", private=True)
    examples = Engine.load(tmp_path / "index").category("login").examples
    assert [(e.text, hash_of(e)) for e in examples] == [(None, text_hash("cannot log in"))]


def test_equal_vectors_are_not_equal_out_of_scope_texts(tmp_path):
    """An encoder that knows neither text gives both one vector."""
    encoder = FunctionEncoder(lambda texts: [[1.0, 0.0]] * len(texts), name="one direction")
    engine = Engine.build([Category("a", examples=["one"])], encoder=encoder, threshold=0.5)
    engine.add_out_of_scope(["first text", "second text"])
    engine.add_out_of_scope(["third text"])
    assert [e.text for e in engine.out_of_scope] == ["first text", "second text", "third text"]
    engine.save(tmp_path / "index", private=True)
    private = Engine.load(tmp_path / "index", encoder=encoder)
    private.remove_out_of_scope("second text")
    hashes = [e.text_hash for e in private.out_of_scope]
    assert hashes == [text_hash("first text"), text_hash("third text")]
    with pytest.raises(InvalidTextsError, match="this is none of the texts that are known"):
        private.remove_out_of_scope("fourth text")
