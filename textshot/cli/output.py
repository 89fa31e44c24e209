"""Results to stdout, progress and warnings to stderr."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

_LINE_SECONDS = 60.0
_WIDE = 10_000


def warn(message: str) -> None:
    """Print a warning."""
    click.echo(f"warning: {message}", err=True)


def note(message: str) -> None:
    """Say something beside the result."""
    click.echo(message, err=True)


def print_json(value: Any, *, err: bool = False) -> None:
    """Print one JSON value on one line."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False), err=err)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, err: bool = False) -> None:
    """Print aligned columns; on a terminal the last one is cut to its width."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = sys.stderr if err else sys.stdout
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(header):
        numbers = bool(rows) and all(_is_number(row[i]) for row in rows)
        table.add_column(
            name,
            justify="right" if numbers else "left",
            no_wrap=True,
            overflow="ellipsis",
            # Only the last column gives way.
            min_width=None
            if i == len(header) - 1
            else max(len(name), *(len(r[i]) for r in rows))
            if rows
            else None,
        )
    for row in rows:
        table.add_row(*(Text(_plain(cell)) for cell in row))
    if stream.isatty():
        Console(file=stream).print(table)
        return
    page = io.StringIO()  # a file or a pipe has no width to fit
    Console(file=page, width=_WIDE).print(table)
    click.echo("\n".join(line.rstrip() for line in page.getvalue().splitlines()), err=err)


def percent(share: float | None) -> str:
    """Show a share."""
    return "-" if share is None else f"{100 * share:.1f} %"


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show how far long work is: a bar with an ETA on a terminal, a line a minute elsewhere."""
    if sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _Lines(what, total)


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda done: shown.advance(task, done)


class _Lines:
    def __init__(self, what: str, total: int | None) -> None:
        self._what, self._total = what, total
        self._done = 0
        self._begun = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        self._done += done
        now = time.monotonic()
        if now - self._said < _LINE_SECONDS:
            return
        self._said = now
        rate = self._done / (now - self._begun)
        line = f"{self._what}: {self._done} done, {rate:.0f} a second"
        if self._total:
            minutes = (self._total - self._done) / rate / 60
            line += f", {minutes:.0f} minutes left of {self._total} in all"
        note(line)


def _plain(cell: str) -> str:
    """Keep a cell on one line and free of control characters."""
    return "".join(c if c.isprintable() else " " for c in " ".join(cell.split()))


def _is_number(cell: str) -> bool:
    return cell.replace(".", "").replace("-", "").replace("%", "").strip().isdigit() or cell == "-"
