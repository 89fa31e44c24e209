"""The weight of a category name relative to an example. Pure arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.networks import EXAMPLE, NAME

MIN_T_STATISTIC = math.sqrt(1.5)
"""Names with less evidence than this tell nothing: `NameWeight.t_statistic`."""

_PRIOR = 8.0
"""What is known beforehand counts as much as this many categories do."""

_MAX_PRIOR_WEIGHT = 3.0
"""More, and a text that equals the only example of one of two categories is not recognised."""

_FLOOR = 0.4
"""Names are taken to have this share of the examples' noise at least; no real ones had less."""

_MIN, _MAX = 0.05, 9.0
_MAX_CATEGORIES, _MAX_EXAMPLES = 500, 1000

_Wide = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NameWeight:
    """What the names of an index are worth.

    Attributes:
        weight: the weight of a name where an example weighs 1.
        t_statistic: by how many standard errors an example is nearer to the name of its own
        category
            than to those of others; about 0 for names such as "c17", 25 and more for the intents
            of BANKING77. None: fewer than three categories with a name and an example.
    """

    weight: float
    t_statistic: float | None = None

    @property
    def uninformative(self) -> bool:
        """Whether the names were found to say nothing about the examples."""
        return self.t_statistic is not None and self.t_statistic < MIN_T_STATISTIC


@dataclass(frozen=True, slots=True)
class _Channel:
    """How well one sort of key tells categories apart.

    `signal` is how much nearer the right category is than the others, as a cosine; `noise` the
    variance of the cosines with the others.
    """

    signal: float
    noise: float

    @property
    def worth(self) -> float:
        return self.signal / self.noise


def estimate_name_weight(keys: FloatArray, rows: IntArray, kinds: IntArray) -> NameWeight:
    """Return what a name is worth for these categories.

    Of two channels with independent noise the best linear mix weighs each with signal / noise
    (Fisher's linear discriminant). Both are measured on the examples, each of which is a text of a
    known category: against the names, and against the examples of the others. With one example a
    category the signal between examples cannot be seen; it is taken from that of the names, by
    which it is predicted over twelve data sets (docs/adr/0009). Names whose signal may be chance
    are doubted, by the shrinkage of James and Stein (1961). With few categories little can be
    measured, and what is known beforehand counts more: the fewer categories, the wider each is, and
    the more a name is worth beside an example.

    Args:
        keys: float32 (n_keys, dim), unit rows, category by category.
        rows: int64 (n_keys,), the category of each key.
        kinds: int64 (n_keys,), NAME, DESCRIPTION or EXAMPLE.

    Returns:
        The weight, rounded, so that the order of examples does not show in its last digits. Of
        many categories a part is looked at, the same one each time.
    """
    named = np.flatnonzero(kinds == NAME)
    both = np.intersect1d(rows[named], rows[kinds == EXAMPLE])
    if len(both) < 3:
        return NameWeight(round(_prior_weight(len(named)), 3))
    chosen = _sample(both, _MAX_CATEGORIES)
    each = max(2, _MAX_EXAMPLES // len(chosen))
    examples = np.concatenate(
        [_sample(np.flatnonzero((kinds == EXAMPLE) & (rows == row)), each) for row in chosen]
    )
    own = np.searchsorted(chosen, rows[examples])
    names = keys[named[np.searchsorted(rows[named], chosen)]].astype(np.float64)
    texts = keys[examples].astype(np.float64)
    name = _by_names(texts @ names.T, own)
    t_statistic = name.signal / math.sqrt(name.noise / len(chosen))
    doubt = max(0.0, 1.0 - MIN_T_STATISTIC**2 / t_statistic**2) if t_statistic > 0 else 0.0
    example = _by_examples(texts @ texts.T, own, len(chosen), name.signal)
    # Names that say nothing are much alike: what little noise they have is no merit.
    noise = max(name.noise, _FLOOR * example.noise)
    measured = min(max(doubt * (name.signal / noise) / example.worth, _MIN), _MAX)
    shots = _with_prior(measured, len(chosen), _prior_weight(len(named)))
    return NameWeight(round(shots, 3), round(t_statistic, 3))


def _by_names(cosines: _Wide, own: IntArray) -> _Channel:
    """Measure the names, from the cosines (n_examples, n_categories)."""
    right = cosines[np.arange(len(own)), own]
    mean, variance = _of_others(cosines, own[:, None] != np.arange(cosines.shape[1]))
    # Every category counts the same, however many examples it has.
    signals = np.bincount(own, right - mean) / np.bincount(own)
    return _Channel(float(signals.mean()), max(float(variance.mean()), 1e-9))


def _by_examples(cosines: _Wide, own: IntArray, n_categories: int, name_signal: float) -> _Channel:
    """Measure the examples, from the cosines (n_examples, n_examples) between them."""
    other = own[:, None] != own
    mean, variance = _of_others(cosines, other)
    signal = 0.03 + 0.8 * max(name_signal, 0.0)
    alike = ~other
    np.fill_diagonal(alike, False)
    if alike.any():
        seen = max(float(cosines[alike].mean() - mean.mean()), 1e-3)
        share = 1.0 - n_categories / len(own)  # none at one example each
        signal = share * seen + (1.0 - share) * signal
    return _Channel(signal, max(float(variance.mean()), 1e-9))


def _of_others(cosines: _Wide, other: NDArray[np.bool_]) -> tuple[_Wide, _Wide]:
    """Return mean and variance of each row over what belongs to other categories."""
    count = other.sum(axis=1)
    mean = np.where(other, cosines, 0.0).sum(axis=1) / count
    squares = np.where(other, (cosines - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return mean, squares / np.maximum(count - 1, 1)


def _prior_weight(n_categories: int) -> float:
    """Return what a name is worth before anything is seen: 3 of two categories, 1.1 of 77."""
    if n_categories < 2:
        return 1.0  # there is nothing to tell it from
    return min(1.0 + _PRIOR / n_categories, _MAX_PRIOR_WEIGHT)


def _with_prior(measured: float, n_categories: int, prior_weight: float) -> float:
    logs = n_categories * math.log(measured) + _PRIOR * math.log(prior_weight)
    return math.exp(logs / (n_categories + _PRIOR))


def _sample(rows: IntArray, n: int) -> IntArray:
    """Return at most n of the rows, spread evenly."""
    if len(rows) <= n:
        return rows
    sample: IntArray = rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]
    return sample
