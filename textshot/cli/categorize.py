"""textshot categorize."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options, tables
from textshot.cli.categorize_output import (
    check_rejected,
    format_counts,
    note_texts,
    print_estimate,
    print_report,
)
from textshot.cli.option_types import FORMATS, split_names
from textshot.cli.output import counted, note, note_next
from textshot.cli.progress import progress

if TYPE_CHECKING:
    from textshot.batch import JobOptions, Report
    from textshot.engine import Engine

STDOUT = "-"


@click.command()
@options.index_argument
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--output",
    metavar="FILE|FOLDER",
    help="Output file, or folder of parts (exists, ends in / or has no extension); - for stdout."
    " [default: -]",
)
@click.option(
    "--in-place",
    is_flag=True,
    help="Add the columns to the workbook itself; the original is kept as NAME.backup.xlsx.",
)
@options.text_column_option
@options.threshold_options
@options.input_format_option
@click.option(
    "--output-format",
    type=FORMATS,
    help="Output format. [default: by the extension, else csv]",
)
@options.encoding_option
@options.layout_options
@click.option(
    "--no-escape",
    is_flag=True,
    help="Do not escape CSV cells that a spreadsheet would execute (=1+1, written ' =1+1).",
)
@click.option(
    "--rejects",
    metavar="FILE",
    help="File for invalid rows, with source, line and reason. [default: OUTPUT.rejects.csv]",
)
@click.option(
    "--metadata",
    callback=split_names,
    metavar="NAME[,NAME...]",
    help="Columns of the table of categories to add to each row.",
)
@options.adapt_option
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Read only the first N rows.")
@click.option(
    "--sample",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    metavar="SHARE",
    help="Read only a random share of the rows, 0 to 1.",
)
@click.option(
    "--shard-rows",
    type=click.IntRange(1),
    default=16_384,
    metavar="N",
    help="Checkpoint every N rows.",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    metavar="N",
    help="Number of worker processes. [default: 1, or one per core if the encoder uses one]",
)
@click.option(
    "--run",
    metavar="FOLDER",
    type=click.Path(),
    help="Folder for the run log; required if the output is a URL. [default: beside the output]",
)
@click.option(
    "--runner",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="Where to run: on this machine, or on Ray (extra `ray`).",
)
@click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="Address of the Ray cluster; auto finds one on this machine. [default: start one]",
)
@click.option("--dry-run", is_flag=True, help="Only estimate the rows, time and output size.")
@click.option("--restart", is_flag=True, help="Discard the progress of an earlier run.")
@click.option(
    "--compare",
    metavar="EARLIER",
    help="Compare with an earlier run: its output, or its summary.json.",
)
@click.option(
    "--review",
    metavar="FILE",
    help="Write the most uncertain rows to a file for people to label: xlsx, csv, jsonl, parquet.",
)
@click.option(
    "--review-rows",
    type=click.IntRange(1),
    default=100,
    metavar="N",
    help="Maximum rows in the review file.",
)
@options.carry_option
@options.engine_options
@options.json_option
def categorize(
    index_path: str,
    inputs: tuple[str, ...],
    output: str | None,
    no_escape: bool,
    engine_options: options.EngineOptions,
    dry_run: bool,
    as_json: bool,
    **fields: Any,
) -> None:
    """Add a category to every row of tables: CSV, TSV, JSONL, Parquet, Excel, plain text.

    INPUT is a file, folder or pattern. The output has the columns of the input and label, score,
    margin. Progress is saved: run the same command again to resume. Invalid rows are written to
    OUTPUT.rejects.csv with file, line and reason. A summary page is written beside the output.

    \b
    Examples:
      textshot categorize my-index examples/support/inbox.csv -o categorised.csv
      textshot categorize my-index mails.jsonl --text-column subject,body -o mails.parquet
      textshot categorize my-index "logs/2026-*.jsonl.gz" archive/ -o categorised/
      textshot categorize my-index week-2.csv -o second.csv --compare first.csv
    """
    from textshot.batch import JobOptions, estimate

    for path in inputs:
        tables.need_format(path, fields["input_format"])
    if fields["ray_address"] is not None and fields["runner"] != "ray":
        raise click.UsageError("--ray-address needs --runner ray")
    output = _output(inputs, output, in_place=fields["in_place"])
    engine = engine_options.load(index_path)
    job = JobOptions(escape=not no_escape, **fields)
    if dry_run:
        print_estimate(estimate(engine, inputs, output, job), output, as_json=as_json)
        return
    report = _run(engine, inputs, output, job)
    note_texts(report, engine, job)
    print_report(report, output, as_json=as_json)
    if job.review is not None:
        again = shlex.join(["textshot", "correct", index_path, "--from", str(job.review)])
        rows = counted(report.n_review, "uncertain row")
        note(f"{rows} for review in {job.review}: fill in the column label, then\n  {again}")
    elif output != STDOUT and not as_json:
        words = ("categorize", index_path, *inputs, "-o", output, "--review", "review.xlsx")
        note_next("correct the doubtful rows", *words)
    check_rejected(report)
    if report.failed:
        raise click.exceptions.Exit(1)


def _output(inputs: tuple[str, ...], output: str | None, *, in_place: bool) -> str:
    """Return where the rows go."""
    if not in_place:
        return STDOUT if output is None else output
    if output is not None or len(inputs) != 1:
        raise click.UsageError("--in-place edits one INPUT; leave out --output")
    return inputs[0]


def _run(engine: Engine, inputs: tuple[str, ...], output: str, job: JobOptions) -> Report:
    """Run the job with a progress bar; after Ctrl-C say how to resume."""
    from textshot.batch import categorize as run

    try:
        with progress("categorizing", beside_rows=output == STDOUT) as bar:
            return run(
                engine,
                inputs,
                output,
                job,
                on_progress=bar,
                on_counts=lambda counts: bar.show(format_counts(counts)),
            )
    except KeyboardInterrupt:
        if STDOUT in inputs and output != STDOUT:
            note("stopped: a pipe cannot be resumed; the output is unchanged")
        elif output != STDOUT:
            words = [word for word in sys.argv[1:] if word != "--restart"]
            note(f"stopped: progress is saved. To resume:\n  textshot {shlex.join(words)}")
        raise
