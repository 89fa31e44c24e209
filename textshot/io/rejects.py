"""Keep the rows that could not be read where the user can mend them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from textshot.io.batches import Reject
from textshot.io.formats import Format
from textshot.io.writer import Writer, open_writer

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
