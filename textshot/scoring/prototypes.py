"""Prototypes: one unit vector per category, from its keys. Pure arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.errors import InvalidCategoriesError
from textshot.networks import NAME, Network

MEAN, WEIGHED = "mean", "weighed names"
"""How keys are weighted, as a manifest names it: all alike, or names by `name_weight`."""

CORRECTION_WEIGHT = 0.5
"""The weight of a correction in its prototype, where another example weighs 1: corrections are
texts at the edge of their category, and one of them shall cost no other text its answer."""

_HALF_TRUST = 50
_CANCELLED = 1e-6


def correction_influence(n_corrections: int) -> float:
    """Return how far corrections move what is estimated from all categories, 0 to 1.

    The threshold and the weight of names go from their value without corrections to that with
    all of them as n / (n + 50): one correction moves them by a fiftieth (docs/adr/0029).
    """
    return n_corrections / (n_corrections + _HALF_TRUST)


def prototype(keys: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the prototype of a category: the mean of its keys, scaled to length one.

    Each key (name, description, example) counts as one shot, so the influence of a name falls as
    examples are added. This is the prototype of Snell et al. 2017
    (https://arxiv.org/abs/1703.05175) on the unit sphere. Ours: the name of the category is one
    more support item (docs/adr/0001), and a network may have learned weights.

    Args:
        keys: float32 of shape (n_keys, dim), unit rows, at least one.
        weights: float32 (n_keys,), positive; None: all equal.

    Returns:
        float32 of shape (dim,), unit. The order of the keys does not change a bit, and a single
        key is returned as it is.

    Raises:
        InvalidCategoriesError: the keys cancel each other out.
    """
    if len(keys) == 1:
        return np.array(keys[0])
    return np.asarray(_prototypes(keys[None], None if weights is None else weights[None])[0])


def category_prototypes(
    network: Network,
    keys: FloatArray,
    rows: IntArray,
    kinds: IntArray,
    name_weight: float = 1.0,
    corrected: NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Return the prototype of each category in the context of the others.

    It equals, bit for bit, `prototype` of the keys of each category, then `network.contextualize`.

    Args:
        network: weights the keys and contextualizes the prototypes.
        keys: float32 (n_keys, dim), unit rows, category by category.
        rows: int64 (n_keys,), the category of each key, 0 to n_categories - 1, none left out.
        kinds: int64 (n_keys,), the kind of each key.
        name_weight: the weight of a name relative to an example, on top of the weights of the
            network; see `textshot.scoring.name_weight`.
        corrected: bool (n_keys,), whether a key is a correction; None: none is.

    Returns:
        float32 (n_categories, dim), unit rows.

    Raises:
        InvalidCategoriesError: the keys of a category cancel each other out.
    """
    weights = key_weights(network, kinds, name_weight, corrected)
    counts = np.bincount(rows)
    starts = np.cumsum(counts) - counts
    vectors = np.empty((len(counts), keys.shape[1]), np.float32)
    for count in np.unique(counts):  # all categories with this number of keys at once
        selected = np.flatnonzero(counts == count)
        columns = starts[selected][:, None] + np.arange(count)
        vectors[selected] = _prototypes(
            keys[columns], None if weights is None else weights[columns]
        )
    return network.contextualize(vectors, keys, rows, kinds) if network.contextual else vectors


def key_weights(
    network: Network,
    kinds: IntArray,
    name_weight: float = 1.0,
    corrected: NDArray[np.bool_] | None = None,
) -> FloatArray | None:
    """Return the weight of each key in its category, float32 (n_keys,); None: all equal."""
    weights = network.key_weights(kinds)
    if corrected is None or not corrected.any():
        corrected = None
        if name_weight == 1.0:
            return weights
    shots = np.where(kinds == NAME, np.float32(name_weight), np.float32(1.0))
    if corrected is not None:
        shots = np.where(corrected, np.float32(CORRECTION_WEIGHT), shots)
    return shots if weights is None else weights * shots


def _prototypes(keys: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Return the prototypes of keys (n_categories, n_keys, dim), weights (n_categories, n_keys)."""
    n_keys = keys.shape[1]
    if n_keys == 1:
        return np.asarray(keys[:, 0])
    total: NDArray[np.float64] | float = float(n_keys)
    if weights is not None:
        keys = keys * weights[:, :, None]
        total = np.sort(weights, axis=1).sum(axis=1, keepdims=True, dtype=np.float64)
    if n_keys > 2:
        # Sorted, because a floating-point sum of three or more terms depends on their order.
        keys = np.sort(keys, axis=1)
    mean: NDArray[np.float64] = keys[:, 0].astype(np.float64)
    for i in range(1, n_keys):  # in this order, however many categories there are
        mean += keys[:, i]
    mean /= total
    if (np.linalg.norm(mean, axis=1) < _CANCELLED).any():
        raise InvalidCategoriesError(
            f"the {n_keys} keys of a category point in opposite directions and cancel out."
            " Remove the example that does not belong"
        )
    return unit_rows(mean)
