"""Write tables of any format, complete or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias

from textshot.errors import TableError
from textshot.io.batches import Reject
from textshot.io.delimited import DelimitedEncoder
from textshot.io.excel import ExcelEncoder
from textshot.io.formats import STDIO, Format, compressed, compression_of, format_of, is_binary
from textshot.io.jsonl import JsonEncoder
from textshot.io.outputs import kept, open_output
from textshot.io.parquet import ParquetEncoder

if TYPE_CHECKING:
    import pyarrow as pa


class Encoder(Protocol):
    """Turns batches into the bytes of one format."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows."""

    def close(self) -> None:
        """Write what comes last."""

    def discard(self) -> None:
        """Let go of everything; what was written is not wanted."""


NewEncoder: TypeAlias = Callable[[BinaryIO], Encoder]


class Writer:
    """An output; use it in a `with` statement.

    A file appears under its name when the statement ends without an exception; with one, what was
    there before stays. What goes to the standard output goes at once.

    Attributes:
        format: What is written.
        name: The file, as messages show it.
        written: How many rows were written.
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

    def __enter__(self) -> Writer:
        with ExitStack() as undo, self._reported():
            self._output = open_output(self._path, whole=is_binary(self.format))
            undo.callback(self._output.discard)
            self._sink = self._output.stream
            compression = compression_of(self._path, self.format)
            if compression is not None:
                self._sink = compressed(self._sink, compression)
                undo.callback(_close_quietly, self._sink)
            self._encoder = self._new_encoder(self._sink)
            undo.callback(self._encoder.discard)
            self._undo = undo.pop_all()
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows, of the columns that the writer was opened with."""
        if batch.schema.names != self._schema.names:
            raise TableError(
                f"{self.name}: rows have the columns {batch.schema.names}, the file has"
                f" {self._schema.names}. Open the writer with the schema of the rows"
            )
        with self._reported():
            self._encoder.write(batch)
            if self._path == STDIO and not is_binary(self.format):
                self._sink.flush()  # whoever reads the pipe need not wait for the end
        self.written += batch.num_rows

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._undo, self._reported():
            if error is None:
                self._encoder.close()
                if self._sink is not self._output.stream:
                    self._sink.close()
                self._output.commit()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # the reader of the pipe has seen enough
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            raise TableError(
                f"{self.name}: cannot be written ({reason}){kept(self._path)}. Make room there, or"
                " name another file"
            ) from error


def open_writer(
    path: str | Path,
    schema: pa.Schema,
    *,
    format: Format | None = None,
    escape: bool = True,
    metadata: Mapping[str, str] | None = None,
) -> Writer:
    """Return a writer to a file, or to "-", the standard output.

    Args:
        path: The file. It may be the one that the rows are read from.
        schema: The columns; the file has them even when no row follows.
        format: What to write; None to tell from the ending, and CSV for "-".
        escape: Whether CSV and TSV cells that a spreadsheet would run get an apostrophe in front.
        metadata: What is said of the rows in a Parquet file; other formats have no place for it.
    """
    name = str(path)
    kind = output_format(name, format)
    shown = "<stdout>" if name == STDIO else name

    def new_encoder(stream: BinaryIO) -> Encoder:
        if kind is Format.PARQUET:
            return ParquetEncoder(stream, schema, shown, metadata or {})
        if kind is Format.EXCEL:
            return ExcelEncoder(stream, schema, shown)
        if kind is Format.JSONL:
            return JsonEncoder(stream, schema)
        return DelimitedEncoder(stream, schema, kind, escape)

    return Writer(name, kind, schema, new_encoder)


def output_format(path: str, given: Format | None) -> Format:
    """Return what is written to a place, from `given` or else from the ending of its name.

    Raises:
        TableError: the ending does not tell it, or it is no format of tables.
    """
    kind = format_of(path, given, stdio=Format.CSV, output=True)
    if kind is Format.TEXT:
        raise TableError(
            f"{path}: a table cannot be written as plain text. Write csv, tsv, jsonl, parquet or"
            " xlsx"
        )
    return kind


def _close_quietly(stream: BinaryIO) -> None:
    with suppress(OSError, ValueError):
        stream.close()


COLUMNS = ("source", "line", "reason", "row")


class RejectsFile:
    """A CSV file of rejected rows (source, line, reason, row); use it in a `with` statement.

    It is made at the first reject and put into its place, complete, at the end. No rejects, no
    file: one of an earlier run under that name is removed.

    Attributes:
        path: The file.
        count: How many rows were rejected.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
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
            for name, kind in zip(COLUMNS, kinds, strict=True)
        }
        batch = pa.RecordBatch.from_pydict(columns)
        if self._writer is None:
            writer = open_writer(self.path, batch.schema, format=Format.CSV)
            self._writer = self._stack.enter_context(writer)
        self._writer.write(batch)
        self.count += len(rejects)

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if error is None and not self.count and self._is_of_an_earlier_run():
            self.path.unlink()  # or it would seem to belong to this one

    def _is_of_an_earlier_run(self) -> bool:
        try:
            with self.path.open("rb") as file:
                return file.readline(100).strip() == ",".join(COLUMNS).encode()
        except OSError:
            return False
