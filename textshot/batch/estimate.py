"""What a job would take: a few rows of its files are answered, and nothing is kept."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from textshot.batch.inputs import Source, find_sources
from textshot.batch.options import JobOptions
from textshot.batch.outputs import FolderOutput, output_of
from textshot.batch.plan import Plan, make_plan
from textshot.batch.shards import Shard, events_of
from textshot.batch.worker import Worker
from textshot.engine import Engine
from textshot.errors import TableError
from textshot.io import STDIO, Format, open_writer
from textshot.io.formats import compression_of
from textshot.io.parquet import count_rows
from textshot.io.urls import is_url

if TYPE_CHECKING:
    import pyarrow as pa

FILES, ROWS, PACKED_ROWS = 10, 2048, 32_768
"""So many files of each kind are looked into, and so many rows of each; more of packed ones, which
are unpacked ahead of what is read."""

_ANSWERED = 1024
_WARM = 64


@dataclass(frozen=True)
class Estimate:
    """What a job would take on this machine.

    Attributes:
        n_files: how many files there are.
        n_failed: how many of them cannot be read.
        read_bytes: what they hold together.
        rows: how many rows; to be read, with `limit` and `sample`.
        is_counted: whether the rows were counted, and not judged by the beginnings of files.
        rate: rows a second.
        seconds: for all rows.
        written_bytes: of the output, about.
        text_columns: those that hold the text.
    """

    n_files: int
    n_failed: int
    read_bytes: int
    rows: int
    is_counted: bool
    rate: float
    seconds: float
    written_bytes: int
    text_columns: tuple[str, ...]


def estimate_job(
    engine: Engine, inputs: Iterable[str | Path], output: str | Path, options: JobOptions
) -> Estimate:
    """Say what a job would take; arguments as for `run_job`.

    Raises:
        TableError: the input cannot be used.
    """
    sources = find_sources(inputs, options.input_format).sources
    plan = make_plan(sources, options.text_columns, options.encoding)
    shards = _beginnings(plan)
    rows, is_counted = _rows(plan, shards)
    chosen = options.choice
    rows = round(rows * chosen.share)
    rows = rows if chosen.limit is None else min(rows, chosen.limit)
    worker = Worker.for_columns(
        engine,
        plan.schema.names,
        plan.text_columns,
        threshold=options.threshold,
        metadata=options.metadata,
    )
    data = _some(plan, shards)
    if not data.num_rows:
        raise TableError(f"{sources[0].path}: no row of it can be used, so nothing can be told")
    worker(data.slice(0, _WARM))
    begun = time.perf_counter()
    answered = worker(data)
    rate = data.num_rows / (time.perf_counter() - begun)
    return Estimate(
        n_files=len(sources),
        n_failed=len(plan.failed),
        read_bytes=sum(source.size for source in sources),
        rows=rows,
        is_counted=is_counted,
        rate=rate,
        seconds=rows / rate,
        written_bytes=round(rows * _bytes_of(answered, str(output), sources, options)),
        text_columns=tuple(plan.text_columns),
    )


def _beginnings(plan: Plan) -> list[Shard]:
    """Return the first shards of some files, of each kind of file some."""
    kinds: dict[str, list[int]] = {}
    for place, source in enumerate(plan.sources):
        if place not in plan.failed:
            kinds.setdefault(_kind(source), []).append(place)
    places = [p for found in kinds.values() for p in found[:: -(-len(found) // FILES)]]
    shards = []
    for place in places:
        is_packed = compression_of(plan.sources[place].path) is not None
        rows = PACKED_ROWS if is_packed else ROWS
        found = (e for e in events_of(plan, place, rows) if isinstance(e, Shard))
        shards += [shard for shard in (next(found, None),) if shard is not None]
    return shards


def _kind(source: Source) -> str:
    """Return what files have to have in common for as many rows to a byte."""
    return f"{source.format}{Path(source.path).suffix}"


def _rows(plan: Plan, shards: Sequence[Shard]) -> tuple[int, bool]:
    """Return how many rows there are, and whether all of them were counted."""
    seen: dict[str, tuple[int, float]] = {}
    for shard in shards:
        source = plan.sources[shard.place]
        n_rows, n_bytes = seen.get(_kind(source), (0, 0.0))
        share = 1.0 if shard.fraction is None else shard.fraction
        seen[_kind(source)] = n_rows + shard.n_read, n_bytes + share * source.size
    rows, is_counted = 0.0, True
    for place, source in enumerate(plan.sources):
        count = _counted(source)
        if place not in plan.failed and count is not None:
            rows += count
        elif place not in plan.failed:
            n_rows, n_bytes = seen.get(_kind(source), (0, 0.0))
            rows += source.size * n_rows / max(1.0, n_bytes)
            is_counted = False
    return round(rows), is_counted


def _counted(source: Source) -> int | None:
    if source.format is not Format.PARQUET or is_url(source.path):
        return None
    return count_rows(source.path)


def _some(plan: Plan, shards: Sequence[Shard]) -> pa.RecordBatch:
    """Return rows of all shards, so many of each."""
    import pyarrow as pa

    each = -(-_ANSWERED // max(1, len(shards)))
    parts = [shard.data.slice(0, each) for shard in shards]
    table = pa.Table.from_batches(parts, schema=plan.schema).combine_chunks()
    return next(iter(table.to_batches()), pa.RecordBatch.from_pylist([], schema=plan.schema))


def _bytes_of(
    answered: pa.RecordBatch, output: str, sources: Sequence[Source], options: JobOptions
) -> float:
    """Return the bytes of a row in the output."""
    kind = options.output_format or (Format.CSV if output == STDIO else None)
    with TemporaryDirectory() as folder:
        place = output_of(output, kind, sources, run=Path(folder))
        name = place.part((0, 0)) if isinstance(place, FolderOutput) else place.path
        path = Path(folder, Path(name).name)
        with open_writer(path, answered.schema, format=kind, escape=options.escape) as writer:
            writer.write(answered)
        return float(path.stat().st_size / answered.num_rows)
