"""Do probabilities mean what they say?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot.errors import InvalidTextsError

BINS = 15


def calibration_error(probabilities: ArrayLike, right: ArrayLike) -> float:
    """Return the expected calibration error (Naeini et al. 2015), 0 to 1, smaller is better.

    In each of 15 bins of equal width: how far the mean probability is from the share of right
    answers; the mean over the bins, weighted by their size.

    Args:
        probabilities: (n,), how likely each answer was said to be right.
        right: bool (n,), whether it was.

    Raises:
        InvalidTextsError: shapes that do not fit, nothing there, or a value outside 0 to 1.
    """
    said, was = _checked(probabilities, right)
    bins = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, said - was, BINS)  # sums: size times the difference of the means
    return float(np.abs(gaps).sum() / len(said))


def brier_score(probabilities: ArrayLike, right: ArrayLike) -> float:
    """Return the mean squared difference of probability and outcome (Brier 1950), 0 to 1.

    Arguments and errors as in `calibration_error`.
    """
    said, was = _checked(probabilities, right)
    return float(((said - was) ** 2).mean())


def risk_coverage(probabilities: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
    """Return the share of wrong answers among the k surest, for k = 1 to n, float64 (n,).

    Its mean is the area under the risk-coverage curve (Geifman and El-Yaniv 2017), smaller is
    better. Of equally sure answers each counts as their mean, so that their order is no matter.
    Arguments and errors as in `calibration_error`; any score that is larger for surer answers
    will do, in 0 to 1.
    """
    said, was = _checked(probabilities, right)
    _, groups = np.unique(-said, return_inverse=True)
    sizes = np.bincount(groups)
    wrong = np.repeat(np.bincount(groups, 1.0 - was) / sizes, sizes)
    found: NDArray[np.float64] = np.cumsum(wrong) / np.arange(1, len(said) + 1)
    return found


def _checked(
    probabilities: ArrayLike, right: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    said, was = np.asarray(probabilities, np.float64), np.asarray(right, bool)
    if said.ndim != 1 or said.shape != was.shape or not len(said):
        raise InvalidTextsError(
            f"probabilities of shape {said.shape}, right of shape {was.shape}; (n,) of both, and"
            " one at least, are needed"
        )
    if not ((said >= 0) & (said <= 1)).all():
        raise InvalidTextsError("a probability is outside 0 to 1, or not a number")
    return said, was.astype(np.float64)
