"""Open a table of any format for reading."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from textshot.errors import TableError, warn_of_table
from textshot.io.batches import Batch, Reading, reject_no_text
from textshot.io.columns import folded, text_column
from textshot.io.delimited import read_delimited
from textshot.io.dialect import SEPARATORS, Dialect
from textshot.io.excel import read_excel
from textshot.io.formats import STDIO, Format, compression_of, format_of
from textshot.io.inputs import TextInput, decoded, open_bytes, seekable
from textshot.io.jsonl import read_jsonl
from textshot.io.lines import read_text
from textshot.io.parquet import read_parquet
from textshot.io.values import cell_texts

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 4096

_MAX_TITLE_ROWS = 10
_SAMPLE_ROWS = 200
_ALMOST_ALL = 0.99
_UNNAMED = re.compile(r"\s*|column \d+")  # see `checked_names`
_WITH_HEADER = {Format.EXCEL, Format.CSV, Format.TSV}


class Table:
    """An open input; use it in a `with` statement, and read its batches once.

    Attributes:
        source: The file, as messages name it.
        format: The format it is read as.
        schema: Its columns, with their types.
        columns: The names of its columns.
        dialect: How a CSV or TSV file is written; None: another format.
    """

    def __init__(
        self,
        source: str,
        format: Format,
        reading: Reading,
        stream: BinaryIO,
        stack: ExitStack,
        dialect: Dialect | None = None,
    ) -> None:
        self.source = source
        self.format = format
        self.schema: pa.Schema = reading.schema
        self.columns: tuple[str, ...] = tuple(self.schema.names)
        self.dialect = dialect
        self._batches: Iterator[Batch] | None = reading.batches
        self._n_rows, self._n_read, self._is_done = reading.n_rows, 0, False
        self._stream = stream
        self._stack = stack

    @property
    def fraction(self) -> float | None:
        """How much of the file has been read, 0 to 1, for progress; None for a pipe.

        It is below 1 until the last row has been read: of rows where the file states their number,
        else of bytes, which are read ahead.
        """
        if self.source == "<stdin>" or not self._stream.seekable():
            return None
        if self._is_done:
            return 1.0
        size = self._n_rows if self._n_rows is not None else _size(self._stream)
        done = self._n_read if self._n_rows is not None else self._stream.tell()
        return min(done / size, _ALMOST_ALL) if size else None

    def batches(self, texts: Iterable[str] = ()) -> Iterator[Batch]:
        """Return the slices of the table, each read on demand.

        Args:
            texts: Columns of texts and labels; a row with something else there is rejected.
        """
        if self._batches is None:
            raise TableError(f"{self.source}: is read only once. Open it again to read it again")
        batches, self._batches = self._batches, None
        columns = list(texts)
        return (reject_no_text(batch, columns, self.source) for batch in self._counted(batches))

    def _counted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._n_read += len(batch.lines) + len(batch.rejects)
            yield batch
        self._is_done = True

    def header_below(self, name: str) -> int | None:
        """Return which of the next rows is the header if the first is a title; None: none is.

        Args:
            name: A column. In a sheet with one column, a row of several names counts, too.
        """
        batch = self._first_batch() if self.format in _WITH_HEADER else None
        if batch is None:
            return None
        n_names = sum(not _UNNAMED.fullmatch(column) for column in self.columns)
        is_title = n_names == 1 and (self.format is Format.EXCEL or len(self.columns) > 1)
        for line, cells in _first_rows(batch):
            if self.dialect is not None and len(cells) == 1:  # its separator was not looked for
                cells = re.split(f"[{''.join(SEPARATORS)}]", cells[0])
            names = {folded(cell) for cell in cells}
            is_row_of_names = is_title and len(cells) > 1 and len(names - {""}) == len(cells)
            if folded(name) in names or is_row_of_names:
                return line
        return None

    def sample(self, columns: Iterable[str]) -> dict[str, list[str]]:
        """Return the cells of the first rows, by column; `batches` yields these rows again."""
        batch = self._first_batch()
        if batch is None:
            return {}
        data = batch.data.slice(0, _SAMPLE_ROWS)
        return {name: text_column(data, [name]) for name in columns}

    def _first_batch(self) -> Batch | None:
        batch = None if self._batches is None else next(self._batches, None)
        if batch is not None and self._batches is not None:
            self._batches = chain([batch], self._batches)
        return batch

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How to read a table; None and () stand for the usual format, encoding and columns.

    Attributes:
        text_columns: The columns with the text, which are joined.
        label_column: The column with the label.
        format: See `open_table`.
        encoding: See `open_table`.
        sheet: See `open_table`.
        header_row: See `open_table`.
    """

    text_columns: Sequence[str] = ()
    label_column: str | None = None
    format: Format | None = None
    encoding: str | None = None
    sheet: str | int | None = None
    header_row: int | None = None

    def open(
        self,
        path: str | Path,
        *,
        batch_rows: int = BATCH_ROWS,
        columns: Sequence[str] | None = None,
    ) -> Table:
        """Open a table, see `open_table`, and warn of an unusual separator."""
        table = open_table(
            path,
            format=self.format,
            encoding=self.encoding,
            batch_rows=batch_rows,
            columns=columns,
            sheet=self.sheet,
            header_row=self.header_row,
        )
        with ExitStack() as undo:  # a warning may be an error
            undo.enter_context(table)
            if table.dialect is not None and table.dialect.name:
                message = f"{table.source}: the columns are separated by {table.dialect.name}"
                warn_of_table(message)
            undo.pop_all()
        return table


