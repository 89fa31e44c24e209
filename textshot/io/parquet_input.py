"""Read Parquet: typed columns, kept as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from textshot.errors import TableError
from textshot.io.batches import Batch, Reading, checked_names, fewer_rows

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
        f"{source}: cannot be read as Parquet{where} ({detail}). Check that the file is whole, or"
        " name another format with --format"
    )
