"""Read categories and labelled texts from tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from textshot.errors import InvalidCategoriesError, TableError
from textshot.io.batches import Batch, Reject, check_is_text, find_column, rejected, text_column
from textshot.io.formats import Format
from textshot.io.table import Table, open_table
from textshot.types import Category, Example, clean_name, parse_truth

LABEL, TEXT, DESCRIPTION = "label", "text", "description"


@dataclass(slots=True)
class _Draft:
    line: int
    description: str = ""
    texts: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts with their truths (None: fits no category), and the rows that could not be used."""

    texts: list[str]
    truths: list[str | None]
    rejects: list[Reject]
    lines: list[int] = field(default_factory=list)
    """Where each text begins in its file."""
    cells: list[str] = field(default_factory=list)
    """The label of each as it stands there."""
    columns: tuple[str, ...] = ()
    """Of the table."""


def read_categories(
    path: str | Path,
    *,
    label: str | None = None,
    text: Sequence[str] = (),
    format: Format | None = None,
    encoding: str | None = None,
) -> list[Category]:
    """Read categories: a row for each example, with `label`, `text` and `description` columns.

    Rows of one label are one category; a row without text is a name alone; other columns become
    metadata. A plain text file holds a name a line. The file is small and made by hand, so any bad
    row is an error, not something to pass over.

    Raises:
        TableError: the file cannot be read, has no label column, or a row that is no good.
    """
    drafts: dict[str, _Draft] = {}
    with open_table(path, format=format, encoding=encoding) as table:
        names_only = table.format is Format.TEXT and label is None
        label_column = find_column(
            table.columns, label, TEXT if names_only else LABEL, table.source
        )
        texts = _text_columns(table, text, label_column)
        description = _optional(table, DESCRIPTION, {label_column, *texts})
        others = [c for c in table.columns if c not in {label_column, *texts, description}]
        for batch in table.batches():
            _no_rejects(batch)
            cells = _rows(batch, [[label_column], texts, [description] if description else []])
            extra = _rows(batch, [[column] for column in others])
            for row, more, line in zip(cells, extra, batch.lines, strict=True):
                _take(
                    drafts,
                    f"{table.source}:{line}",
                    line,
                    row,
                    dict(zip(others, more, strict=True)),
                )
        if not drafts:
            raise TableError(f"{table.source} has a header but no category. Add a row for each")
        return [_category(name, draft, table.source) for name, draft in drafts.items()]


def read_labelled_texts(
    path: str | Path,
    *,
    label: str | None = None,
    text: Sequence[str] = (),
    format: Format | None = None,
    encoding: str | None = None,
) -> LabelledTexts:
    """Read texts with their truth; an empty or `unknown` label means "fits no category"."""
    with open_table(path, format=format, encoding=encoding) as table:
        found = LabelledTexts([], [], [], columns=table.columns)
        label_column = find_column(table.columns, label, LABEL, table.source)
        columns = text_columns_of(table, text, beside=label_column)
        for batch in table.batches():
            found.rejects.extend(batch.rejects)
            labels = text_column(batch.data, [label_column])
            for one, truth, line in zip(
                text_column(batch.data, columns), labels, batch.lines, strict=True
            ):
                if not one.strip():
                    found.rejects.append(rejected(table.source, line, "the text is empty", truth))
                    continue
                found.lines.append(line)
                found.texts.append(one)
                found.truths.append(parse_truth(truth))
                found.cells.append(truth)
    return found


def text_columns_of(
    table: Table, wanted: Sequence[str] = (), *, beside: str | None = None
) -> list[str]:
    """Return the columns that hold the text: those named, else `text`, else the only one.

    `beside` is a column that is none of them.

    Raises:
        TableError: there is no such column, or what it holds is no text.
    """
    others = [c for c in table.columns if c != beside]
    if not wanted and len(others) == 1:
        found = others
    elif not wanted:
        found = [find_column(others, None, TEXT, table.source)]
    else:  # twice the same column, spelt in two ways, is once
        found = list(dict.fromkeys(find_column(others, c, TEXT, table.source) for c in wanted))
    for name in found:
        check_is_text(table.schema.field(name), table.source)
    return found


def _text_columns(table: Table, wanted: Sequence[str], label: str) -> list[str]:
    if wanted:
        return text_columns_of(table, wanted, beside=label)
    found = _optional(table, TEXT, {label})
    return [found] if found else []


def _optional(table: Table, name: str, taken: set[str]) -> str | None:
    """Return the column of that name, in capitals or not, if there is one."""
    return next((c for c in table.columns if c not in taken and c.strip().casefold() == name), None)


def _rows(batch: Batch, columns: list[list[str]]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each row; a group of columns is joined, an empty one is empty."""
    nothing = [""] * len(batch.lines)
    if not columns:
        return iter([()] * len(nothing))
    return zip(*(text_column(batch.data, c) if c else nothing for c in columns), strict=True)


def _take(
    drafts: dict[str, _Draft],
    where: str,
    line: int,
    row: tuple[str, ...],
    metadata: Mapping[str, str],
) -> None:
    name, text, description = clean_name(row[0]), row[1], row[2].strip()
    if not name:
        raise TableError(
            f"{where}: the row has no label"
            + (", and no text either. Remove it" if not text.strip() else ". Name its category")
        )
    draft = drafts.setdefault(name, _Draft(line))
    if description and draft.description not in ("", description):
        raise TableError(
            f"{where}: category {name!r} has another description than in line {draft.line}."
            " Keep one of them"
        )
    draft.description = draft.description or description
    if text.strip():
        draft.texts[text] = None
    for column, value in metadata.items():
        if value.strip():
            draft.metadata.setdefault(column, value.strip())


def _category(name: str, draft: _Draft, source: str) -> Category:
    try:
        examples = tuple(Example(text) for text in draft.texts)
        return Category(name, draft.description, examples, metadata=draft.metadata)
    except InvalidCategoriesError as error:
        raise TableError(f"{source}:{draft.line}: {error}") from None


def _no_rejects(batch: Batch) -> None:
    if batch.rejects:
        first = batch.rejects[0]
        raise TableError(
            f"{first.source}:{first.line}: {first.reason}. A file of categories has to be without"
            f" a fault: mend it ({len(batch.rejects)} rows so far)"
        )


PART = "part"


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Rows as (text, label, place), a description for each label that has one, and bad rows."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    descriptions: dict[str, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)


def read_training_rows(
    path: str | Path,
    *,
    label: str | None = None,
    text: Sequence[str] = (),
    format: Format | None = None,
    encoding: str | None = None,
) -> TrainingRows:
    """Read texts with their labels, and descriptions where there is such a column.

    Rows without text or label are among the rows: who prepares them counts what is left out. Of
    several descriptions of a label the first one is taken.

    Raises:
        TableError: the file cannot be read, or has no label or text column.
    """
    found = TrainingRows()
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
