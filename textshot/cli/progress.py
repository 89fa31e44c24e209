"""How far long work is, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from textshot.cli.output import note

_LINE_SECONDS = 60.0


class Advance(Protocol):
    """Takes the number of items done since the last call, and the share of all, if it is known."""

    def __call__(self, done: int, fraction: float | None = None) -> None:
        """Take note of it."""

    def say(self, words: str) -> None:
        """Show some words beside, until others are said."""


@contextmanager
def progress(
    what: str, total: int | None = None, *, beside_rows: bool = False
) -> Iterator[Advance]:
    """Show how far long work is: a bar with an ETA on a terminal, a line a minute elsewhere.

    `beside_rows`: rows go to stdout meanwhile, so no bar where both would share a terminal.
    """
    if not sys.stderr.isatty() or (beside_rows and sys.stdout.isatty()):
        yield _Lines(what, total)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[done]:,}{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield _Bar(shown, what, total)


class _Count:
    """Adds up what is done, and what share of all it is.

    What was done before is told as a share without items: neither rate nor time counts it.
    """

    def __init__(self, total: int | None) -> None:
        self.done, self.share = 0, None if total is None else 0.0
        self._total, self._begun, self._start = total, time.monotonic(), 0.0

    def __call__(self, done: int, fraction: float | None) -> None:
        if not self.done and not done and fraction is not None:
            self._begun, self._start = time.monotonic(), fraction
        self.done += done
        self.share = self.done / self._total if self._total else fraction

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.done / max(1e-9, time.monotonic() - self._begun)

    @property
    def left(self) -> float | None:
        """Seconds to go; None: that cannot be told."""
        if self.share is None or self.share <= self._start:
            return None
        spent = time.monotonic() - self._begun
        return spent * (1 - self.share) / (self.share - self._start)


class _Bar:
    """A bar on a terminal."""

    def __init__(self, shown: Any, what: str, total: int | None) -> None:
        self._shown, self._count = shown, _Count(total)
        self._task = shown.add_task(what, total=1.0 if total else None, done=0, rate="", words="")

    def __call__(self, done: int, fraction: float | None = None) -> None:
        self._count(done, fraction)
        share, rate = self._count.share, self._count.rate
        self._shown.update(
            self._task,
            done=self._count.done,
            rate=f", {rate:,.0f}/s" if rate >= 1 else "",
            total=None if share is None else 1.0,
            completed=share or 0.0,
        )

    def say(self, words: str) -> None:
        self._shown.update(self._task, words=words)


class _Lines:
    """A line a minute, for logs."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what, self._count, self._words = what, _Count(total), ""
        self._said = time.monotonic()

    def __call__(self, done: int, fraction: float | None = None) -> None:
        self._count(done, fraction)
        now = time.monotonic()
        if now - self._said < _LINE_SECONDS:
            return
        self._said, count = now, self._count
        line = f"{self._what}: {count.done} done, {count.rate:.0f} a second"
        if count.share and count.left is not None:
            line += f", {100 * count.share:.0f} %, {count.left / 60:.0f} minutes left"
        note(line + (f"; {self._words}" if self._words else ""))

    def say(self, words: str) -> None:
        self._words = words
