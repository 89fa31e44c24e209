"""The mean of the rows of each text's tokens, in bounded memory. Pure arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from textshot.arrays import FloatArray, IntArray

BUDGET = 8192
"""Tokens whose rows are held at once, 8 MB at 256 dimensions; a longer text is added in parts."""


def means(table: FloatArray, numbers: Sequence[IntArray]) -> FloatArray:
    """Return the mean of the rows of each text's tokens.

    Args:
        table: float32 (n_tokens, dim).
        numbers: for each of n texts int64 (m,), the tokens.

    Returns:
        float32 (n, dim); zeros for a text without tokens.
    """
    rows = np.zeros((len(numbers), table.shape[1]), np.float32)
    for places, parts in _groups(numbers):
        starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
        np.add.at(rows, places, np.add.reduceat(table[np.concatenate(parts)], starts, axis=0))
    rows /= np.array([max(1, len(row)) for row in numbers], np.float32)[:, None]
    return rows


def _groups(numbers: Sequence[IntArray]) -> Iterator[tuple[list[int], list[IntArray]]]:
    """Yield texts, and parts of long ones, of BUDGET tokens together.

    Where a text is parted depends on itself alone, and so does the order in which it is added up.
    """
    places: list[int] = []
    parts: list[IntArray] = []
    room = BUDGET
    for place, row in enumerate(numbers):
        for begin, end in pairwise([*range(0, len(row), BUDGET), len(row)]):
            if end - begin > room and parts:
                yield places, parts
                places, parts, room = [], [], BUDGET
            places.append(place)
            parts.append(row[begin:end])
            room -= end - begin
    if parts:
        yield places, parts
