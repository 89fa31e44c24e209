"""Figures that a pencil finds too."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from textshot import Category, Engine, evaluate
from textshot.errors import InvalidTextsError
from textshot.evaluation import wilson_interval
from textshot.evaluation.metrics import evaluate_answers
from textshot.testing import toy_engine

TRUTHS = ["a", "a", "a", "b", "b", "c", None, None]
ANSWERS = ["a", "a", "b", "b", None, "a", None, "a"]


def test_accuracy_counts_unknown_as_wrong():
    found = evaluate_answers(ANSWERS, TRUTHS)
    assert (found.n, found.n_unknown) == (8, 2)
    assert found.accuracy == 3 / 6  # a, a, b of the six that have a category


def test_accuracy_of_those_answered_and_their_share():
    found = evaluate_answers(ANSWERS, TRUTHS)
    assert found.coverage == 5 / 6
    assert found.accuracy_answered == 3 / 5


def test_unknown_has_recall_and_precision():
    found = evaluate_answers(ANSWERS, TRUTHS)
    assert found.unknown_recall == 1 / 2  # one of the two that fit nothing
    assert found.unknown_precision == 1 / 2  # one of the two answers "unknown"


def test_each_label_has_precision_recall_f1_and_support():
    labels = evaluate_answers(ANSWERS, TRUTHS).labels
    assert list(labels) == ["a", "b", "c"]
    a, b, c = labels.values()
    # A text that fits nothing and is called "a" counts against the precision of "a".
    assert (a.precision, a.recall, a.support) == (2 / 4, 2 / 3, 3)
    assert a.f1 == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))
    assert (b.precision, b.recall, b.f1, b.support) == (1 / 2, 1 / 2, 1 / 2, 2)
    assert (c.precision, c.recall, c.f1, c.support) == (None, 0.0, 0.0, 1)


def test_macro_f1_is_the_mean_over_the_categories_that_occur():
    found = evaluate_answers(ANSWERS, TRUTHS)
    assert found.macro_f1 == pytest.approx((4 / 7 + 1 / 2 + 0) / 3)
    # "d" is answered but never true: it is listed, and not in the mean.
    with_stranger = evaluate_answers([*ANSWERS, "d"], [*TRUTHS, None])
    assert with_stranger.labels["d"].recall is None
    assert with_stranger.labels["d"].precision == 0.0
    assert with_stranger.macro_f1 == pytest.approx(found.macro_f1)


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    names = np.array([None, "a", "b", "c", "d"], dtype=object)
    truths, answers = rng.choice(names, 60), rng.choice(names, 60)
    found = evaluate_answers(list(answers), list(truths))
    known = truths != None  # noqa: E711  element by element
    as_strings = [[str(x) for x in column] for column in (truths, answers)]
    assert found.accuracy == pytest.approx(
        accuracy_score(*(np.array(column)[known] for column in as_strings))
    )
    assert found.macro_f1 == pytest.approx(
        f1_score(*as_strings, labels=["a", "b", "c", "d"], average="macro")
    )
    precision, recall, _, support = precision_recall_fscore_support(
        *as_strings, labels=["a", "b", "c", "d", "None"]
    )
    labels = found.labels.values()
    assert [s.precision for s in labels] == pytest.approx(list(precision[:-1]))
    assert [s.recall for s in labels] == pytest.approx(list(recall[:-1]))
    assert [s.support for s in labels] == list(support[:-1])
    assert (found.unknown_precision, found.unknown_recall) == pytest.approx(
        (precision[-1], recall[-1])
    )


def test_shares_of_nothing_are_none():
    nothing_known = evaluate_answers([None, "a"], [None, None])
    assert nothing_known.accuracy is None
    assert nothing_known.accuracy_interval is None
    assert nothing_known.accuracy_answered is None
    assert nothing_known.coverage is None
    assert nothing_known.macro_f1 is None
    assert nothing_known.unknown_recall == 0.5
    nothing_unknown = evaluate_answers(["a", "b"], ["a", "a"])
    assert nothing_unknown.unknown_recall is None
    assert nothing_unknown.unknown_precision is None
    assert nothing_unknown.accuracy == 0.5
    all_abstained = evaluate_answers([None, None], ["a", "b"])
    assert all_abstained.accuracy_answered is None
    assert (all_abstained.accuracy, all_abstained.coverage) == (0.0, 0.0)
    assert all_abstained.unknown_precision == 0.0
    assert evaluate_answers([None], [None]).labels == {}


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [  # Newcombe 1998, table I: 95 % intervals by the score method without correction
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0000),
    ],
)
def test_the_interval_is_the_one_of_wilson(right, n, low, high):
    assert wilson_interval(right, n) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_is_part_of_the_figures():
    assert evaluate_answers(ANSWERS, TRUTHS).accuracy_interval == wilson_interval(3, 6)


def test_confusions_come_most_frequent_first():
    answers = ["b", "b", None, "a", "a", "c"]
    truths = ["a", "a", "a", None, "b", "c"]
    assert evaluate_answers(answers, truths).confusions == (
        ("a", "b", 2),
        ("a", "unknown", 1),
        ("b", "a", 1),
        ("unknown", "a", 1),
    )


def test_the_figures_can_be_written_as_json():
    found = json.loads(json.dumps(evaluate_answers(ANSWERS, TRUTHS).to_dict()))
    assert found["labels"]["b"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert found["confusions"][0] == ["a", "b", 1]


@pytest.fixture
def engine(compass):
    return Engine.build([Category("east"), Category("north")], encoder=compass, threshold=0.9)


def test_evaluate_classifies_and_compares(engine):
    texts = ["10", "80", "45", "200", "20"]
    found = evaluate(engine, texts, ["east", "north", "north", None, "north"])
    assert (found.accuracy, found.coverage) == (2 / 4, 3 / 4)
    assert (found.unknown_recall, found.unknown_precision) == (1.0, 1 / 2)
    assert found.confusions == (("north", "east", 1), ("north", "unknown", 1))


@pytest.mark.parametrize("unknown", [None, "", " ", "unknown", " unknown "])
def test_a_truth_that_fits_no_category_is_written_in_several_ways(engine, unknown):
    assert evaluate(engine, ["200", "10"], [unknown, "east"]).unknown_recall == 1.0


def test_abstaining_can_be_switched_off(engine):
    found = evaluate(engine, ["40", "200"], ["east", None], threshold=None)
    assert (found.accuracy, found.coverage, found.unknown_recall) == (1.0, 1.0, 0.0)


def test_evaluate_scores_what_classify_answers():
    engine = toy_engine(threshold=0.3)
    texts = [f"parcel {i} money {i % 7}" for i in range(1200)]  # more than one chunk
    truths = ["late parcel", "refund request", None] * 400
    seen = []
    found = evaluate(engine, texts, truths, on_progress=seen.append)
    assert found == evaluate_answers([p.label for p in engine.classify(texts)], truths)
    assert sum(seen) == 1200


def test_strangers_among_the_truths_are_named(engine):
    with pytest.raises(InvalidTextsError, match=r"'south': not among the 2 categories.*1 in all"):
        evaluate(engine, ["10", "20"], ["east", "south"])
    many = [f"c{i}" for i in range(9)]
    with pytest.raises(InvalidTextsError, match=r"'c0', 'c1', 'c2', 'c3', 'c4', \.\.\..*9 in all"):
        evaluate(engine, ["10"] * 9, many)


def test_what_cannot_be_compared_is_refused(engine):
    with pytest.raises(InvalidTextsError, match="2 texts but 1 truths"):
        evaluate(engine, ["10", "20"], ["east"])
    with pytest.raises(InvalidTextsError, match="nothing to evaluate"):
        evaluate(engine, [], [])


def test_an_evaluation_shows_its_figures_and_not_its_fields():
    found = evaluate_answers(["a", "b", None, None], ["a", "a", "b", None])
    lines = repr(found).splitlines()
    assert lines[0] == "<Evaluation of 4 texts"
    assert lines[1].split()[:3] == ["accuracy", "33.3", "%"]
    assert len(lines) == 6
    assert [line.strip().rstrip(">") for line in lines[1:]] == found.lines()
