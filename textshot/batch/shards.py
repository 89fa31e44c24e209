"""Read files in shards of a fixed number of rows: the same shards whoever reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textshot._characters import is_blank
from textshot.batch.inputs import Source
from textshot.batch.options import DEFAULT_SHARD_ROWS, RowSelection, first_rows
from textshot.batch.plan import Plan
from textshot.errors import TableError
from textshot.io import Batch, Reject, text_column
from textshot.io.batches import move_to_rejects

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 4096
_MAX_SHARD_BYTES = 128 << 20
_MIN_CELL_BYTES = 32
"""What a cell takes while it is written, however short it is."""


@dataclass
class Shard:
    """Some rows of a file.

    Attributes:
        file: number of the file in the plan.
        number: of the shard in the file, from 0.
        data: rows with text, with the columns of the plan.
        lines: first line of each of these rows in the file.
        rejects: invalid rows.
        fraction: how much of the file is read after it, 0 to 1; None: unknown.
    """

    file: int
    number: int
    data: pa.RecordBatch
    lines: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    fraction: float | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Number of the file and of the shard."""
        return self.file, self.number

    @property
    def n_read(self) -> int:
        """Number of rows, rejects included."""
        return len(self.lines) + len(self.rejects)


@dataclass(frozen=True)
class FileEnd:
    """The end of a file: its number of shards, and the error if it was not read to its end."""

    file: int
    n_shards: int
    error: str | None = None


def read_shards(
    plan: Plan,
    rows: int = DEFAULT_SHARD_ROWS,
    *,
    finished: Mapping[int, int] | None = None,
    selection: RowSelection | None = None,
) -> Iterator[Shard | FileEnd]:
    """Yield the shards of all files, and a `FileEnd` after each file.

    Args:
        plan: the files.
        rows: of a shard; the last one of a file, and shards of long texts, have fewer.
        finished: files to skip, with the rows read of each.
        selection: which rows to read; None: all.
    """
    selection = selection or RowSelection()
    left = selection.limit
    for file in range(len(plan.sources)):
        if finished and file in finished:
            left = None if left is None else left - finished[file]
            continue
        if left is not None and left <= 0:
            return
        for event in read_file(plan, file, rows, selection, left):
            if left is not None and isinstance(event, Shard):
                left -= event.n_read
            yield event


def read_file(
    plan: Plan,
    file: int,
    rows: int,
    selection: RowSelection | None = None,
    limit: int | None = None,
) -> Iterator[Shard | FileEnd]:
    """Yield the shards of one file, `limit` rows at most, and its end.

    A file that breaks, or that changes while it is read, yields the rows before that.
    """
    n_shards, error = 0, plan.failed.get(file)
    if error is None:
        try:
            for shard in _shards(plan, file, rows, selection or RowSelection(), limit):
                n_shards += 1
                yield shard
        except TableError as reason:
            error = str(reason)
    yield FileEnd(file, n_shards, error)


def _shards(
    plan: Plan, file: int, rows: int, selection: RowSelection, limit: int | None
) -> Iterator[Shard]:
    number, source = 0, plan.sources[file]
    for batches, fraction in _gathered(plan, file, rows, selection):
        _check_unchanged(source)
        shard = _joined(plan, file, number, list(first_rows(batches, limit)), fraction)
        limit = None if limit is None else limit - shard.n_read
        if shard.n_read:
            number += 1
            yield shard
        if limit is not None and limit <= 0:
            return
    _check_unchanged(source)


def _gathered(
    plan: Plan, file: int, rows: int, selection: RowSelection
) -> Iterator[tuple[list[Batch], float | None]]:
    """Yield the batches of each shard; if the file breaks, those before that make one."""
    batches, n_bytes = list[Batch](), 0
    try:
        with plan.open(file, min(rows, _BATCH_ROWS)) as table:
            for raw in table.batches(plan.text_columns):
                n_cells = raw.data.num_rows * raw.data.num_columns
                n_bytes += max(raw.data.nbytes, n_cells * _MIN_CELL_BYTES)
                batch = Batch(plan.conform(raw.data, file), raw.lines, raw.rejects)
                batch = reject_blank(
                    selection.sampled(batch, file), plan.text_columns, table.source
                )
                batches.append(batch)
                n_rows = sum(len(b.lines) + len(b.rejects) for b in batches)
                if n_rows >= rows or n_bytes >= _MAX_SHARD_BYTES:
                    yield batches, table.fraction
                    batches, n_bytes = [], 0
    except TableError:
        if batches:
            yield batches, 1.0
        raise
    if batches:
        yield batches, 1.0


def _check_unchanged(source: Source) -> None:
    if not source.is_unchanged():
        raise TableError(
            f"{source.path}: changed while it was read; the rows before that are kept. Start again"
            " with --restart when it is complete"
        )


def _joined(
    plan: Plan, file: int, number: int, batches: Sequence[Batch], fraction: float | None
) -> Shard:
    import pyarrow as pa

    table = pa.Table.from_batches([batch.data for batch in batches], schema=plan.schema)
    [*joined] = table.combine_chunks().to_batches()
    data = joined[0] if joined else pa.RecordBatch.from_pylist([], schema=plan.schema)
    lines = [line for batch in batches for line in batch.lines]
    rejects = [reject for batch in batches for reject in batch.rejects]
    return Shard(file, number, data, lines, rejects, fraction)


def reject_blank(batch: Batch, columns: Sequence[str], source: str) -> Batch:
    """Move rows without text to the rejects."""
    texts = text_column(batch.data, columns)
    reason = f"the text is empty ({', '.join(columns)})"
    blank = {i: reason for i, text in enumerate(texts) if is_blank(text)}
    return move_to_rejects(batch, blank, source)
