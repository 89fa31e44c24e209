"""Write CSV, TSV and JSON Lines, with cells that a spreadsheet would run made harmless."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO, Protocol

from textshot.io.cells import json_text, json_texts, texts
from textshot.io.formats import Format

if TYPE_CHECKING:
    import pyarrow as pa

# A cell that begins so is a formula to some spreadsheet (OWASP, "CSV injection"); the last four
# are the full-width forms of the first four.
_DANGEROUS = frozenset("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Encoder(Protocol):
    """Turns batches into the bytes of one format."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows."""

    def close(self) -> None:
        """Write what comes last."""

    def discard(self) -> None:
        """Let go of everything; what was written is not wanted."""


class DelimitedEncoder:
    """CSV and TSV: a header and rows, LF at the end of each line, UTF-8."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema, format: Format, escape: bool) -> None:
        self._stream = stream
        self._escape = escape
        self._lines: list[str] = []
        # csv quotes a field with CR in it only where CR is part of the line end, and without
        # quotes it would be read as two lines; so CR LF is asked for and LF is kept.
        self._writer = csv.writer(
            _LineFeeds(self._lines), delimiter="\t" if format is Format.TSV else ","
        )
        self._write_rows([self._cells(schema.names)])

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows."""
        columns = [
            self._cells([value or "" for value in texts(column, field)])
            for column, field in zip(batch.columns, batch.schema, strict=True)
        ]
        self._write_rows(zip(*columns, strict=True))

    def close(self) -> None:
        """Do nothing: nothing comes last."""

    def discard(self) -> None:
        """Do nothing: nothing is held."""

    def _cells(self, values: list[str]) -> list[str]:
        return escaped(values) if self._escape else values

    def _write_rows(self, rows: Iterable[Iterable[str]]) -> None:
        self._writer.writerows(rows)
        self._stream.write("".join(self._lines).encode("utf-8"))
        self._lines.clear()


class JsonEncoder:
    """JSON Lines: one object a line; a key that was absent stays absent."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._stream = stream
        self._keys = [f"{json_text(name)}: " for name in schema.names]

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows."""
        columns = [
            [None if value is None else key + value for value in json_texts(column, field)]
            for key, column, field in zip(self._keys, batch.columns, batch.schema, strict=True)
        ]
        rows = (", ".join(filter(None, row)) for row in zip(*columns, strict=True))
        self._stream.write("".join(f"{{{row}}}\n" for row in rows).encode("utf-8"))

    def close(self) -> None:
        """Do nothing: nothing comes last."""

    def discard(self) -> None:
        """Do nothing: nothing is held."""


def escaped(values: list[str]) -> list[str]:
    """Return cells with an apostrophe before those that would be run; numbers stay numbers."""
    return [
        value if value[:1] not in _DANGEROUS or _NUMBER.fullmatch(value) else f"'{value}"
        for value in values
    ]


def unescaped(values: list[str]) -> list[str]:
    """Return what `escaped` was given; an apostrophe of the cell's own before such a one goes too.

    The two cannot be told apart.
    """
    bare = [value[1:] if value[:1] == "'" else value for value in values]
    return [
        inner if again == value else value
        for value, inner, again in zip(values, bare, escaped(bare), strict=True)
    ]


class _LineFeeds:
    """Takes the lines of csv.writer and ends them with LF."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, line: str) -> None:
        self._lines.append(line[:-2] + "\n")
