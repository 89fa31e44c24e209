"""Write Parquet: typed columns as they are, JSON texts as what they say."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from textshot.errors import TableError
from textshot.io.cells import is_json, texts

if TYPE_CHECKING:
    import pyarrow as pa

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
