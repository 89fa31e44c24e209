"""What the summary of a run lists: its categories, and the pairs of them that are close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textshot.batch.run_report import Report
from textshot.batch.tally import Shown
from textshot.types import UNKNOWN


@dataclass(frozen=True, slots=True)
class Row:
    """A category on the page; `sure` and `close` are in percent of the room for bars."""

    label: str
    n: int
    share: float
    n_close: int
    sure: float
    close: float
    nearest: Shown | None
    doubtful: Shown | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two categories, how many close calls there were between them, and how many got the first."""

    first: str
    second: str
    n: int
    n_first: int


def longest(report: Report) -> int:
    """Return how many rows the longest bar stands for: that of unknown is cut, not all others."""
    counts = report.tally.counts
    return max((n for label, n in counts.items() if label != UNKNOWN), default=report.written) or 1


def rows_of(report: Report) -> list[Row]:
    """Return the categories, the largest first; those that no row got are at the end."""
    tally = report.tally
    labels = {UNKNOWN, *tally.counts, *report.about["categories"]}
    most = longest(report)
    found = []
    for label in sorted(labels, key=lambda label: (-tally.counts.get(label, 0), label)):
        n = tally.counts.get(label, 0)
        n_close = 0 if label == UNKNOWN else tally.close.get(label, 0)
        found.append(
            Row(
                label=label,
                n=n,
                share=n / max(1, tally.written),
                n_close=n_close,
                sure=min(round(100 * (n - n_close) / most, 2), 100.0),
                close=round(100 * n_close / most, 2),
                nearest=tally.nearest.get(label),
                doubtful=tally.doubtful.get(label),
            )
        )
    return found


def pairs_of(pairs: Sequence[tuple[str, str, int]]) -> list[Pair]:
    """Return pairs whichever of the two came first, the most frequent ones first."""
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for label, other, n in pairs:
        if label != UNKNOWN:  # nothing was confused: the text is nobody's
            got = counted.setdefault((min(label, other), max(label, other)), {})
            got[label] = got.get(label, 0) + n
    found = []
    for both, got in counted.items():
        first, second = sorted(both, key=lambda label: (-got.get(label, 0), label))
        found.append(Pair(first, second, sum(got.values()), got[first]))
    return sorted(found, key=lambda pair: (-pair.n, pair.first, pair.second))
