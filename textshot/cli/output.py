"""Results to stdout, progress and warnings to stderr."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from textshot.encoders import Reading
    from textshot.engine import Engine
    from textshot.index import State
    from textshot.networks import Network
    from textshot.records import Adaptation, DecisionSettings

PLAIN_NETWORK = "matching"
_LINE_SECONDS = 60.0
_GAP = "  "
_NO_DIGITS = str.maketrans("", "", ".+-%")
_SURROGATE = re.compile("[\ud800-\udfff]")


def warn(message: str) -> None:
    """Print a warning."""
    click.echo(f"warning: {message}", err=True)


def note(message: str) -> None:
    """Say something beside the result."""
    click.echo(message, err=True)


def print_json(value: Any, *, err: bool = False) -> None:
    """Print one JSON value on one line."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # Arguments that are not UTF-8 hold lone surrogates, which no stream takes but JSON can spell.
    click.echo(_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", line), err=err)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, err: bool = False) -> None:
    """Print aligned columns; on a terminal the last one is cut to what is left of its width."""
    from rich.cells import cell_len

    lines = [list(header), *([_plain(cell) for cell in row] for row in rows)]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    on_terminal = (sys.stderr if err else sys.stdout).isatty()
    if on_terminal:
        taken = sum(widths[:-1]) + len(_GAP) * len(widths[:-1])
        free = shutil.get_terminal_size().columns - taken
        widths[-1] = min(widths[-1], max(free, cell_len(header[-1])))
    right = [len(column) > 1 and all(map(_is_number, column[1:])) for column in columns]
    for i, line in enumerate(lines):
        fitting = list(widths)
        if not right[-1]:  # no blanks behind the last cell, however long another one is
            fitting[-1] = min(widths[-1], cell_len(line[-1]))
        cells = [_fitted(*cell) for cell in zip(line, fitting, right, strict=True)]
        shown = _GAP.join(cells).rstrip()
        click.echo(click.style(shown, bold=True) if on_terminal and i == 0 else shown, err=err)


def counted(n: int, one: str, many: str = "") -> str:
    """Say how many: "1 category", "2 categories"."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def threshold_text(decision: DecisionSettings | None) -> str:
    """Say when an index abstains, why there, and how far to trust it."""
    if decision is None:
        return "not derived"
    if decision.threshold is None:
        return f"none, always answers ({decision.method})"
    doubt = ", a guess" if decision.guess else ""
    if decision.stale:
        doubt += ", made for other categories"
    return f"{decision.threshold:.3f} ({decision.method}{doubt})"


def network_text(network: Network) -> str:
    """Name a network, and say what it does not have from the start."""
    return network.name + (", learned" if network.numbers else "")


def names_text(state: State) -> str:
    """Say what the names of an index are worth."""
    if not state.names:
        return "left out"
    if state.weighing is None:
        return "count as one example"
    found = state.weighing
    why = "from the number of categories" if found.evidence is None else "measured on the examples"
    return f"count as {found.name_shots:.2f} examples ({why})"


def keys_text(state: State) -> str:
    """Say whether one vector stands for a category, or every key has a say."""
    if not state.network.alone:
        return f"as the {state.network.name} network reads them"
    if not state.attention_share:
        return "one vector for each category"
    return f"one vector for each category, and {percent(state.attention_share)} of a score from all"


def note_adapted(
    found: Adaptation | None, where: str, before: float | None, after: float | None
) -> None:
    """Say that categories adapted to texts, or why they did not; and what the threshold became."""
    if found is None:
        return
    if found.reason:
        note(f"not adapted: {found.reason}")
        return
    change = ""
    if before is not None and after is not None:
        change = f"; threshold {before:.3f} -> {after:.3f}"
    note(f"adapted to {counted(found.n_texts, 'different text')} of {where}{change}")


def note_reading(reading: Reading) -> None:
    """Say what of the texts is not read, or not as the encoder was made to read."""
    if reading.n_long:
        texts = counted(reading.n_long, "text is", "texts are")
        note(
            f"{texts} longer than the {reading.limit} tokens that the encoder reads (about"
            f" {round(0.75 * (reading.limit or 0))} words); the rest was not looked at"
        )
    if reading.unfamiliar is not None:
        note(
            f"{percent(reading.unfamiliar)} of the word pieces are parts of words that the encoder"
            " does not know (everyday English has about 5 %): another language, or jargon? A"
            " multilingual encoder may do better (docs/guide.md, Encoders)"
        )


def note_opaque_names(state: State) -> None:
    """Say so where the names of the categories tell nothing about the examples."""
    if state.weighing is not None and state.weighing.opaque:
        note(
            'the names tell nothing about the examples (as "c17" would), so they hardly count'
            f" ({state.weighing.name_shots:.2f} of an example). Say in a column 'description' what"
            " they mean, or leave them out by --no-names"
        )


def print_saved(engine: Engine, path: str, generation: int) -> None:
    """Say what an index holds after a change."""
    n_examples = sum(len(c.examples) for c in engine.categories)
    size = counted(len(engine.index), "category", "categories")
    click.echo(f"{path}: {size}, {counted(n_examples, 'example')}, generation {generation}")
    click.echo(f"threshold: {threshold_text(engine.decision)}")


def percent(share: float | None) -> str:
    """Show a share."""
    return "-" if share is None else f"{100 * share:.1f} %"


class Advance(Protocol):
    """Takes the number of items done since the last call, and the share of all, if it is known."""

    def __call__(self, done: int, fraction: float | None = None) -> None:
        """Take note of it."""


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
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[done]:,}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=1.0 if total else None, done=0)
        count = _Count(total)

        def advance(done: int, fraction: float | None = None) -> None:
            share = count(done, fraction)
            shown.update(
                task,
                done=count.done,
                total=None if share is None else 1.0,
                completed=share or 0.0,
            )

        yield advance


class _Count:
    """Adds up what is done, and what share of all it is."""

    def __init__(self, total: int | None) -> None:
        self.done = 0
        self._total = total

    def __call__(self, done: int, fraction: float | None) -> float | None:
        self.done += done
        return self.done / self._total if self._total else fraction


class _Lines:
    """A line a minute, for logs."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what, self._count = what, _Count(total)
        self._begun = self._said = time.monotonic()

    def __call__(self, done: int, fraction: float | None = None) -> None:
        share = self._count(done, fraction)
        now = time.monotonic()
        if now - self._said < _LINE_SECONDS:
            return
        self._said, seconds = now, now - self._begun
        line = f"{self._what}: {self._count.done} done, {self._count.done / seconds:.0f} a second"
        if share:
            left = seconds * (1 - share) / share
            line += f", {100 * share:.0f} %, {left / 60:.0f} minutes left"
        note(line)


def _fitted(cell: str, width: int, right: bool) -> str:
    """Return a cell of exactly that width on the screen, cut with an ellipsis if it is longer."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(cell) > width:
        return set_cell_size(cell, width - 1) + "…"
    return " " * (width - cell_len(cell)) + cell if right else set_cell_size(cell, width)


def _plain(cell: str) -> str:
    """Keep a cell on one line and free of control characters."""
    return "".join(c if c.isprintable() else " " for c in " ".join(cell.split()))


def _is_number(cell: str) -> bool:
    return cell.translate(_NO_DIGITS).strip().isdigit() or cell == "-"
