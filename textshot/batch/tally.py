"""What is counted of answered rows: of a shard, of a run; parts add up to the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from textshot.batch.worker import Answered
from textshot.encoders import TruncationStats

CLOSE = 0.02
"""A smaller margin is a close one: another example, or another word, would change the answer."""

BINS = 50
"""Of scores, which lie in -1 to 1, and of margins, which lie in 0 to 2: 0.04 each."""

_MOST_CHARS = 200
_MOST_PAIRS = 50

Shown = tuple[float, str]
"""A figure and the text that it is of."""


@dataclass(slots=True)
class Tally:
    """How many rows there were, and what they got.

    Attributes:
        written: rows with an answer, by a category or unknown.
        rejected: rows that could not be used.
        counts: rows of each category, "unknown" among them.
        close: of these, those whose margin is below CLOSE.
        scores: rows by their score; of those that a category got, and of those that none did.
        margins: rows by their margin.
        sums: of the scores of each category.
        nearest: the text of each category that scored highest.
        doubtful: the text of each category whose margin is smallest.
        pairs: of close rows: their category, the second one, and how many.
        truncation: what of the texts was not read, or not well.
    """

    written: int = 0
    rejected: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    close: dict[str, int] = field(default_factory=dict)
    scores: dict[str, list[int]] = field(default_factory=lambda: {"known": [], "unknown": []})
    margins: list[int] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    nearest: dict[str, Shown] = field(default_factory=dict)
    doubtful: dict[str, Shown] = field(default_factory=dict)
    pairs: list[tuple[str, str, int]] = field(default_factory=list)
    truncation: TruncationStats = field(default_factory=TruncationStats)

    @property
    def read(self) -> int:
        """Rows that were read."""
        return self.written + self.rejected

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Self:
        """Return what `record` gave."""
        found = dict(record)
        for name in ("nearest", "doubtful"):
            found[name] = {label: tuple(shown) for label, shown in found[name].items()}
        found["pairs"] = [tuple(pair) for pair in found["pairs"]]
        return cls(**{**found, "truncation": TruncationStats(**found["truncation"])})

    def __iadd__(self, other: Tally) -> Self:
        """Take what comes behind it: of two texts that say the same, the first is kept."""
        self.written += other.written
        self.rejected += other.rejected
        for mine, theirs in ((self.counts, other.counts), (self.close, other.close)):
            for label, n in theirs.items():
                mine[label] = mine.get(label, 0) + n
        for label, total in other.sums.items():
            self.sums[label] = self.sums.get(label, 0.0) + total
        self.scores = {k: _added(bins, other.scores[k]) for k, bins in self.scores.items()}
        self.margins = _added(self.margins, other.margins)
        for label, shown in other.nearest.items():
            if label not in self.nearest or shown[0] > self.nearest[label][0]:
                self.nearest[label] = shown
        for label, shown in other.doubtful.items():
            if label not in self.doubtful or shown[0] < self.doubtful[label][0]:
                self.doubtful[label] = shown
        pairs = Counter({pair[:2]: pair[2] for pair in self.pairs})
        pairs.update({pair[:2]: pair[2] for pair in other.pairs})
        self.pairs = _pairs(pairs)
        self.truncation += other.truncation
        return self


def tally_of(answered: Answered, rejected: int, truncation: TruncationStats) -> Tally:
    """Count the rows of a shard."""
    labels, rows = answered.labels, answered.rows
    unknown = rows == len(labels) - 1
    close = answered.margins < CLOSE
    counted = np.bincount(rows, minlength=len(labels))
    sums = np.bincount(rows, answered.scores, minlength=len(labels))
    there = np.flatnonzero(counted).tolist()
    pairs = Counter(zip(rows[close].tolist(), answered.runners_up[close].tolist(), strict=True))
    named = Counter({(labels[a], labels[b]): n for (a, b), n in pairs.items() if b >= 0})
    return Tally(
        written=len(rows),
        rejected=rejected,
        counts={labels[i]: int(counted[i]) for i in there},
        close=_counts(labels, rows[close]),
        scores={
            "known": _bins(answered.scores[~unknown], -1.0),
            "unknown": _bins(answered.scores[unknown], -1.0),
        },
        margins=_bins(answered.margins, 0.0),
        sums={labels[i]: float(sums[i]) for i in there},
        nearest=_shown(answered, -answered.scores, answered.scores),
        doubtful=_shown(answered, answered.margins, answered.margins),
        pairs=_pairs(named),
        truncation=truncation,
    )


def _counts(labels: Sequence[str], rows: NDArray[np.int64]) -> dict[str, int]:
    counted = np.bincount(rows, minlength=len(labels))
    return {labels[i]: int(counted[i]) for i in np.flatnonzero(counted).tolist()}


def _bins(values: NDArray[np.float64], lowest: float) -> list[int]:
    places = ((np.clip(values, lowest, lowest + 2.0) - lowest) * (BINS / 2.0)).astype(np.int64)
    counted: list[int] = np.bincount(np.minimum(places, BINS - 1), minlength=BINS).tolist()
    return counted


def _added(first: list[int], second: list[int]) -> list[int]:
    if not first or not second:
        return first or second
    return [a + b for a, b in zip(first, second, strict=True)]


def _pairs(counted: Counter[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """Return the most frequent pairs; of equally frequent ones those that come first by name."""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [(a, b, n) for (a, b), n in ordered[:_MOST_PAIRS]]


def _shown(
    answered: Answered, order: NDArray[np.float64], values: NDArray[np.float64]
) -> dict[str, Shown]:
    """Return the text of each answer that comes first in an order, and its value."""
    best = np.lexsort((np.arange(len(order)), order, answered.rows))
    rows, starts = np.unique(answered.rows[best], return_index=True)
    return {
        answered.labels[row]: (
            round(float(values[best[start]]), 6),
            _short(answered.texts[best[start]]),
        )
        for row, start in zip(rows.tolist(), starts.tolist(), strict=True)
    }


def _short(text: str) -> str:
    line = " ".join(text[: 10 * _MOST_CHARS].split())
    return line if len(line) <= _MOST_CHARS else line[: _MOST_CHARS - 1] + "…"
