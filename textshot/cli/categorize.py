# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot categorize."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options
from textshot.cli.output import (
    counted,
    note,
    note_adapted,
    note_reading,
    percent,
    print_json,
    print_table,
    progress,
)

if TYPE_CHECKING:
    from textshot.categorize import Report
    from textshot.records import Threshold
    from textshot.tables import Format

STDOUT = "-"
_SHOWN_CHARS = 80


@click.command()
@options.index_argument
@click.argument("input_path", metavar="INPUT", type=click.Path())
@click.option(
    "-o", "--output", default=STDOUT, show_default=True, metavar="FILE", help="- for stdout."
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
@options.adapt_option
@options.encoder_option
@options.device_option
@options.remember_option
@options.json_option
def categorize(
    index_path: str,
    input_path: str,
    output: str,
    text_columns: list[str],
    threshold: Threshold,
    input_format: Format | None,
    output_format: Format | None,
    encoding: str | None,
    no_escape: bool,
    rejects: str | None,
    adapt: bool,
    encoder: str | None,
    device: options.Where,
    remember: bool,
    as_json: bool,
) -> None:
    """Add a category to every row of a file: CSV, TSV, JSONL, Parquet, Excel, plain text.

    The output has the input's columns and label, score, margin. It appears when it is complete.
    A summary goes to stdout (to stderr when the output is stdout).

    \b
    Examples:
      textshot categorize my-index examples/support/inbox.csv -o categorised.csv
      textshot categorize my-index mails.jsonl --text-column subject,body -o mails.parquet
    """
    from textshot.categorize import categorize as run

    options.need_format(input_path, input_format)
    engine = options.load_engine(index_path, encoder, device, remember=remember)
    try:
        with progress("categorising", beside_rows=output == STDOUT) as advance:
            report = run(
                engine,
                input_path,
                output,
                text_columns=text_columns,
                threshold=threshold,
                input_format=input_format,
                output_format=output_format,
                encoding=encoding,
                escape=not no_escape,
                rejects=rejects or _rejects_path(output),
                adapt=adapt,
                advance=advance,
            )
    except KeyboardInterrupt:
        if output != STDOUT:
            note("stopped: no output was written, and what was there before is untouched")
        raise
    if not text_columns and report.text_columns != ("text",):
        note(f"the texts are those of the column {report.text_columns[0]!r}")
    note_reading(report.reading)
    before = engine.decision.threshold if threshold == "auto" else None
    where = "the beginning of the input" if report.from_stream else "the input"
    note_adapted(report.adaptation, where, before, report.threshold)
    if adapt and engine.calibrated:
        note("probabilities were tuned for the index as it is, and are left out with --adapt")
    _say(report, output, as_json)


def _rejects_path(output: str) -> str:
    return "textshot.rejects.csv" if output == STDOUT else f"{Path(output)}.rejects.csv"


def _short(text: str) -> str:
    line = " ".join(text[:1000].split())
    return line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 1] + "…"


def _say(report: Report, output: str, as_json: bool) -> None:
    for wanted, name in report.columns.items():
        if name != wanted:
            note(f"the input has a column {wanted!r} already: ours is called {name!r}")
    if report.rejected:
        note(f"{counted(report.rejected, 'row')} could not be used; see {report.rejects_path}")
    ordered = sorted(report.tallies.items(), key=lambda item: (-item[1].count, item[0]))
    to_stderr = output == STDOUT
    if as_json:
        summary: dict[str, Any] = {
            "read": report.read,
            "written": report.written,
            "rejected": report.rejected,
            "unknown": report.unknown,
            "counts": {label: tally.count for label, tally in ordered},
        }
        if report.adaptation is not None:
            summary["adaptation"] = asdict(report.adaptation)
        print_json(summary, err=to_stderr)
        return
    rows = [
        (label, str(tally.count), percent(tally.count / report.written), _short(tally.example))
        for label, tally in ordered
    ]
    print_table(("category", "texts", "share", "example (the nearest)"), rows, err=to_stderr)
    click.echo(
        f"{counted(report.read, 'row')} read, {report.written} written to {output},"
        f" {report.unknown} unknown, {report.rejected} rejected",
        err=to_stderr,
    )
