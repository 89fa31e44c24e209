"""Read plain text: one text a line, as a table of one column."""

from __future__ import annotations

from collections.abc import Iterator

from textshot.io.batches import Batch, Reading, record_batch
from textshot.io.inputs import TextInput
from textshot.io.lines import line_slices

COLUMN = "text"


def read_text(text: TextInput, batch_rows: int) -> Reading:
    """Return the column "text" and the slices of a file of lines; blank lines are skipped."""
    import pyarrow as pa

    schema = pa.schema([pa.field(COLUMN, pa.string())])

    def batches() -> Iterator[Batch]:
        for part in line_slices(text, batch_rows, lambda line: line.rstrip("\r\n")):
            yield Batch(record_batch([part.values], schema), part.lines, part.rejects)

    return schema, batches()
