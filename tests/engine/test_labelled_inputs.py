"""Texts and labels may be any column; row i of one belongs to row i of the other."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from textshot import Engine
from textshot.errors import InvalidTextsError
from textshot.evaluation import classify_labelled, evaluate
from textshot.testing import HashingEncoder

BASE = [
    ("where is my parcel", "late parcel"),
    ("the box is late again", "late parcel"),
    ("give my money back", "refund"),
    ("i want a refund for this", "refund"),
]
TEXTS, LABELS = map(list, zip(*BASE, strict=True))


def shuffled(values):
    """A column of a frame that was sorted or filtered: labels of rows are not their positions."""
    return pd.Series(values, index=[2, 0, 3, 1] if len(values) == 4 else range(len(values), 0, -1))


KINDS = {
    "tuple": tuple,
    "generator": iter,
    "numpy": np.array,
    "series": shuffled,
    "series of objects": lambda values: shuffled(values).astype(object),
    "categorical series": lambda values: shuffled(values).astype("category"),
    "arrow series": lambda values: shuffled(values).astype(pd.ArrowDtype(pa.string())),
    "index": pd.Index,
    "arrow": pa.array,
    "chunks of arrow": lambda values: pa.chunked_array([values[:1], values[1:]]),
    "dictionary of arrow": lambda values: pa.array(values).dictionary_encode(),
    "polars": pl.Series,
}


def small_engine():
    categories = {"late parcel": ["parcel late"], "refund": ["refund money"]}
    return Engine.build(categories, encoder=HashingEncoder(), threshold=None)


@pytest.fixture
def engine():
    return small_engine()


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def examples_of(engine):
    return {(c.name, e.text) for c in engine.categories for e in c.examples}


def test_examples_of_any_column_go_to_their_own_label(engine, kind):
    before = examples_of(engine)
    engine.add_examples(kind(TEXTS), kind(LABELS))
    assert examples_of(engine) - before == {(label, text) for text, label in BASE}


def test_corrections_of_any_column_go_to_their_own_label(engine, kind):
    answers = engine.correct_all(kind(TEXTS), kind(LABELS))
    assert [p.label for p in answers] == LABELS
    assert {(label, text) for text, label in BASE} <= examples_of(engine)


def test_any_column_is_evaluated_as_the_same_list(engine, kind):
    listed = classify_labelled(engine, TEXTS, LABELS, threshold=None)
    assert {p.label for p in listed.predictions} == set(LABELS)
    assert classify_labelled(engine, kind(TEXTS), kind(LABELS), threshold=None) == listed
    assert evaluate(engine, kind(TEXTS), kind(LABELS), threshold=None) == listed.evaluation


def test_any_column_tunes_as_the_same_list(engine, kind):
    texts = [f"{text} {i}" for i in range(20) for text in TEXTS]
    twin = small_engine()
    assert engine.tune(kind(texts), kind(LABELS * 20)) == twin.tune(texts, LABELS * 20)


def test_any_column_is_read_without_labels(engine, kind):
    texts = [f"{text} {i}" for i in range(20) for text in TEXTS]
    assert engine.suggest(kind(texts), 3) == engine.suggest(texts, 3)
    adapted = [
        engine.adapted(each).score_vectors(np.eye(engine.index.dim))
        for each in (texts, kind(texts))
    ]
    np.testing.assert_array_equal(*adapted)
    assert engine.truncation_stats(kind(texts)) == engine.truncation_stats(texts)
    np.testing.assert_array_equal(engine.has_learned(kind(texts)), engine.has_learned(texts))


CALLS = {
    "add_examples": lambda engine, texts, labels: engine.add_examples(texts, labels),
    "correct_all": lambda engine, texts, labels: engine.correct_all(texts, labels),
    "tune": lambda engine, texts, labels: engine.tune(texts, labels),
    "evaluate": evaluate,
}


@pytest.fixture(params=CALLS)
def call(request):
    return CALLS[request.param]


NO_LISTS = {
    "string": ("refund", "(texts|labels|truths) is one str; give a list"),
    "set": (set(TEXTS), "(texts|labels|truths) is a set, which has no order; give a list"),
    "frozen set": (frozenset(TEXTS), "is a frozenset, which has no order; give a list"),
    "mapping": ({0: "a"}, "is a dict, which gives its keys or the names of its columns"),
    "frame": (pd.DataFrame({"text": TEXTS}), "is a DataFrame, which gives its keys"),
    "none": (None, "(texts|labels|truths) is of type NoneType; give a list of strings"),
    "number": (3, "(texts|labels|truths) is of type int; give a list of strings"),
}


@pytest.mark.parametrize(("value", "message"), NO_LISTS.values(), ids=NO_LISTS)
def test_what_is_no_list_is_refused_on_either_side(engine, call, value, message):
    before = engine.index.state
    with pytest.raises(TypeError, match=message):
        call(engine, TEXTS, value)
    with pytest.raises(TypeError, match=message):
        call(engine, value, LABELS)
    assert engine.index.state is before


@pytest.mark.parametrize("value", NO_LISTS["none"][:1] + NO_LISTS["number"][:1])
def test_what_is_no_list_is_not_classified(engine, value):
    with pytest.raises(TypeError, match=r"texts is of type .*; give a list of strings"):
        engine.classify(value)


@pytest.mark.parametrize("missing", [float("nan"), np.nan, pd.NA, pd.NaT])
def test_a_missing_label_is_refused_with_its_row(engine, call, missing):
    with pytest.raises(InvalidTextsError, match=r"(label|truth) 1 is missing \(.*\)\. "):
        call(engine, TEXTS, ["refund", missing, "refund", "refund"])
    with pytest.raises(InvalidTextsError, match=r"text 2 is missing \(.*\)\. Drop it"):
        call(engine, [*TEXTS[:2], missing, TEXTS[3]], LABELS)


def test_a_missing_truth_in_a_column_of_pandas_is_named_with_its_remedy(engine):
    truths = pd.Series(["refund", None, "refund", "refund"], dtype="str")
    with pytest.raises(InvalidTextsError, match=r'truth 1 is missing .*Give None or "unknown"'):
        evaluate(engine, TEXTS, truths)
    assert evaluate(engine, TEXTS, truths.fillna("unknown")).n_unknown == 1


@pytest.mark.parametrize("odd", [["refund"], 3, b"refund", True])
def test_a_label_that_is_no_string_is_refused_with_its_row(engine, call, odd):
    kind = type(odd).__name__
    with pytest.raises(InvalidTextsError, match=f"(label|truth) 1 is of type {kind}, not a string"):
        call(engine, TEXTS, ["refund", odd, "refund", "refund"])


def test_an_example_needs_a_label(engine):
    with pytest.raises(InvalidTextsError, match=r"label 0 is missing \(None\)\. Drop the row"):
        engine.add_examples(["a text"], [None])


def test_a_number_of_labels_that_differs_is_refused(engine, call):
    with pytest.raises(InvalidTextsError, match=r"4 texts but 3 (labels|truths): give one each"):
        call(engine, TEXTS, LABELS[:3])
