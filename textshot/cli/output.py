"""Print results to stdout, and progress and warnings to stderr."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from textshot.encoders import TruncationStats
    from textshot.engine import Engine
    from textshot.io import Reject
    from textshot.types import Adaptation, DecisionSettings

_GAP = "  "
_NO_DIGITS = str.maketrans("", "", ".+-%")
_SURROGATE = re.compile("[\ud800-\udfff]")


def warn(message: str) -> None:
    """Print a warning."""
    click.echo(f"warning: {message}", err=True)


def warn_rejects(rejects: Iterable[Reject]) -> None:
    """Warn of rows that are skipped."""
    for reject in rejects:
        warn(f"{reject.source}:{reject.line}: {reject.reason}; skipped")


def note(message: str) -> None:
    """Print a message beside the result."""
    click.echo(message, err=True)


_shows_next = ContextVar("shows_next", default=True)


def note_next(reason: str, *words: str | Path) -> None:
    """Print the command that comes next, for a person at a terminal; not in a pipe or a log."""
    if _shows_next.get() and sys.stdout.isatty() and sys.stderr.isatty():
        note(f"next, to {reason}: {shlex.join(['textshot', *map(str, words)])}")


@contextmanager
def without_next() -> Iterator[None]:
    """Print no such commands in a block, for a command that runs others."""
    token = _shows_next.set(False)
    try:
        yield
    finally:
        _shows_next.reset(token)


def print_json(value: Any, *, err: bool = False) -> None:
    """Print one JSON value on one line."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # Names of files that are not UTF-8 hold lone surrogates: no stream takes them, JSON does.
    click.echo(_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", line), err=err)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, err: bool = False) -> None:
    """Print aligned columns; on a terminal the last one is cut to the remaining width."""
    from rich.cells import cell_len

    lines = [list(header), *([_one_line(cell) for cell in row] for row in rows)]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    on_terminal = (sys.stderr if err else sys.stdout).isatty()
    if on_terminal:
        used = sum(widths[:-1]) + len(_GAP) * len(widths[:-1])
        free = shutil.get_terminal_size().columns - used
        widths[-1] = min(widths[-1], max(free, cell_len(header[-1])))
    right = [len(column) > 1 and all(map(_is_number, column[1:])) for column in columns]
    for i, line in enumerate(lines):
        row_widths = list(widths)
        if not right[-1]:  # no blanks after the last cell, however long another one is
            row_widths[-1] = min(widths[-1], cell_len(line[-1]))
        cells = [_fitted(*cell) for cell in zip(line, row_widths, right, strict=True)]
        text = _GAP.join(cells).rstrip()
        click.echo(click.style(text, bold=True) if on_terminal and i == 0 else text, err=err)


def counted(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun: "1 category", "2 categories"."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def cut(text: str, max_chars: int) -> str:
    """Return a text on one line, cut with an ellipsis if it is longer than `max_chars`."""
    line = " ".join(text[: 100 * max_chars].split())
    return line if len(line) <= max_chars else f"{line[: max_chars - 1]}…"


def categories_text(n: int) -> str:
    """Return "1 category" or "N categories"."""
    return counted(n, "category", "categories")


def threshold_text(decision: DecisionSettings | None) -> str:
    """Describe the threshold of an index: its value, its method, and whether it is stale."""
    if decision is None:
        return "not derived"
    if decision.threshold is None:
        return f"none, always answers ({decision.method})"
    doubt = ", a guess" if decision.guess else ""
    if decision.stale:
        doubt += ", made for other categories"
    return f"{decision.threshold:.3f} ({decision.method}{doubt})"


def note_adapted(
    adaptation: Adaptation | None, source: str, before: float | None, after: float | None
) -> None:
    """Report an adaptation to texts, or why there was none, and the change of the threshold."""
    if adaptation is None:
        return
    if adaptation.reason:
        note(f"not adapted: {adaptation.reason}")
        return
    change = ""
    if before is not None and after is not None:
        change = f"; threshold {before:.3f} -> {after:.3f}"
    note(f"adapted to {counted(adaptation.n_texts, 'different text')} of {source}{change}")


def note_truncation(stats: TruncationStats) -> None:
    """Report texts that are truncated or say nothing, and a high rate of subwords."""
    if stats.n_truncated:
        texts = counted(stats.n_truncated, "text is", "texts are")
        note(
            f"{texts} longer than the {stats.limit} tokens that the encoder reads (about"
            f" {round(0.75 * (stats.limit or 0))} words); the rest was ignored"
        )
    if stats.n_unreadable:
        texts = counted(stats.n_unreadable, "text says", "texts say")
        note(f"{texts} nothing to the encoder, which knows no word there: the answer is unknown")
    if stats.high_subword_rate is not None:
        note(
            f"{percent(stats.high_subword_rate)} of the tokens are parts of words that the encoder"
            " does not know (everyday English has about 5 %). Is this another language, or jargon?"
            " A multilingual encoder may do better (docs/guide.md, Encoders)"
        )


def note_trained(engine: Engine) -> None:
    """Report categories that the encoder was trained on: figures hold less for new ones."""
    from textshot.networks import trained_categories

    folder, labels = engine.encoder.folder, engine.info.labels
    trained = trained_categories(folder) & set(labels) if folder else ()
    if trained:
        note(
            f"the encoder was trained on {len(trained)} of the {categories_text(len(labels))}: on"
            " these it is more accurate than its model card says for new ones"
        )


def print_saved(engine: Engine, path: str, generation: int, before: DecisionSettings) -> None:
    """Print what an index holds after a change, and what became of the threshold `before` it."""
    n_examples = sum(len(c.examples) for c in engine.categories)
    size = categories_text(len(engine.index))
    click.echo(f"{path}: {size}, {counted(n_examples, 'example')}, generation {generation}")
    click.echo(f"threshold: {_threshold_change(before, engine.decision)}")
    if before.temperature is not None and not before.stale and not engine.calibrated:
        note("probabilities end with this change: calibrate again with `textshot tune`")
    note_next("see its categories", "labels", "list", path)


def _threshold_change(before: DecisionSettings, after: DecisionSettings) -> str:
    """Describe a threshold, and which scores mean something else than before the change."""
    old, new = before.threshold, after.threshold
    if old is None or new is None or f"{old:.3f}" == f"{new:.3f}":
        return threshold_text(after)
    effect = "is unknown from now on" if new > old else "gets an answer from now on"
    return f"{old:.3f} -> {threshold_text(after)}; what scores between the two {effect}"


def check_page(path: str | None) -> None:
    """Refuse a path that a page cannot be written to, before anything slow is done."""
    if path is None:
        return
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"{path} must end in .html: it is a web page")
    if not Path(path).absolute().parent.is_dir():
        raise click.ClickException(f"the folder of {path} does not exist. Make it first")
    if Path(path).is_dir():
        raise click.ClickException(f"{path} is a folder. Name a file")


def write_page(path: str, page: str) -> None:
    """Write a page and print its size."""
    from textshot._files import write_atomic

    data = page.encode("utf-8")
    write_atomic(Path(path), data)
    note(f"{path}: {in_bytes(len(data))}; it contains your texts")


def in_bytes(n: float) -> str:
    """Format a size."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "bytes" or n >= 100 else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:,.1f} TB"


def in_time(seconds: float) -> str:
    """Format a duration, in the unit that people would use."""
    for minimum, unit in ((172_800, "days"), (7200, "hours"), (120, "minutes")):
        if seconds >= minimum:
            return f"{seconds / (minimum / 2):.1f} {unit}"
    return f"{seconds:.0f} seconds" if seconds > 1 else "a second"


def percent(share: float | None) -> str:
    """Format a share."""
    return "-" if share is None else f"{100 * share:.1f} %"


def _fitted(cell: str, width: int, right: bool) -> str:
    """Return a cell of exactly that width on the screen, cut with an ellipsis if it is longer."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(cell) > width:
        return set_cell_size(cell, width - 1) + "…"
    return " " * (width - cell_len(cell)) + cell if right else set_cell_size(cell, width)


def _one_line(cell: str) -> str:
    """Remove line breaks and control characters."""
    return "".join(c if c.isprintable() else " " for c in " ".join(cell.split()))


def _is_number(cell: str) -> bool:
    return cell.translate(_NO_DIGITS).strip().isdigit() or cell == "-"
