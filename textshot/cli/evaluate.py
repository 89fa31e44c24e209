"""textshot evaluate, textshot tune."""

from __future__ import annotations

from dataclasses import asdict
from itertools import compress
from typing import TYPE_CHECKING

import click

from textshot.cli import options, tables
from textshot.cli.output import (
    check_page,
    counted,
    note,
    note_adapted,
    note_next,
    note_trained,
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
    from textshot.engine import Engine
    from textshot.evaluation import Evaluation
    from textshot.evaluation.labelled import LabelledPredictions, Learned
    from textshot.io import TableOptions
    from textshot.types import DecisionSettings, Threshold

_MAX_CONFUSIONS = 10
_REPORT_MATCHES = 5  # a report shows the true category if it is one of the best


@click.command()
@options.index_argument
@click.argument("labelled_path", metavar="LABELLED", type=click.Path())
@options.labelled_table_options
@options.threshold_options
@click.option(
    "--include-learned",
    "learned",
    flag_value="include",
    help="Count texts that the index learned or was calibrated on; they are left out otherwise.",
)
@click.option(
    "--holdout",
    "learned",
    flag_value="hold out",
    help="Answer each text that the index learned as an index would that did not learn it.",
)
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
    learned: Learned | None,
    adapt: bool,
    engine_options: options.EngineOptions,
    report_path: str | None,
    as_json: bool,
) -> None:
    """Measure accuracy on labelled texts.

    LABELLED has the columns text and label; an empty label, or unknown, marks a text as out of
    scope. Accuracy is measured on the texts in scope, where the answer unknown counts as wrong.
    Texts that the index learned or was calibrated on are left out.

    \b
    Examples:
      textshot evaluate my-index examples/support/labelled.csv
      textshot evaluate my-index examples/support/labelled.csv --report report.html
    """
    from textshot.evaluation import classify_labelled

    check_page(report_path)
    if adapt and learned == "hold out":
        raise click.UsageError("--holdout changes the index for each text; leave out --adapt")
    data = tables.read_labelled_texts(labelled_path, table)
    engine = engine_options.load(index_path)
    before = engine.decision.threshold if threshold == "auto" else None
    if adapt:
        engine = engine.adapted(data.texts)
        note_adapted(engine.info.adaptation, "the input", before, engine.decision.threshold)
    with progress("evaluating", len(data.texts)) as on_progress:
        k, mode = 1 if report_path is None else _REPORT_MATCHES, learned or "exclude"
        labelled = (engine, data.texts, data.truths, k)
        results = classify_labelled(
            *labelled, threshold=threshold, learned=mode, on_progress=on_progress
        )
    if report_path is not None:
        _write_report(report_path, results, index=index_path, labelled=labelled_path)
    _note_learned(results, engine)
    note_trained(engine)
    note_truncation(engine.truncation_stats(data.texts))
    if as_json:
        print_json({**results.evaluation.to_dict(), "rejected": len(data.rejects)})
        return
    _print_evaluation(results.evaluation)
    if report_path is None:
        _note_report("evaluate", index_path, labelled_path)


def _note_report(*words: str) -> None:
    note_next("see which texts are wrong", *words, "--report", "report.html")


def _write_report(path: str, results: LabelledPredictions, *, index: str, labelled: str) -> None:
    from textshot.reports import evaluation_page

    rows = (results.texts, results.truths, results.predictions)
    write_page(path, evaluation_page(results.evaluation, *rows, index=index, labelled=labelled))


def _note_learned(results: LabelledPredictions, engine: Engine) -> None:
    if results.n_learned:
        note(
            f"left out, as the index learned or was calibrated on them:"
            f" {counted(results.n_learned, 'text')} (--include-learned counts them, --holdout"
            " answers them without themselves)"
        )
    if results.n_held_out:
        note(f"answered by an index that did not learn them: {counted(results.n_held_out, 'text')}")
    examples = [e for category in engine.categories for e in category.examples]
    if any(e.text is None and not e.text_hash for e in examples):
        note("this private index was made by an older textshot and does not know what it learned")


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
    click.echo("\n".join(result.lines()))


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

        data = tables.read_labelled_texts(labelled_path, table)
        is_new = ~engine.has_learned(data.texts, calibrated=False)
        texts, truths = list(compress(data.texts, is_new)), list(compress(data.truths, is_new))
        if n_learned := len(data.texts) - len(texts):
            note(f"left out, as the index learned them: {counted(n_learned, 'text')}")
        first = evaluate(engine, texts, truths, learned="include") if texts else None
        engine.tune(data.texts, data.truths, unknown_rate=unknown_rate)
        if first is not None:
            results = first, evaluate(engine, texts, truths, learned="include")
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
