"""The batch job: tables of texts in, the same rows with their categories out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from textshot.batch.estimate import Estimate, estimate_job
from textshot.batch.frames import categorize_frame
from textshot.batch.job import run_job
from textshot.batch.options import JobOptions, OnCounts, OnProgress
from textshot.batch.row_selection import Choice
from textshot.batch.run_report import Report
from textshot.batch.shards import SHARD_ROWS
from textshot.batch.stream import is_stream, run_stream
from textshot.batch.tally import Tally
from textshot.engine import Engine
from textshot.errors import TableError
from textshot.io import STDIO, Format
from textshot.types import Threshold

__all__ = [
    "SHARD_ROWS",
    "Estimate",
    "Report",
    "Tally",
    "categorize",
    "categorize_frame",
    "estimate",
]


def categorize(
    engine: Engine,
    source: str | Path | Iterable[str | Path],
    target: str | Path,
    *,
    text_columns: Sequence[str] = (),
    threshold: Threshold = "auto",
    input_format: Format | None = None,
    output_format: Format | None = None,
    encoding: str | None = None,
    escape: bool = True,
    rejects: str | Path | None = None,
    metadata: Sequence[str] = (),
    adapt: bool = False,
    limit: int | None = None,
    sample: float = 1.0,
    seed: int = 0,
    shard_rows: int = SHARD_ROWS,
    processes: int | None = None,
    run: str | Path | None = None,
    cluster: str | None = None,
    restart: bool = False,
    compare: str | Path | None = None,
    review: str | Path | None = None,
    review_rows: int = 100,
    on_progress: OnProgress = lambda rows, fraction: None,
    on_counts: OnCounts = lambda counts: None,
) -> Report:
    """Write the rows of tables with label, score and margin added.

    Memory does not grow with the input. Rows are done in shards, each of which is kept: after a
    stop of any kind the same call goes on, and its output is that of a run without a stop. An
    output that is one file appears when it is complete; until then what was there before is there.
    A pipe, in or out, is read or written as it comes, and nothing is kept.

    Args:
        engine: what answers.
        source: files, folders and patterns, or one of these; "-" for standard input.
        target: a file, a folder (one that is there, ends in a slash or has no ending), or "-" for
            standard output.
        text_columns: the columns that hold the text, joined; none: the column `text`, or the only
            one there is.
        threshold: as in `Engine.classify`.
        input_format: None goes by the endings of the names.
        output_format: the same; in a folder, as the input where all of it is alike, else CSV.
        encoding: of text tables; None: UTF-8, or what a byte order mark says.
        escape: in CSV and TSV, put an apostrophe before cells that a spreadsheet would run.
        rejects: where rows go that cannot be used, with file, line and reason; None: beside the
            output. The file is made with the first of them.
        metadata: what is added of the category of each row: other columns of the table of
            categories.
        adapt: let the categories move towards the texts of the input first (`Engine.adapted`),
            once: a file is read twice, of a pipe it is the first 5,000 texts.
        limit: read so many rows only, the first ones.
        sample: read this share of the rows only, drawn by `seed`.
        seed: for the sample.
        shard_rows: rows between two commits: what a stop costs at most.
        processes: how many answer; None: one where the encoder uses all cores, else one a core.
        run: the folder where the run is kept, needed where `target` is a URL; None: beside a
            file, or in the folder.
        cluster: the address of a Ray cluster (extra `ray`) that does it, "local" for one of this
            machine alone, "auto" for the one that it is part of; None: this process.
        restart: throw away what an earlier run left in the output.
        compare: the `summary.json`, or the output, of an earlier run: what is another than in that
            is said in the report and on the page. It is no part of the run.
        review: where the most doubtful rows go when all is done, for people to fill in the column
            `label`; `textshot correct --from` takes it back. Excel, or another table by its ending.
        review_rows: so many of them.
        on_progress: called with the number of rows done since the last call, and how much of the
            input that makes, 0 to 1, or None when its size is not known.
        on_counts: called now and then with how many rows each category has so far, "unknown" among
            them; of a pipe it is not.

    Raises:
        TableError: an input that cannot be used at all, or an output that belongs to another run.
        ConflictError: another process works on this output.
    """
    options = JobOptions(
        text_columns=text_columns,
        threshold=threshold,
        input_format=input_format,
        output_format=output_format,
        encoding=encoding,
        escape=escape,
        metadata=metadata,
        adapt=adapt,
        choice=Choice(limit, sample, seed),
        shard_rows=shard_rows,
        rejects=None if rejects is None else Path(rejects),
        processes=processes,
        run=None if run is None else Path(run),
        cluster=cluster,
        restart=restart,
        review=None if review is None else Path(review),
        review_rows=review_rows,
    )
    if str(rejects) == STDIO:
        raise TableError("rejected rows cannot go to the standard output. Name a file for them")
    inputs = [source] if isinstance(source, str | Path) else list(source)
    if not any(is_stream(str(place)) for place in (*inputs, target)):
        return run_job(engine, inputs, target, options, on_progress, compare, on_counts)
    if compare is not None:
        raise TableError("a pipe leaves no summary to compare. Name files for input and output")
    if len(inputs) != 1 or Path(inputs[0]).is_dir():
        raise TableError("a pipe takes one table. Name one file, or a place for the output")
    if review is not None:
        raise TableError(
            f"{review}: rows that went down a pipe, or came out of one, cannot be read again for a"
            " review. Name files for the input and the output"
        )
    return run_stream(engine, str(inputs[0]), str(target), options, on_progress)


def estimate(
    engine: Engine,
    source: str | Path | Iterable[str | Path],
    target: str | Path,
    *,
    text_columns: Sequence[str] = (),
    threshold: Threshold = "auto",
    input_format: Format | None = None,
    output_format: Format | None = None,
    encoding: str | None = None,
    escape: bool = True,
    metadata: Sequence[str] = (),
    limit: int | None = None,
    sample: float = 1.0,
) -> Estimate:
    """Say what `categorize` with these arguments would take on this machine; nothing is written.

    A thousand rows are answered, from the beginnings of ten files at most, and the rows of Parquet
    are counted; those of other files are judged by their size.

    Raises:
        TableError: a pipe, or an input that cannot be used.
    """
    inputs = [source] if isinstance(source, str | Path) else list(source)
    if any(is_stream(str(place)) for place in inputs):
        raise TableError("what comes out of a pipe is not known beforehand. Name files")
    options = JobOptions(
        text_columns=text_columns,
        threshold=threshold,
        input_format=input_format,
        output_format=output_format,
        encoding=encoding,
        escape=escape,
        metadata=metadata,
        choice=Choice(limit, sample),
    )
    return estimate_job(engine, inputs, target, options)
