"""Calibration of probabilities and the threshold on labelled texts. Pure arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.types import MAX_UNKNOWN_SCORE

MIN_IN_SCOPE = 30
"""Minimum number of labelled texts in scope to calibrate probabilities."""

MIN_OUT_OF_SCOPE = 10
"""Minimum number of labelled texts out of scope to calibrate "unknown"."""

_MIN_SCALE, _MAX_SCALE = 1e-3, 200.0
_STEPS = 100

_Wide = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The parameters of the probabilities, softmax(score / temperature).

    Attributes:
        temperature: of a cosine.
        unknown: the score of "unknown" as one more category. None: there was no out-of-scope text,
            and the probabilities assume that a text is in scope.
    """

    temperature: float
    unknown: float | None = None


def fit_calibration(scores: FloatArray, truths: IntArray) -> Calibration:
    """Fit a temperature by the likelihood of the truths (Platt 1999; Guo et al. 2017).

    Ours: "unknown" is one more outcome. It has one score for all texts, which is fitted together
    with the temperature. The likelihood is concave in the scale and the scaled score of "unknown",
    so Newton's method finds its only maximum.

    Args:
        scores: float32 (n, n_categories).
        truths: int64 (n,), the category of each text, -1 out of scope.

    Returns:
        The calibration; its `unknown` is None if no text is out of scope.
    """
    with_none = bool((truths < 0).any())
    wide = scores.astype(np.float64)
    outcome = np.where(truths < 0, wide.shape[1], truths)
    # The scale of the scores, and the logit of "unknown".
    point: _Wide = np.array([20.0, 20.0 * float(np.median(wide.max(axis=1)))])
    for _ in range(_STEPS):
        gradient, curvature = _derivatives(wide, outcome, point, with_none)
        step = _newton(point, gradient, curvature)
        point = _within(wide, outcome, point, step, with_none)
        if np.abs(step).max() < 1e-9:
            break
    scale = float(point[0])
    unknown = float(np.clip(point[1] / scale, -MAX_UNKNOWN_SCORE, MAX_UNKNOWN_SCORE))
    return Calibration(1.0 / scale, unknown if with_none else None)


def probabilities(scores: FloatArray, calibration: Calibration) -> _Wide:
    """Return the probability of each category, float64 (n, n_categories).

    A row sums to one, or to one minus the probability of "unknown" where that is calibrated.
    """
    shares = _shares(
        scores.astype(np.float64), _point(calibration), calibration.unknown is not None
    )
    return shares[:, : scores.shape[1]]


def best_threshold(best: FloatArray, right: NDArray[np.bool_], out_of_scope: FloatArray) -> float:
    """Return the threshold with the best balance between answers and rejections.

    It maximises the mean of two shares: in-scope texts that are answered correctly, and
    out-of-scope texts that are rejected. Of equally good thresholds it is the lowest.

    Args:
        best: float32 (n,), the best score of each in-scope text.
        right: bool (n,), whether its best category is the true one.
        out_of_scope: float32 (m,), the best score of each out-of-scope text.

    Returns:
        A cosine, halfway between two scores.
    """
    every = np.unique(np.concatenate([best, out_of_scope]).astype(np.float64))
    between = np.concatenate([[every[0] - 1e-3], (every[1:] + every[:-1]) / 2, [every[-1] + 1e-3]])
    hits, negatives = np.sort(best[right]), np.sort(out_of_scope)
    answered = len(hits) - np.searchsorted(hits, between)
    rejected = np.searchsorted(negatives, between)
    value = answered / len(best) + rejected / len(out_of_scope)
    return float(np.clip(between[int(value.argmax())], -1.0, 1.0))


def _point(calibration: Calibration) -> _Wide:
    return np.array([1.0, calibration.unknown or 0.0]) / calibration.temperature


def _shares(scores: _Wide, point: _Wide, with_none: bool) -> _Wide:
    logits = scores * point[0]
    if with_none:
        logits = np.concatenate([logits, np.full((len(scores), 1), point[1])], axis=1)
    logits -= logits.max(axis=1, keepdims=True)
    exponents = np.exp(logits)
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float64)


def _likelihood(scores: _Wide, outcome: IntArray, point: _Wide, with_none: bool) -> float:
    shares = _shares(scores, point, with_none)
    return float(np.log(shares[np.arange(len(shares)), outcome] + 1e-300).mean())


def _derivatives(
    scores: _Wide, outcome: IntArray, point: _Wide, with_none: bool
) -> tuple[_Wide, _Wide]:
    """Return the gradient and the negative Hessian of the mean log-likelihood."""
    shares, rows = _shares(scores, point, with_none), np.arange(len(scores))
    padded = np.concatenate([scores, np.zeros((len(scores), 1))], axis=1)[:, : shares.shape[1]]
    mean = (shares * padded).sum(axis=1)
    square = (shares * padded**2).sum(axis=1)
    gradient = [(padded[rows, outcome] - mean).mean()]
    curvature = [[(square - mean**2).mean()]]
    if with_none:
        none = shares[:, -1]
        gradient.append(((outcome == scores.shape[1]) - none).mean())
        both = (-mean * none).mean()
        curvature = [[curvature[0][0], both], [both, (none * (1 - none)).mean()]]
    return np.array(gradient), np.array(curvature)


def _newton(point: _Wide, gradient: _Wide, curvature: _Wide) -> _Wide:
    """Return the Newton step; with the scale at its bound, the step of the other parameter."""
    damped = curvature + 1e-9 * np.eye(len(gradient))
    outward = point[0] <= _MIN_SCALE if gradient[0] < 0 else point[0] >= _MAX_SCALE
    if not outward:
        return np.asarray(np.linalg.solve(damped, gradient), np.float64)
    step = np.zeros(len(gradient))
    step[1:] = gradient[1:] / np.diag(damped)[1:]
    return step


def _within(scores: _Wide, outcome: IntArray, point: _Wide, step: _Wide, with_none: bool) -> _Wide:
    """Take the step; halve it until the likelihood does not fall."""
    before = _likelihood(scores, outcome, point, with_none)
    for _ in range(40):
        new = point.copy()
        new[: len(step)] += step
        new[0] = min(max(new[0], _MIN_SCALE), _MAX_SCALE)
        if _likelihood(scores, outcome, new, with_none) >= before - 1e-12:
            return new
        step = step / 2
    return point
