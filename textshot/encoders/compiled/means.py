"""The mean of the rows of each text's tokens, in bounded memory. Pure arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textshot._arrays import FloatArray, IntArray

PART = 512
"""Tokens that are added up at once, half a megabyte at 256 dimensions. The sums of longer texts are
added up in turn, which also keeps single precision exact over many thousand tokens."""


def means(table: FloatArray, numbers: Sequence[IntArray]) -> FloatArray:
    """Return the mean of the rows of each text's tokens; text by text is faster than all at once.

    Args:
        table: float32 (n_tokens, dim).
        numbers: for each of n texts int64 (m,), the tokens.

    Returns:
        float32 (n, dim); zeros for a text without tokens.
    """
    rows = np.zeros((len(numbers), table.shape[1]), np.float32)
    for row, tokens in zip(rows, numbers, strict=True):
        for start in range(0, len(tokens), PART):
            row += np.add.reduce(table.take(tokens[start : start + PART], axis=0), axis=0)
        row /= np.float32(max(1, len(tokens)))
    return rows
