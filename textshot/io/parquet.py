"""Read and write Parquet, and the Arrow files of a running job; types are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from textshot._files import AtomicFile
from textshot.errors import TableError
from textshot.io.batches import Batch, Reading, limit_rows
from textshot.io.columns import checked_names
from textshot.io.values import cell_texts, is_json, plain_array, plain_type

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# One row group for each small batch would make the file large and slow to read.
GROUP_ROWS = 1 << 16
GROUP_BYTES = 64 << 20

_BUFFER_BYTES = 1 << 20


def read_parquet(stream: BinaryIO, source: str, batch_rows: int) -> Reading:
    """Read a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _parquet_errors(source):
        # Unbuffered: pre_buffer would keep all that was read in memory until the end of the file.
        file = pq.ParquetFile(
            stream,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
            page_checksum_verification=True,
        )
        fields = list(file.schema_arrow)
        names = checked_names([field.name for field in fields], source)
    # Without metadata: a file must not pass its strings off as JSON texts, and what pandas wrote
    # about its index no longer holds when rows are rejected or columns added.
    schema = pa.schema(
        [pa.field(name, plain_type(field.type)) for name, field in zip(names, fields, strict=True)]
    )
    batches = _batches(file, schema, source, limit_rows(batch_rows, len(names)))
    return Reading(schema, batches, file.metadata.num_rows)


def count_rows(path: str) -> int:
    """Return the number of rows that the footer of a file states.

    Raises:
        TableError: The file cannot be read.
    """
    import pyarrow.parquet as pq

    with _parquet_errors(path):
        return int(pq.read_metadata(path).num_rows)


def _batches(
    file: pq.ParquetFile, schema: pa.Schema, source: str, batch_rows: int
) -> Iterator[Batch]:
    import pyarrow as pa

    n_read, slices = 0, _slices(file, batch_rows)
    while True:
        with _parquet_errors(source, f" after row {n_read}"):
            data = next(slices, None)
            if data is None:
                break
            columns = [plain_array(*pair) for pair in zip(data.columns, schema.types, strict=True)]
            rows = pa.RecordBatch.from_arrays(columns, schema=schema)
        yield Batch(rows, list(range(n_read + 1, n_read + rows.num_rows + 1)), [])
        n_read += rows.num_rows
    if n_read != file.metadata.num_rows:
        reason = f"it should have {file.metadata.num_rows:,} rows"
        raise _damaged(source, ValueError(reason), f" after row {n_read}")


def _slices(file: pq.ParquetFile, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield all rows before the damage; a slice may span several row groups."""
    n_read = 0
    try:
        for data in file.iter_batches(batch_size=batch_rows):
            data.validate(full=True)  # fail here on strings that are not UTF-8, and not later
            yield data
            n_read += data.num_rows
    except Exception:
        yield from _slices_of_groups(file, batch_rows, n_read)


def _slices_of_groups(
    file: pq.ParquetFile, batch_rows: int, begin: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows from `begin` on, row group by row group."""
    position = 0
    for group in range(file.num_row_groups):
        end = position + file.metadata.row_group(group).num_rows
        if end <= begin:
            position = end
            continue
        for data in file.iter_batches(batch_size=batch_rows, row_groups=[group]):
            data.validate(full=True)
            if position + data.num_rows > begin:
                yield data.slice(max(0, begin - position))
            position += data.num_rows


@contextmanager
def _parquet_errors(source: str, position: str = "") -> Iterator[None]:
    try:
        yield
    except TableError:
        raise
    except Exception as error:  # of any type: a damaged name is a UnicodeDecodeError
        raise _damaged(source, error, position) from error


def _damaged(source: str, error: Exception, position: str = "") -> TableError:
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return TableError(
        f"{source}: cannot be read as Parquet{position} ({detail}). Check that the file is"
        " complete, or name another format with --format"
    )


class ParquetEncoder:
    """Writes Parquet: gathers batches into row groups."""

    def __init__(
        self, stream: BinaryIO, schema: pa.Schema, name: str, metadata: Mapping[str, str]
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._name = name
        self._schema = pa.schema([field.remove_metadata() for field in schema])
        self._batches: list[pa.RecordBatch] = []
        self._writer = pq.ParquetWriter(stream, self._schema, compression="zstd")
        self._writer.add_key_value_metadata(dict(metadata))

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows, or hold them until there are enough for a row group."""
        import pyarrow as pa

        columns = [
            pa.array(cell_texts(column, field), pa.string()) if is_json(field) else column
            for column, field in zip(batch.columns, batch.schema, strict=True)
        ]
        try:
            rows = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise TableError(
                f"{self._name}: rows have other types than the file's columns ({error}). Open the"
                " writer with the schema of the rows"
            ) from error
        self._batches.append(rows)
        if (
            sum(b.num_rows for b in self._batches) >= GROUP_ROWS
            or sum(b.nbytes for b in self._batches) >= GROUP_BYTES
        ):
            self._write_group()

    def close(self) -> None:
        """Write the remaining rows, and the footer."""
        if self._batches:
            self._write_group()
        self._writer.close()

    def discard(self) -> None:
        """Close the writer, which would otherwise close itself later, on a closed file."""
        self._batches.clear()
        with suppress(Exception):
            self._writer.close()

    def _write_group(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_batches(self._batches, schema=self._schema))
        self._batches.clear()


def write_arrow(path: Path, data: pa.RecordBatch) -> None:
    """Write a batch to an Arrow file, atomically.

    Raises:
        TableError: It cannot be written.
    """
    import pyarrow as pa

    options = pa.ipc.IpcWriteOptions(compression="zstd")
    try:
        with (
            AtomicFile(path) as file,
            pa.ipc.new_file(file.stream, data.schema, options=options) as writer,
        ):
            writer.write_batch(data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise TableError(f"{path}: cannot be written ({reason}). Free some space") from error


def read_arrow(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of an Arrow file.

    Raises:
        TableError: It is damaged or missing.
    """
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
            for i in range(reader.num_record_batches):
                yield reader.get_batch(i)
    except (OSError, pa.ArrowException) as error:
        raise TableError(f"{path}: cannot be read ({error}). Start again with --restart") from error
