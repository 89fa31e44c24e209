"""Metrics of probabilities and of confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot.errors import InvalidTextsError

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
    gaps = np.bincount(
        bins, confidence - outcome, BINS
    )  # sums: size times the difference of the means
    return float(np.abs(gaps).sum() / len(confidence))


def brier_score(probabilities: ArrayLike, right: ArrayLike) -> float:
    """Return the mean squared difference of probability and outcome (Brier 1950), 0 to 1.

    Arguments and errors as in `calibration_error`.
    """
    confidence, outcome = _checked(probabilities, right)
    return float(((confidence - outcome) ** 2).mean())


def risk_coverage(probabilities: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
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
    rates: NDArray[np.float64] = np.cumsum(wrong) / np.arange(1, len(confidence) + 1)
    return rates


def _checked(
    probabilities: ArrayLike, right: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    confidence, outcome = np.asarray(probabilities, np.float64), np.asarray(right, bool)
    if confidence.ndim != 1 or confidence.shape != outcome.shape or not len(confidence):
        raise InvalidTextsError(
            f"probabilities of shape {confidence.shape}, right of shape {outcome.shape}; (n,) of"
            " both, and one at least, are needed"
        )
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise InvalidTextsError("a probability is outside 0 to 1, or not a number")
    return confidence, outcome.astype(np.float64)
