"""Find categories that look wrong in the counts of a run: hints for people, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from textshot.batch.tally import Tally, count
from textshot.batch.worker import Worker
from textshot.encoders import clean_stream
from textshot.engine import Engine
from textshot.engine.check import Finding, FindingKind
from textshot.types import UNKNOWN

MIN_ROWS = 20
"""Of fewer rows nothing is concluded."""

MAX_UNKNOWN_RATE = 0.5
"""A sound threshold leaves out a third of the texts that are in scope, in tests."""

SHARE_RATIO = 5.0
"""A category is large with so many times an equal share, and small with that fraction of it."""

MAX_SHARE = 0.6
"""With few categories, one is large with more than this share of all."""

MAX_CLOSE_RATE = 0.5
"""With more close calls, chance decides which of two categories a text gets."""

MIN_MARGIN = 0.03
"""Of the mean score above the threshold."""

_CHUNK = 4096


def diagnose(
    tally: Tally,
    categories: Sequence[str],
    threshold: float | None,
    thresholds: Mapping[str, float] | None = None,
) -> list[Finding]:
    """Return what looks wrong, by kind, the most important category first.

    Args:
        tally: counts of a run.
        categories: of the index.
        threshold: below which a text is unknown; None: every text got a category.
        thresholds: of categories that have their own.
    """
    ordered = sorted(categories, key=lambda label: (-tally.counts.get(label, 0), label))
    return [
        *_unknown(tally),
        *_large(tally, ordered),
        *_small(tally, ordered),
        *_close(tally, ordered),
        *_faint(tally, ordered, threshold, thresholds or {}),
    ]


def diagnose_texts(
    engine: Engine, texts: Iterable[str], *, on_progress: Callable[[int], None] = lambda done: None
) -> tuple[Tally, list[Finding]]:
    """Classify unlabelled texts; return their counts and which categories look wrong by these.

    Args:
        engine: classifies the texts.
        texts: read in chunks; memory does not grow with their number.
        on_progress: called with the number of texts classified since the last call.
    """
    import pyarrow as pa

    worker, iterator, tally = (
        Worker.for_columns(engine, ["text"], ["text"]),
        clean_stream(texts),
        Tally(),
    )
    while chunk := list(islice(iterator, _CHUNK)):
        data = pa.RecordBatch.from_pydict({"text": pa.array(chunk, pa.string())})
        tally += count(worker, worker.answer(data), 0)
        on_progress(len(chunk))
    thresholds = {c.name: c.threshold for c in engine.categories if c.threshold is not None}
    return tally, diagnose(tally, engine.index.labels, engine.decision.threshold, thresholds)


def _unknown(tally: Tally) -> Iterator[Finding]:
    n = tally.counts.get(UNKNOWN, 0)
    if tally.written >= MIN_ROWS and n > MAX_UNKNOWN_RATE * tally.written:
        yield Finding(FindingKind.UNKNOWN, UNKNOWN, f"{_share(n, tally.written)} texts")


def _large(tally: Tally, categories: Sequence[str]) -> Iterator[Finding]:
    n_known = tally.written - tally.counts.get(UNKNOWN, 0)
    if n_known < MIN_ROWS or len(categories) < 3:
        return
    equal = 1 / len(categories)
    for label in categories:
        n = tally.counts.get(label, 0)
        if n > n_known * min(SHARE_RATIO * equal, MAX_SHARE):
            reason = (
                f"{_share(n, n_known)} texts with a category; {n / n_known / equal:.1f} times an"
                " equal share"
            )
            yield Finding(FindingKind.LARGE, label, reason)


def _small(tally: Tally, categories: Sequence[str]) -> Iterator[Finding]:
    n_known = tally.written - tally.counts.get(UNKNOWN, 0)
    if not categories or n_known < MIN_ROWS * len(categories):
        return
    partners = _partners((b, a, n) for a, b, n in tally.pairs if a != UNKNOWN)
    for label in reversed(categories):
        n, (other, n_close) = tally.counts.get(label, 0), partners.get(label, ("", 0))
        if n < n_known / len(categories) / SHARE_RATIO:
            close = f"; second to “{other}” in {n_close:,} close calls" if n_close else ""
            share = _share(n, n_known) if n else f"none of {n_known:,}"
            reason = f"{share} texts with a category{close}"
            yield Finding(FindingKind.SMALL, label, reason)


def _close(tally: Tally, categories: Sequence[str]) -> Iterator[Finding]:
    partners = _partners(tally.pairs)
    for label in categories:
        n, n_close = tally.counts.get(label, 0), tally.close.get(label, 0)
        if n >= MIN_ROWS and n_close >= MAX_CLOSE_RATE * n:
            other, n_pair = partners.get(label, ("", 0))
            partner = f", {n_pair:,} of them with “{other}”" if n_pair else ""
            reason = f"{_share(n_close, n)} texts{partner}"
            yield Finding(FindingKind.CLOSE, label, reason)


def _faint(
    tally: Tally,
    categories: Sequence[str],
    threshold: float | None,
    thresholds: Mapping[str, float],
) -> Iterator[Finding]:
    for label in categories:
        n, limit = tally.counts.get(label, 0), thresholds.get(label, threshold)
        if n < MIN_ROWS or limit is None:
            continue
        mean = tally.sums[label] / n
        if mean - limit < MIN_MARGIN:
            reason = f"mean score {mean:.3f} of {n:,} texts; the threshold is {limit:.3f}"
            yield Finding(FindingKind.FAINT, label, reason)


def _partners(pairs: Iterable[tuple[str, str, int]]) -> dict[str, tuple[str, int]]:
    """Return the most frequent partner of each label; pairs come sorted by frequency."""
    partners: dict[str, tuple[str, int]] = {}
    for label, other, n in pairs:
        partners.setdefault(label, (other, n))
    return partners


def _share(n: int, total: int) -> str:
    return f"{n:,} of {total:,} ({100 * n / total:.1f} %)"
