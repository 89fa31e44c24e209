"""Read categories and labelled texts from tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from textshot._characters import clean_name, is_blank
from textshot.errors import TableError
from textshot.io.batches import Batch, Reject, rejected
from textshot.io.category_rows import (
    EXPORTED,
    CategoryRows,
    CategoryTable,
)
from textshot.io.column_choice import (
    DESCRIPTION,
    LABEL,
    TEXT,
    example_columns,
    label_column_of,
    named_column,
    optional_column,
    text_columns_of,
)
from textshot.io.columns import check_is_text, text_column
from textshot.io.formats import Format
from textshot.io.table import DEFAULTS, TableOptions, open_table
from textshot.types import UNKNOWN, Category, parse_truth

PART = "part"


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts with their true labels, and the rows that cannot be used.

    Attributes:
        texts: n texts.
        truths: n labels; None: the text is out of scope.
        rejects: Rows that cannot be used.
        lines: Where each text begins in its file.
        cells: The label of each text as it is in the file.
        columns: All columns of the table.
    """

    texts: list[str]
    truths: list[str | None]
    rejects: list[Reject]
    lines: list[int] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Rows as (text, label, "file:line"), a description per label that has one, and rejects."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    descriptions: dict[str, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)


def read_categories(path: str | Path, options: TableOptions = DEFAULTS) -> list[Category]:
    """Read categories as `read_category_table` does, from a table without out-of-scope texts.

    Raises:
        TableError: As there; also where a text has the label unknown.
    """
    categories, out_of_scope = read_category_table(path, options)
    if out_of_scope:
        raise TableError(
            f"{path}: {len(out_of_scope)} of its texts have the label {UNKNOWN}, which is no"
            " category. Leave them out, or read them with read_category_table"
        )
    return categories


def read_category_table(path: str | Path, options: TableOptions = DEFAULTS) -> CategoryTable:
    """Read categories: one row per example, with the columns `label`, `text`, `description`.

    Rows of one label are one category; a row without text is a name alone; other columns become
    metadata. Texts of the label `unknown` are out-of-scope examples. A plain text file has one name
    per line. An export of an index has a few columns more (`textshot.io.category_rows`). The file
    is small and written by hand, so an invalid row is an error and is not skipped.

    Raises:
        TableError: The file cannot be read, has no label column, or has an invalid row.
    """
    with options.open(path) as table:
        collected = CategoryRows(table.source)
        names_only = table.format is Format.TEXT and options.label_column is None
        default = TEXT if names_only else LABEL
        label_column = label_column_of(table, options.label_column, default)
        description = optional_column(table, DESCRIPTION, {label_column, *options.text_columns})
        named = {label_column, description, *EXPORTED}
        candidates = [column for column in table.columns if column not in named]
        texts = example_columns(table, options.text_columns, candidates, label_column)
        for name in filter(None, [*texts, description]):
            check_is_text(table.schema.field(name), table.source)
        exported = [column for column in EXPORTED if column in table.columns]
        used = {label_column, *texts, description, *exported}
        others = [c for c in table.columns if c not in used]
        for batch in table.batches([label_column, *texts, *filter(None, [description])]):
            _refuse_rejects(batch)
            cells = _rows(batch, [[label_column], texts, [description] if description else []])
            metadata = _rows(batch, [[column] for column in others])
            settings = _rows(batch, [[column] for column in exported])
            rows = zip(cells, metadata, settings, batch.lines, strict=True)
            for row, values, known, line in rows:
                if is_blank("".join((*row, *values, *known))):
                    continue  # spreadsheet programs write such rows
                extra = dict(zip(others, values, strict=True))
                collected.add(line, row, extra, dict(zip(exported, known, strict=True)))
        return collected.table()


def read_labelled_texts(path: str | Path, options: TableOptions = DEFAULTS) -> LabelledTexts:
    """Read texts with their true labels; an empty or `unknown` label means out of scope.

    Raises:
        TableError: The file cannot be read, or has no label or text column.
    """
    with options.open(path) as table:
        data = LabelledTexts([], [], [], columns=table.columns)
        label_column = label_column_of(table, options.label_column)
        columns = text_columns_of(table, options.text_columns, beside=label_column)
        for batch in table.batches([label_column, *columns]):
            data.rejects.extend(batch.rejects)
            for value, truth, line in _labelled_rows(batch, columns, label_column):
                if is_blank(value):
                    data.rejects.append(rejected(table.source, line, "the text is empty", truth))
                    continue
                data.lines.append(line)
                data.texts.append(value)
                data.truths.append(parse_truth(truth))
                data.cells.append(truth)
    return data


def read_training_rows(path: str | Path, options: TableOptions = DEFAULTS) -> TrainingRows:
    """Read texts with labels to train on, and descriptions if there is such a column.

    Rows without text or label are included: the caller counts what it leaves out. If a label has
    several descriptions, the first counts.

    Raises:
        TableError: The file cannot be read, or has no label or text column.
    """
    data = TrainingRows()
    with options.open(path) as table:
        label_column = label_column_of(table, options.label_column)
        description = optional_column(table, DESCRIPTION, set())
        others = [c for c in table.columns if c not in (label_column, description)]
        names = options.text_columns or (others if len(others) == 1 else ())
        columns = text_columns_of(table, names, beside=label_column)
        for batch in table.batches([label_column, *columns]):
            data.rejects.extend(batch.rejects)
            rows = list(_labelled_rows(batch, columns, label_column))
            data.rows.extend((value, name, f"{table.source}:{line}") for value, name, line in rows)
            words = text_column(batch.data, [description]) if description else []
            for (_, name, _), about in zip(rows, words, strict=bool(words)):
                if not is_blank(about):
                    data.descriptions.setdefault(clean_name(name), about.strip())
    return data


def read_split(path: str | Path) -> list[tuple[str, str, str]]:
    """Read which part of a split each category belongs to: (label, part, "file:line") per row.

    Raises:
        TableError: The file cannot be read, lacks a column, or has an invalid row.
    """
    rows: list[tuple[str, str, str]] = []
    with open_table(path) as table:
        label = label_column_of(table)
        part = named_column(table, table.columns, None, PART)
        for batch in table.batches([label, part]):
            _refuse_rejects(batch)
            rows += [
                (name, value, f"{table.source}:{line}")
                for value, name, line in _labelled_rows(batch, [part], label)
            ]
    return rows


def _labelled_rows(
    batch: Batch, columns: Sequence[str], label: str
) -> Iterator[tuple[str, str, int]]:
    """Yield text, label and line of each row."""
    texts, labels = text_column(batch.data, columns), text_column(batch.data, [label])
    return zip(texts, labels, batch.lines, strict=True)


def _rows(batch: Batch, columns: list[list[str]]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each row; a group of columns is joined, an empty one is empty."""
    empty = [""] * len(batch.lines)
    if not columns:
        return iter([()] * len(empty))
    return zip(*(text_column(batch.data, c) if c else empty for c in columns), strict=True)


def _refuse_rejects(batch: Batch) -> None:
    if batch.rejects:
        first = batch.rejects[0]
        raise TableError(
            f"{first.source}:{first.line}: {first.reason}. A table of categories must not have"
            f" invalid rows: fix it ({len(batch.rejects)} rows so far)"
        )
