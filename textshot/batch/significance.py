"""Whether two runs differ by more than chance: in a share, and in how values are distributed."""

from __future__ import annotations

import math
from collections.abc import Sequence

FEWEST_EXPECTED = 5.0
"""Rows of a category to be expected on each side; with fewer a share tells nothing."""

CLASSES = 10
"""Of scores, about equally many rows of the earlier run in each."""


def standard_errors(n: int, of: int, m: int, out_of: int) -> float | None:
    """Return how far two shares, n of `of` and m of `out_of`, are apart: the z of two proportions.

    None where fewer than FEWEST_EXPECTED rows are expected on a side, in or out of the category.
    """
    if not of or not out_of:
        return None
    both = (n + m) / (of + out_of)
    if min(of, out_of) * min(both, 1 - both) < FEWEST_EXPECTED:
        return None
    return (m / out_of - n / of) / math.sqrt(both * (1 - both) * (1 / of + 1 / out_of))


def stability(before: Sequence[int], now: Sequence[int]) -> float:
    """Return the population stability index of two histograms with the same bins.

    Bins are joined until each has a share of 1 / CLASSES of the earlier rows; a class that nothing
    falls into counts as half a row, since no logarithm is of nothing.
    """
    classes = _classes(before, now)
    n, m = sum(before), sum(now)
    total = 0.0
    for a, b in classes:
        p, q = max(a, 0.5) / n, max(b, 0.5) / m
        total += (q - p) * math.log(q / p)
    return total


def _classes(before: Sequence[int], now: Sequence[int]) -> list[tuple[int, int]]:
    least, found, a, b = sum(before) / CLASSES, list[tuple[int, int]](), 0, 0
    for n, m in zip(before, now, strict=True):
        a, b = a + n, b + m
        if a >= least:
            found.append((a, b))
            a = b = 0
    if a or b:  # what is left belongs to the last class
        last = found.pop()
        found.append((last[0] + a, last[1] + b))
    return found
