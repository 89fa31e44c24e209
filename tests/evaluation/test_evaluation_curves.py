"""Precision-recall curves and confusion matrices, checked by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix

from textshot.errors import InvalidTextsError
from textshot.evaluation import confusion, precision_recall


def test_the_curve_by_hand():
    # Sorted: 0.9 right, 0.8 right, 0.8 wrong, 0.5 out of scope, 0.2 right; five are in scope,
    # one of which scored 0.1 and is wrong.
    scores = [0.8, 0.9, 0.5, 0.2, 0.8, 0.1]
    right = [True, True, False, True, False, False]
    found = precision_recall(scores, right, n_in_scope=5)
    assert found.thresholds.tolist() == [0.1, 0.2, 0.5, 0.8, 0.9]
    assert found.precision == pytest.approx([3 / 6, 3 / 5, 2 / 4, 2 / 3, 1 / 1])
    assert found.recall == pytest.approx([3 / 5, 3 / 5, 2 / 5, 2 / 5, 1 / 5])
    assert found.area == pytest.approx(1 / 5 * 1 + 1 / 5 * 2 / 3 + 1 / 5 * 3 / 5)


@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_the_average_precision_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores, right = rng.integers(20, size=80) / 20, rng.random(80) < 0.6
    found = precision_recall(scores, right, int(right.sum()))
    assert found.area == pytest.approx(average_precision_score(right, scores))


def test_all_right_has_area_one_and_all_wrong_none():
    assert precision_recall([0.1, 0.5], [True, True], 2).area == 1.0
    assert precision_recall([0.1, 0.5], [False, False], 2).area == 0.0


@pytest.mark.parametrize(
    ("scores", "right", "n_in_scope", "message"),
    [
        ([0.1], [True, False], 1, r"shape \(1,\), right of shape \(2,\)"),
        ([], [], 0, r"shape \(0,\)"),
        ([float("nan")], [True], 1, "not finite"),
        ([0.1, 0.2], [True, True], 1, "1 texts are in scope, 2 of 2 answers are right"),
        ([0.1, 0.2], [False, False], 0, "be 1 at least"),
        ([0.1, 0.2], [True, True], 3, "3 texts are"),
    ],
)
def test_a_curve_of_what_does_not_fit_together_is_refused(scores, right, n_in_scope, message):
    with pytest.raises(InvalidTextsError, match=message):
        precision_recall(scores, right, n_in_scope)


def test_the_confusion_matrix_by_hand():
    answers, truths = ["a", "b", None, "a", "b", None], ["a", "a", "a", None, "b", None]
    assert confusion(answers, truths, ["a", "b"]).tolist() == [[1, 1, 1], [0, 1, 0], [1, 0, 1]]


def test_the_counts_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    names = ["b", "a", "c"]
    answers, truths = ([[*names, None][i] for i in rng.integers(4, size=50)] for _ in range(2))
    strings = [[x or "?" for x in column] for column in (truths, answers)]
    expected = confusion_matrix(*strings, labels=[*names, "?"])
    assert np.array_equal(confusion(answers, truths, names), expected)


def test_unknown_names_and_lengths_are_refused():
    with pytest.raises(InvalidTextsError, match="'x' is not among the 2 categories"):
        confusion(["a"], ["x"], ["a", "b"])
    with pytest.raises(InvalidTextsError, match="1 answers but 2 truths"):
        confusion(["a"], ["a", "b"], ["a", "b"])
