"""Read CSV and TSV: every column a string, byte for byte, quoted newlines and all."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, cast

from textshot.errors import TableError
from textshot.tables import batches
from textshot.tables.batches import (
    Batch,
    Reading,
    Reject,
    checked_names,
    record_batch,
    rejected,
)
from textshot.tables.formats import Format
from textshot.tables.inputs import TextInput
from textshot.tables.lines import Slice, bounded_lines, damage, too_long

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
    rows = _Rows(text, chain([first], lines), blank, delimiter)
    schema = pa.schema([pa.field(name, pa.string()) for name in rows.header()])
    return schema, _batches(rows, schema, batch_rows)


def _delimiter(header: str) -> str:
    """Return ";" for a header that only it divides, as in European spreadsheets, else ","."""

    def width(delimiter: str) -> int:
        return len(next(csv.reader([header], delimiter=delimiter)))

    return ";" if width(",") == 1 < width(";") else ","


def _batches(rows: _Rows, schema: pa.Schema, batch_rows: int) -> Iterator[Batch]:
    width = len(schema.names)
    for part in rows.slices(width, batch_rows):
        columns = list(zip(*part.values, strict=True)) or [()] * width
        yield Batch(record_batch(columns, schema), part.lines, part.rejects)


class _Rows:
    """Rows out of lines.

    csv.reader asks for lines until a row is whole. `_fed` counts what it takes for one row, and
    where that is too much, or the file ends inside a quote, it hands over None: the reader then
    raises csv.Error, drops the row, and begins afresh on the next line.
    """

    def __init__(self, text: TextInput, lines: Iterator[str], number: int, delimiter: str) -> None:
        self._text = text
        self._lines = lines
        self._number = number  # of the line that the reader took last
        self._taken = 0  # characters that it took for this row
        self._opening = ""
        self._problem = ""
        self._reader = csv.reader(cast("Iterator[str]", self._fed()), delimiter=delimiter)

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
        part = Slice[list[str]]()
        while self._fill(part, width, batch_rows):
            yield self._clean(part)
            part = Slice()
        if part.lines or part.rejects:
            yield self._clean(part)

    def _fill(self, part: Slice[list[str]], width: int, batch_rows: int) -> bool:
        chars = 0
        for _ in range(batch_rows):
            self._taken = 0
            line = self._number + 1
            try:
                fields = next(self._reader)
            except StopIteration:
                return False
            except csv.Error:
                part.rejects.append(self._reject(line, self._problem, self._opening))
                continue
            if len(fields) == width:
                part.values.append(fields)
                part.lines.append(line)
            elif fields:  # a blank line has none
                reason = f"has {_fields(len(fields))}, the header has {width}"
                part.rejects.append(self._reject(line, reason, fields))
            chars += self._taken
            if chars > batches.MAX_BATCH_CHARS:
                break
        return True

    def _clean(self, part: Slice[list[str]]) -> Slice[list[str]]:
        encoding = self._text.encoding
        if damage("\n".join(map("\n".join, part.values)), encoding) is None:  # one look for all
            return part
        clean = Slice[list[str]](rejects=part.rejects)
        for line, fields in zip(part.lines, part.values, strict=True):
            reason = damage("\n".join(fields), encoding)
            if reason is None:
                clean.values.append(fields)
                clean.lines.append(line)
            else:
                clean.rejects.append(self._reject(line, reason, fields))
        clean.rejects.sort(key=lambda reject: reject.line)
        return clean

    def _reject(self, line: int, reason: str, row: str | list[str]) -> Reject:
        return rejected(self._text.source, line, reason, row)

    def _fed(self) -> Iterator[str | None]:
        begun = 0
        for line in self._lines:
            self._number += 1
            if not self._taken:
                begun, self._opening = self._number, line
            self._taken += len(line)
            if self._taken <= batches.MAX_ROW_CHARS:
                yield line
            else:
                self._problem = f"{too_long()}{self._quoted(begun)}"
                yield None
        if self._taken:  # the reader asks for more of a row where there is no more
            self._problem = (
                f"opens a quote that is never closed{self._quoted(begun)}. Close it, or double it"
                ' if it is part of the text ("")'
            )
            yield None

    def _quoted(self, begun: int) -> str:
        return (
            f" (lines {begun} to {self._number} were taken for it)" if self._number > begun else ""
        )


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
