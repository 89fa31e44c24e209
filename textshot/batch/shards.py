"""A file in shards: so many rows each, the same ones whoever reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textshot.batch.inputs import Source
from textshot.batch.plan import Plan
from textshot.batch.row_selection import EVERY_ROW, Choice
from textshot.errors import TableError
from textshot.io import Batch, Reject, rejected, text_column
from textshot.io.values import to_python

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_ROWS = 16_384
"""A quarter of a minute for an encoder of a thousand texts a second: what a crash costs at most."""

_BATCH_ROWS = 4096
_MOST_BYTES = 128 << 20
"""Of the rows of a shard: long texts, and many columns, make smaller shards."""

_CELL_BYTES = 32
"""What a cell takes at least while it is written, however little is in it."""


@dataclass
class Shard:
    """Some rows of a file.

    Attributes:
        place: of the file in its plan.
        number: of the shard in its file, from 0.
        data: rows whose text is not empty, with the columns of the plan.
        lines: where each of them begins.
        rejects: rows that cannot be used.
        fraction: how much of the file is read after it, 0 to 1; None where that cannot be told.
    """

    place: int
    number: int
    data: pa.RecordBatch
    lines: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    fraction: float | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What it is called by."""
        return self.place, self.number

    @property
    def n_read(self) -> int:
        """How many rows it has, with those that are rejected."""
        return len(self.lines) + len(self.rejects)


@dataclass(frozen=True)
class End:
    """The end of a file: so many shards, and why there are no more of them, if not all was read."""

    place: int
    n_shards: int
    broken: str | None = None


def events(
    plan: Plan,
    rows: int = SHARD_ROWS,
    *,
    over: Mapping[int, int] | None = None,
    chosen: Choice = EVERY_ROW,
) -> Iterator[Shard | End]:
    """Yield the shards of all files, and an end behind each file.

    Shards have `rows` rows, the last one of a file and those of long texts fewer. A file that
    cannot be read to its end, or that changes meanwhile, has all rows before that.

    Args:
        plan: the files.
        rows: of a shard.
        over: files that are done, and how many rows were read of each: they are not opened.
        chosen: which rows are read.
    """
    left = chosen.limit
    for place in range(len(plan.sources)):
        if over and place in over:
            left = None if left is None else left - over[place]
            continue
        if left is not None and left <= 0:
            return
        for event in events_of(plan, place, rows, chosen, left):
            if left is not None and isinstance(event, Shard):
                left -= event.n_read
            yield event


def events_of(
    plan: Plan, place: int, rows: int, chosen: Choice = EVERY_ROW, most: int | None = None
) -> Iterator[Shard | End]:
    """Yield the shards of one file, `most` rows in all, and its end; see `events`."""
    n_shards, broken = 0, plan.failed.get(place)
    try:
        for shard in _shards(plan, place, rows, chosen, most) if broken is None else ():
            n_shards += 1
            yield shard
    except TableError as error:
        broken = str(error)
    yield End(place, n_shards, broken)


def _shards(plan: Plan, place: int, rows: int, chosen: Choice, most: int | None) -> Iterator[Shard]:
    """Yield the shards of a file, `most` rows in all, as long as it stays what it was."""
    number, source = 0, plan.sources[place]
    for batches, fraction in _gathered(plan, place, rows, chosen):
        _check_unchanged(source)
        if most is not None:
            batches = list(Choice(limit=most).of_all(batches))
        shard = _joined(plan, place, number, batches, fraction)
        most = None if most is None else most - shard.n_read
        if shard.n_read:
            number += 1
            yield shard
        if most is not None and most <= 0:
            return
    _check_unchanged(source)


def _gathered(
    plan: Plan, place: int, rows: int, chosen: Choice
) -> Iterator[tuple[list[Batch], float | None]]:
    """Yield slices of a file that make a shard; where it breaks, what came before makes one."""
    held, size = list[Batch](), 0
    try:
        with plan.opened(place, min(rows, _BATCH_ROWS)) as table:
            for read in table.batches():
                n_cells = read.data.num_rows * read.data.num_columns
                size += max(read.data.nbytes, n_cells * _CELL_BYTES)
                batch = Batch(plan.conform(read.data, place), read.lines, read.rejects)
                batch = only_texts(chosen.of(batch, place), plan.text_columns, table.source)
                held.append(batch)
                if sum(len(b.lines) + len(b.rejects) for b in held) >= rows or size >= _MOST_BYTES:
                    yield held, table.fraction
                    held, size = [], 0
    except TableError:
        if held:
            yield held, 1.0
        raise
    if held:
        yield held, 1.0


def _check_unchanged(source: Source) -> None:
    if not source.is_as_it_was():
        raise TableError(
            f"{source.path}: changed while it was read; what was read of it before is kept. Begin"
            " anew with --restart when it is complete"
        )


def _joined(
    plan: Plan, place: int, number: int, batches: list[Batch], fraction: float | None
) -> Shard:
    import pyarrow as pa

    table = pa.Table.from_batches([batch.data for batch in batches], schema=plan.schema)
    whole = table.combine_chunks().to_batches()
    data = whole[0] if whole else pa.RecordBatch.from_pylist([], schema=plan.schema)
    lines = [line for batch in batches for line in batch.lines]
    rejects = [reject for batch in batches for reject in batch.rejects]
    return Shard(place, number, data, lines, rejects, fraction)


def only_texts(batch: Batch, columns: Sequence[str], source: str) -> Batch:
    """Move rows whose text is empty to the rejects: there is nothing to categorise."""
    import pyarrow as pa

    empty = [i for i, text in enumerate(text_column(batch.data, columns)) if not text.strip()]
    if not empty:
        return batch
    reason = f"the text is empty ({', '.join(columns)})"
    rows = zip(*map(to_python, batch.data.take(pa.array(empty, pa.int64())).columns), strict=True)
    rejects = [
        rejected(source, batch.lines[i], reason, row) for i, row in zip(empty, rows, strict=True)
    ]
    gone = set(empty)
    kept = [i for i in range(len(batch.lines)) if i not in gone]
    return Batch(
        batch.data.take(pa.array(kept, pa.int64())),
        [batch.lines[i] for i in kept],
        sorted([*batch.rejects, *rejects], key=lambda reject: reject.line),
    )
