"""The curves of an evaluation over all thresholds, laid out as charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot.evaluation import precision_recall, risk_coverage
from textshot.types import Prediction

_BINS = 10
_MAX_POINTS = 300  # more than there are pixels
_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a chart: x and y in percent from the top left, its size (1: usual), its title."""

    x: float
    y: float
    size: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A line in a square of shares, with titles of both axes and a note on how to read it.

    Attributes:
        title: The name of the chart.
        x_title, y_title: The axes.
        note: One or two sentences.
        path: The line as an SVG path in a square of 100 by 100.
        dots: Points on the line or beside it.
        ticks: Labels of the y axis with their positions, in percent from the top.
        diagonal: Whether to draw the line of equal shares.
    """

    title: str
    x_title: str
    y_title: str
    note: str
    path: str
    dots: tuple[Dot, ...]
    diagonal: bool = False
    ticks: tuple[tuple[float, str], ...] = tuple((100 - p, str(p)) for p in (0, 25, 50, 75, 100))


@dataclass(frozen=True, eq=False, slots=True)
class Answers:
    """Answers to n texts, as arrays.

    Attributes:
        scores: The score of the best category.
        best_right: Whether the best category is the true one, rejected or not.
        in_scope: Whether the text belongs to a category.
        answered: Whether it got one.
        probabilities: The probability of the answer; NaN if there is none.
        right: Whether the answer, which may be unknown, is right.
    """

    scores: _Floats
    best_right: _Bools
    in_scope: _Bools
    answered: _Bools
    probabilities: _Floats
    right: _Bools

    @classmethod
    def of(cls, predictions: Sequence[Prediction], truths: Sequence[str | None]) -> Self:
        """Return the arrays of n predictions and n true labels."""
        pairs = list(zip(predictions, truths, strict=True))
        probabilities = [np.nan if p.probability is None else p.probability for p in predictions]
        return cls(
            scores=np.array([p.score for p in predictions], np.float64),
            best_right=np.array([bool(p.matches) and p.matches[0].label == t for p, t in pairs]),
            in_scope=np.array([t is not None for t in truths], bool),
            answered=np.array([p.label is not None for p in predictions], bool),
            probabilities=np.array(probabilities, np.float64),
            right=np.array([p.label == t for p, t in pairs], bool),
        )


def line(x: ArrayLike, y: ArrayLike) -> str:
    """Return the SVG path through points, both coordinates (n,) in 0 to 1."""
    across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(across) > _MAX_POINTS:
        kept = np.unique(np.linspace(0, len(across) - 1, _MAX_POINTS).round().astype(int))
        across, up = across[kept], up[kept]
    points = [f"{_percent(a)},{_percent(1 - b)}" for a, b in zip(across, up, strict=True)]
    return "M" + " L".join(points) if points else ""


def dot(x: float, y: float, title: str, size: float = 1.0) -> Dot:
    """Return a point at shares x and y."""
    return Dot(_percent(x), _percent(1 - y), size, title)


def precision_and_recall(answers: Answers) -> Chart | str:
    """Return the chart of precision and recall, or why there is none."""
    if not answers.best_right.any():
        return "Precision and recall: no best category is the true one."
    n_in_scope = int(answers.in_scope.sum())
    curve = precision_recall(answers.scores, answers.best_right, n_in_scope)
    right = answers.best_right & answers.answered
    precision, recall = _share(right, answers.answered), _share(right, answers.in_scope)
    title = f"this threshold: recall {recall:.1%}, precision {precision:.1%}"
    return Chart(
        "Precision and recall",
        "recall: in-scope texts answered right, %",
        "precision: answers that are right, %",
        f"The threshold rises from right to left. Area {curve.area:.3f}.",
        line(curve.recall, curve.precision),
        (dot(recall, precision, title),),
    )


def risk_and_coverage(answers: Answers) -> Chart | str:
    """Return the chart of the error rate over the share of in-scope texts answered."""
    in_scope = answers.in_scope
    if not in_scope.any():
        return "Risk and coverage: no text is in scope."
    confidence = (answers.scores[in_scope].clip(-1, 1) + 1) / 2
    risk = risk_coverage(confidence, answers.best_right[in_scope])
    answered = answers.answered & in_scope
    coverage = _share(answered, in_scope)
    error = _share(answered & ~answers.best_right, answered)
    title = f"this threshold: coverage {coverage:.1%}, risk {error:.1%}"
    return Chart(
        "Risk and coverage",
        "coverage: in-scope texts answered, the highest scores first, %",
        "risk: answers that are wrong, %",
        f"Lower is better. Mean risk {risk.mean():.3f}.",
        line(np.arange(1, len(risk) + 1) / len(risk), risk),
        (dot(coverage, error, title),),
    )


def reliability(answers: Answers) -> Chart | str:
    """Return the chart of accuracy over predicted probability, in ten bins."""
    calibrated = ~np.isnan(answers.probabilities)
    if not calibrated.any():
        return (
            "Reliability: the index gives no probabilities. `textshot tune INDEX LABELLED`"
            " calibrates them on 30 labelled texts or more."
        )
    predicted, right = answers.probabilities[calibrated], answers.right[calibrated]
    bins = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    dots = []
    largest = int(np.bincount(bins).max())
    for i in np.unique(bins):
        mean, share = float(predicted[bins == i].mean()), float(right[bins == i].mean())
        n = int((bins == i).sum())
        title = f"{n:,} answers: probability {mean:.0%}, right {share:.0%}"
        dots.append(dot(mean, share, title, size=0.6 + 1.6 * (n / largest) ** 0.5))
    return Chart(
        "Reliability",
        "predicted probability, %",
        "answers that are right, %",
        "On the dashed line the probabilities are exact; a larger dot stands for more texts.",
        "",  # a line would lead through bins of a single text
        tuple(dots),
        diagonal=True,
    )


def open_set(answers: Answers) -> Chart | str:
    """Return the chart of right answers over false acceptances (OSCR).

    The open-set classification rate of Dhamija, Günther and Boult 2018, over all thresholds.
    """
    in_scope, out_of_scope = answers.in_scope, ~answers.in_scope
    if not out_of_scope.any() or not in_scope.any():
        return (
            "Open set: no text is out of scope. Label some as unknown to see what the threshold is"
            " worth."
        )
    from sklearn.metrics import auc

    order = np.argsort(-answers.scores, kind="stable")
    accepted = np.append(0, np.cumsum(out_of_scope[order]) / out_of_scope.sum())
    right = np.append(0, np.cumsum((answers.best_right & in_scope)[order]) / in_scope.sum())
    x = _share(answers.answered & out_of_scope, out_of_scope)
    y = _share(answers.answered & answers.best_right, in_scope)
    title = f"this threshold: {x:.1%} false acceptances, {y:.1%} right"
    return Chart(
        "Open set",
        "false acceptance rate: out-of-scope texts answered, %",
        "in-scope texts answered right, %",
        f"The threshold falls from left to right. Area {auc(accepted, right):.3f}.",
        line(accepted, right),
        (dot(x, y, title),),
    )


CURVES: tuple[Callable[[Answers], Chart | str], ...] = (
    precision_and_recall,
    risk_and_coverage,
    reliability,
    open_set,
)


def _share(part: Any, total: Any) -> float:
    return float(np.sum(part)) / max(1, int(np.sum(total)))


def _percent(share: float) -> float:
    return round(100 * float(share), 2)