DEFAULTS = TableOptions()


def open_table(
    path: str | Path,
    *,
    format: Format | None = None,
    encoding: str | None = None,
    batch_rows: int = BATCH_ROWS,
    columns: Sequence[str] | None = None,
    sheet: str | int | None = None,
    header_row: int | None = None,
) -> Table:
    """Open a file, or "-" for standard input, and read its header.

    Args:
        path: The file.
        format: Its format; None: by its extension, and plain text for "-".
        encoding: The encoding of a text format; None: UTF-8, or by the byte order mark. Parquet
            and Excel have their own.
        batch_rows: The maximum number of rows of a slice.
        columns: The keys of JSON Lines, if known: the file is then not read twice.
        sheet: The sheet of a workbook, by its name or its number from 1; None: the first one that
            is not hidden.
        header_row: The row of a sheet, or the line of CSV and TSV, with the names of the columns;
            None: the first that is not empty.

    Raises:
        TableError: It cannot be opened, or has no usable header.
    """
    name = str(path)
    kind = format_of(name, format, stdio=Format.TEXT)
    source = "<stdin>" if name == STDIO else name
    _check_layout(source, kind, sheet, header_row)
    with ExitStack() as stack:
        stream, dialect = open_bytes(name, stack), None
        if kind is Format.PARQUET:
            reading = read_parquet(seekable(stream, source, stack), source, batch_rows)
        elif kind is Format.EXCEL:
            file = seekable(stream, source, stack)
            reading = read_excel(file, source, batch_rows, sheet, header_row)
        else:
            compression = compression_of(name, kind)
            text = decoded(stream, source, compression=compression, encoding=encoding, stack=stack)
            reading, dialect = _read_text_format(text, kind, batch_rows, columns, header_row)
        return Table(source, kind, reading, stream, stack.pop_all(), dialect)


def _check_layout(
    source: str, format: Format, sheet: str | int | None, header_row: int | None
) -> None:
    """Refuse a sheet, or the row of a header, for a format that has none."""
    if sheet is not None and format is not Format.EXCEL:
        raise TableError(f"{source}: only a workbook has sheets, and this is {format}. Name none")
    if header_row is not None and format not in _WITH_HEADER:
        raise TableError(
            f"{source}: the header of {format} has no row of its own. Name none (--header-row)"
        )
    if header_row is not None and header_row < 1:
        raise TableError(f"the row of the header is {header_row}; rows are counted from 1")


def _first_rows(batch: Batch) -> list[tuple[int, list[str]]]:
    """Return the first rows as texts, with their lines; those that were rejected, too."""
    fields = zip(batch.data.columns, batch.data.schema, strict=True)
    columns = [cell_texts(column[:_MAX_TITLE_ROWS], field) for column, field in fields]
    cells = ([cell or "" for cell in row] for row in zip(*columns, strict=True))
    rows = [
        (line, [*row, *batch.surplus.get(line, ())])
        for line, row in zip(batch.lines, cells, strict=False)
    ]
    for reject in batch.rejects[:_MAX_TITLE_ROWS]:
        with suppress(ValueError):  # it was cut, or is no list
            rows.append((reject.line, [str(cell or "") for cell in json.loads(reject.row)]))
    return sorted(rows)[:_MAX_TITLE_ROWS]


def _read_text_format(
    text: TextInput,
    format: Format,
    batch_rows: int,
    columns: Sequence[str] | None,
    header_row: int | None,
) -> tuple[Reading, Dialect | None]:
    if format is Format.JSONL:
        return read_jsonl(text, batch_rows, columns), None
    if format is Format.TEXT:
        return read_text(text, batch_rows), None
    return read_delimited(text, format, batch_rows, header_row or 1)


def _size(stream: BinaryIO) -> int:
    try:
        return os.fstat(stream.fileno()).st_size
    except OSError:  # a URL has no file descriptor
        return int(stream.raw.size())  # type: ignore[attr-defined]
