"""Count answers: of a shard, of a run; the counts of shards add up to those of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from textshot.batch.worker import AnsweredRows, Worker
from textshot.encoders import TruncationStats

CLOSE_MARGIN = 0.02
"""A smaller margin is a close call: another example or another word may change the answer."""

BINS = 50
"""Of the histograms: scores in -1 to 1, margins in 0 to 2; 0.04 each."""

_MAX_CHARS = 200
_MAX_PAIRS = 50

Sample = tuple[float, str]
"""A score or margin, and the text it belongs to."""


@dataclass(slots=True)
class Tally:
    """Counts of answered rows.

    Attributes:
        written: rows with an answer, "unknown" included.
        rejected: invalid rows.
        counts: rows of each category, "unknown" included.
        close: rows of each category whose margin is below CLOSE_MARGIN.
        scores: histograms of the scores of "known" and of "unknown" rows.
        margins: histogram of the margins.
        sums: sum of the scores of each category.
        nearest: the text with the highest score of each category.
        uncertain: the text with the smallest margin of each category.
        pairs: category, runner-up and number of close rows; the most frequent pairs only.
        truncation_stats: how many texts the encoder truncated, and its subword rate.
    """

    written: int = 0
    rejected: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    close: dict[str, int] = field(default_factory=dict)
    scores: dict[str, list[int]] = field(default_factory=lambda: {"known": [], "unknown": []})
    margins: list[int] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    nearest: dict[str, Sample] = field(default_factory=dict)
    uncertain: dict[str, Sample] = field(default_factory=dict)
    pairs: list[tuple[str, str, int]] = field(default_factory=list)
    truncation_stats: TruncationStats = field(default_factory=TruncationStats)

    @property
    def read(self) -> int:
        """Rows read."""
        return self.written + self.rejected

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the counts that `to_dict` gave."""
        values = dict(record)
        for name in ("nearest", "uncertain"):
            values[name] = {label: tuple(sample) for label, sample in values[name].items()}
        values["pairs"] = [tuple(pair) for pair in values["pairs"]]
        return cls(**{**values, "truncation_stats": TruncationStats(**values["truncation_stats"])})

    def __iadd__(self, other: Tally) -> Self:
        """Add the counts of later rows; of equally good samples the earlier one stays."""
        self.written += other.written
        self.rejected += other.rejected
        _add(self.counts, other.counts)
        _add(self.close, other.close)
        _add(self.sums, other.sums)
        self.scores = {k: _add_bins(bins, other.scores[k]) for k, bins in self.scores.items()}
        self.margins = _add_bins(self.margins, other.margins)
        for label, sample in other.nearest.items():
            if label not in self.nearest or sample[0] > self.nearest[label][0]:
                self.nearest[label] = sample
        for label, sample in other.uncertain.items():
            if label not in self.uncertain or sample[0] < self.uncertain[label][0]:
                self.uncertain[label] = sample
        pairs = Counter({(a, b): n for a, b, n in self.pairs})
        pairs.update({(a, b): n for a, b, n in other.pairs})
        self.pairs = _most_frequent(pairs)
        self.truncation_stats += other.truncation_stats
        return self


def count(worker: Worker, answered: AnsweredRows, n_rejected: int) -> Tally:
    """Count the rows of a shard that a worker answered, and those that were rejected."""
    labels, rows, scores = answered.labels, answered.rows, answered.scores
    unknown = rows == len(labels) - 1
    close = answered.margins < CLOSE_MARGIN
    pairs = Counter(zip(rows[close].tolist(), answered.runners_up[close].tolist(), strict=True))
    counts = _counts(labels, rows)
    sums = np.bincount(rows, scores, minlength=len(labels)).tolist()
    return Tally(
        written=len(rows),
        rejected=n_rejected,
        counts=counts,
        close=_counts(labels, rows[close]),
        scores={
            "known": _histogram(scores[~unknown], -1.0),
            "unknown": _histogram(scores[unknown], -1.0),
        },
        margins=_histogram(answered.margins, 0.0),
        sums={label: sums[i] for i, label in enumerate(labels) if label in counts},
        nearest=_first_samples(answered, -scores, scores),
        uncertain=_first_samples(answered, answered.margins, answered.margins),
        pairs=_most_frequent(
            Counter({(labels[a], labels[b]): n for (a, b), n in pairs.items() if b >= 0})
        ),
        truncation_stats=worker.engine.truncation_stats(answered.texts),
    )


def _counts(labels: Sequence[str], rows: NDArray[np.int64]) -> dict[str, int]:
    counts = np.bincount(rows, minlength=len(labels)).tolist()
    return {label: n for label, n in zip(labels, counts, strict=True) if n}


def _histogram(values: NDArray[np.float64], lowest: float) -> list[int]:
    bins = ((np.clip(values, lowest, lowest + 2.0) - lowest) * (BINS / 2.0)).astype(np.int64)
    counts: list[int] = np.bincount(np.minimum(bins, BINS - 1), minlength=BINS).tolist()
    return counts


def _add(total: dict[str, Any], other: Mapping[str, Any]) -> None:
    for label, n in other.items():
        total[label] = total.get(label, 0) + n


def _add_bins(first: list[int], second: list[int]) -> list[int]:
    if not first or not second:
        return first or second
    return [a + b for a, b in zip(first, second, strict=True)]


def _most_frequent(pairs: Counter[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """Return the most frequent pairs; ties are sorted by name."""
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return [(a, b, n) for (a, b), n in ordered[:_MAX_PAIRS]]


def _first_samples(
    answered: AnsweredRows, order: NDArray[np.float64], values: NDArray[np.float64]
) -> dict[str, Sample]:
    """Return for each answer the text that is first in `order`, with its value."""
    ranking = np.lexsort((np.arange(len(order)), order, answered.rows))
    rows, starts = np.unique(answered.rows[ranking], return_index=True)
    firsts = ranking[starts].tolist()
    return {
        answered.labels[row]: (round(float(values[i]), 6), _shortened(answered.texts[i]))
        for row, i in zip(rows.tolist(), firsts, strict=True)
    }


def _shortened(text: str) -> str:
    line = " ".join(text[: 10 * _MAX_CHARS].split())
    return line if len(line) <= _MAX_CHARS else line[: _MAX_CHARS - 1] + "…"
