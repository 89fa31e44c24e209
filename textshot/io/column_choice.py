"""Choose the columns of texts and labels: by name, else by content where only one can be meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median

from textshot.errors import TableError, warn_of_table
from textshot.io.category_rows import EXPORTED
from textshot.io.columns import check_is_text, find_column, folded, is_text
from textshot.io.dialect import looks_like_text
from textshot.io.formats import Format
from textshot.io.table import Table

LABEL, TEXT, DESCRIPTION = "label", "text", "description"

ANSWER_COLUMNS = (LABEL, "score", "margin")
"""Columns of an output after those of its input; a calibrated engine adds "probability"."""

_MAX_SHOWN_NAME = 60
_MIN_WORDS = 3  # of a text, in the median
_MIN_DIFFERENT = 0.3  # share of a column; fewer are choices out of a list
_FEW = 10  # values that are too few to tell by that share

_NUMBER = re.compile(r"[\d.,:/+ -]*\d[\d.,:/+ -]*")  # a date, too
_WORD = re.compile(r"[^\W\d_]{2,}")
# Scripts that are written without blanks; two or three characters are about a word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def text_columns_of(
    table: Table, names: Sequence[str] = (), *, beside: str | None = None
) -> list[str]:
    """Return the columns that hold the text: the named ones, else `text`, else the only one.

    Args:
        table: The table.
        names: The columns that the user named.
        beside: A column that cannot be one of them.

    Raises:
        TableError: There is no such column, or it holds no text.
    """
    others = [c for c in table.columns if c != beside]
    if not names and len(others) == 1:
        columns = others
        if len(table.columns) == 1 and others != [TEXT]:
            _refuse_title(table, TEXT)
        if beside is None:
            _refuse_text_as_name(table, others[0])
    elif not names:
        columns = [_text_column(table, others)]
    else:  # one column, spelt in two ways, counts once
        columns = list(dict.fromkeys(named_column(table, others, c, TEXT) for c in names))
    for name in columns:
        check_is_text(table.schema.field(name), table.source)
    return columns


def example_columns(
    table: Table, names: Sequence[str], others: Sequence[str], label: str
) -> list[str]:
    """Return the columns of examples: the named ones, else one of the others; none of no others."""
    if names:
        return text_columns_of(table, names, beside=label)
    return [_text_column(table, others)] if others else []


def label_column_of(table: Table, name: str | None = None, default: str = LABEL) -> str:
    """Return the column of labels: the named one, else `label`, else the only one beside texts.

    Raises:
        TableError: There is no such column, or it holds no text.
    """
    guess = partial(_guess_label, table) if default == LABEL else _no_guess
    column = named_column(table, table.columns, name, default, guess)
    check_is_text(table.schema.field(column), table.source, "--label-column")
    start = table.columns.index(column)
    if are_answers(table.columns[start : start + len(ANSWER_COLUMNS)]):
        warn_of_table(
            f"{table.source}: the column {column!r} stands beside score and margin, as in an output"
            " of textshot. Unless somebody has corrected them, its labels are textshot's own"
            " answers, and no measure of them"
        )
    return column


def optional_column(table: Table, name: str, used: set[str]) -> str | None:
    """Return the column of a name, whatever its case, if there is one."""
    return next((c for c in table.columns if c not in used and c.strip().casefold() == name), None)


def are_answers(columns: Sequence[str]) -> bool:
    """Tell whether columns are those of answers; a suffix for a name that is taken is allowed."""
    return len(columns) == len(ANSWER_COLUMNS) and all(map(is_named, columns, ANSWER_COLUMNS))


def is_named(column: str, name: str) -> bool:
    """Tell whether a column has a name, or the one that `free_names` makes of it."""
    return re.fullmatch(rf"{re.escape(name)}(_textshot\d*)?", column) is not None


def _text_column(table: Table, columns: Sequence[str]) -> str:
    """Return the column `text`, or the only one that holds texts by its content."""
    return named_column(table, columns, None, TEXT, partial(_guess_texts, table, columns))


def _guess_texts(table: Table, columns: Sequence[str]) -> str | None:
    """Return the only column that holds texts, and say so; None: none or several do."""
    candidates = [name for name in columns if is_text(table.schema.field(name).type)]
    cells = table.sample(candidates)
    found = text_columns_by_content(cells)
    if len(found) != 1 or not are_names(cells):
        return None
    warn_of_table(
        f"{table.source}: the texts are in the column {found[0]!r}, by what it holds. Name another"
        " one with --text-column"
    )
    return found[0]


def _guess_label(table: Table) -> str | None:
    """Return the column beside the texts if it is the only one, and say so."""
    others = [c for c in table.columns if folded(c) != DESCRIPTION and c not in EXPORTED]
    if len(others) != 2:
        return None
    cells = table.sample(others)
    by_content = text_columns_by_content(cells)
    texts = [c for c in others if folded(c) == TEXT] or by_content
    if len(texts) != 1:
        return None
    [label] = [c for c in others if c not in texts]
    if label in by_content or not are_names(cells):
        return None
    warn_of_table(
        f"{table.source}: the labels are in the column {label!r}, the only one beside the texts."
        " Name another one with --label-column"
    )
    return label


def _no_guess() -> None:
    return None


def named_column(
    table: Table,
    columns: Sequence[str],
    name: str | None,
    default: str,
    guess: Callable[[], str | None] = _no_guess,
) -> str:
    """Return the column of a name, see `find_column`; if nobody gave one, it may be guessed."""
    try:
        return find_column(columns, name, default, table.source)
    except TableError:
        _refuse_title(table, name or default)
        guessed = guess() if name is None else None
        if guessed is None:
            raise
        return guessed


def _refuse_title(table: Table, name: str) -> None:
    row = table.header_below(name)
    if row is not None:
        raise TableError(
            f"{table.source}: the first row, {', '.join(map(repr, table.columns))}, is no header;"
            f" the header seems to be in row {row}. Give it with --header-row {row}"
        )


def _refuse_text_as_name(table: Table, name: str) -> None:
    """Refuse a guess that the first row is a header if it looks like a text itself."""
    if table.format in (Format.CSV, Format.TSV, Format.EXCEL) and looks_like_text(name):
        shown = name if len(name) <= _MAX_SHOWN_NAME else f"{name[:_MAX_SHOWN_NAME]}…"
        raise TableError(
            f"{table.source}: the only column is called {shown!r}, which looks like a text. If the"
            " header is missing, write one into the first row, such as text; if columns are not"
            " separated as they should be, name the separator in a line before the header, such as"
            " sep=; and if this is the header, confirm it with --text-column"
        )


def text_columns_by_content(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the columns that hold texts, such as sentences, and no names, codes or choices.

    Args:
        columns: By name, the cells of some rows.
    """
    return [name for name, cells in columns.items() if are_texts(cells)]


def are_names(columns: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether the first row holds names, and not a row of the table, by what is below it."""
    return not any(
        _NUMBER.fullmatch(name) or looks_like_text(name) or are_texts([name]) or name in cells
        for name, cells in columns.items()
    )


def are_texts(cells: Sequence[str]) -> bool:
    """Tell whether cells are texts: several words, and not the same few again and again."""
    values = [cell for cell in cells if cell.strip()]
    if not values or median(map(_count_words, values)) < _MIN_WORDS:
        return False
    return len(values) < _FEW or len(set(values)) >= _MIN_DIFFERENT * len(values)


def _count_words(cell: str) -> int:
    n_unspaced = len(_UNSPACED.findall(cell))
    if n_unspaced:
        return n_unspaced // 2
    # An address of the web or a path has words, too, but no blanks between them.
    return sum(bool(_WORD.search(word)) for word in cell.split())
