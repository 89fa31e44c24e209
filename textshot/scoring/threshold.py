"""The threshold below which an answer is "unknown". Pure arrays."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.types import DEFAULT_REJECTION_RATE, DecisionSettings

MIN_CATEGORIES = 5
"""With fewer categories the threshold comes from unrelated sentences and is marked as a guess."""

GIVEN, TUNED = "given", "tuned on labelled texts"
"""Methods whose threshold stays when the categories change."""

BACKGROUND_QUANTILE = 0.95

OOS_MARGIN = 0.05
"""An out-of-scope example has to be this much nearer than the best category, because one of many
examples is always near by chance (docs/adr/0015)."""

_MAX_SCORES = 1000
_BLOCK = 64 << 20
"""Scores computed at once: 256 MiB, such as 64 supports with a million categories."""

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
    """Derive the threshold from the categories alone.

    Each support is scored against all categories but its own, as if its own did not exist. The
    threshold is the `rate` quantile of these leave-one-category-out scores, so that a share `rate`
    of such texts is answered "unknown". Fewer than MIN_CATEGORIES categories are too few to rely
    on. Then the threshold is the 95 % quantile of the scores of unrelated sentences, or the
    leave-one-category-out quantile if that is higher (docs/adr/0004).

    Args:
        supports: float32 (n, dim), the examples of each category, or its name.
        support_rows: int64 (n,), the category of each.
        score: scores vectors against the categories.
        n_way: the number of categories.
        background: float32 (m, dim), embeddings of unrelated sentences; None if there are none.
        seed: of the sample that is drawn when there are more than a thousand supports.
        rate: the rejection rate, 0 to 1.
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

    It rejects `rate * n` of them, rounded to the nearest integer, halves down. A rate of 0.5
    rejects as many as the median, a rate of 0 none, and a rate of 1 all. Scores equal to the
    highest rejected score are rejected too; a score of 1 reaches every threshold.
    """
    n_rejected = math.ceil(rate * len(scores) - 0.5)
    if n_rejected <= 0:
        return -1.0
    highest = np.partition(scores, n_rejected - 1)[n_rejected - 1]
    # A score equal to the threshold is accepted, so the threshold lies just above.
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
    """Return the best score of each support with the other categories, float32 (m,).

    More than a thousand supports are sampled by the seed. With one category there are no scores.
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
    """Return whether each best score (n,) reaches its threshold (n,); None: all are in scope."""
    if thresholds is None:
        return np.ones(len(scores), dtype=bool)
    return np.asarray(scores >= thresholds)
