"""Categorize a pipe: rows are answered as they arrive, and nothing can be resumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from textshot.batch.options import JobOptions, OnProgress
from textshot.batch.report import Report
from textshot.batch.shards import reject_blank
from textshot.batch.tally import Tally, count
from textshot.batch.workbook import CopyWriter, open_stream_copy
from textshot.batch.worker import Worker, with_cache
from textshot.engine import Engine
from textshot.errors import TableError
from textshot.io import STDIO, Batch, RejectsFile, Table, open_writer, text_column
from textshot.io.column_choice import text_columns_of
from textshot.io.files import is_same_file
from textshot.scoring.transduction import MAX_TEXTS


def is_stream(name: str) -> bool:
    """Tell whether a path is standard input or output, a pipe or a device."""
    path = Path(name)
    return name == STDIO or (path.exists() and not path.is_file() and not path.is_dir())


def run_stream(
    engine: Engine,
    inputs: Sequence[str | Path],
    output: str,
    options: JobOptions,
    on_progress: OnProgress,
) -> Report:
    """Write the rows of one input to one output; usually one of them is a pipe.

    An output file appears when it is complete; after a failure the previous file is still there.

    Raises:
        TableError: several inputs, or options that need files.
    """
    _check(inputs, options)
    source = str(inputs[0])
    default = "textshot.rejects.csv" if output == STDIO else f"{output}.rejects.csv"
    read = partial(options.table.open, source)
    with read() as table:
        columns = text_columns_of(table, options.text_columns)
        batches: Iterator[Batch] = table.batches(columns)
        calibrated = engine.calibrated
        if options.adapt and is_stream(source):
            first = _first_batches(batches, MAX_TEXTS)
            engine, batches = engine.adapted(_texts(first, columns)), chain(first, batches)
        elif options.adapt:
            with read() as again:
                engine = engine.adapted(_texts(again.batches(columns), columns))
        worker = Worker.for_columns(
            with_cache(engine), table.columns, columns, options, calibrated=calibrated
        )
        rejects = Path(options.rejects or default)
        if any(is_same_file(rejects, name) for name in (source, output)):
            raise TableError(f"{rejects}: is the input or the output. Name another file")
        tally = _write(worker, table, batches, output, rejects, options, on_progress)
        info = engine.info
        return Report(
            tally=tally,
            columns=dict(worker.names) | dict(worker.metadata),
            text_columns=tuple(columns),
            rejects_path=rejects if tally.rejected else None,
            adaptation=info.adaptation,
            threshold=info.decision.threshold,
            from_stream=is_stream(source),
        )


def _check(inputs: Sequence[str | Path], options: JobOptions) -> None:
    if options.compare is not None:
        raise TableError("a pipe leaves no summary to compare. Name files for input and output")
    if len(inputs) != 1 or Path(inputs[0]).is_dir():
        raise TableError("a pipe takes one table. Name one file as input, or a file as output")
    if options.review is not None:
        raise TableError(
            f"{options.review}: a review needs files: the rows of a pipe cannot be read again."
            " Name files for input and output"
        )


def _write(
    worker: Worker,
    table: Table,
    batches: Iterator[Batch],
    output: str,
    rejects: Path,
    options: JobOptions,
    on_progress: OnProgress,
) -> Tally:
    tally, columns = Tally(), worker.text_columns
    names = [*worker.names.values(), *worker.metadata.values()]
    plain = open_writer(
        output,
        worker.schema(table.schema),
        format=options.output_format,
        escape=options.escape,
        dialect=table.dialect,
    )
    with (
        open_stream_copy(table.source, output, options, names) or plain as writer,
        # Closed first: no output without its rejects.
        RejectsFile(rejects, table.dialect) as rejects_file,
    ):
        for batch in options.rows.selected(batches):
            valid = reject_blank(batch, columns, table.source)
            rejects_file.write(*valid.rejects)
            answered = worker.answer(valid.data)
            counts = count(worker, answered, len(valid.rejects))
            if isinstance(writer, CopyWriter):
                writer.write(answered.data, valid.lines)
            else:
                writer.write(answered.data)
            tally += counts
            on_progress(counts.read, table.fraction)
    return tally


def _texts(batches: Iterator[Batch] | list[Batch], columns: Sequence[str]) -> Iterator[str]:
    return (text for batch in batches for text in text_column(batch.data, columns))


def _first_batches(batches: Iterator[Batch], n_rows: int) -> list[Batch]:
    """Read batches until they hold `n_rows` rows."""
    first, n = list[Batch](), 0
    while n < n_rows and (batch := next(batches, None)) is not None:
        first.append(batch)
        n += batch.data.num_rows
    return first
