"""Labelled texts to learn from, and which categories are held out, out of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from textshot.errors import TableError
from textshot.io.batches import Reject
from textshot.io.categories import DESCRIPTION, LABEL, text_columns_of
from textshot.io.columns import find_column, text_column
from textshot.io.formats import Format
from textshot.io.table import open_table
from textshot.types import clean_name

PART = "part"


@dataclass(frozen=True, slots=True)
class History:
    """Rows as (text, label, place), a description for each label that has one, and bad rows."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    descriptions: dict[str, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)


def read_history(
    path: str | Path,
    *,
    label: str | None = None,
    text: Sequence[str] = (),
    format: Format | None = None,
    encoding: str | None = None,
) -> History:
    """Read texts with their labels, and descriptions where there is such a column.

    Rows without text or label are among the rows: who prepares them counts what is left out. Of
    several descriptions of a label the first one is taken.

    Raises:
        TableError: the file cannot be read, or has no label or text column.
    """
    found = History()
    with open_table(path, format=format, encoding=encoding) as table:
        label_column = find_column(table.columns, label, LABEL, table.source)
        described = [c for c in table.columns if c.strip().casefold() == DESCRIPTION][:1]
        beside = [c for c in table.columns if c != label_column and c not in described]
        one = beside if len(beside) == 1 and not text else text
        columns = text_columns_of(table, one, beside=label_column)
        for batch in table.batches():
            found.rejects.extend(batch.rejects)
            labels, texts = (
                text_column(batch.data, [label_column]),
                text_column(batch.data, columns),
            )
            for name, row, line in zip(labels, texts, batch.lines, strict=True):
                found.rows.append((row, name, f"{table.source}:{line}"))
            words = text_column(batch.data, described) if described else []
            for name, description in zip(labels, words, strict=bool(words)):
                if description.strip():
                    found.descriptions.setdefault(clean_name(name), description.strip())
    return found


def read_split(path: str | Path) -> list[tuple[str, str, str]]:
    """Read which part each category belongs to: (label, part, place) of each row.

    Raises:
        TableError: the file cannot be read, has no such columns, or a bad row.
    """
    found: list[tuple[str, str, str]] = []
    with open_table(path) as table:
        label = find_column(table.columns, None, LABEL, table.source)
        part = find_column(table.columns, None, PART, table.source)
        for batch in table.batches():
            for reject in batch.rejects:
                raise TableError(f"{reject.source}:{reject.line}: {reject.reason}")
            cells = zip(
                text_column(batch.data, [label]),
                text_column(batch.data, [part]),
                batch.lines,
                strict=True,
            )
            found += [(name, to, f"{table.source}:{line}") for name, to, line in cells]
    return found
