"""Write tables of any format, complete or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self, TypeAlias

from textshot.errors import TableError
from textshot.io.batches import Reject
from textshot.io.delimited import DelimitedEncoder
from textshot.io.dialect import Dialect, dialect_of
from textshot.io.excel_writer import ExcelEncoder
from textshot.io.files import kept, open_output
from textshot.io.formats import STDIO, Format, compressed, compression_of, format_of, is_binary
from textshot.io.jsonl import JsonEncoder
from textshot.io.parquet import ParquetEncoder
from textshot.io.table import open_table

if TYPE_CHECKING:
    import pyarrow as pa

REJECT_COLUMNS = ("source", "line", "reason", "row")


class Encoder(Protocol):
    """Turns batches into the bytes of one format."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows."""

    def close(self) -> None:
        """Write buffered rows and the footer."""

    def discard(self) -> None:
        """Release everything; the output is not needed."""


NewEncoder: TypeAlias = Callable[[BinaryIO], Encoder]


class Writer:
    """An output; use it in a `with` statement.

    The file appears under its name when the statement ends; after an exception the previous file
    stays. What goes to standard output goes at once.

    Attributes:
        format: The format that is written.
        name: The file, as messages name it.
        written: The number of rows written.
    """

    def __init__(
        self, path: str, format: Format, schema: pa.Schema, new_encoder: NewEncoder
    ) -> None:
        self.format = format
        self.name = "<stdout>" if path == STDIO else path
        self.written = 0
        self._path = path
        self._schema = schema
        self._new_encoder = new_encoder
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo, self._errors():
            self._output = open_output(self._path, seekable=is_binary(self.format))
            undo.callback(self._output.discard)
            self._stream = self._output.stream
            compression = compression_of(self._path, self.format)
            if compression is not None:
                self._stream = compressed(self._stream, compression)
                undo.callback(_close_quietly, self._stream)
            self._encoder = self._new_encoder(self._stream)
            undo.callback(self._encoder.discard)
            self._undo = undo.pop_all()
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows with the columns that the writer was opened with."""
        if batch.schema.names != self._schema.names:
            raise TableError(
                f"{self.name}: rows have the columns {batch.schema.names}, the file has"
                f" {self._schema.names}. Open the writer with the schema of the rows"
            )
        with self._errors():
            self._encoder.write(batch)
            if self._path == STDIO and not is_binary(self.format):
                self._stream.flush()  # who reads the pipe need not wait for the end
        self.written += batch.num_rows

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._undo, self._errors():
            if kind is None:
                self._encoder.close()
                if self._stream is not self._output.stream:
                    self._stream.close()
                self._output.commit()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # the reader of the pipe has ended
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            raise TableError(
                f"{self.name}: cannot be written ({reason}){kept(self._path)}. Free some space, or"
                " name another file"
            ) from error


def open_writer(
    path: str | Path,
    schema: pa.Schema,
    *,
    format: Format | None = None,
    escape: bool = True,
    metadata: Mapping[str, str] | None = None,
    dialect: Dialect | None = None,
) -> Writer:
    """Return a writer to a file, or to "-", standard output.

    Args:
        path: The file. It may be the one that the rows are read from.
        schema: The columns; the file has them even if no row follows.
        format: The format; None: by the extension, and CSV for "-".
        escape: Whether CSV and TSV cells that a spreadsheet would run get an apostrophe and a blank
            in front, which reading removes.
        metadata: Metadata of a Parquet file; other formats have no place for it.
        dialect: How to write CSV or TSV, such as `Table.dialect` of the input; used for a file of
            the same format. None: the usual separator, without a byte order mark.
    """
    name = str(path)
    kind = output_format(name, format)
    title = "<stdout>" if name == STDIO else name

    def new_encoder(stream: BinaryIO) -> Encoder:
        if kind is Format.PARQUET:
            return ParquetEncoder(stream, schema, title, metadata or {})
        if kind is Format.EXCEL:
            return ExcelEncoder(stream, schema, title)
        if kind is Format.JSONL:
            return JsonEncoder(stream, schema)
        return DelimitedEncoder(stream, schema, dialect_of(kind, dialect), escape=escape)

    return Writer(name, kind, schema, new_encoder)


def output_format(path: str, requested: Format | None) -> Format:
    """Return the format of an output: the requested one, or the one its extension tells.

    Raises:
        TableError: The extension is unknown, or is that of plain text.
    """
    kind = format_of(path, requested, stdio=Format.CSV, output=True)
    if kind is Format.TEXT:
        raise TableError(
            f"{path}: a table cannot be written as plain text. Write csv, tsv, jsonl, parquet or"
            " xlsx"
        )
    return kind


def _close_quietly(stream: BinaryIO) -> None:
    with suppress(OSError, ValueError):
        stream.close()


class RejectsFile:
    """A CSV file of rejected rows (source, line, reason, row); use it in a `with` statement.

    It is written at the first reject and appears, complete, at the end. Without rejects there is
    no file: one of an earlier run under that name is removed.

    Attributes:
        path: The file.
        count: The number of rejected rows.

    Args:
        path: The file.
        dialect: How to write it, see `open_writer`.
    """

    def __init__(self, path: str | Path, dialect: Dialect | None = None) -> None:
        self.path = Path(path)
        self._dialect = dialect
        self.count = 0
        self._writer: Writer | None = None
        self._stack = ExitStack()

    def write(self, *rejects: Reject) -> None:
        """Add rejected rows."""
        if not rejects:
            return
        import pyarrow as pa

        kinds = (pa.string(), pa.int64(), pa.string(), pa.string())
        columns = {
            name: pa.array([getattr(reject, name) for reject in rejects], kind)
            for name, kind in zip(REJECT_COLUMNS, kinds, strict=True)
        }
        batch = pa.RecordBatch.from_pydict(columns)
        if self._writer is None:
            writer = open_writer(self.path, batch.schema, format=Format.CSV, dialect=self._dialect)
            self._writer = self._stack.enter_context(writer)
        self._writer.write(batch)
        self.count += len(rejects)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._stack.__exit__(kind, *rest)  # type: ignore[arg-type]
        if kind is None and not self.count and self._is_of_earlier_run():
            self.path.unlink()  # or it would seem to belong to this run

    def _is_of_earlier_run(self) -> bool:
        try:
            with open_table(self.path, format=Format.CSV) as table:
                return table.columns == REJECT_COLUMNS
        except TableError:
            return False
