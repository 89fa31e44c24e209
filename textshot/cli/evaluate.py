"""textshot evaluate, textshot tune."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.output import (
    check_page,
    counted,
    note,
    note_adapted,
    note_truncation,
    percent,
    print_json,
    print_table,
    threshold_text,
    write_page,
)
from textshot.cli.progress import progress
from textshot.types import DEFAULT_REJECTION_RATE

if TYPE_CHECKING:
    from textshot.evaluation import Evaluation
    from textshot.io import TableOptions
    from textshot.types import DecisionSettings, Threshold

_MAX_CONFUSIONS = 10
_REPORT_MATCHES = 5  # a report shows the true category if it is one of the best


@click.command()
@options.index_argument
@click.argument("labelled_path", metavar="LABELLED", type=click.Path())
@options.labelled_table_options
@options.threshold_options
@options.adapt_option
@options.engine_options
@options.file_option(
    "--report",
    "report_path",
    help="Write a report as a single web page (.html): bars, curves, confusions, the worst errors.",
)
@options.json_option
def evaluate(
    index_path: str,
    labelled_path: str,
    table: TableOptions,
    threshold: Threshold,
    adapt: bool,
    engine_options: options.EngineOptions,
    report_path: str | None,
    as_json: bool,
) -> None:
    """Measure accuracy on labelled texts.

    LABELLED has the columns text and label; an empty label, or unknown, marks a text as out of
    scope. Accuracy is measured on the texts in scope, where the answer unknown counts as wrong.

    \b
    Examples:
      textshot evaluate my-index examples/support/labelled.csv
      textshot evaluate my-index examples/support/labelled.csv --report report.html
    """
    from textshot.evaluation import evaluate_predictions, parse_truths, predict_in_batches

    check_page(report_path)
    data = options.read_labelled_texts(labelled_path, table)
    engine = engine_options.load(index_path)
    before = engine.decision.threshold if threshold == "auto" else None
    if adapt:
        engine = engine.adapted(data.texts)
        note_adapted(engine.info.adaptation, "the input", before, engine.decision.threshold)
    truths = parse_truths(engine, data.texts, data.truths)
    with progress("evaluating", len(data.texts)) as on_progress:
        k = 1 if report_path is None else _REPORT_MATCHES
        answers = predict_in_batches(
            engine, data.texts, k, threshold=threshold, on_progress=on_progress
        )
    evaluation = evaluate_predictions(answers, truths)
    if report_path is not None:
        from textshot.reports import evaluation_page

        names = {"index": index_path, "labelled": labelled_path}
        write_page(report_path, evaluation_page(evaluation, data.texts, truths, answers, **names))
    note_truncation(engine.truncation_stats(data.texts))
    if as_json:
        print_json({**evaluation.to_dict(), "rejected": len(data.rejects)})
    else:
        _print_evaluation(evaluation)


def _print_evaluation(result: Evaluation) -> None:
    print_table(
        ("category", "texts", "precision", "recall", "f1"),
        [
            (name, str(s.support), percent(s.precision), percent(s.recall), percent(s.f1))
            for name, s in result.labels.items()
        ],
    )
    if result.confusions:
        click.echo()
        print_table(
            ("texts", "of", "answered as"),
            [(str(n), truth, answer) for truth, answer, n in result.confusions[:_MAX_CONFUSIONS]],
        )
    click.echo()
    low, high = result.accuracy_interval or (None, None)
    in_scope, out_of_scope = (
        counted(n, "text") for n in (result.n - result.n_unknown, result.n_unknown)
    )
    lines = [
        (
            "accuracy",
            f"{percent(result.accuracy)}  (95 % interval {percent(low)} to {percent(high)};"
            f" {in_scope} in scope)",
        ),
        ("coverage", percent(result.coverage)),
        ("precision of answers", percent(result.accuracy_answered)),
        ("macro F1", percent(result.macro_f1)),
        (
            "unknown",
            f"recall {percent(result.unknown_recall)}, precision"
            f" {percent(result.unknown_precision)}  ({out_of_scope} out of scope)",
        ),
    ]
    if result.calibration_error is not None:
        lines.append(("calibration error", percent(result.calibration_error)))
    for name, text in lines:
        click.echo(f"{name:<22} {text}")


@click.command()
@options.index_argument
@click.argument("labelled_path", metavar="[LABELLED]", type=click.Path(), required=False)
@options.unknown_rate_option
@options.labelled_table_options
@options.engine_options
@options.json_option
def tune(
    index_path: str,
    labelled_path: str | None,
    unknown_rate: float | None,
    table: TableOptions,
    engine_options: options.EngineOptions,
    as_json: bool,
) -> None:
    """Calibrate probabilities and the threshold on labelled texts.

    LABELLED is as for `evaluate`. With 30 texts in scope, answers get a probability; with 10 out of
    scope, unknown gets one too, and the threshold is set to the best mean of two shares: in-scope
    texts answered right, and out-of-scope texts answered unknown. Evaluate on other texts than
    these. Without LABELLED the threshold is derived from the categories again, and probabilities
    are removed.

    \b
    Examples:
      textshot tune my-index examples/support/labelled.csv
      textshot tune my-index --unknown-rate 0.8
    """
    from textshot.io import TableOptions

    if labelled_path is None and table != TableOptions():
        raise click.UsageError("there is no LABELLED that these options could read")
    engine = engine_options.load(index_path)
    before = engine.decision
    results: tuple[Evaluation, Evaluation] | None = None
    if labelled_path is None:
        rate = DEFAULT_REJECTION_RATE if unknown_rate is None else unknown_rate
        engine.set_threshold("auto", unknown_rate=rate)
    else:
        from textshot.evaluation import evaluate

        data = options.read_labelled_texts(labelled_path, table)
        first = evaluate(engine, data.texts, data.truths)
        engine.tune(data.texts, data.truths, unknown_rate=unknown_rate)
        results = first, evaluate(engine, data.texts, data.truths)
    generation = engine.save(index_path)
    if as_json:
        print_json({"index": index_path, "generation": generation, **asdict(engine.decision)})
    else:
        _print_change(f"{index_path}: generation {generation}", before, engine.decision, results)


def _print_change(
    title: str,
    before: DecisionSettings,
    after: DecisionSettings,
    results: tuple[Evaluation, Evaluation] | None,
) -> None:
    click.echo(title)
    click.echo(f"threshold: {threshold_text(before)} -> {threshold_text(after)}")
    if results is None:
        return
    old, new = results
    click.echo(
        f"on these {counted(new.n, 'text')}: accuracy {percent(old.accuracy)} ->"
        f" {percent(new.accuracy)} ({new.n - new.n_unknown} in scope), recall of unknown"
        f" {percent(old.unknown_recall)} -> {percent(new.unknown_recall)}"
        f" ({new.n_unknown} out of scope)"
    )
    if after.unknown is None:
        note(
            f"{counted(new.n_unknown, 'out-of-scope text')}: too few to calibrate unknown. The"
            " threshold stays, and probabilities hold for texts in scope"
        )
