"""Read and write CSV and TSV: every value as it is, with quoted line breaks."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from textshot.io import batches
from textshot.io.batches import Batch, Reading, limit_rows, record_batch
from textshot.io.columns import checked_names
from textshot.io.delimited_rows import RowReader
from textshot.io.dialect import Dialect, find_dialect, needs_quotes
from textshot.io.formats import Format
from textshot.io.inputs import TextInput
from textshot.io.lines import bounded_lines
from textshot.io.values import cell_texts

if TYPE_CHECKING:
    import pyarrow as pa

# A cell that begins with one of these is a formula to some spreadsheet (OWASP, "CSV injection");
# the last four are the full-width forms of the first four.
_STARTS = "=+\\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_FORMULA = rf"(?!{_NUMBER}\Z)[{_STARTS}]"

# With a blank, so that cells which people begin with an apostrophe are not taken for ours.
_ESCAPE = "' "
_ESCAPED = re.compile(rf"(?:{_ESCAPE})+{_FORMULA}")
_TO_ESCAPE = re.compile(rf"(?:{_ESCAPE})*{_FORMULA}")
_SUSPECTS = frozenset("'=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
_BYTE_ORDER_MARK = "\ufeff"


def read_delimited(
    text: TextInput, format: Format, batch_rows: int, header_row: int = 1
) -> tuple[Reading, Dialect]:
    """Read a CSV or TSV file; every column is of strings. Lines before the header are skipped."""
    import pyarrow as pa

    # The limit holds for the whole process: never lower what somebody else has raised.
    csv.field_size_limit(max(csv.field_size_limit(), batches.MAX_ROW_CHARS + 1))
    lines = bounded_lines(text)
    dialect, n_before, lines = find_dialect(lines, format, text.byte_order_mark, header_row)
    rows = RowReader(text, lines, n_before, dialect)
    names = checked_names(unescaped(rows.header()), text.source)
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    parts = _batches(rows, schema, limit_rows(batch_rows, len(schema)))
    return Reading(schema, parts), dialect


def _batches(rows: RowReader, schema: pa.Schema, batch_rows: int) -> Iterator[Batch]:
    width = len(schema.names)
    for part in rows.slices(width, batch_rows):
        columns = [unescaped(column) for column in zip(*part.values, strict=True)] or [[]] * width
        yield Batch(record_batch(columns, schema), part.lines, part.rejects)


class DelimitedEncoder:
    """Writes CSV and TSV: a header and rows, LF line ends, UTF-8."""

    def __init__(
        self, stream: BinaryIO, schema: pa.Schema, dialect: Dialect, *, escape: bool
    ) -> None:
        self._stream = stream
        self._escape = escape
        self._lines: list[str] = []
        if dialect.byte_order_mark:
            self._lines.append(_BYTE_ORDER_MARK)
        if dialect.sep_line:
            self._lines.append(f"sep={dialect.separator}\n")
        # csv quotes a field with CR in it only if CR is part of the line end, and without quotes
        # it would be read as two lines: so ask for CR LF and write LF.
        lines, separator = _LineFeeds(self._lines), dialect.separator
        header = self._cells(schema.names)
        is_quoted = needs_quotes(header, dialect)
        csv.writer(
            lines,
            delimiter=separator,
            quoting=csv.QUOTE_ALL if is_quoted else csv.QUOTE_MINIMAL,
        ).writerow(header)
        self._writer = csv.writer(lines, delimiter=separator)
        self._write_rows([])

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows."""
        columns = [
            self._cells([value or "" for value in cell_texts(column, field)])
            for column, field in zip(batch.columns, batch.schema, strict=True)
        ]
        self._write_rows(zip(*columns, strict=True))

    def close(self) -> None:
        """Do nothing: the format has no footer."""

    def discard(self) -> None:
        """Do nothing: no rows are buffered."""

    def _cells(self, values: list[str]) -> list[str]:
        return escaped(values) if self._escape else escaped(values, formulas=False)

    def _write_rows(self, rows: Iterable[Iterable[str]]) -> None:
        self._writer.writerows(rows)
        self._stream.write("".join(self._lines).encode("utf-8"))
        self._lines.clear()


def escaped(values: Sequence[str], *, formulas: bool = True) -> list[str]:
    """Return cells with an apostrophe and a blank before those that a spreadsheet would run.

    Numbers stay numbers. A cell that looks as if it were escaped is escaped, too, so that
    `unescaped` gives back every string.

    Args:
        values: The cells.
        formulas: Whether to escape formulas; if not, only cells that look as if they were.
    """
    pattern = _TO_ESCAPE if formulas else _ESCAPED
    return [
        f"{_ESCAPE}{value}" if value[:1] in _SUSPECTS and pattern.match(value) else value
        for value in values
    ]


def unescaped(values: Sequence[str]) -> list[str]:
    """Return what `escaped` was given."""
    return [
        value[len(_ESCAPE) :] if value[:1] == "'" and _ESCAPED.match(value) else value
        for value in values
    ]


class _LineFeeds:
    """Receives the lines of csv.writer and ends them with LF."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, line: str) -> None:
        self._lines.append(line[:-2] + "\n")
