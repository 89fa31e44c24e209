# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot tune."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.output import counted, note, percent, print_json, threshold_text
from textshot.types import DEFAULT_REJECTION_RATE

if TYPE_CHECKING:
    from textshot.evaluation import Evaluation
    from textshot.io import Format
    from textshot.types import DecisionSettings


@click.command()
@options.index_argument
@click.argument("labelled_path", metavar="[LABELLED]", type=click.Path(), required=False)
@options.unknown_rate_option
@options.text_column_option
@options.label_column_option
@options.input_format_option
@options.encoding_option
@options.encoder_option
@options.device_option
@options.cache_option
@options.json_option
def tune(
    index_path: str,
    labelled_path: str | None,
    unknown_rate: float | None,
    text_columns: list[str],
    label_column: str | None,
    input_format: Format | None,
    encoding: str | None,
    encoder: str | None,
    device: options.Where,
    cache: bool,
    as_json: bool,
) -> None:
    """Find probabilities and the threshold from labelled texts.

    LABELLED has the columns text and label, as for `evaluate`: an empty label, or unknown, says
    that the text fits no category. From 30 fitting texts on answers have a probability; from 10
    others on it covers "unknown" too, and the threshold is the one with the best mean of two
    shares: fitting texts answered rightly, others not answered. Evaluate on other texts than these.

    Without LABELLED the threshold is derived from the categories again, and what was tuned is
    forgotten.

    \b
    Examples:
      textshot tune my-index examples/support/labelled.csv
      textshot tune my-index --unknown-rate 0.8
    """
    if labelled_path is None and (text_columns or label_column or input_format or encoding):
        raise click.UsageError("these options say how LABELLED is read, and none is given")
    engine = options.load_engine(index_path, encoder, device, cache=cache)
    before = engine.decision
    found: tuple[Evaluation, Evaluation] | None = None
    if labelled_path is None:
        rate = DEFAULT_REJECTION_RATE if unknown_rate is None else unknown_rate
        engine.set_threshold("auto", unknown_rate=rate)
    else:
        from textshot.evaluation import evaluate

        data = options.read_labelled_texts(
            labelled_path, label_column, text_columns, input_format, encoding
        )
        earlier = evaluate(engine, data.texts, data.truths)
        engine.tune(data.texts, data.truths, unknown_rate=unknown_rate)
        found = earlier, evaluate(engine, data.texts, data.truths)
    generation = engine.save(index_path)
    if as_json:
        print_json({"index": index_path, "generation": generation, **asdict(engine.decision)})
        return
    _say(index_path, generation, before, engine.decision, found)


def _say(
    path: str,
    generation: int,
    before: DecisionSettings,
    after: DecisionSettings,
    found: tuple[Evaluation, Evaluation] | None,
) -> None:
    click.echo(f"{path}: generation {generation}")
    click.echo(f"threshold: {threshold_text(before)} -> {threshold_text(after)}")
    if found is None:
        return
    earlier, later = found
    fitting = later.n - later.n_unknown
    click.echo(
        f"on these {counted(later.n, 'text')}: accuracy {percent(earlier.accuracy)} ->"
        f" {percent(later.accuracy)} ({fitting} that fit), unknown recall"
        f" {percent(earlier.unknown_recall)} -> {percent(later.unknown_recall)}"
        f" ({later.n_unknown} that fit none)"
    )
    if after.unknown is None:
        note(
            f"{counted(later.n_unknown, 'text')} that fit none are too few to tell about unknown:"
            " the threshold stays, and probabilities hold for texts that fit a category"
        )
