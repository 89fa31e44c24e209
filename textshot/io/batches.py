"""Slices of a table, the rows that were rejected, and the columns in them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from textshot.errors import TableError
from textshot.io.values import texts

if TYPE_CHECKING:
    import pyarrow as pa


MAX_ROW_CHARS = 10_000_000
"""A longer row is rejected: it is a missing quote or no table at all, and would fill the memory."""

MAX_BATCH_CHARS = 32_000_000
"""A batch ends early at so many characters, so that long rows cost no more memory than short."""

MAX_BATCH_CELLS = 4_000_000
"""A slice has fewer rows where there are many columns: empty cells take memory as well."""

MAX_SHOWN_CHARS = 2_000
"""How much of a rejected row is kept."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read: where it is, why, and its beginning as it stands there."""

    source: str
    line: int
    reason: str
    row: str


@dataclass(slots=True)
class Batch:
    """One slice of a table.

    Attributes:
        data: The input's columns, as they were.
        lines: Where each row of `data` begins: its first line in a text file, its row in a sheet,
            its number from 1 in Parquet.
        rejects: Bad rows that were met while this slice was read.
    """

    data: pa.RecordBatch
    lines: list[int]
    rejects: list[Reject]


Reading: TypeAlias = "tuple[pa.Schema, Iterator[Batch]]"
"""What each reader returns: the columns, known at once, and the slices, read when asked for."""


def rejected(source: str, line: int, reason: str, row: str | Sequence[object]) -> Reject:
    """Return a rejected row, cut to a length that can be shown and kept."""
    if not isinstance(row, str):
        row = json.dumps(row, ensure_ascii=False, default=str)
    shown = _printable(row[:MAX_SHOWN_CHARS])
    if len(row) > MAX_SHOWN_CHARS:
        shown += f" … (cut to {MAX_SHOWN_CHARS:,} characters)"
    return Reject(source, line, reason, shown)


def fewer_rows(batch_rows: int, n_columns: int) -> int:
    """Return how many rows a slice may have, of those asked for, with so many columns."""
    return min(batch_rows, max(1, MAX_BATCH_CELLS // max(1, n_columns)))


def record_batch(columns: Sequence[Sequence[str | None]], schema: pa.Schema) -> pa.RecordBatch:
    """Return columns of strings as an Arrow batch."""
    import pyarrow as pa

    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def checked_names(names: Iterable[str], source: str) -> list[str]:
    """Return the names of a table's columns; none at all or one that occurs twice is an error."""
    found: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if name in found:
            raise TableError(
                f"{source}: columns {found[name]} and {position} of the header are both called"
                f" {name!r}. Rename one"
            )
        found[name] = position
    if not any(name.strip() for name in found):
        raise TableError(
            f"{source}: the header is empty. Write the names of the columns into the first row"
        )
    return list(found)


def _printable(text: str) -> str:
    # Bytes that could not be decoded are held as lone surrogates; show them as \xe9.
    raw = text.encode("utf-8", "surrogateescape" if _only_bytes(text) else "backslashreplace")
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\0")


def _only_bytes(text: str) -> bool:
    return not any("\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" for c in text)


def find_column(table_columns: Sequence[str], wanted: str | None, default: str, source: str) -> str:
    """Return the column that the user wants, or the one of the default name.

    Where no column has exactly the name, the only one that differs in case or in surrounding
    blanks is taken for it.

    Args:
        table_columns: What there is.
        wanted: What the user named, if anything.
        default: What it is called where the user named nothing.
        source: The file, for the message.
    """
    name = default if wanted is None else wanted
    if name in table_columns:
        return name
    alike = [column for column in table_columns if _plain(column) == _plain(name)]
    if len(alike) == 1:
        return alike[0]
    near = difflib.get_close_matches(_plain(name), map(_plain, table_columns), 1)
    meant = " or ".join(repr(column) for column in table_columns if [_plain(column)] == near)
    hint = f"Did you mean {meant}?" if meant else "Name one of these, or rename it in the file"
    shown = ", ".join(repr(column) for column in table_columns[:20])
    more = f" and {len(table_columns) - 20} more" if len(table_columns) > 20 else ""
    raise TableError(f"{source}: there is no column {name!r}; it has {shown}{more}. {hint}")


def check_is_text(field: pa.Field, source: str) -> None:
    """Refuse a column of lists, records or bytes; numbers and times have a text.

    Raises:
        TableError: what it holds.
    """
    import pyarrow as pa

    kinds, kind = pa.types, field.type
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    binary = kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_binary_view(kind)
    if not kinds.is_nested(kind) and not binary and not kinds.is_fixed_size_binary(kind):
        return
    what = str(field.type)
    shown = what if len(what) <= 80 else f"{what[:80]} ..."
    raise TableError(
        f"{source}: the column {field.name!r} holds {shown}, which is no text. Name another column"
        " with --text-column, or save it as strings"
    )


def text_column(data: pa.RecordBatch, columns: Sequence[str]) -> list[str]:
    """Return one text a row: the values as people see them, several joined by a newline."""
    parts = [
        [value or "" for value in texts(data.column(name), data.schema.field(name))]
        for name in columns
    ]
    if len(parts) == 1:
        return parts[0]
    return ["\n".join(filter(None, row)) for row in zip(*parts, strict=True)]


def free_names(columns: Iterable[str], wanted: Sequence[str]) -> dict[str, str]:
    """Return a name for each new column that no column has yet.

    "label" becomes "label_textshot" where it is taken, then "label_textshot2" and so on. Whoever
    adds the columns tells the user which names changed.
    """
    taken = set(columns)
    found: dict[str, str] = {}
    for name in wanted:
        found[name] = _free(name, taken)
        taken.add(found[name])
    return found


def with_fields(schema: pa.Schema, added: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the schema of a table with new columns behind its own, for `open_writer`."""
    import pyarrow as pa

    for name in added:
        if name in schema.names:
            raise TableError(f"there is a column {name!r} already. Take a name from free_names")
    return pa.schema([*schema, *(pa.field(name, kind) for name, kind in added.items())])


def with_columns(data: pa.RecordBatch, added: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Return rows with new columns behind their own."""
    import pyarrow as pa

    schema = with_fields(data.schema, {name: array.type for name, array in added.items()})
    return pa.RecordBatch.from_arrays([*data.columns, *added.values()], schema=schema)


def _plain(name: str) -> str:
    return name.strip().casefold()


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    tries = (f"{name}_textshot{n if n > 1 else ''}" for n in count(1))
    return next(candidate for candidate in tries if candidate not in taken)
