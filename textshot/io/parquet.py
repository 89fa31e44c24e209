"""Read and write Parquet, and the Arrow files of a running job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from textshot.errors import TableError
from textshot.io.batches import Batch, Reading, checked_names, fewer_rows
from textshot.io.outputs import open_output
from textshot.io.values import is_json, texts

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


_BUFFER = 1 << 20


def read_parquet(stream: BinaryIO, source: str, batch_rows: int) -> Reading:
    """Return the columns and the slices of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Read piece by piece: else all that was read of a file is held until its end.
        file = pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER)
        found = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise _broken(source, error) from error
    names = checked_names(found.names, source)
    # Without metadata: a file must not pass its strings off as JSON texts, and what pandas wrote
    # about its index no longer holds when rows are rejected or columns added.
    schema = pa.schema(
        [pa.field(name, field.type) for name, field in zip(names, found, strict=True)]
    )
    return schema, _batches(file, schema, source, fewer_rows(batch_rows, len(names)))


def count_rows(path: str) -> int:
    """Return how many rows a file says that it has.

    Raises:
        TableError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, error) from error


def _batches(
    file: pq.ParquetFile, schema: pa.Schema, source: str, batch_rows: int
) -> Iterator[Batch]:
    import pyarrow as pa

    done = 0
    try:
        for data in _rows(file, batch_rows):
            rows = data.num_rows
            lines = list(range(done + 1, done + rows + 1))
            yield Batch(pa.RecordBatch.from_arrays(data.columns, schema=schema), lines, [])
            done += rows
    except (pa.ArrowException, OSError) as error:
        raise _broken(source, error, f" after row {done}") from error


def _rows(file: pq.ParquetFile, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield all rows before a break: a slice may hold those of several row groups."""
    import pyarrow as pa

    done = 0
    try:
        for data in file.iter_batches(batch_size=batch_rows):
            data.validate(full=True)  # strings that are not UTF-8 show here and not half-way
            yield data
            done += data.num_rows
    except (pa.ArrowException, OSError):
        yield from _rows_of_groups(file, batch_rows, done)


def _rows_of_groups(file: pq.ParquetFile, batch_rows: int, begin: int) -> Iterator[pa.RecordBatch]:
    place = 0
    for group in range(file.num_row_groups):
        end = place + file.metadata.row_group(group).num_rows
        if end <= begin:
            place = end
            continue
        for data in file.iter_batches(batch_size=batch_rows, row_groups=[group]):
            data.validate(full=True)
            after = place + data.num_rows
            if after > begin:
                yield data.slice(max(0, begin - place))
            place = after


def _broken(source: str, error: Exception, where: str = "") -> TableError:
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return TableError(
        f"{source}: cannot be read as Parquet{where} ({detail}). Check that the file is complete,"
        " or name another format with --format"
    )


# A row group of its own for each small batch would make the file large and slow to read.
GROUP_ROWS = 1 << 16
GROUP_BYTES = 64 << 20


class ParquetEncoder:
    """Gathers batches into row groups."""

    def __init__(
        self, stream: BinaryIO, schema: pa.Schema, name: str, metadata: Mapping[str, str]
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._name = name
        self._schema = pa.schema([field.remove_metadata() for field in schema])
        self._held: list[pa.RecordBatch] = []
        self._writer = pq.ParquetWriter(stream, self._schema, compression="zstd")
        self._writer.add_key_value_metadata(dict(metadata))

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows, or hold them until there are enough."""
        import pyarrow as pa

        columns = [
            pa.array(texts(column, field), pa.string()) if is_json(field) else column
            for column, field in zip(batch.columns, batch.schema, strict=True)
        ]
        try:
            rows = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise TableError(
                f"{self._name}: rows have other types than the file's columns ({error}). Open the"
                " writer with the schema of the rows"
            ) from error
        self._held.append(rows)
        if (
            sum(b.num_rows for b in self._held) >= GROUP_ROWS
            or sum(b.nbytes for b in self._held) >= GROUP_BYTES
        ):
            self._write_group()

    def close(self) -> None:
        """Write the rows that are held, and the footer."""
        if self._held:
            self._write_group()
        self._writer.close()

    def discard(self) -> None:
        """Close the writer, which would otherwise close itself later, on a closed file."""
        self._held.clear()
        with suppress(Exception):
            self._writer.close()

    def _write_group(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_batches(self._held, schema=self._schema))
        self._held.clear()


def write_arrow(path: Path, data: pa.RecordBatch) -> None:
    """Write a batch, whole or not at all."""
    import pyarrow as pa

    output = open_output(str(path), whole=True)
    try:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(output.stream, data.schema, options=options) as writer:
            writer.write_batch(data)
        output.commit()
    except OSError as error:
        reason = error.strerror or str(error)
        raise TableError(f"{path}: cannot be written ({reason}). Make room there") from error
    finally:
        output.discard()


def read_arrow(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file.

    Raises:
        TableError: it is damaged, or gone.
    """
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
            for i in range(reader.num_record_batches):
                yield reader.get_batch(i)
    except (OSError, pa.ArrowException) as error:
        raise TableError(f"{path}: cannot be read ({error}). Begin anew with --restart") from error
