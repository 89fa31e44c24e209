"""Results to stdout, progress and warnings to stderr."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from textshot.encoders import TruncationStats
    from textshot.engine import Engine
    from textshot.index import State
    from textshot.networks import Network
    from textshot.types import Adaptation, DecisionSettings

PLAIN_NETWORK = "matching"
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
    return network.name + (", learned" if network.parameters else "")


def names_text(state: State) -> str:
    """Say what the names of an index are worth."""
    if not state.names:
        return "left out"
    if state.name_weight is None:
        return "count as one example"
    found = state.name_weight
    measured = found.t_statistic is not None
    why = "measured on the examples" if measured else "from the number of categories"
    return f"count as {found.weight:.2f} examples ({why})"


def keys_text(state: State) -> str:
    """Say whether one vector stands for a category, or every key has a say."""
    if not state.network.nearest_prototype:
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


def note_truncation(stats: TruncationStats) -> None:
    """Say what of the texts is not read, or not as the encoder was made to read."""
    if stats.n_truncated:
        texts = counted(stats.n_truncated, "text is", "texts are")
        note(
            f"{texts} longer than the {stats.limit} tokens that the encoder reads (about"
            f" {round(0.75 * (stats.limit or 0))} words); the rest was not looked at"
        )
    if stats.high_subword_rate is not None:
        note(
            f"{percent(stats.high_subword_rate)} of the word pieces are parts of words that the"
            " encoder does not know (everyday English has about 5 %): another language, or jargon?"
            " A multilingual encoder may do better (docs/guide.md, Encoders)"
        )


def note_opaque_names(state: State) -> None:
    """Say so where the names of the categories tell nothing about the examples."""
    if state.name_weight is not None and state.name_weight.uninformative:
        note(
            'the names tell nothing about the examples (as "c17" would), so they hardly count'
            f" ({state.name_weight.weight:.2f} of an example). Say in a column 'description' what"
            " they mean, or leave them out by --no-names"
        )


def print_saved(engine: Engine, path: str, generation: int) -> None:
    """Say what an index holds after a change."""
    n_examples = sum(len(c.examples) for c in engine.categories)
    size = counted(len(engine.index), "category", "categories")
    click.echo(f"{path}: {size}, {counted(n_examples, 'example')}, generation {generation}")
    click.echo(f"threshold: {threshold_text(engine.decision)}")


def in_bytes(n: float) -> str:
    """Show a size."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "bytes" or n >= 100 else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:,.1f} TB"


def in_time(seconds: float) -> str:
    """Show a duration, in the unit that people would take."""
    for least, unit in ((172_800, "days"), (7200, "hours"), (120, "minutes")):
        if seconds >= least:
            return f"{seconds / (least / 2):.1f} {unit}"
    return f"{seconds:.0f} seconds" if seconds > 1 else "a second"


def percent(share: float | None) -> str:
    """Show a share."""
    return "-" if share is None else f"{100 * share:.1f} %"


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
