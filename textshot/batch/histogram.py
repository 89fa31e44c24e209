"""The geometry of the plots in a summary: bars of histograms, and what is written below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from textshot.batch.tally import BINS

WIDTH = 2.0 / BINS

_STEPS = (0.04, 0.1, 0.2, 0.5)
_MOST_TICKS = 6
_LEAST_HEIGHT = 0.7


@dataclass(frozen=True, slots=True)
class Bar:
    """A bin: a bar whose parts stand on each other.

    Attributes:
        place: of the bar, 0 is the first.
        lowest: where the bin begins.
        highest: where it ends.
        rows: of each part.
        tops: where each part begins, in percent of the plot, from above.
        heights: of each part, in percent of the plot.
    """

    place: int
    lowest: float
    highest: float
    rows: tuple[int, ...]
    tops: tuple[float, ...]
    heights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """A plot.

    Attributes:
        bars: from left to right, all of one width.
        ticks: what is written below, and where: in percent of the width.
        mark: where a line is, in percent of the width; None: there is none.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    mark: float | None = None


def histogram(
    parts: Sequence[Sequence[int]], lowest: float, mark: float | None = None
) -> Histogram | None:
    """Lay out bins that stand on each other, from the first to the last with something in it.

    Args:
        parts: rows in each of BINS bins, or nothing.
        lowest: where the first bin begins.
        mark: a value that is to be seen.
    """
    columns = list(zip(*[part or [0] * BINS for part in parts], strict=True))
    used = [i for i, column in enumerate(columns) if any(column)]
    if not used:
        return None
    marked = [] if mark is None else [_bin_of(mark - lowest)]
    first, last = min(used + marked), max(used + marked)
    most = max(sum(column) for column in columns)
    bars = tuple(
        _bar(i - first, lowest + i * WIDTH, columns[i], most) for i in range(first, last + 1)
    )
    start, end = bars[0].lowest, bars[-1].highest
    place = None if mark is None else _percent(min(max(mark, start), end), start, end)
    return Histogram(bars, _ticks(start, end), place)


def _bar(place: int, lowest: float, rows: tuple[int, ...], most: int) -> Bar:
    heights = tuple(_height(n, most) for n in rows)
    tops = tuple(round(100 - top, 2) for top in accumulate(heights))
    return Bar(place, round(lowest, 2), round(lowest + WIDTH, 2), rows, tops, heights)


def _bin_of(distance: float) -> int:
    return min(max(int(distance / WIDTH), 0), BINS - 1)


def _height(n: int, most: int) -> float:
    """Return the height of a bar; what is there can be seen, however little it is."""
    return max(round(100 * n / most, 2), _LEAST_HEIGHT) if n else 0.0


def _ticks(start: float, end: float) -> tuple[tuple[float, str], ...]:
    step = next((s for s in _STEPS if (end - start) / s <= _MOST_TICKS), _STEPS[-1])
    first, last = round(start / step), round(end / step)
    values = (round(i * step, 2) for i in range(first, last + 1))
    return tuple((_percent(v, start, end), f"{v:g}") for v in values if start <= v <= end)


def _percent(value: float, start: float, end: float) -> float:
    return round(100 * (value - start) / (end - start), 2)
