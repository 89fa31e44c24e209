# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot categorize."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options
from textshot.cli.categorize_output import in_words, note_truncation_of, say, say_estimate
from textshot.cli.output import counted, note
from textshot.cli.progress import progress

if TYPE_CHECKING:
    from textshot.batch import Report
    from textshot.io import Format
    from textshot.types import Threshold

STDOUT = "-"


@click.command()
@options.index_argument
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--output",
    default=STDOUT,
    show_default=True,
    metavar="FILE|FOLDER",
    help="A file; a folder of parts, if it is there, ends in a slash or has no ending; - for"
    " stdout.",
)
@options.text_column_option
@options.threshold_options
@options.input_format_option
@click.option("--output-format", type=options.FORMATS, help="Default: by the output's ending; CSV.")
@options.encoding_option
@click.option(
    "--no-escape",
    is_flag=True,
    help="Leave CSV cells such as =1+1 as they are, though a spreadsheet would run them.",
)
@click.option(
    "--rejects",
    metavar="FILE",
    help="Where rows that cannot be used go. [default: OUTPUT.rejects.csv]",
)
@click.option(
    "--metadata",
    callback=lambda _c, _p, value: [c.strip() for c in value.split(",")] if value else [],
    metavar="NAME[,NAME...]",
    help="Add what the index knows about the category of each row: other columns of its table.",
)
@options.adapt_option
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Read the first N rows only.")
@click.option(
    "--sample",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    metavar="SHARE",
    help="Read this share of the rows only, 0 to 1, drawn by --seed.",
)
@click.option("--seed", default=0, help="For --sample.")
@click.option(
    "--shard-rows",
    type=click.IntRange(1),
    default=16_384,
    show_default=True,
    help="Rows between two commits: what a stop costs at most.",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    help="How many answer. [default: 1 where the encoder uses all cores, else one a core]",
)
@click.option(
    "--run",
    "run_folder",
    metavar="FOLDER",
    type=click.Path(),
    help="Where the run is kept; asked for where the output is a URL. [default: beside the output]",
)
@click.option(
    "--runner",
    "runner",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="What runs it: this machine, or Ray, which takes the extra `ray`.",
)
@click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="Of a Ray cluster; auto: the one of this machine. [default: one that is begun for this]",
)
@click.option(
    "--dry-run", is_flag=True, help="Say how many rows, how long and how much it would be; no more."
)
@click.option("--restart", is_flag=True, help="Throw away what an earlier run left in the output.")
@click.option(
    "--compare",
    metavar="EARLIER",
    help="Say what is another than in an earlier run: its output, or its summary.json.",
)
@click.option(
    "--review",
    metavar="FILE",
    help="Write the most doubtful rows there, for people to fill in their label: xlsx, with a list"
    " to choose from, or csv, tsv, jsonl, parquet.",
)
@click.option(
    "--review-rows", type=click.IntRange(1), default=100, show_default=True, help="So many rows."
)
@options.engine_options
@options.json_option
def categorize(
    index_path: str,
    inputs: tuple[str, ...],
    output: str,
    text_columns: list[str],
    threshold: Threshold,
    input_format: Format | None,
    output_format: Format | None,
    encoding: str | None,
    no_escape: bool,
    rejects: str | None,
    metadata: list[str],
    adapt: bool,
    limit: int | None,
    sample: float,
    seed: int,
    shard_rows: int,
    processes: int | None,
    run_folder: str | None,
    runner: str,
    ray_address: str | None,
    dry_run: bool,
    restart: bool,
    compare: str | None,
    review: str | None,
    review_rows: int,
    engine_options: options.EngineOptions,
    as_json: bool,
) -> None:
    """Add a category to every row of tables: CSV, TSV, JSONL, Parquet, Excel, plain text.

    INPUT is a file, a folder or a pattern, or several. The output has the input's columns and
    label, score, margin. What is done is kept: after any stop the same command goes on, and what is
    finished is not done again. A summary goes to stdout (to stderr when the output is stdout), and
    as a page for a browser beside the output.

    \b
    Examples:
      textshot categorize my-index examples/support/inbox.csv -o categorised.csv
      textshot categorize my-index mails.jsonl --text-column subject,body -o mails.parquet
      textshot categorize my-index "logs/2026-*.jsonl.gz" archive/ -o categorised/
      textshot categorize my-index week-2.csv -o second.csv --compare first.csv
    """
    from textshot.batch import categorize as run
    from textshot.batch import estimate

    for path in inputs:
        options.need_format(path, input_format)
    if ray_address is not None and runner != "ray":
        raise click.UsageError("--ray-address goes with --runner ray")
    engine = engine_options.load(index_path)
    of_both: dict[str, Any] = {
        "text_columns": text_columns,
        "threshold": threshold,
        "input_format": input_format,
        "output_format": output_format,
        "encoding": encoding,
        "escape": not no_escape,
        "metadata": metadata,
        "limit": limit,
        "sample": sample,
    }
    if dry_run:
        say_estimate(estimate(engine, inputs, output, **of_both), output, as_json=as_json)
        return
    try:
        with progress("categorising", beside_rows=output == STDOUT) as advance:
            report = run(
                engine,
                inputs,
                output,
                **of_both,
                rejects=rejects,
                adapt=adapt,
                seed=seed,
                shard_rows=shard_rows,
                processes=processes,
                run=run_folder,
                cluster=(ray_address or "local") if runner == "ray" else None,
                restart=restart,
                compare=compare,
                review=review,
                review_rows=review_rows,
                on_progress=advance,
                on_counts=lambda counts: advance.show(in_words(counts)),
            )
    except KeyboardInterrupt:
        if STDOUT in inputs and output != STDOUT:
            note("stopped: a pipe cannot go on; what was there before is untouched")
        elif output != STDOUT:
            note(f"stopped: what is done is kept, and goes on by\n  textshot {_again(restart)}")
        raise
    note_truncation_of(report, engine, threshold, adapt=adapt, columns_named=bool(text_columns))
    say(report, output, as_json=as_json)
    _note_review(report, index_path, review)
    if report.failed:
        raise click.exceptions.Exit(1)


def _again(restart: bool) -> str:
    """Return the arguments of this command, for a shell; to go on is not to begin anew."""
    words = [word for word in sys.argv[1:] if not (restart and word == "--restart")]
    return shlex.join(words)


def _note_review(report: Report, index_path: str, review: str | None) -> None:
    if review is not None:
        again = shlex.join(["textshot", "correct", index_path, "--from", review])
        rows = counted(report.n_review, "doubtful row")
        note(f"{rows} for review in {review}: fill in the column label, then\n  {again}")
