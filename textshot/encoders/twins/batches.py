"""Batches of texts of nearly the same length: padding is work for nothing. Pure arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from textshot.arrays import IntArray

BUDGET = 512
"""Tokens of a batch, padding included; a longer text is a batch of its own. Larger ones fall out of
the caches of a core and are no faster."""


def batches(
    rows: Sequence[IntArray], pad: int, budget: int = BUDGET
) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Yield batches, the longest texts first, so that the last ones to end are short.

    Args:
        rows: the token numbers of each text.
        pad: the number that fills up.
        budget: tokens of a batch.

    Yields:
        places int64 (n,) in `rows`; token numbers int64 (n, longest); mask of the same shape, 1
        where a token is.
    """
    lengths = np.array([len(row) for row in rows], np.int64)
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))  # a text of no token is one of padding
        places = order[start : start + max(1, budget // longest)]
        numbers = np.full((len(places), longest), pad, np.int64)
        mask = np.zeros_like(numbers)
        for i, place in enumerate(places):
            numbers[i, : lengths[place]] = rows[place]
            mask[i, : lengths[place]] = 1
        yield places, numbers, mask
        start += len(places)
