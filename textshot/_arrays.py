"""Array types, and the checks of unit rows: every score is a cosine of such rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot.errors import InvalidTextsError

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_BLOCK = 8192

UNIT_TOLERANCE = 1e-3
"""How far the length of a unit row may be from 1; float32 arithmetic stays below 1e-6."""


def unit_rows(rows: ArrayLike) -> FloatArray:
    """Scale each row to length 1.

    Args:
        rows: numbers of shape (n, dim).

    Returns:
        float32 of shape (n, dim), C order.

    Raises:
        InvalidTextsError: not two dimensions, a value that is not finite, or a row of zeros.
    """
    exact = np.asarray(rows, dtype=np.float64)
    if exact.ndim != 2:
        raise InvalidTextsError(f"vectors have shape {exact.shape}; (n, dim) is needed")
    if not np.isfinite(exact).all():
        bad = int(np.flatnonzero(~np.isfinite(exact).all(axis=1))[0])
        raise InvalidTextsError(f"vector {bad} holds a value that is not finite (NaN or infinity)")
    # In blocks: of a million rows the squares alone are 3 GB.
    starts = range(0, max(1, len(exact)), _BLOCK)
    parts = [np.linalg.norm(exact[i : i + _BLOCK], axis=1, keepdims=True) for i in starts]
    lengths = np.concatenate(parts)
    if (lengths == 0).any():
        bad = int(np.flatnonzero(lengths[:, 0] == 0)[0])
        raise InvalidTextsError(f"vector {bad} is all zeros and has no direction")
    units: FloatArray = np.empty(exact.shape, np.float32)
    np.divide(exact, lengths, out=units)
    return units


def are_unit_rows(rows: FloatArray, tolerance: float = UNIT_TOLERANCE) -> bool:
    """Tell whether each row is finite and of length 1 within a tolerance."""
    if not np.isfinite(rows).all():
        return False
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return bool((np.abs(np.sqrt(squares) - 1.0) <= tolerance).all())
