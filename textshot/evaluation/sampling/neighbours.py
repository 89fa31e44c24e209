"""Which categories are near each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import IntArray, unit_rows

_BLOCK = 1024


def class_neighbours(centres: ArrayLike, m: int) -> IntArray:
    """Return the nearest categories of each by cosine, nearest first, never itself.

    Args:
        centres: (n_classes, dim), a vector for each category.
        m: how many; at most the n_classes - 1 that there are.

    Returns:
        int64 (n_classes, min(m, n_classes - 1)).
    """
    rows = unit_rows(centres)
    m = min(m, len(rows) - 1)
    found = [np.empty((0, m), np.int64)]
    for start in range(0, len(rows), _BLOCK):  # the whole matrix may not fit
        cosines = rows[start : start + _BLOCK] @ rows.T
        own = np.arange(len(cosines))
        cosines[own, own + start] = -np.inf
        found.append(np.argsort(-cosines, axis=1, kind="stable")[:, :m])
    return np.concatenate(found)
