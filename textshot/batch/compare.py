"""What is another than in an earlier run: shares of categories, unknown texts, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from textshot.batch.significance import stability, standard_errors
from textshot.types import UNKNOWN

CHANCE = 0.01
"""How often a difference is marked at all where nothing but chance differs."""

FEWEST_SCORES = 500
"""Of fewer rows on a side, chance alone looks like a shift of the scores."""

SHIFT, LARGE_SHIFT = 0.1, 0.25
"""Of the population stability index, as usual."""


@dataclass(frozen=True, slots=True)
class Side:
    """What of a run is compared.

    Attributes:
        fingerprint: of the run.
        generation: of the index.
        content: of the index: the same for the same numbers.
        encoder: its fingerprint.
        threshold: below which a text is unknown; None: every text got a category.
        written: rows with an answer.
        counts: rows of each category, "unknown" among them.
        categories: of the index.
        scores: rows by their score, the same bins on both sides.
    """

    fingerprint: str
    generation: int
    content: str
    encoder: str
    threshold: float | None
    written: int
    counts: Mapping[str, int]
    categories: Sequence[str]
    scores: Sequence[int]

    def share(self, label: str) -> float:
        """Return the share of a category in all rows with an answer."""
        return self.counts.get(label, 0) / self.written if self.written else 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """A category in both runs.

    Attributes:
        label: the category, or "unknown".
        before: its share in the earlier run; None: it was not there.
        now: its share; None: it is gone.
        z: by how many standard errors they differ; None: too few rows to tell.
        mark: "more" or "less" where that is more than chance, "new", "gone", or nothing.
    """

    label: str
    before: float | None
    now: float | None
    z: float | None
    mark: str

    @property
    def points(self) -> float:
        """The change of the share, in points."""
        return 100 * ((self.now or 0.0) - (self.before or 0.0))

    @property
    def words(self) -> str:
        """Say whether it is more than chance."""
        return self.mark or ("no" if self.z is not None else "too few to tell")


@dataclass(frozen=True, slots=True)
class Drift:
    """How a run differs from an earlier one.

    Attributes:
        before: the fingerprint of the earlier run.
        generations: of the indexes, the earlier first.
        rows: with an answer, the earlier first.
        unknown: the share of unknown texts.
        changes: of the categories; those that are marked first, then the largest.
        psi: the population stability index of the scores; None: it cannot be told.
        scores: what that means, or why it cannot be told.
        notes: what differs beside the texts.
    """

    before: str
    generations: tuple[int, int]
    rows: tuple[int, int]
    unknown: Change
    changes: tuple[Change, ...]
    psi: float | None
    scores: str
    notes: tuple[str, ...]

    @property
    def n_marked(self) -> int:
        """How many categories are new, gone, or have another share by more than chance."""
        return sum(change.mark != "" for change in self.changes)

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def drift_of(before: Side, now: Side) -> Drift:
    """Compare a run with an earlier one."""
    there, here = set(before.categories), set(now.categories)
    limit = NormalDist().inv_cdf(1 - CHANCE / (2 * (len(there & here) + 1)))
    changes = [_change(before, now, label, limit) for label in there & here]
    changes += [Change(label, None, now.share(label), None, "new") for label in here - there]
    changes += [Change(label, before.share(label), None, None, "gone") for label in there - here]
    psi, scores = _scores(before, now)
    return Drift(
        before=before.fingerprint,
        generations=(before.generation, now.generation),
        rows=(before.written, now.written),
        unknown=_change(before, now, UNKNOWN, limit),
        changes=tuple(sorted(changes, key=_order)),
        psi=psi,
        scores=scores,
        notes=tuple(_notes(before, now)),
    )


def _order(change: Change) -> tuple[int, float, str]:
    rank = {"new": 0, "gone": 0, "": 2}.get(change.mark, 1)
    return rank, -abs(change.points), change.label


def _change(before: Side, now: Side, label: str, limit: float) -> Change:
    n, m = before.counts.get(label, 0), now.counts.get(label, 0)
    z = standard_errors(n, before.written, m, now.written)
    mark = "" if z is None or abs(z) < limit else "more" if z > 0 else "less"
    return Change(label, before.share(label), now.share(label), z, mark)


def _scores(before: Side, now: Side) -> tuple[float | None, str]:
    if before.encoder != now.encoder:
        return None, "not comparable: another encoder"
    if min(before.written, now.written) < FEWEST_SCORES:
        return None, f"too few texts to tell: {FEWEST_SCORES} in each run are needed"
    psi = stability(before.scores, now.scores)
    if psi < SHIFT:
        return psi, "no shift worth mentioning"
    return psi, "a shift" if psi < LARGE_SHIFT else "a large shift"


def _notes(before: Side, now: Side) -> list[str]:
    notes = []
    if before.generation != now.generation:
        notes.append(f"the index was generation {before.generation}, now {now.generation}")
    elif before.content != now.content:
        notes.append("the index has other numbers: another one, or adapted to other texts")
    if before.encoder != now.encoder:
        notes.append("the encoder is another one")
    if before.threshold != now.threshold:
        notes.append(f"the threshold was {_cosine(before.threshold)}, now {_cosine(now.threshold)}")
    return notes


def _cosine(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
