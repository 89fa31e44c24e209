"""Slices of a table, and the rows that were rejected."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from textshot.errors import TableError
from textshot.io.values import is_json, to_python

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
        surplus: By line, cells right of the header, which `data` does not have.
    """

    data: pa.RecordBatch
    lines: list[int]
    rejects: list[Reject]
    problems: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    surplus: Mapping[int, Sequence[str]] = field(default_factory=dict)


class Reading(NamedTuple):
    """What a reader returns: the columns, at once, and the slices, read on demand.

    `n_rows` is their number if the file states it: such a file is not read from front to back.
    """

    schema: pa.Schema
    batches: Iterator[Batch]
    n_rows: int | None = None


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


def _printable(text: str) -> str:
    # Bytes that could not be decoded are lone surrogates; show them as \xe9.
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # other surrogates
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\0")
