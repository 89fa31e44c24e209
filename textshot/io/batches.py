"""What a table is read as: slices of good rows, with the rejected rows beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from textshot.errors import TableError

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
