"""Categories from the rows of a table, and rows from the categories of an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from textshot._characters import clean_name, is_blank, name_key
from textshot.errors import InvalidCategoriesError, TableError
from textshot.io.batches import record_batch
from textshot.io.writer import open_writer
from textshot.types import UNKNOWN, Category, Example

SOURCE, CORRECTION_ORDER, PARENT, THRESHOLD = EXPORTED = (
    *("_source", "_correction", "_parent", "_threshold"),
)
"""Columns of an export beside label, text, description and metadata, where they say anything. They
begin with an underscore, because every other column of a table is metadata of its categories."""

_TABLE = ("label", "text", "description")


class CategoryTable(NamedTuple):
    """The categories of a table, and its texts of the label unknown, which are out of scope."""

    categories: list[Category]
    out_of_scope: list[Example]


class Exported(NamedTuple):
    """What an export says of one example, and of its category."""

    source: str = "example"
    correction_order: int = 0
    parent: str | None = None
    threshold: float | None = None


NOT_EXPORTED = Exported()
"""What holds for a table that a person wrote."""


@dataclass(slots=True)
class _Draft:
    line: int
    description: str = ""
    examples: dict[str, Example] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    exported: Exported = NOT_EXPORTED


class CategoryRows:
    """Collects the rows of a table; rows of one label are one category.

    Args:
        source: The file, for error messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._drafts: dict[str, _Draft] = {}

    def add(
        self,
        line: int,
        row: tuple[str, ...],
        metadata: Mapping[str, str],
        exported: Mapping[str, str],
    ) -> None:
        """Add a row.

        Args:
            line: Where it begins.
            row: Label, text and description.
            metadata: The cells of the other columns.
            exported: The cells of the columns in EXPORTED that the table has.

        Raises:
            TableError: The row has no label, contradicts another one, or has no number where one is
                needed.
        """
        name, text, description = clean_name(row[0]), row[1], row[2].strip()
        position = f"{self._source}:{line}"
        details = _exported(exported, position)
        if not name:
            remedy = (
                ". Name its category" if not is_blank(text) else ", and no text either. Remove it"
            )
            raise TableError(f"{position}: the row has no label{remedy}")
        draft = self._drafts.setdefault(name, _Draft(line))
        if description and draft.description not in ("", description):
            raise TableError(
                f"{position}: category {name!r} has another description than in line"
                f" {draft.line}. Keep one of them"
            )
        draft.description = draft.description or description
        if not is_blank(text):
            draft.examples[text] = Example(text, details.source, details.correction_order)
        if draft.exported is NOT_EXPORTED:
            draft.exported = details
        for column, value in metadata.items():
            if value.strip():
                draft.metadata.setdefault(column, value.strip())

    def table(self) -> CategoryTable:
        """Return the categories, and the texts of the label unknown.

        Raises:
            TableError: There is no category, or one that cannot be, with its line.
        """
        unknown = [name for name in self._drafts if name_key(name) == UNKNOWN]
        out_of_scope = [e for name in unknown for e in self._unfit(self._drafts.pop(name))]
        if not self._drafts:
            what = f"only texts of the label {UNKNOWN} and" if out_of_scope else "a header but"
            raise TableError(f"{self._source} has {what} no category. Add a row for each")
        categories = [self._category(name, draft) for name, draft in self._drafts.items()]
        return CategoryTable(categories, out_of_scope)

    def _unfit(self, draft: _Draft) -> list[Example]:
        if draft.description or not draft.examples:
            raise TableError(
                f"{self._source}:{draft.line}: {UNKNOWN} is no category: that is the answer for"
                " texts that fit none. Rows of this label hold such texts, and no description"
            )
        return list(draft.examples.values())

    def _category(self, name: str, draft: _Draft) -> Category:
        examples, exported = tuple(draft.examples.values()), draft.exported
        settings = (exported.parent, exported.threshold, draft.metadata)
        try:
            return Category(name, draft.description, examples, *settings)
        except InvalidCategoriesError as error:
            raise TableError(f"{self._source}:{draft.line}: {error}") from None


def _exported(cells: Mapping[str, str], position: str) -> Exported:
    """Return what the columns of an export say in one row; an empty cell says nothing."""
    values = {column: cell.strip() for column, cell in cells.items() if cell.strip()}
    if not values:
        return NOT_EXPORTED
    try:
        order = int(values.get(CORRECTION_ORDER, "0"))
        threshold = float(values[THRESHOLD]) if THRESHOLD in values else None
    except ValueError as error:
        raise TableError(
            f"{position}: {CORRECTION_ORDER} and {THRESHOLD}, the columns of an export, hold"
            f" numbers ({error}). Correct the cell, or remove the column"
        ) from None
    return Exported(values.get(SOURCE, "example"), order, values.get(PARENT), threshold)


def write_categories(
    path: str, categories: Sequence[Category], out_of_scope: Sequence[Example] = ()
) -> None:
    """Write a categories table, from which `read_category_table` reads the same: a row per example.

    Args:
        path: The file, in any format of tables; "-" for standard output.
        categories: With their texts.
        out_of_scope: Texts that fit no category; their rows have the label unknown.

    Raises:
        TableError: It cannot be written, or metadata is called like another column.
    """
    import pyarrow as pa

    metadata = sorted({name for category in categories for name in category.metadata})
    if used := {*_TABLE, *EXPORTED} & {name.strip().casefold() for name in metadata}:
        raise TableError(
            f"{path}: metadata called {', '.join(sorted(used))} would become another column of the"
            " table. Rename it in the index"
        )
    rows = [row for category in categories for row in _rows(category)]
    unfit = [{"label": UNKNOWN, "text": e.text or "", **_of_example(e)} for e in out_of_scope]
    rows += unfit
    exported = [name for name in EXPORTED if any(row.get(name) for row in rows)]
    columns = [*_TABLE, *exported, *metadata]
    schema = pa.schema([(name, pa.string()) for name in columns])
    data = [[row.get(name, "") for row in rows] for name in columns]
    with open_writer(path, schema) as writer:
        writer.write(record_batch(data, schema))


def _rows(category: Category) -> list[dict[str, str]]:
    first = {**category.metadata, "description": category.description or ""}
    if category.parent:
        first[PARENT] = category.parent
    if category.threshold is not None:
        first[THRESHOLD] = repr(category.threshold)
    rows = [{"text": e.text or "", **_of_example(e)} for e in category.examples] or [{}]
    rows[0] |= first
    return [{"label": category.name, **row} for row in rows]


def _of_example(example: Example) -> dict[str, str]:
    facts = {} if example.source == "example" else {SOURCE: example.source}
    if example.correction_order:
        facts[CORRECTION_ORDER] = str(example.correction_order)
    return facts
