"""Files of Arrow batches, for what a job writes on its way: nothing of a type is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from textshot.errors import TableError
from textshot.io.outputs import open_output

if TYPE_CHECKING:
    import pyarrow as pa


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
