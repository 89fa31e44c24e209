"""Compare a run with an earlier one: shares of categories, unknown rate, what was run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from textshot.types import UNKNOWN

if TYPE_CHECKING:
    from textshot.batch.report import Report

ALPHA = 0.01
"""Significance level for all categories together (Bonferroni)."""

MIN_EXPECTED = 5.0
"""Rows of a category to expect in each run; below, the z-test does not hold."""


@dataclass(frozen=True, slots=True)
class Change:
    """The share of a category in two runs.

    Attributes:
        label: the category, or "unknown".
        before: its share in the earlier run; None: the index did not have it.
        now: its share; None: the index no longer has it.
        z: difference in standard errors; None: too few rows.
        mark: "more" or "less" if the change is significant, "new", "gone", or empty.
    """

    label: str
    before: float | None
    now: float | None
    z: float | None
    mark: str

    @property
    def points(self) -> float:
        """Change of the share in percentage points."""
        return 100 * ((self.now or 0.0) - (self.before or 0.0))

    @property
    def verdict(self) -> str:
        """Say whether the change is significant."""
        return self.mark or ("no" if self.z is not None else "too few to tell")


@dataclass(frozen=True, slots=True)
class Drift:
    """How a run differs from an earlier one.

    Attributes:
        before: fingerprint of the earlier run.
        generations: of the two indexes, the earlier first.
        rows: with an answer, the earlier first.
        unknown: change of the unknown rate.
        changes: of the categories; marked ones first, then by size.
        notes: what else differs.
    """

    before: str
    generations: tuple[int, int]
    rows: tuple[int, int]
    unknown: Change
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    @property
    def n_marked(self) -> int:
        """Number of categories that are new, gone, or changed significantly."""
        return sum(change.mark != "" for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        return asdict(self)


def compare(before: Report, now: Report) -> Drift:
    """Compare a run with an earlier one."""
    old, new = set(before.facts["categories"]), set(now.facts["categories"])
    limit = NormalDist().inv_cdf(1 - ALPHA / (2 * (len(old & new) + 1)))
    changes = [_change(before, now, label, limit) for label in old & new]
    changes += [Change(label, None, now.share(label), None, "new") for label in new - old]
    changes += [Change(label, before.share(label), None, None, "gone") for label in old - new]
    ranks = {"new": 0, "gone": 0, "more": 1, "less": 1, "": 2}
    changes.sort(key=lambda change: (ranks[change.mark], -abs(change.points), change.label))
    return Drift(
        before=before.fingerprint,
        generations=(before.facts["index"]["generation"], now.facts["index"]["generation"]),
        rows=(before.written, now.written),
        unknown=_change(before, now, UNKNOWN, limit),
        changes=tuple(changes),
        notes=tuple(_notes(before, now)),
    )


def _change(before: Report, now: Report, label: str, limit: float) -> Change:
    n, n_now = (report.tally.counts.get(label, 0) for report in (before, now))
    z = z_score(n, before.written, n_now, now.written)
    mark = "" if z is None or abs(z) < limit else "more" if z > 0 else "less"
    return Change(label, before.share(label), now.share(label), z, mark)


def _notes(before: Report, now: Report) -> list[str]:
    old, new, notes = before.facts["index"], now.facts["index"], []
    if old["generation"] != new["generation"]:
        notes.append(f"the index was generation {old['generation']}, now {new['generation']}")
    elif old["content"] != new["content"]:
        notes.append("the index has other vectors: another index, or adapted to other texts")
    if _encoder(before) != _encoder(now):
        notes.append("the encoder changed")
    thresholds = [report.facts["threshold"] for report in (before, now)]
    if thresholds[0] != thresholds[1]:
        was, is_now = ("none" if t is None else f"{t:.3f}" for t in thresholds)
        notes.append(f"the threshold was {was}, now {is_now}")
    return notes


def _encoder(report: Report) -> str:
    return str(report.facts["encoder"]["fingerprint"])


def z_score(n: int, total: int, n_now: int, total_now: int) -> float | None:
    """Return the z statistic of two proportions, n of `total` and `n_now` of `total_now`.

    None if fewer than MIN_EXPECTED rows are expected in a run, inside or outside the category.
    """
    if not total or not total_now:
        return None
    pooled = (n + n_now) / (total + total_now)
    if min(total, total_now) * min(pooled, 1 - pooled) < MIN_EXPECTED:
        return None
    variance = pooled * (1 - pooled) * (1 / total + 1 / total_now)
    return (n_now / total_now - n / total) / math.sqrt(variance)
