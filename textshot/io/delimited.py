"""Read and write CSV and TSV: every value as it is, with quoted line breaks."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, cast

from textshot.errors import TableError
from textshot.io import batches
from textshot.io.batches import Batch, Reading, checked_names, limit_rows, record_batch, rejected
from textshot.io.formats import Format
from textshot.io.inputs import TextInput
from textshot.io.lines import Slice, bounded_lines, damage, slices, too_long
from textshot.io.values import cell_texts

if TYPE_CHECKING:
    import pyarrow as pa

# A cell that begins with one of these is a formula to some spreadsheet (OWASP, "CSV injection");
# the last four are the full-width forms of the first four.
_FORMULA_STARTS = frozenset("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def read_delimited(
    text: TextInput, format: Format, batch_rows: int, header_row: int = 1
) -> Reading:
    """Read a CSV or TSV file; every column is of strings. Lines before the header are skipped."""
    import pyarrow as pa

    # The limit holds for the whole process: never lower what somebody else has raised.
    csv.field_size_limit(max(csv.field_size_limit(), batches.MAX_ROW_CHARS + 1))
    lines = bounded_lines(text)
    blank, first = sum(1 for _ in islice(lines, header_row - 1)), next(lines, "")
    while first and not first.rstrip("\r\n"):
        blank, first = blank + 1, next(lines, "")
    if not first:
        raise TableError(f"{text.source}: the file is empty. It needs a header and rows below it")
    delimiter = "\t" if format is Format.TSV else _delimiter(first)
    rows = _RowReader(text, chain([first], lines), blank, delimiter)
    schema = pa.schema([pa.field(name, pa.string()) for name in rows.header()])
    return schema, _batches(rows, schema, limit_rows(batch_rows, len(schema)))


def _delimiter(header: str) -> str:
    """Return ";" for a header that only it splits, as in European spreadsheets, else ","."""

    def width(delimiter: str) -> int:
        return len(next(csv.reader([header], delimiter=delimiter)))

    return ";" if width(",") == 1 < width(";") else ","


def _batches(rows: _RowReader, schema: pa.Schema, batch_rows: int) -> Iterator[Batch]:
    width = len(schema.names)
    for part in rows.slices(width, batch_rows):
        columns = list(zip(*part.values, strict=True)) or [()] * width
        yield Batch(record_batch(columns, schema), part.lines, part.rejects)


class _RowReader:
    """Parses lines into rows, with a limit on the length of one row.

    csv.reader asks for lines until a row is complete. `_feed` counts what it takes for one row. If
    that is too much, or the file ends inside a quote, it yields None: csv.reader then raises
    csv.Error, drops the row, and starts again on the next line.
    """

    def __init__(self, text: TextInput, lines: Iterator[str], number: int, delimiter: str) -> None:
        self._text = text
        self._lines = lines
        self._number = number  # of the line that csv.reader took last
        self._row_chars = 0  # what it took for this row
        self._first_line = ""  # of this row
        self._problem = ""
        self._reader = csv.reader(cast("Iterator[str]", self._feed()), delimiter=delimiter)

    def header(self) -> list[str]:
        """Read the names of the columns."""
        source, line = self._text.source, self._number + 1
        try:
            names = next(self._reader)
        except csv.Error:
            raise TableError(f"{source}, line {line}: the header {self._problem}") from None
        problem = damage("\n".join(names), self._text.encoding)
        if problem is not None:
            raise TableError(f"{source}, line {line}: the header cannot be read: {problem}")
        return checked_names(names, source)

    def slices(self, width: int, batch_rows: int) -> Iterator[Slice[list[str]]]:
        """Yield slices of rows of `width` fields."""

        def fill(part: Slice[list[str]]) -> bool:
            return self._fill(part, width, batch_rows)

        return map(self._reject_damaged, slices(fill))

    def _fill(self, part: Slice[list[str]], width: int, batch_rows: int) -> bool:
        chars = 0
        for _ in range(batch_rows):
            self._row_chars = 0
            line = self._number + 1
            try:
                fields = next(self._reader)
            except StopIteration:
                return False
            except csv.Error:
                self._reject(part, line, self._problem, self._first_line)
                continue
            if len(fields) == width:
                part.values.append(fields)
                part.lines.append(line)
            elif fields:  # a blank line has none
                count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
                self._reject(part, line, f"has {count}, the header has {width}", fields)
            chars += self._row_chars
            if chars > batches.MAX_BATCH_CHARS:
                break
        return True

    def _reject_damaged(self, part: Slice[list[str]]) -> Slice[list[str]]:
        encoding = self._text.encoding
        if damage("\n".join(map("\n".join, part.values)), encoding) is None:  # one check for all
            return part
        valid = Slice[list[str]](rejects=part.rejects)
        for line, fields in zip(part.lines, part.values, strict=True):
            reason = damage("\n".join(fields), encoding)
            if reason is None:
                valid.values.append(fields)
                valid.lines.append(line)
            else:
                self._reject(valid, line, reason, fields)
        valid.rejects.sort(key=lambda reject: reject.line)
        return valid

    def _reject(self, part: Slice[list[str]], line: int, reason: str, row: str | list[str]) -> None:
        part.rejects.append(rejected(self._text.source, line, reason, row))

    def _feed(self) -> Iterator[str | None]:
        begin = 0
        for line in self._lines:
            self._number += 1
            if not self._row_chars:
                begin, self._first_line = self._number, line
            self._row_chars += len(line)
            if self._row_chars <= batches.MAX_ROW_CHARS:
                yield line
            else:
                self._problem = f"{too_long()}{self._line_range(begin)}"
                yield None
        if self._row_chars:  # csv.reader asks for more of a row at the end of the file
            self._problem = (
                f"opens a quote that is never closed{self._line_range(begin)}. Close it, or double"
                ' it if it is part of the text ("")'
            )
            yield None

    def _line_range(self, begin: int) -> str:
        end = self._number
        return f" (lines {begin} to {end} were taken for it)" if end > begin else ""


class DelimitedEncoder:
    """Writes CSV and TSV: a header and rows, LF line ends, UTF-8."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema, format: Format, escape: bool) -> None:
        self._stream = stream
        self._escape = escape
        self._lines: list[str] = []
        # csv quotes a field with CR in it only if CR is part of the line end, and without quotes
        # it would be read as two lines: so ask for CR LF and write LF.
        delimiter = "\t" if format is Format.TSV else ","
        self._writer = csv.writer(_LineFeeds(self._lines), delimiter=delimiter)
        self._write_rows([self._cells(schema.names)])

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
        return escaped(values) if self._escape else values

    def _write_rows(self, rows: Iterable[Iterable[str]]) -> None:
        self._writer.writerows(rows)
        self._stream.write("".join(self._lines).encode("utf-8"))
        self._lines.clear()


def escaped(values: list[str]) -> list[str]:
    """Return cells with an apostrophe before those that a spreadsheet would run as a formula.

    Numbers stay numbers.
    """
    return [
        value if value[:1] not in _FORMULA_STARTS or _NUMBER.fullmatch(value) else f"'{value}"
        for value in values
    ]


def unescaped(values: list[str]) -> list[str]:
    """Undo `escaped`.

    An apostrophe that the cell itself had before a formula goes, too: the two look the same.
    """
    bare = [value[1:] if value[:1] == "'" else value for value in values]
    return [
        inner if again == value else value
        for value, inner, again in zip(values, bare, escaped(bare), strict=True)
    ]


class _LineFeeds:
    """Receives the lines of csv.writer and ends them with LF."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, line: str) -> None:
        self._lines.append(line[:-2] + "\n")
