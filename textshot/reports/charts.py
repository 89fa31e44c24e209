"""The geometry of line charts: shares against shares, laid out in percent of the plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_MOST_POINTS = 300


@dataclass(frozen=True, slots=True)
class Dot:
    """A point that is to be seen.

    Attributes:
        x, y: in percent of the plot, from the left and from above.
        size: of its radius, 1 is usual.
        words: what is said where one points at it.
    """

    x: float
    y: float
    size: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A line in a square of shares.

    Attributes:
        path: of the line, as SVG has it, in a square of 100 by 100.
        dots: points on it or beside it.
        ticks: what stands at the left, and where: in percent from above.
        diagonal: whether the line of equal shares is drawn.
    """

    path: str
    dots: tuple[Dot, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    diagonal: bool = False


def chart(
    x: ArrayLike,
    y: ArrayLike,
    dots: Sequence[tuple[float, float, float, str]] = (),
    *,
    diagonal: bool = False,
) -> Chart:
    """Lay out a line of shares.

    Args:
        x: (n,), in 0 to 1, in the order in which the line runs.
        y: (n,), in 0 to 1.
        dots: x, y, size and words of points.
        diagonal: draw what would be if both were equal.
    """
    across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(across) > _MOST_POINTS:  # more than there are pixels
        kept = np.unique(np.linspace(0, len(across) - 1, _MOST_POINTS).round().astype(int))
        across, up = across[kept], up[kept]
    points = [f"{_place(a)},{_place(1 - b)}" for a, b in zip(across, up, strict=True)]
    laid = tuple(Dot(_place(a), _place(1 - b), size, words) for a, b, size, words in dots)
    ticks = tuple((_place(1 - share), f"{100 * share:.0f}") for share in (0, 0.25, 0.5, 0.75, 1))
    return Chart("M" + " L".join(points) if points else "", laid, ticks, diagonal)


def _place(share: float) -> float:
    return round(100 * float(share), 2)
