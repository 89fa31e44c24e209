"""Read CSV and TSV: every column a string, byte for byte, quoted newlines and all."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from textshot.errors import TableError
from textshot.io import batches
from textshot.io.batches import Batch, Reading, fewer_rows, record_batch
from textshot.io.delimited_rows import Rows
from textshot.io.formats import Format
from textshot.io.inputs import TextInput
from textshot.io.lines import bounded_lines

if TYPE_CHECKING:
    import pyarrow as pa


def read_delimited(text: TextInput, format: Format, batch_rows: int) -> Reading:
    """Return the columns and the slices of a CSV or TSV file."""
    import pyarrow as pa

    # The limit is one for the whole process: never lower what somebody else has raised.
    csv.field_size_limit(max(csv.field_size_limit(), batches.MAX_ROW_CHARS + 1))
    lines = bounded_lines(text)
    blank, first = 0, next(lines, "")
    while first and not first.rstrip("\r\n"):
        blank, first = blank + 1, next(lines, "")
    if not first:
        raise TableError(f"{text.source}: the file is empty. It needs a header and rows below it")
    delimiter = "\t" if format is Format.TSV else _delimiter(first)
    rows = Rows(text, chain([first], lines), blank, delimiter)
    schema = pa.schema([pa.field(name, pa.string()) for name in rows.header()])
    return schema, _batches(rows, schema, fewer_rows(batch_rows, len(schema)))


def _delimiter(header: str) -> str:
    """Return ";" for a header that only it divides, as in European spreadsheets, else ","."""

    def width(delimiter: str) -> int:
        return len(next(csv.reader([header], delimiter=delimiter)))

    return ";" if width(",") == 1 < width(";") else ","


def _batches(rows: Rows, schema: pa.Schema, batch_rows: int) -> Iterator[Batch]:
    width = len(schema.names)
    for part in rows.slices(width, batch_rows):
        columns = list(zip(*part.values, strict=True)) or [()] * width
        yield Batch(record_batch(columns, schema), part.lines, part.rejects)
