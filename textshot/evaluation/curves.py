"""What another threshold would have given: precision-recall curves; and who was taken for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot._arrays import IntArray
from textshot.errors import InvalidTextsError

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class PrecisionRecall:
    """Precision and recall at each threshold that makes a difference.

    Attributes:
        precision, recall: float64 (n,).
        thresholds: float64 (n,), rising: a text is answered when its score reaches it.
        area: average precision, the sum of precision times the gain in recall.
    """

    precision: _Floats
    recall: _Floats
    thresholds: _Floats
    area: float


def precision_recall(scores: ArrayLike, right: ArrayLike, n_known: int) -> PrecisionRecall:
    """Return the curve over how sure an answer has to be, all categories together.

    Args:
        scores: (n,), the best score of each text, also of those that fit no category.
        right: bool (n,), whether its best category is the true one; False where none fits.
        n_known: how many of the n texts fit a category: those that recall is a share of.

    Raises:
        InvalidTextsError: lengths differ, a score that is not finite, or more right than known.
    """
    found, hits = np.asarray(scores, np.float64), np.asarray(right, bool)
    if found.ndim != 1 or found.shape != hits.shape or not len(found):
        raise InvalidTextsError(f"scores of shape {found.shape}, right of shape {hits.shape}")
    if not np.isfinite(found).all():
        raise InvalidTextsError("a score is not finite (NaN or infinity)")
    if not max(1, int(hits.sum())) <= n_known <= len(hits):
        raise InvalidTextsError(
            f"{n_known} texts fit a category, {hits.sum()} of {len(hits)} answers are right: the"
            " first number lies between the others, and is 1 at least"
        )
    thresholds, places = np.unique(found, return_inverse=True)
    answered = _at_or_above(places, np.ones(len(found)), len(thresholds))
    correct = _at_or_above(places, hits, len(thresholds))
    precision, recall = correct / answered, correct / n_known
    gained = recall - np.append(recall[1:], 0.0)
    return PrecisionRecall(precision, recall, thresholds, float(precision @ gained))


def category_curves(scores: ArrayLike, truths: ArrayLike) -> list[PrecisionRecall | None]:
    """Return the curve of each category alone: its score decides whether a text is of it.

    Args:
        scores: (n, n_categories).
        truths: int64 (n,), the category of each text; -1 where none fits.

    Returns:
        One for each category; None for one that no text belongs to.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    found, wanted = np.asarray(scores, np.float64), np.asarray(truths, np.int64)
    if found.ndim != 2 or wanted.shape != found.shape[:1]:
        raise InvalidTextsError(f"scores of shape {found.shape}, truths of shape {wanted.shape}")
    curves: list[PrecisionRecall | None] = []
    for i, column in enumerate(found.T):
        of_it = wanted == i
        if not of_it.any():
            curves.append(None)
            continue
        precision, recall, thresholds = precision_recall_curve(of_it, column)
        # Its last point, precision 1 at recall 0, is drawn by convention and has no threshold.
        area = float(average_precision_score(of_it, column))
        curves.append(PrecisionRecall(precision[:-1], recall[:-1], thresholds, area))
    return curves


def confusion(
    answers: Sequence[str | None], truths: Sequence[str | None], names: Sequence[str]
) -> IntArray:
    """Count who was taken for whom, int64 (n_categories + 1, n_categories + 1).

    Rows are truths and columns answers, in the order of `names`, with unknown (None) last.

    Raises:
        InvalidTextsError: lengths differ, or an answer or truth that is not among the names.
    """
    if len(answers) != len(truths):
        raise InvalidTextsError(f"{len(answers)} answers but {len(truths)} truths")
    places: dict[str | None, int] = {name: i for i, name in enumerate(names)}
    places[None] = len(names)
    if strangers := sorted(str(x) for x in {*answers, *truths}.difference(places)):
        raise InvalidTextsError(f"{strangers[0]!r} is not among the {len(names)} categories")
    counts = np.zeros((len(names) + 1, len(names) + 1), np.int64)
    np.add.at(counts, ([places[t] for t in truths], [places[a] for a in answers]), 1)
    return counts


def _at_or_above(places: IntArray, weights: ArrayLike, n: int) -> _Floats:
    """Sum the weights of all with this threshold or a higher one, float64 (n,)."""
    sums: _Floats = np.bincount(places, weights=weights, minlength=n)[::-1].cumsum()[::-1]
    return sums
