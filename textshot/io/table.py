"""Open a table of any format for reading."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from textshot.errors import TableError
from textshot.io.batches import Batch, Reading, reject_nested
from textshot.io.delimited import read_delimited
from textshot.io.excel import read_excel
from textshot.io.formats import STDIO, Format, compression_of, format_of, is_binary
from textshot.io.inputs import TextInput, decoded, open_bytes, seekable
from textshot.io.jsonl import read_jsonl
from textshot.io.lines import read_text
from textshot.io.parquet import read_parquet

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 4096


class Table:
    """An open input; use it in a `with` statement, and read its batches once.

    Attributes:
        source: The file, as messages name it.
        format: The format it is read as.
        schema: Its columns, with their types.
        columns: The names of its columns.
    """

    def __init__(
        self, source: str, format: Format, reading: Reading, stream: BinaryIO, stack: ExitStack
    ) -> None:
        self.source = source
        self.format = format
        self.schema: pa.Schema = reading[0]
        self.columns: tuple[str, ...] = tuple(self.schema.names)
        self._batches: Iterator[Batch] | None = reading[1]
        self._stream = stream
        self._stack = stack

    @property
    def fraction(self) -> float | None:
        """How much of the file has been read, 0 to 1, for progress; None for a pipe."""
        if self.source == "<stdin>" or not self._stream.seekable():
            return None
        size = _size(self._stream)
        return min(self._stream.tell() / size, 1.0) if size else None

    def batches(self, texts: Iterable[str] = ()) -> Iterator[Batch]:
        """Return the slices of the table, each read on demand.

        Args:
            texts: Columns of texts and labels; a row with a list or an object there is rejected.
        """
        if self._batches is None:
            raise TableError(f"{self.source}: is read only once. Open it again to read it again")
        batches, self._batches = self._batches, None
        columns = list(texts)
        return (reject_nested(batch, columns, self.source) for batch in batches)

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
    """

    text_columns: Sequence[str] = ()
    label_column: str | None = None
    format: Format | None = None
    encoding: str | None = None

    def open(self, path: str | Path, *, batch_rows: int = BATCH_ROWS) -> Table:
        """Open a table, see `open_table`."""
        return open_table(path, format=self.format, encoding=self.encoding, batch_rows=batch_rows)


DEFAULTS = TableOptions()


def open_table(
    path: str | Path,
    *,
    format: Format | None = None,
    encoding: str | None = None,
    batch_rows: int = BATCH_ROWS,
    columns: Sequence[str] | None = None,
) -> Table:
    """Open a file, or "-" for standard input, and read its header.

    Args:
        path: The file.
        format: Its format; None: by its extension, and plain text for "-".
        encoding: The encoding of a text format; None: UTF-8, or by the byte order mark. Parquet
            and Excel have their own.
        batch_rows: The maximum number of rows of a slice.
        columns: The keys of JSON Lines, if known: the file is then not read twice.

    Raises:
        TableError: It cannot be opened, or has no usable header.
    """
    name = str(path)
    kind = format_of(name, format, stdio=Format.TEXT)
    source = "<stdin>" if name == STDIO else name
    with ExitStack() as stack:
        stream = open_bytes(name, stack)
        if is_binary(kind):
            read = read_parquet if kind is Format.PARQUET else read_excel
            reading = read(seekable(stream, source, stack), source, batch_rows)
        else:
            compression = compression_of(name, kind)
            text = decoded(stream, source, compression=compression, encoding=encoding, stack=stack)
            reading = _read_text_format(text, kind, batch_rows, columns)
        return Table(source, kind, reading, stream, stack.pop_all())


def _read_text_format(
    text: TextInput, format: Format, batch_rows: int, columns: Sequence[str] | None
) -> Reading:
    if format is Format.JSONL:
        return read_jsonl(text, batch_rows, columns)
    if format is Format.TEXT:
        return read_text(text, batch_rows)
    return read_delimited(text, format, batch_rows)


def _size(stream: BinaryIO) -> int:
    try:
        return os.fstat(stream.fileno()).st_size
    except OSError:  # a URL has no file descriptor
        return int(stream.raw.size())  # type: ignore[attr-defined]
