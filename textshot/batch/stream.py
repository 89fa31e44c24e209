"""What can be read or written once only, a pipe: answered as it comes, and nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from textshot.batch.adaptation import adapt_to
from textshot.batch.options import JobOptions, OnProgress
from textshot.batch.run_report import Report
from textshot.batch.shards import only_texts
from textshot.batch.tally import Tally
from textshot.batch.worker import Worker
from textshot.batch.worker_pool import with_cache, work
from textshot.engine import Engine
from textshot.io import STDIO, Batch, RejectsFile, open_table, open_writer
from textshot.io.categories import text_columns_of


def is_stream(name: str) -> bool:
    """Tell whether a place is a pipe or a device, whatever its name."""
    path = Path(name)
    return name == STDIO or (path.exists() and not path.is_file() and not path.is_dir())


def run_stream(
    engine: Engine, source: str, output: str, options: JobOptions, on_progress: OnProgress
) -> Report:
    """Write the rows of one input to one output, of which one at least is a pipe.

    An output that is a file appears when it is complete; until then, and after any failure, what
    was there before is there.
    """
    read = partial(open_table, source, format=options.input_format, encoding=options.encoding)
    rejects = options.rejects or default_rejects(output)
    from_stream = is_stream(source)
    with read() as table:
        columns = text_columns_of(table, options.text_columns)
        batches: Iterator[Batch] = table.batches()
        calibrated = engine.calibrated
        if options.adapt:
            again = None if from_stream else read
            engine, batches = adapt_to(engine, batches, columns, again)
        worker = Worker.for_columns(
            with_cache(engine),
            table.columns,
            columns,
            threshold=options.threshold,
            metadata=options.metadata,
            calibrated=calibrated,
        )
        tally = Tally()
        with (
            open_writer(
                output,
                worker.schema(table.schema),
                format=options.output_format,
                escape=options.escape,
            ) as writer,
            RejectsFile(rejects) as bad,  # in place first: no output without its rejects
        ):
            for batch in options.choice.of_all(batches):
                kept = only_texts(batch, columns, table.source)
                bad.write(*kept.rejects)
                data, counted = work(worker, kept.data, len(kept.rejects))
                writer.write(data)
                tally += counted
                on_progress(counted.read, table.fraction)
        return Report(
            tally=tally,
            columns=dict(worker.names) | dict(worker.metadata),
            text_columns=tuple(columns),
            rejects_path=bad.path if bad.count else None,
            adaptation=engine.index.state.adaptation,
            threshold=engine.decision.threshold,
            from_stream=from_stream,
        )


def default_rejects(output: str) -> Path:
    """Return where rejects go if nothing is said."""
    return Path("textshot.rejects.csv" if output == STDIO else f"{output}.rejects.csv")
