"""Categories that look wrong, by what a run counted: hints for people, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from textshot.batch.tally import Tally, tally_of
from textshot.batch.worker import Worker
from textshot.engine import Engine
from textshot.types import UNKNOWN

FEWEST_ROWS = 20
"""Of fewer rows nothing is said."""

MANY_UNKNOWN = 0.5
"""A larger share is more than an honest threshold leaves out: a third of what fits, in tests."""

TIMES = 5.0
"""A category gets so many times more than an equal share, or less, before that is told."""

LARGE_SHARE = 0.6
"""Of few categories, one is large with more than this share of all."""

MANY_CLOSE = 0.5
"""From this share of close rows on it is chance which of two categories they get."""

FAINT = 0.03
"""A mean score that is no further above the threshold is barely above it."""


_TEXTS = 4096


class Kind(StrEnum):
    """What can look wrong, the most important first."""

    UNKNOWN = "unknown"
    LARGE = "large"
    SMALL = "small"
    CLOSE = "close"
    FAINT = "faint"


TITLES = {
    Kind.UNKNOWN: "Most texts are unknown",
    Kind.LARGE: "Far more than its share",
    Kind.SMALL: "No text got it, or hardly any",
    Kind.CLOSE: "Mostly close calls",
    Kind.FAINT: "Barely above the threshold",
}

REMEDIES = {
    Kind.UNKNOWN: "Look at some of them. What does belong to a category makes a good example of it:"
    " textshot correct INDEX TEXT LABEL. What belongs to none of yours may want a new one. With"
    " labelled texts, textshot tune INDEX LABELLED finds the threshold that suits them.",
    Kind.LARGE: "Look at some of its texts. Its example may be so general that it is near to"
    " everything: take a narrower one, or add categories for what does not belong there.",
    Kind.SMALL: "Your texts may say it in other words: give it an example of them, textshot labels"
    " add INDEX LABEL TEXT, or remove it if such texts do not come.",
    Kind.CLOSE: "Give both categories an example of what sets them apart, textshot labels add"
    " INDEX LABEL TEXT, or make one of the two: textshot labels merge INDEX LABEL --into LABEL.",
    Kind.FAINT: "Its example is far from the texts that it gets. Look at some of them, and give it"
    " one that fits: textshot correct INDEX TEXT LABEL.",
}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A category that looks wrong.

    Attributes:
        kind: in which way.
        label: the category, or "unknown".
        reason: why, in figures.
    """

    kind: Kind
    label: str
    reason: str


def diagnose(
    tally: Tally,
    categories: Sequence[str],
    threshold: float | None,
    own: Mapping[str, float] | None = None,
) -> list[Diagnostic]:
    """Return what looks wrong, by kind, in each of them what weighs most first.

    Args:
        tally: what was counted.
        categories: of the index.
        threshold: below which a text is unknown; None: every text got a category.
        own: thresholds of single categories.
    """
    ordered = sorted(categories, key=lambda label: (-tally.counts.get(label, 0), label))
    return [
        *_unknown(tally),
        *_large(tally, ordered),
        *_small(tally, ordered),
        *_close(tally, ordered),
        *_faint(tally, ordered, threshold, own or {}),
    ]


def _unknown(tally: Tally) -> Iterator[Diagnostic]:
    n = tally.counts.get(UNKNOWN, 0)
    if tally.written >= FEWEST_ROWS and n > MANY_UNKNOWN * tally.written:
        yield Diagnostic(Kind.UNKNOWN, UNKNOWN, f"{_of(n, tally.written)} texts")


def _large(tally: Tally, categories: Sequence[str]) -> Iterator[Diagnostic]:
    known = tally.written - tally.counts.get(UNKNOWN, 0)
    if known < FEWEST_ROWS or len(categories) < 3:
        return
    equal = 1 / len(categories)
    for label in categories:
        n = tally.counts.get(label, 0)
        if n > known * min(TIMES * equal, LARGE_SHARE):
            times = n / known / equal
            yield Diagnostic(
                Kind.LARGE,
                label,
                f"{_of(n, known)} texts that got a category; {times:.1f} times an equal share",
            )


def _small(tally: Tally, categories: Sequence[str]) -> Iterator[Diagnostic]:
    known = tally.written - tally.counts.get(UNKNOWN, 0)
    if not categories or known < FEWEST_ROWS * len(categories):
        return  # that none of so few is among them is no wonder
    others = _others((b, a, n) for a, b, n in tally.pairs if a != UNKNOWN)
    for label in reversed(categories):
        n, (other, times) = tally.counts.get(label, 0), others.get(label, ("", 0))
        if n < known / len(categories) / TIMES:
            most = f"; second to “{other}” in {times:,} close calls" if times else ""
            got = _of(n, known) if n else f"none of {known:,}"
            yield Diagnostic(Kind.SMALL, label, f"{got} texts that got a category{most}")


def _close(tally: Tally, categories: Sequence[str]) -> Iterator[Diagnostic]:
    others = _others(tally.pairs)
    for label in categories:
        n, close = tally.counts.get(label, 0), tally.close.get(label, 0)
        if n >= FEWEST_ROWS and close >= MANY_CLOSE * n:
            other, times = others.get(label, ("", 0))
            most = f", {times:,} of them with “{other}”" if times else ""
            yield Diagnostic(Kind.CLOSE, label, f"{_of(close, n)} texts{most}")


def _faint(
    tally: Tally, categories: Sequence[str], threshold: float | None, own: Mapping[str, float]
) -> Iterator[Diagnostic]:
    for label in categories:
        n, limit = tally.counts.get(label, 0), own.get(label, threshold)
        if n < FEWEST_ROWS or limit is None:
            continue
        mean = tally.sums[label] / n
        if mean - limit < FAINT:
            reason = f"mean score {mean:.3f} of {n:,} texts; the threshold is {limit:.3f}"
            yield Diagnostic(Kind.FAINT, label, reason)


def _others(pairs: Iterable[tuple[str, str, int]]) -> dict[str, tuple[str, int]]:
    """Return the most frequent partner of each label; pairs come the most frequent first."""
    found: dict[str, tuple[str, int]] = {}
    for label, other, n in pairs:
        found.setdefault(label, (other, n))
    return found


def _of(n: int, whole: int) -> str:
    return f"{n:,} of {whole:,} ({100 * n / whole:.1f} %)"


def diagnose_texts(
    engine: Engine, texts: Iterable[str], *, on_progress: Callable[[int], None] = lambda done: None
) -> tuple[Tally, list[Diagnostic]]:
    """Answer texts; return what was counted of them, and which categories look wrong by that.

    Args:
        engine: what answers.
        texts: read one after another; what is held does not grow with their number.
        on_progress: called with how many were answered since the last call.
    """
    import pyarrow as pa

    worker = Worker.for_columns(engine, ["text"], ["text"])
    source = iter(texts)
    found: Tally | None = None
    while part := list(islice(source, _TEXTS)):
        data = pa.RecordBatch.from_pydict({"text": pa.array(part, pa.string())})
        counted = tally_of(worker.answered(data), 0, engine.truncation_stats(part))
        found = counted if found is None else found.__iadd__(counted)
        on_progress(len(part))
    tally = found or Tally()
    own = {c.name: c.threshold for c in engine.categories if c.threshold is not None}
    return tally, diagnose(tally, engine.index.labels, engine.decision.threshold, own)
