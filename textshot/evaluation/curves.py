"""Calibration error, risk-coverage and precision-recall curves, and confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot._arrays import IntArray
from textshot.errors import InvalidTextsError

_Floats = NDArray[np.float64]

BINS = 15


def calibration_error(probabilities: ArrayLike, right: ArrayLike) -> float:
    """Return the expected calibration error (Naeini et al. 2015), 0 to 1, smaller is better.

    It is the difference between the mean probability and the accuracy in each of 15 bins of equal
    width, averaged over the bins weighted by their size.

    Args:
        probabilities: (n,), the probability that each answer is right.
        right: bool (n,), whether it is.

    Raises:
        InvalidTextsError: the shapes differ, there are no answers, or a value is outside 0 to 1.
    """
    confidence, outcome = _checked(probabilities, right)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    # The sum in a bin is its size times the difference of the means.
    gaps = np.bincount(bins, confidence - outcome, BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def brier_score(probabilities: ArrayLike, right: ArrayLike) -> float:
    """Return the mean squared difference of probability and outcome (Brier 1950), 0 to 1.

    Arguments and errors as in `calibration_error`.
    """
    confidence, outcome = _checked(probabilities, right)
    return float(((confidence - outcome) ** 2).mean())


def risk_coverage(probabilities: ArrayLike, right: ArrayLike) -> _Floats:
    """Return the error rate of the k most confident answers, for k = 1 to n, float64 (n,).

    Its mean is the area under the risk-coverage curve (Geifman and El-Yaniv 2017), smaller is
    better. Equally confident answers count as their mean, so that their order does not matter.
    Arguments and errors as in `calibration_error`; any confidence in 0 to 1 can replace
    probabilities.
    """
    confidence, outcome = _checked(probabilities, right)
    _, groups = np.unique(-confidence, return_inverse=True)
    sizes = np.bincount(groups)
    wrong = np.repeat(np.bincount(groups, 1.0 - outcome) / sizes, sizes)
    return np.asarray(np.cumsum(wrong) / np.arange(1, len(confidence) + 1), np.float64)


@dataclass(frozen=True, eq=False, slots=True)
class PrecisionRecall:
    """Precision and recall at each threshold that changes them.

    Attributes:
        precision, recall: float64 (n,).
        thresholds: float64 (n,), ascending: a text is answered when its score reaches it.
        area: average precision, the sum of precision times the gain in recall.
    """

    precision: _Floats
    recall: _Floats
    thresholds: _Floats
    area: float


def precision_recall(scores: ArrayLike, right: ArrayLike, n_in_scope: int) -> PrecisionRecall:
    """Return the curve over the threshold, for all categories together.

    Args:
        scores: (n,), the best score of each text, out-of-scope texts included.
        right: bool (n,), whether its best category is the true one; False out of scope.
        n_in_scope: how many of the n texts are in scope: the denominator of recall.

    Raises:
        InvalidTextsError: lengths differ, a score is not finite, or more are right than in scope.
    """
    values, hits = np.asarray(scores, np.float64), np.asarray(right, bool)
    if values.ndim != 1 or values.shape != hits.shape or not len(values):
        raise InvalidTextsError(f"scores of shape {values.shape}, right of shape {hits.shape}")
    if not np.isfinite(values).all():
        raise InvalidTextsError("a score is not finite (NaN or infinity)")
    if not max(1, int(hits.sum())) <= n_in_scope <= len(hits):
        raise InvalidTextsError(
            f"{n_in_scope} texts are in scope, {hits.sum()} of {len(hits)} answers are right: the"
            " first number must lie between the others, and be 1 at least"
        )
    thresholds, bins = np.unique(values, return_inverse=True)
    answered = _at_or_above(bins, np.ones(len(values)), len(thresholds))
    correct = _at_or_above(bins, hits, len(thresholds))
    precision, recall = correct / answered, correct / n_in_scope
    gained = recall - np.append(recall[1:], 0.0)
    return PrecisionRecall(precision, recall, thresholds, float(precision @ gained))


def confusion(
    answers: Sequence[str | None], truths: Sequence[str | None], names: Sequence[str]
) -> IntArray:
    """Return the confusion matrix, int64 (n_categories + 1, n_categories + 1).

    Rows are truths and columns answers, in the order of `names`, with unknown (None) last.

    Raises:
        InvalidTextsError: lengths differ, or an answer or truth that is not among the names.
    """
    if len(answers) != len(truths):
        raise InvalidTextsError(f"{len(answers)} answers but {len(truths)} truths")
    numbers: dict[str | None, int] = {name: i for i, name in enumerate((*names, None))}
    if missing := sorted(str(x) for x in {*answers, *truths}.difference(numbers)):
        raise InvalidTextsError(f"{missing[0]!r} is not among the {len(names)} categories")
    counts = np.zeros((len(numbers), len(numbers)), np.int64)
    np.add.at(counts, ([numbers[t] for t in truths], [numbers[a] for a in answers]), 1)
    return counts


def _at_or_above(bins: IntArray, weights: ArrayLike, n: int) -> _Floats:
    """Return the sum of the weights at each threshold or above, float64 (n,)."""
    return np.asarray(np.bincount(bins, weights, n)[::-1].cumsum()[::-1], np.float64)


def _checked(probabilities: ArrayLike, right: ArrayLike) -> tuple[_Floats, _Floats]:
    confidence, outcome = np.asarray(probabilities, np.float64), np.asarray(right, bool)
    if confidence.ndim != 1 or confidence.shape != outcome.shape or not len(confidence):
        raise InvalidTextsError(
            f"probabilities of shape {confidence.shape}, right of shape {outcome.shape}; (n,) of"
            " both, and one at least, are needed"
        )
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise InvalidTextsError("a probability is outside 0 to 1, or not a number")
    return confidence, outcome.astype(np.float64)
