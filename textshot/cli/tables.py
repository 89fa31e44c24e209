"""Read the tables that a command is given, and tell what of them cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from textshot._characters import is_blank
from textshot.cli.output import note, warn_rejects

if TYPE_CHECKING:
    from textshot.io import Format, Table, TableOptions
    from textshot.io.categories import LabelledTexts

STDIN_ROWS = 256
"""A command answers that many rows of a pipe at a time."""


def need_format(path: str, format: Format | None) -> None:
    """Require --format for stdin, which has no extension."""
    if path == "-" and format is None:
        raise click.UsageError("name the format of stdin: --format csv, tsv, jsonl or txt")


def read_labelled_texts(path: str, table: TableOptions) -> LabelledTexts:
    """Read texts with their true labels, and warn of each row that cannot be used.

    Raises:
        TableError: The table cannot be read, or most of its rows cannot be used.
    """
    from textshot.io.batches import check_rejected
    from textshot.io.categories import read_labelled_texts as read

    need_format(path, table.format)
    data = read(path, table)
    warn_rejects(data.rejects)
    check_rejected(data.rejects, len(data.texts), path)
    return data


def read_texts(
    path: str, table: TableOptions | None = None, *, skip_empty: bool = False
) -> Iterator[str]:
    """Yield the texts of a table, and warn of each row that cannot be used.

    Raises:
        TableError: The table cannot be read, or, at its end, most of its rows cannot be used.
    """
    from textshot.io import TableOptions, rejected, text_column
    from textshot.io.batches import check_rejected
    from textshot.io.column_choice import text_columns_of

    options, rejects, n_used = table or TableOptions(), [], 0
    with options.open(path, batch_rows=STDIN_ROWS) as opened:
        columns = text_columns_of(opened, options.text_columns)
        if len(opened.columns) == 1 and not options.text_columns:
            _note_column(opened, columns[0])
        for batch in opened.batches(columns):
            warn_rejects(batch.rejects)
            rejects += batch.rejects
            for text, line in zip(text_column(batch.data, columns), batch.lines, strict=True):
                if not (skip_empty and is_blank(text)):
                    n_used += 1
                    yield text
                else:
                    warn_rejects([rejected(opened.source, line, "the text is empty", text)])
        check_rejected(rejects, n_used, opened.source)


def _note_column(table: Table, column: str) -> None:
    """Print which column is read as text, if nobody said so."""
    if column.strip().casefold() != "text":
        note(f"{table.source}: the text is in the column {column!r}")
