"""The threshold below which an answer is "unknown". Pure arrays."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.types import DEFAULT_REJECTION_RATE, DecisionSettings

MIN_CATEGORIES = 5
"""With fewer categories the threshold is derived from unrelated sentences and marked a guess."""

GIVEN, TUNED = "given", "tuned on labelled texts"
"""Methods that a change of the categories leaves in force."""

BACKGROUND_QUANTILE = 0.95

OOS_MARGIN = 0.05
"""By this much an out-of-scope example has to be nearer than the best category, since one of many
examples is near by chance (docs/adr/0015)."""

_MAX_SCORES = 1000
_BLOCK = 64 << 20
"""Scores at once, 256 MiB: of 64 supports with a million categories."""

Score = Callable[[FloatArray], FloatArray]
"""From vectors (n, dim) to their scores with every category, float32 (n, n_categories)."""


def derive(
    supports: FloatArray,
    support_rows: IntArray,
    score: Score,
    n_way: int,
    background: FloatArray | None = None,
    seed: int = 0,
    rate: float = 0.5,
) -> DecisionSettings:
    """Return the threshold that is derived from the categories alone.

    Each support is scored against all other categories, which it does not belong to. The threshold
    is the median of these leave-one-category-out scores, or another quantile, so that `rate` of
    such texts are unknown. Fewer than MIN_CATEGORIES are too few, and too far apart, to rely on;
    then it is the 95 % quantile of the scores of unrelated sentences, or the former quantile if
    that is higher (docs/adr/0004).

    Args:
        supports: float32 (n, dim), one row for each example (or name) that stands for a category.
        support_rows: int64 (n,), the category of each.
        score: how texts are scored against the categories.
        n_way: the number of categories.
        background: float32 (m, dim), embeddings of unrelated sentences; None if there are none.
        seed: for the sample, when there are more than a thousand supports.
        rate: 0 to 1.
    """
    scores = leave_one_category_out(supports, support_rows, score, n_way, seed)
    if n_way >= MIN_CATEGORIES:
        method = "median" if rate == DEFAULT_REJECTION_RATE else f"{100 * rate:g} %"
        return DecisionSettings(
            _quantile(scores, rate),
            f"leave-one-category-out {method}",
            n_way,
            len(scores),
            rate=rate,
        )
    if background is None or not n_way:
        return DecisionSettings(
            None, "none: too few categories", n_way, len(scores), guess=True, rate=rate
        )
    unrelated = np.clip(score(background).max(axis=1), -1.0, 1.0)
    floor = float(np.quantile(unrelated, BACKGROUND_QUANTILE))
    threshold = max([floor, _quantile(scores, rate)] if len(scores) else [floor])
    return DecisionSettings(
        threshold, "background sentences, 95 %", n_way, len(unrelated), guess=True, rate=rate
    )


def threshold_for_rate(scores: FloatArray, rate: float) -> float:
    """Return the lowest threshold that rejects a share `rate` of these scores (n,).

    It rejects `rate * n` of them, rounded to the nearest whole number, a half down: as many as
    their median rejects at 0.5. A rate of 0 rejects none, a rate of 1 all of them. Scores equal to
    the highest rejected one are rejected with it; a score of 1 reaches every threshold.
    """
    n_rejected = math.ceil(rate * len(scores) - 0.5)
    if n_rejected <= 0:
        return -1.0
    highest = np.partition(scores, n_rejected - 1)[n_rejected - 1]
    # What equals a threshold reaches it.
    return float(np.clip(np.nextafter(np.float32(highest), np.float32(2)), -1.0, 1.0))


def _quantile(scores: FloatArray, rate: float) -> float:
    return (
        float(np.median(scores))
        if rate == DEFAULT_REJECTION_RATE
        else threshold_for_rate(scores, rate)
    )


def leave_one_category_out(
    supports: FloatArray, support_rows: IntArray, score: Score, n_way: int, seed: int = 0
) -> FloatArray:
    """Return each support's best score with a category that is not its own, float32 (m,).

    Of more than a thousand supports a seeded sample is taken; with one category there are none.
    """
    if n_way < 2:
        return np.empty(0, np.float32)
    if len(supports) > _MAX_SCORES:
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.choice(len(supports), _MAX_SCORES, replace=False))
        supports, support_rows = supports[chosen], support_rows[chosen]
    best = np.empty(len(supports), np.float32)
    size = max(1, _BLOCK // n_way)
    for part in (slice(i, i + size) for i in range(0, len(supports), size)):
        scores = score(supports[part])
        scores[np.arange(len(scores)), support_rows[part]] = -np.inf
        best[part] = scores.max(axis=1)
    # Rounding can take the cosine of two equal rows past 1, where no threshold may be.
    return np.clip(best, -1.0, 1.0)


def is_in_scope(scores: FloatArray, thresholds: FloatArray | None) -> NDArray[np.bool_]:
    """Tell for each best score (n,) whether it reaches its threshold (n,); None: always."""
    if thresholds is None:
        return np.ones(len(scores), dtype=bool)
    known: NDArray[np.bool_] = scores >= thresholds
    return known
