"""Estimate the rows, time and size of a job from a sample of its input."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from textshot.batch.checks import checked_output, checked_plan
from textshot.batch.inputs import Source, find_sources
from textshot.batch.job import finished_rows
from textshot.batch.options import JobOptions
from textshot.batch.outputs import FolderOutput
from textshot.batch.plan import Plan
from textshot.batch.shards import Shard, read_file
from textshot.batch.stream import is_stream
from textshot.batch.workbook import open_job_output
from textshot.batch.worker import Worker
from textshot.engine import Engine
from textshot.errors import TableError
from textshot.io import STDIO, Format, open_writer
from textshot.io.files import is_url
from textshot.io.formats import compression_of
from textshot.io.parquet import count_rows

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLED_FILES = 10
"""Of each kind of file."""

SAMPLED_ROWS, COMPRESSED_ROWS = 2048, 32_768
"""Of each sampled file; more of a compressed one, as it is decompressed ahead of the reader."""

ANSWERED_ROWS, _WARM_UP_ROWS = 1024, 64


@dataclass(frozen=True)
class Estimate:
    """What a job takes on this machine.

    Attributes:
        n_files: number of files.
        n_failed: files that cannot be read.
        read_bytes: size of all files.
        rows: to answer, `limit` and `sample` applied.
        is_counted: whether the rows were counted; else estimated by size.
        rate: rows per second.
        done: rows that an earlier run of the same job has finished.
        seconds: for the other rows.
        written_bytes: size of the output.
        text_columns: the columns that hold the text.
    """

    n_files: int
    n_failed: int
    read_bytes: int
    rows: int
    is_counted: bool
    rate: float
    done: int
    seconds: float
    written_bytes: int
    text_columns: tuple[str, ...]


def estimate(
    engine: Engine,
    inputs: str | Path | Iterable[str | Path],
    output: str | Path,
    options: JobOptions | None = None,
    **changes: Any,
) -> Estimate:
    """Estimate what `categorize` with these arguments takes; nothing is written.

    Rows of Parquet files are counted, those of other files estimated by size. What an earlier run
    has finished is known (with `adapt`: once it has begun).

    Raises:
        TableError: a pipe, or what `categorize` would refuse before it begins.
    """
    options = replace(options or JobOptions(), **changes)
    paths = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    if any(is_stream(str(path)) for path in paths):
        raise TableError("a pipe cannot be read ahead for an estimate. Name files")
    sources = find_sources(paths, options.input_format).sources
    job_output = checked_output(paths, sources, str(output), options)
    plan = checked_plan(job_output, sources, options)
    shards = _sample(plan)
    n_rows, is_counted = _count_rows(plan, shards)
    rows = min(round(n_rows * options.sample), options.limit or n_rows)
    data = _first_rows(plan, shards)
    if not data.num_rows:
        raise TableError(f"{sources[0].path}: has no valid row to estimate from")
    done = min(finished_rows(engine, plan, job_output, options), rows)
    worker = Worker.for_columns(engine, plan.schema.names, plan.text_columns, options)
    worker(data.slice(0, _WARM_UP_ROWS))
    start = time.perf_counter()
    answered = worker(data)
    rate = data.num_rows / (time.perf_counter() - start)
    return Estimate(
        n_files=len(sources),
        n_failed=len(plan.failed),
        read_bytes=plan.offsets[-1],
        rows=rows,
        is_counted=is_counted,
        rate=rate,
        done=done,
        seconds=(rows - done) / rate,
        written_bytes=round(rows * _row_bytes(answered, str(output), sources, options)),
        text_columns=tuple(plan.text_columns),
    )


def _kind(source: Source) -> str:
    """Return what files share if their rows are about equally long."""
    return f"{source.format}{Path(source.path).suffix}"


def _sample(plan: Plan) -> list[Shard]:
    """Return the first shard of some files of each kind."""
    kinds: defaultdict[str, list[int]] = defaultdict(list)
    for file, source in enumerate(plan.sources):
        if file not in plan.failed:
            kinds[_kind(source)].append(file)
    shards = []
    for files in kinds.values():
        for file in files[:: -(-len(files) // SAMPLED_FILES)]:
            is_compressed = compression_of(plan.sources[file].path) is not None
            first = next(read_file(plan, file, COMPRESSED_ROWS if is_compressed else SAMPLED_ROWS))
            if isinstance(first, Shard):
                shards.append(first)
    return shards


def _count_rows(plan: Plan, shards: list[Shard]) -> tuple[int, bool]:
    """Return the number of rows, and whether all of them were counted."""
    rows: defaultdict[str, float] = defaultdict(float)
    sizes: defaultdict[str, float] = defaultdict(float)
    for shard in shards:
        source = plan.sources[shard.file]
        rows[_kind(source)] += shard.n_read
        sizes[_kind(source)] += source.size * (1.0 if shard.fraction is None else shard.fraction)
    total, is_counted = 0.0, True
    for file, source in enumerate(plan.sources):
        if file in plan.failed:
            continue
        if source.format is Format.PARQUET and not is_url(source.path):
            total += count_rows(source.path)
        else:
            total += source.size * rows[_kind(source)] / max(1.0, sizes[_kind(source)])
            is_counted = False
    return round(total), is_counted


def _first_rows(plan: Plan, shards: list[Shard]) -> pa.RecordBatch:
    """Return some rows of each shard."""
    import pyarrow as pa

    n = -(-ANSWERED_ROWS // max(1, len(shards)))
    table = pa.Table.from_batches([shard.data.slice(0, n) for shard in shards], plan.schema)
    [*batches] = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], plan.schema)


def _row_bytes(
    answered: pa.RecordBatch, path: str, sources: tuple[Source, ...], options: JobOptions
) -> float:
    """Return the bytes of a row in the output: the sample is written to a temporary folder."""
    with TemporaryDirectory() as folder:
        name = path
        if path != STDIO:
            output = open_job_output(path, replace(options, run=folder), sources)
            name = output.part((0, 0)) if isinstance(output, FolderOutput) else path
        format = options.output_format or (Format.CSV if path == STDIO else None)
        copy = Path(folder, Path(name).name)
        with open_writer(copy, answered.schema, format=format, escape=options.escape) as writer:
            writer.write(answered)
        return float(copy.stat().st_size / answered.num_rows)
