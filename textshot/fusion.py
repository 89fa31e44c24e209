"""Keys in, one unit vector per category out. Pure arrays."""

from __future__ import annotations

import numpy as np

from textshot.arrays import FloatArray, unit_rows
from textshot.errors import InvalidCategoriesError

RULE = "mean"
"""The name of the rule, as a manifest states it."""

_CANCELLED = 1e-6


def fuse(keys: FloatArray) -> FloatArray:
    """Return the one vector that stands for a category: the mean of its keys, unit again.

    Each key (name, description, example) counts as one shot, so a name weighs as much as one
    example and fades as examples come in. This is the prototype of Snell et al. 2017
    (https://arxiv.org/abs/1703.05175) on the unit sphere, with the label's own text as one more
    support item; docs/adr/0001 says what else was tried.

    Args:
        keys: float32 of shape (n_keys, dim), unit rows, at least one.

    Returns:
        float32 of shape (dim,), unit; the very same bits whatever the order of the keys, and the
        key itself when there is only one.

    Raises:
        InvalidCategoriesError: the keys cancel each other out.
    """
    if len(keys) == 1:
        only: FloatArray = keys[0].copy()
        return only
    # Sorted columns: floating-point sums depend on the order of their terms.
    mean = np.sort(keys, axis=0).mean(axis=0, dtype=np.float64)
    if float(np.linalg.norm(mean)) < _CANCELLED:
        raise InvalidCategoriesError(
            f"the {len(keys)} keys of a category point in opposite directions and cancel out."
            " Remove the example that does not belong"
        )
    fused: FloatArray = unit_rows(mean[None, :])[0]
    return fused
