"""Prototypes: one unit vector per category, from its keys. Pure arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.errors import InvalidCategoriesError
from textshot.networks import NAME, Network

MEAN, WEIGHED = "mean", "weighed names"
"""The names of the rules, as a manifest states them: every key counts as one, or names do not."""

_CANCELLED = 1e-6


def prototype(keys: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the one vector that stands for a category: the mean of its keys, unit again.

    Each key (name, description, example) counts as one shot, so a name weighs as much as one
    example and fades as examples come in. This is the prototype of Snell et al. 2017
    (https://arxiv.org/abs/1703.05175) on the unit sphere, with the label's own text as one more
    support item; docs/adr/0001 says what else was tried. A network may have learned weights.

    Args:
        keys: float32 of shape (n_keys, dim), unit rows, at least one.
        weights: float32 (n_keys,), positive; None where each key counts the same.

    Returns:
        float32 of shape (dim,), unit; the very same bits whatever the order of the keys, and the
        key itself when there is only one.

    Raises:
        InvalidCategoriesError: the keys cancel each other out.
    """
    if len(keys) == 1:
        only: FloatArray = keys[0].copy()
        return only
    mean: FloatArray = _prototypes(keys[None], None if weights is None else weights[None])[0]
    return mean


def category_prototypes(
    network: Network,
    keys: FloatArray,
    rows: IntArray,
    kinds: IntArray,
    name_weight: float = 1.0,
) -> FloatArray:
    """Return what stands for each category, as `network` sees them among each other.

    Bit for bit `prototype` of each category's keys, then `network.contextualize`.

    Args:
        network: whose weights of keys, and view of the whole, are taken.
        keys: float32 (n_keys, dim), unit rows, category by category.
        rows: int64 (n_keys,), the category of each key, 0 to n_categories - 1, none left out.
        kinds: int64 (n_keys,), the kind of each key.
        name_weight: the weight of a name where an example weighs 1, beside what the network has
            learned; see `textshot.scoring.name_weight`.

    Returns:
        float32 (n_categories, dim), unit rows.

    Raises:
        InvalidCategoriesError: the keys of a category cancel each other out.
    """
    weights = key_weights(network, kinds, name_weight)
    counts = np.bincount(rows)
    starts = np.cumsum(counts) - counts
    vectors = np.empty((len(counts), keys.shape[1]), np.float32)
    for count in np.unique(counts):  # categories with as many keys at once
        chosen = np.flatnonzero(counts == count)
        places = starts[chosen][:, None] + np.arange(count)
        some = None if weights is None else weights[places]
        vectors[chosen] = _prototypes(keys[places], some)
    return network.contextualize(vectors, keys, rows, kinds) if network.contextual else vectors


def key_weights(network: Network, kinds: IntArray, name_weight: float = 1.0) -> FloatArray | None:
    """Return the weight of each key in its category, float32 (n_keys,); None: all the same."""
    weights = network.key_weights(kinds)
    if name_weight == 1.0:
        return weights
    shots = np.where(kinds == NAME, np.float32(name_weight), np.float32(1.0))
    return shots if weights is None else weights * shots


def _prototypes(keys: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Fuse keys (n_categories, n_keys, dim) with weights (n_categories, n_keys) or None."""
    n_keys = keys.shape[1]
    if n_keys == 1:
        only: FloatArray = keys[:, 0]
        return only
    total: NDArray[np.float64] | float = float(n_keys)
    if weights is not None:
        keys = keys * weights[:, :, None]
        total = np.sort(weights, axis=1).sum(axis=1, keepdims=True, dtype=np.float64)
    if n_keys > 2:
        # Sorted columns: floating-point sums depend on the order of their terms. Not those of two.
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
