"""Slices of a table, the rows that were rejected, and the columns in them."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from textshot.errors import TableError
from textshot.io.dialect import looks_like_text
from textshot.io.values import cell_texts, is_json, to_python

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROW_CHARS = 10_000_000
"""A longer row is rejected: it has an unclosed quote or is no table, and would fill the memory."""

MAX_BATCH_CHARS = 32_000_000
"""A slice ends early at this many characters, so that long rows need no more memory than short."""

MAX_BATCH_CELLS = 4_000_000
"""A slice has fewer rows when there are many columns: empty cells need memory, too."""

MAX_SHOWN_CHARS = 2_000
"""A rejected row is kept up to this length."""

_LISTED_COLUMNS = 20  # in an error


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be used: its file, its line, the reason, and how the row begins."""

    source: str
    line: int
    reason: str
    row: str


@dataclass(slots=True)
class Batch:
    """One slice of a table.

    Attributes:
        data: The input's columns, unchanged.
        lines: Where each row of `data` begins: its first line in a text file, its row in a sheet,
            its number from 1 in Parquet.
        rejects: Invalid rows that were met while this slice was read.
        problems: By column, rows of `data` whose cell there is no text or label, and why.
    """

    data: pa.RecordBatch
    lines: list[int]
    rejects: list[Reject]
    problems: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


Reading: TypeAlias = "tuple[pa.Schema, Iterator[Batch]]"
"""What a reader returns: the columns, at once, and the slices, read on demand."""


def rejected(source: str, line: int, reason: str, row: str | Sequence[object]) -> Reject:
    """Return a rejected row, cut to a length that can be shown and kept."""
    if not isinstance(row, str):
        row = json.dumps(row, ensure_ascii=False, default=str)
    text = _printable(row[:MAX_SHOWN_CHARS])
    if len(row) > MAX_SHOWN_CHARS:
        text += f" … (cut to {MAX_SHOWN_CHARS:,} characters)"
    return Reject(source, line, reason, text)


def move_to_rejects(batch: Batch, reasons: Mapping[int, str], source: str) -> Batch:
    """Return a slice without some rows, which are among its rejects with the reason of each."""
    import pyarrow as pa

    if not reasons:
        return batch
    rows = sorted(reasons)
    taken = batch.data.take(pa.array(rows, pa.int64()))
    values = zip(*map(to_python, taken.columns), strict=True)
    rejects = [
        rejected(source, batch.lines[i], reasons[i], row)
        for i, row in zip(rows, values, strict=True)
    ]
    kept = sorted(set(range(len(batch.lines))) - set(rows))
    return Batch(
        batch.data.take(pa.array(kept, pa.int64())),
        [batch.lines[i] for i in kept],
        sorted([*batch.rejects, *rejects], key=lambda reject: reject.line),
    )


def reject_no_text(batch: Batch, columns: Iterable[str], source: str) -> Batch:
    """Move rows without a text where one is needed to the rejects: a list, an object, an error.

    Columns of Arrow types are refused as a whole by `check_is_text`.
    """
    import pyarrow.compute as pc

    reasons: dict[int, str] = {}
    for name in columns:
        if name not in batch.data.schema.names or not is_json(batch.data.schema.field(name)):
            continue
        is_nested = pc.match_substring_regex(batch.data.column(name), r"^[\[{]")
        for i in pc.indices_nonzero(pc.fill_null(is_nested, False)).to_pylist():
            reasons.setdefault(i, f"{name!r} is a list or an object; one text is needed")
        for i, reason in batch.problems.get(name, {}).items():
            reasons.setdefault(i, reason)
    return move_to_rejects(batch, reasons, source)


def check_rejected(rejects: Iterable[Reject], n_used: int, source: str) -> None:
    """Refuse a table if most of its rows were rejected.

    Raises:
        TableError: The most frequent reason.
    """
    reasons = [reject.reason for reject in rejects]
    problem = most_rejected(reasons, len(reasons), n_used)
    if problem is not None:
        raise TableError(f"{source}: {problem}")


def most_rejected(reasons: Iterable[str], n_rejected: int, n_used: int) -> str | None:
    """Return why most rows were rejected, such as a wrong encoding; None: most were not.

    Args:
        reasons: Why rows were rejected; of all, or of the first ones.
        n_rejected: The number of rejected rows.
        n_used: The number of all others.
    """
    if n_rejected <= n_used:
        return None
    [(reason, _)] = Counter(reasons).most_common(1)
    return (
        f"{n_rejected:,} of {n_rejected + n_used:,} rows were rejected, most often because:"
        f" {reason}"
    )


def limit_rows(batch_rows: int, n_columns: int) -> int:
    """Return how many rows a slice may have: `batch_rows`, or fewer for many columns."""
    return min(batch_rows, max(1, MAX_BATCH_CELLS // max(1, n_columns)))


def record_batch(columns: Sequence[Sequence[str | None]], schema: pa.Schema) -> pa.RecordBatch:
    """Return columns of strings as an Arrow batch."""
    import pyarrow as pa

    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def checked_names(names: Iterable[str], source: str) -> list[str]:
    """Return the names of a table's columns.

    Raises:
        TableError: There is none, or one occurs twice.
    """
    positions: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if name in positions:
            raise TableError(
                f"{source}: columns {positions[name]} and {position} of the header are both called"
                f" {name!r}. Rename one"
            )
        positions[name] = position
    if not any(name.strip() for name in positions):
        raise TableError(
            f"{source}: the header is empty. Write the names of the columns into the first row"
        )
    return list(positions)


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
    hint = f"Did you mean {meant}?" if meant else "Name one of these, or rename it in the file"
    if any(map(looks_like_text, columns)):
        hint += ". If the header is missing, write one above the first row"
    listed = ", ".join(repr(column) for column in columns[:_LISTED_COLUMNS]) or "no columns"
    n_more = len(columns) - _LISTED_COLUMNS
    more = f" and {n_more} more" if n_more > 0 else ""
    raise TableError(f"{source}: there is no column {name!r}; it has {listed}{more}. {hint}")


def check_is_text(field: pa.Field, source: str, option: str = "--text-column") -> None:
    """Refuse a column of lists, records, JSON or bytes; numbers and times can be shown as text.

    Raises:
        TableError: The column holds no text.
    """
    if _is_text(field.type):
        return
    name = str(field.type)
    name = name if len(name) <= 80 else f"{name[:80]} ..."
    raise TableError(
        f"{source}: the column {field.name!r} holds {name}, which is not text. Name another column"
        f" with {option}, or save it as strings"
    )


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if isinstance(kind, pa.DictionaryType | pa.RunEndEncodedType):
        return _is_text(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        name = kind.extension_name
        return name == "arrow.uuid" or (name != "arrow.json" and _is_text(kind.storage_type))
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


def _printable(text: str) -> str:
    # Bytes that could not be decoded are lone surrogates; show them as \xe9.
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # other surrogates
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\0")
