"""Show the progress of long work on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from textshot.cli.output import note

_LINE_SECONDS = 60.0


class OnProgress(Protocol):
    """Takes the number of items done since the last call, and the share of all, if known."""

    def __call__(self, done: int, fraction: float | None = None) -> None:
        """Count items."""

    def show(self, text: str) -> None:
        """Show a text beside the progress, until the next one."""


@contextmanager
def progress(
    title: str, total: int | None = None, *, beside_rows: bool = False
) -> Iterator[OnProgress]:
    """Show progress: a bar with the time left on a terminal, a line a minute elsewhere.

    Args:
        title: What is being done.
        total: The number of items, if known.
        beside_rows: Rows go to stdout meanwhile: no bar if both would share a terminal.
    """
    if not sys.stderr.isatty() or (beside_rows and sys.stdout.isatty()):
        yield _Lines(title, total)
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
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(bars, title, total)


class _Counter:
    """Counts items, and computes their rate and the time left.

    A share without items is what an earlier run did: neither rate nor time includes it, whether it
    comes first or in between.
    """

    def __init__(self, total: int | None) -> None:
        self.done, self.share = 0, None if total is None else 0.0
        self._total, self._begin, self._earlier_share = total, time.monotonic(), 0.0

    def add(self, done: int, fraction: float | None) -> None:
        if not done and fraction is not None:
            self._earlier_share += max(0.0, fraction - (self.share or 0.0))
            if not self.done:
                self._begin = time.monotonic()
        self.done += done
        self.share = self.done / self._total if self._total else fraction

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.done / max(1e-9, time.monotonic() - self._begin)

    @property
    def seconds_left(self) -> float | None:
        """Seconds to go; None: unknown."""
        if self.share is None or self.share <= self._earlier_share:
            return None
        elapsed = time.monotonic() - self._begin
        return elapsed * (1 - self.share) / (self.share - self._earlier_share)


class _Bar:
    """A bar on a terminal."""

    def __init__(self, bars: Any, title: str, total: int | None) -> None:
        self._bars, self._counter = bars, _Counter(total)
        self._task = bars.add_task(title, total=1.0 if total else None, done=0, rate="", text="")

    def __call__(self, done: int, fraction: float | None = None) -> None:
        self._counter.add(done, fraction)
        share, rate = self._counter.share, self._counter.rate
        self._bars.update(
            self._task,
            done=self._counter.done,
            rate=f", {rate:,.0f}/s" if rate >= 1 else "",
            total=None if share is None else 1.0,
            completed=share or 0.0,
        )

    def show(self, text: str) -> None:
        self._bars.update(self._task, text=text)


class _Lines:
    """A line a minute, for logs."""

    def __init__(self, title: str, total: int | None) -> None:
        self._title, self._counter, self._text = title, _Counter(total), ""
        self._last_line = time.monotonic()

    def __call__(self, done: int, fraction: float | None = None) -> None:
        counter = self._counter
        counter.add(done, fraction)
        if time.monotonic() - self._last_line < _LINE_SECONDS:
            return
        self._last_line = time.monotonic()
        line = f"{self._title}: {counter.done} done, {counter.rate:.0f} a second"
        if counter.share and counter.seconds_left is not None:
            minutes = counter.seconds_left / 60
            line += f", {100 * counter.share:.0f} %, {minutes:.0f} minutes left"
        note(line + (f"; {self._text}" if self._text else ""))

    def show(self, text: str) -> None:
        self._text = text
