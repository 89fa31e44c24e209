# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.output import (
    counted,
    note_adapted,
    note_truncation,
    percent,
    print_json,
    print_table,
)
from textshot.cli.progress import progress

if TYPE_CHECKING:
    from textshot.evaluation import Evaluation
    from textshot.io import Format
    from textshot.types import Threshold

_SHOWN_CONFUSIONS = 10
_MATCHES = 5  # of each answer in a report, which shows the true category where it came near


@click.command()
@options.index_argument
@click.argument("labelled_path", metavar="LABELLED", type=click.Path())
@options.text_column_option
@options.label_column_option
@options.threshold_options
@options.adapt_option
@options.input_format_option
@options.encoding_option
@options.encoder_option
@options.device_option
@options.cache_option
@click.option(
    "--report",
    "report_path",
    metavar="FILE",
    type=click.Path(),
    help="Write a page, .html: bars, curves, who was taken for whom, the worst errors with their"
    " texts. One file that needs nothing but a browser.",
)
@options.json_option
def evaluate(
    index_path: str,
    labelled_path: str,
    text_columns: list[str],
    label_column: str | None,
    threshold: Threshold,
    adapt: bool,
    input_format: Format | None,
    encoding: str | None,
    encoder: str | None,
    device: options.Where,
    cache: bool,
    report_path: str | None,
    as_json: bool,
) -> None:
    """Compare the answers with labelled texts.

    LABELLED has the columns text and label; an empty label, or unknown, says that the text fits no
    category. Accuracy is over the others, and counts unknown as wrong.

    \b
    Examples:
      textshot evaluate my-index examples/support/labelled.csv
      textshot evaluate my-index examples/support/labelled.csv --report report.html
    """
    from textshot.evaluation import compared, predicted, wanted_of

    options.check_page(report_path)
    data = options.read_labelled_texts(
        labelled_path, label_column, text_columns, input_format, encoding
    )
    engine = options.load_engine(index_path, encoder, device, cache=cache)
    before = engine.decision.threshold if threshold == "auto" else None
    if adapt:
        engine = engine.adapted(data.texts)
        adaptation = engine.index.state.adaptation
        note_adapted(adaptation, "the input", before, engine.decision.threshold)
    wanted = wanted_of(engine, data.texts, data.truths)
    with progress("evaluating", len(data.texts)) as advance:
        k = 1 if report_path is None else _MATCHES
        answers = predicted(engine, data.texts, k, threshold=threshold, advance=advance)
    found = compared(answers, wanted)
    if report_path is not None:
        from textshot.reports import evaluation_page

        page = evaluation_page(
            found, data.texts, wanted, answers, index=index_path, labelled=labelled_path
        )
        options.write_page(report_path, page)
    note_truncation(engine.truncation_stats(data.texts))
    if as_json:
        print_json({**found.to_dict(), "rejected": len(data.rejects)})
    else:
        _say(found)


def _say(found: Evaluation) -> None:
    print_table(
        ("category", "texts", "precision", "recall", "f1"),
        [
            (name, str(s.support), percent(s.precision), percent(s.recall), percent(s.f1))
            for name, s in found.labels.items()
        ],
    )
    if found.confusions:
        click.echo()
        print_table(
            ("texts", "of", "answered as"),
            [(str(n), truth, answer) for truth, answer, n in found.confusions[:_SHOWN_CONFUSIONS]],
        )
    click.echo()
    low, high = found.accuracy_interval or (None, None)
    fitting, strange = (
        counted(n, "text that fits", "texts that fit")
        for n in (found.n - found.n_unknown, found.n_unknown)
    )
    click.echo(
        f"accuracy            {percent(found.accuracy)}  (95 % interval {percent(low)} to"
        f" {percent(high)}; {fitting} a category)"
    )
    click.echo(
        f"of those answered   {percent(found.accuracy_answered)}  (coverage"
        f" {percent(found.coverage)})"
    )
    click.echo(f"macro F1            {percent(found.macro_f1)}")
    click.echo(
        f"unknown             recall {percent(found.unknown_recall)}, precision"
        f" {percent(found.unknown_precision)}  ({strange} none)"
    )
    if found.calibration_error is not None:
        click.echo(
            f"probabilities       off by {percent(found.calibration_error)} (expected calibration"
            " error, 15 bins)"
        )
