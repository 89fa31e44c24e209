"""The columns of a table: their names, which one is meant, and what they hold."""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

from textshot.errors import TableError
from textshot.io.dialect import looks_like_text
from textshot.io.values import cell_texts

if TYPE_CHECKING:
    import pyarrow as pa

_LISTED_COLUMNS = 20  # in an error
_OPTIONS = {"text", "label"}  # columns that an option of the command names


def checked_names(names: Iterable[str], source: str) -> list[str]:
    """Return the names of a table's columns; of several without a name, "column 3" by its place.

    Raises:
        TableError: There is none, or one occurs twice.
    """
    checked = list(names)
    taken = {name for name in checked if name.strip()}
    if not taken:
        raise TableError(
            f"{source}: the header is empty. Write the names of the columns into the first row"
        )
    if sum(not name.strip() for name in checked) > 1:
        checked = [n if n.strip() else _place(i, taken) for i, n in enumerate(checked, 1)]
    positions: dict[str, int] = {}
    for position, name in enumerate(checked, 1):
        if name in positions:
            raise TableError(
                f"{source}: columns {positions[name]} and {position} of the header are both called"
                f" {name!r}. Rename one"
            )
        positions[name] = position
    return checked


def _place(position: int, taken: Container[str]) -> str:
    """Return a name for the column at a position, from 1."""
    names = (f"column {position}{'' if n == 1 else f' ({n})'}" for n in count(1))
    return next(name for name in names if name not in taken)


def find_column(columns: Sequence[str], name: str | None, default: str, source: str) -> str:
    """Return the column of a table that has a name, or the default name.

    If no column has exactly this name, the only one that differs in case or in surrounding
    blanks is taken.

    Args:
        columns: The columns of the table.
        name: The name that the user gave, if any.
        default: The name of the column otherwise.
        source: The file, for the error.

    Raises:
        TableError: There is no such column.
    """
    name = default if name is None else name
    if name in columns:
        return name
    similar = [column for column in columns if folded(column) == folded(name)]
    if len(similar) == 1:
        return similar[0]
    close = difflib.get_close_matches(folded(name), map(folded, columns), 1)
    meant = " or ".join(repr(column) for column in columns if [folded(column)] == close)
    option = f" (--{default}-column)" if default in _OPTIONS else ""
    hint = f"Name one of these{option}, or rename it in the file"
    if meant:
        hint = f"Did you mean {meant}?{option}"
    if any(map(looks_like_text, columns)):
        hint += ". If the header is missing, write one above the first row"
    listed = ", ".join(repr(column) for column in columns[:_LISTED_COLUMNS]) or "no columns"
    n_more = len(columns) - _LISTED_COLUMNS
    more = f" and {n_more} more" if n_more > 0 else ""
    message = f"{source}: there is no column {name!r}; it has {listed}{more}. {hint}"
    raise TableError(message, columns)


def check_is_text(field: pa.Field, source: str, option: str = "--text-column") -> None:
    """Refuse a column of lists, records, JSON or bytes; numbers and times can be shown as text.

    Raises:
        TableError: The column holds no text.
    """
    if is_text(field.type):
        return
    name = str(field.type)
    name = name if len(name) <= 80 else f"{name[:80]} ..."
    raise TableError(
        f"{source}: the column {field.name!r} holds {name}, which is not text. Name another column"
        f" with {option}, or save it as strings"
    )


def is_text(kind: pa.DataType) -> bool:
    """Tell whether values of a type can be shown as texts."""
    import pyarrow as pa

    if isinstance(kind, pa.DictionaryType | pa.RunEndEncodedType):
        return is_text(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        name = kind.extension_name
        return name == "arrow.uuid" or (name != "arrow.json" and is_text(kind.storage_type))
    kinds = pa.types
    binary = kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_binary_view(kind)
    return not (kinds.is_nested(kind) or binary or kinds.is_fixed_size_binary(kind))


def text_column(data: pa.RecordBatch, columns: Sequence[str]) -> list[str]:
    """Return one text per row: the values as text, several columns joined by a newline."""
    parts = [
        [value or "" for value in cell_texts(data.column(name), data.schema.field(name))]
        for name in columns
    ]
    if len(parts) == 1:
        return parts[0]
    return ["\n".join(filter(None, row)) for row in zip(*parts, strict=True)]


def free_names(columns: Iterable[str], new: Sequence[str]) -> dict[str, str]:
    """Return a name for each new column that no column has yet.

    "label" becomes "label_textshot" if it exists, then "label_textshot2" and so on. The caller
    tells the user which names changed.
    """
    used = set(columns)
    names: dict[str, str] = {}
    for name in new:
        candidates = (f"{name}_textshot{n if n > 1 else ''}" for n in count(1))
        names[name] = name if name not in used else next(c for c in candidates if c not in used)
        used.add(names[name])
    return names


def with_fields(schema: pa.Schema, added: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return a schema with new columns after its own, for `open_writer`."""
    import pyarrow as pa

    for name in added:
        if name in schema.names:
            raise TableError(f"there is a column {name!r} already. Take a name from free_names")
    return pa.schema([*schema, *(pa.field(name, kind) for name, kind in added.items())])


def with_columns(data: pa.RecordBatch, added: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Return rows with new columns after their own."""
    import pyarrow as pa

    schema = with_fields(data.schema, {name: array.type for name, array in added.items()})
    return pa.RecordBatch.from_arrays([*data.columns, *added.values()], schema=schema)


def folded(name: str) -> str:
    """Return a name of a column as names are compared, without case and surrounding blanks."""
    return name.strip().casefold()
