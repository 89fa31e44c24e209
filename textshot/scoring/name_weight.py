"""The weight of a category name relative to an example. Pure arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.networks import EXAMPLE, NAME
from textshot.scoring.prototypes import correction_influence

MIN_T_STATISTIC = math.sqrt(1.5)
"""Names with a lower `NameWeight.t_statistic` are uninformative."""

_PRIOR = 8.0
"""The prior counts as much as this many categories."""

_MAX_PRIOR_WEIGHT = 3.0
"""With more, a text equal to the only example of one of two categories would not be recognised."""

_FLOOR = 0.4
"""Minimum noise of names as a share of that of examples; no real names had less."""

_MIN, _MAX = 0.05, 9.0
_MAX_CATEGORIES, _MAX_EXAMPLES = 500, 1000

_Wide = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NameWeight:
    """The weight of the names of an index, and the evidence for it.

    Attributes:
        weight: the weight of a name where an example weighs 1.
        t_statistic: how many standard errors an example is nearer to the name of its category than
            to other names: about 0 for names such as "c17", 25 and more for the intents of
            BANKING77. None: fewer than three categories have a name and an example.
    """

    weight: float
    t_statistic: float | None = None

    @property
    def uninformative(self) -> bool:
        """Whether the names carry no information about the examples."""
        return self.t_statistic is not None and self.t_statistic < MIN_T_STATISTIC


@dataclass(frozen=True, slots=True)
class _Channel:
    """How well one kind of key separates categories.

    `signal` is how much nearer the right category is than the others, as a cosine; `noise` the
    variance of the cosines with the others.
    """

    signal: float
    noise: float

    @property
    def worth(self) -> float:
        return self.signal / self.noise


def estimate_name_weight(
    keys: FloatArray,
    rows: IntArray,
    kinds: IntArray,
    corrected: NDArray[np.bool_] | None = None,
) -> NameWeight:
    """Estimate the weight of a name relative to an example for these categories.

    The best linear mix of two channels with independent noise weighs each by signal / noise
    (Fisher's linear discriminant). Both channels are measured on the examples: their cosines with
    the names, and with the examples of other categories. With one example per category the signal
    between examples cannot be measured; it is predicted from the signal of the names by a formula
    fitted on twelve data sets (docs/adr/0009). A signal of the names that may be chance is shrunk
    (James and Stein 1961). With few categories the prior counts more. It gives names a higher
    weight the fewer, and so the wider, the categories are.

    Args:
        keys: float32 (n_keys, dim), unit rows, category by category.
        rows: int64 (n_keys,), the category of each key.
        kinds: int64 (n_keys,), NAME, DESCRIPTION or EXAMPLE.
        corrected: bool (n_keys,), whether a key is a correction. A few corrections move the weight
            a little, see `textshot.scoring.prototypes.correction_influence`. None: none is.

    Returns:
        The weight, rounded, so that the order of the examples does not change it. Many categories
        are sampled, always in the same way.
    """
    whole = _estimate(keys, rows, kinds)
    if corrected is None or not corrected.any():
        return whole
    kept = ~corrected
    without = _estimate(keys[kept], rows[kept], kinds[kept])
    share = correction_influence(int(corrected.sum()))
    log = (1.0 - share) * math.log(without.weight) + share * math.log(whole.weight)
    return NameWeight(round(math.exp(log), 3), whole.t_statistic)


def _estimate(keys: FloatArray, rows: IntArray, kinds: IntArray) -> NameWeight:
    named = np.flatnonzero(kinds == NAME)
    both = np.intersect1d(rows[named], rows[kinds == EXAMPLE])
    if len(both) < 3:
        return NameWeight(round(_prior_weight(len(named)), 3))
    sample = _sample(both, _MAX_CATEGORIES)
    n_examples = max(2, _MAX_EXAMPLES // len(sample))
    by_category = [np.flatnonzero((kinds == EXAMPLE) & (rows == row)) for row in sample]
    examples = np.concatenate([_sample(members, n_examples) for members in by_category])
    truth = np.searchsorted(sample, rows[examples])
    names = keys[named[np.searchsorted(rows[named], sample)]].astype(np.float64)
    texts = keys[examples].astype(np.float64)
    name = _by_names(texts @ names.T, truth)
    t_statistic = name.signal / math.sqrt(name.noise / len(sample))
    doubt = max(0.0, 1.0 - MIN_T_STATISTIC**2 / t_statistic**2) if t_statistic > 0 else 0.0
    example = _by_examples(texts @ texts.T, truth, len(sample), name.signal)
    # Uninformative names are much alike, and their low noise must not raise their weight.
    noise = max(name.noise, _FLOOR * example.noise)
    measured = min(max(doubt * (name.signal / noise) / example.worth, _MIN), _MAX)
    weight = _with_prior(measured, len(sample), _prior_weight(len(named)))
    return NameWeight(round(weight, 3), round(t_statistic, 3))


def _by_names(cosines: _Wide, truth: IntArray) -> _Channel:
    """Measure the names, from the cosines (n_examples, n_categories)."""
    right = cosines[np.arange(len(truth)), truth]
    mean, variance = _of_others(cosines, truth[:, None] != np.arange(cosines.shape[1]))
    # All categories count alike, however many examples they have.
    signals = np.bincount(truth, right - mean) / np.bincount(truth)
    return _Channel(float(signals.mean()), max(float(variance.mean()), 1e-9))


def _by_examples(
    cosines: _Wide, truth: IntArray, n_categories: int, name_signal: float
) -> _Channel:
    """Measure the examples, from the cosines (n_examples, n_examples) between them."""
    other = truth[:, None] != truth
    mean, variance = _of_others(cosines, other)
    signal = 0.03 + 0.8 * max(name_signal, 0.0)
    alike = ~other
    np.fill_diagonal(alike, False)
    if alike.any():
        measured = max(float(cosines[alike].mean() - mean.mean()), 1e-3)
        share = 1.0 - n_categories / len(truth)  # zero with one example per category
        signal = share * measured + (1.0 - share) * signal
    return _Channel(signal, max(float(variance.mean()), 1e-9))


def _of_others(cosines: _Wide, other: NDArray[np.bool_]) -> tuple[_Wide, _Wide]:
    """Return the mean and variance of each row over the keys of other categories."""
    count = other.sum(axis=1)
    mean = np.where(other, cosines, 0.0).sum(axis=1) / count
    squares = np.where(other, (cosines - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return mean, squares / np.maximum(count - 1, 1)


def _prior_weight(n_categories: int) -> float:
    """Return the weight of a name before any evidence: 3 with two categories, 1.1 with 77."""
    if n_categories < 2:
        return 1.0
    return min(1.0 + _PRIOR / n_categories, _MAX_PRIOR_WEIGHT)


def _with_prior(measured: float, n_categories: int, prior_weight: float) -> float:
    logs = n_categories * math.log(measured) + _PRIOR * math.log(prior_weight)
    return math.exp(logs / (n_categories + _PRIOR))


def _sample(rows: IntArray, n: int) -> IntArray:
    """Return at most n of the rows, spread evenly."""
    if len(rows) <= n:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)])
