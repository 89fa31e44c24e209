"""The curves of an evaluation: what other thresholds would have given, and what is claimed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from textshot.evaluation import precision_recall, risk_coverage
from textshot.reports.charts import Chart, chart
from textshot.types import Prediction

_BINS = 10
_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with its words: a title, what is on both axes, and how to read it."""

    title: str
    across: str
    up: str
    words: str
    chart: Chart


@dataclass(frozen=True, eq=False, slots=True)
class Answered:
    """The answers as arrays of n texts.

    Attributes:
        scores: of the best category.
        right: whether that is the true one, abstained or not.
        fits: whether the text fits a category.
        given: whether it got one.
        sure: the probability of the answer; NaN where there is none.
        agreed: whether the answer, unknown among them, is right.
    """

    scores: _Floats
    right: _Bools
    fits: _Bools
    given: _Bools
    sure: _Floats
    agreed: _Bools

    @classmethod
    def of(cls, predictions: Sequence[Prediction], truths: Sequence[str | None]) -> Self:
        """Take predictions and the categories that were wanted."""
        pairs = list(zip(predictions, truths, strict=True))
        sure = [np.nan if p.probability is None else p.probability for p in predictions]
        return cls(
            scores=np.array([p.score for p in predictions], np.float64),
            right=np.array([bool(p.matches) and p.matches[0].label == t for p, t in pairs]),
            fits=np.array([t is not None for t in truths], bool),
            given=np.array([p.label is not None for p in predictions], bool),
            sure=np.array(sure, np.float64),
            agreed=np.array([p.label == t for p, t in pairs], bool),
        )


def _share(part: Any, whole: Any) -> float:
    return float(np.sum(part)) / max(1, int(np.sum(whole)))


def precision_and_recall(found: Answered) -> Panel | str:
    """Return how many answers are right, and how many texts get a right one, at each threshold."""
    if not found.right.any():
        return "Precision and recall: no best category is the true one."
    curve = precision_recall(found.scores, found.right, int(found.fits.sum()))
    right = found.right & found.given
    precision, recall = _share(right, found.given), _share(right, found.fits)
    here = (recall, precision, 1.0, f"this threshold: {recall:.1%} found, {precision:.1%} right")
    return Panel(
        "Precision and recall",
        "texts that fit a category and get it, %",
        "answers that are right, %",
        f"From right to left the threshold rises. Area {curve.area:.3f}.",
        chart(curve.recall, curve.precision, [here]),
    )


def risk_and_coverage(found: Answered) -> Panel | str:
    """Return how many of the surest answers are wrong, of texts that fit a category."""
    fits = found.fits
    if not fits.any():
        return "Risk and coverage: no text fits a category."
    sureness = (found.scores[fits].clip(-1, 1) + 1) / 2
    risk = risk_coverage(sureness, found.right[fits])
    covered = np.arange(1, len(risk) + 1) / len(risk)
    given = found.given & fits
    x, y = _share(given, fits), _share(given & ~found.right, given)
    here = (x, y, 1.0, f"this threshold: {x:.1%} answered, {y:.1%} of them wrong")
    return Panel(
        "Risk and coverage",
        "texts that fit a category and are answered, the nearest first, %",
        "of these wrong, %",
        f"Lower is better. Mean risk {risk.mean():.3f}.",
        chart(covered, risk, [here]),
    )


def reliability(found: Answered) -> Panel | str:
    """Return how often answers are right that are said to be so likely, in ten bins."""
    there = ~np.isnan(found.sure)
    if not there.any():
        return (
            "Reliability: the index gives no probabilities. textshot tune INDEX LABELLED finds"
            " them from 30 labelled texts or more."
        )
    said, was = found.sure[there], found.agreed[there]
    bins = np.minimum((said * _BINS).astype(int), _BINS - 1)
    filled = [i for i in range(_BINS) if (bins == i).any()]
    means = [float(said[bins == i].mean()) for i in filled]
    shares = [float(was[bins == i].mean()) for i in filled]
    sizes = [int((bins == i).sum()) for i in filled]
    dots = [
        (m, s, 0.6 + 1.6 * (n / max(sizes)) ** 0.5, f"{n:,} answers: said {m:.0%}, right {s:.0%}")
        for m, s, n in zip(means, shares, sizes, strict=True)
    ]
    return Panel(
        "Reliability",
        "probability that is said, %",
        "answers that are right, %",
        "On the dashed line what is said is true; a larger dot stands for more texts.",
        chart([], [], dots, diagonal=True),  # a line would lead through bins of a single text
    )


def open_set(found: Answered) -> Panel | str:
    """Return the right answers over the texts that got a category and fit none (OSCR).

    The open-set classification rate of Dhamija, Günther and Boult 2018, over all thresholds.
    """
    strange = ~found.fits
    if not strange.any() or not found.fits.any():
        return (
            "Open set: none of the texts fits no category. With some that are labelled unknown one"
            " sees what the threshold is worth."
        )
    from sklearn.metrics import auc

    order = np.argsort(-found.scores, kind="stable")
    taken = np.cumsum(strange[order]) / strange.sum()
    right = np.cumsum((found.right & found.fits)[order]) / found.fits.sum()
    x = _share(found.given & strange, strange)
    y = _share(found.given & found.right, found.fits)
    here = (x, y, 1.0, f"this threshold: {x:.1%} of the strange texts taken, {y:.1%} right")
    area = auc(np.append(0, taken), np.append(0, right))
    return Panel(
        "Open set",
        "texts that fit no category and get one, %",
        "texts that fit one and get it, %",
        f"From left to right the threshold falls. Area {area:.3f}.",
        chart(np.append(0, taken), np.append(0, right), [here]),
    )


CURVES: tuple[Callable[[Answered], Panel | str], ...] = (
    precision_and_recall,
    risk_and_coverage,
    reliability,
    open_set,
)
