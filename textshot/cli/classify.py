"""textshot classify, textshot explain."""

from __future__ import annotations

import sys
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options, tables
from textshot.cli.output import counted, note, note_truncation, print_json, print_table
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    from textshot.engine.explain import Explanation, Word
    from textshot.io import TableOptions
    from textshot.types import Match, Prediction, Threshold

_BAR_CHARS = 20  # of the longest bar


@click.command()
@options.index_argument
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@options.file_option("-f", "--file", "path", help="Read texts from a table; - for stdin.")
@options.table_options
@click.option(
    "-k", type=click.IntRange(min=1), default=3, help="Number of matches per text in JSON."
)
@options.threshold_options
@options.engine_options
@options.json_option
def classify(
    index_path: str,
    texts: tuple[str, ...],
    path: str | None,
    table: TableOptions,
    k: int,
    threshold: Threshold,
    engine_options: options.EngineOptions,
    as_json: bool,
) -> None:
    """Classify texts.

    Texts come from the arguments, from a file (--file), or from stdin, one per line. Each gets its
    best category with a score (cosine) and a margin over the runner-up, or unknown.

    \b
    Examples:
      textshot classify my-index "they took the money twice" "lovely weather today"
      cat mails.txt | textshot classify my-index --json
    """
    from textshot.encoders import TruncationStats

    if not texts and path is None and sys.stdin.isatty():
        raise click.UsageError("no text. Give texts as arguments, --file FILE, or pipe them in")
    if texts and path is not None:
        raise click.UsageError("give texts as arguments or with --file, not both")
    engine = engine_options.load(index_path)
    source = iter(texts) if texts else tables.read_texts(path or "-", table)
    rows: list[tuple[str, ...]] = []
    stats = TruncationStats()
    while part := list(islice(source, tables.STDIN_ROWS)):
        stats += engine.truncation_stats(part)
        predictions = engine.classify(part, k, threshold=threshold)
        for text, prediction in zip(part, predictions, strict=True):
            if as_json:
                print_json(prediction_json(text, prediction))
            else:
                rows.append(_row(text, prediction, engine.calibrated))
    note_truncation(stats)
    if not as_json:
        probability = ("probability",) * engine.calibrated
        print_table(("label", "score", "margin", *probability, "text"), rows)


def prediction_json(text: str, prediction: Prediction) -> dict[str, Any]:
    """Return what `--json` prints for a text."""
    return {"text": text, **prediction.to_dict()}


def _row(text: str, prediction: Prediction, calibrated: bool) -> tuple[str, ...]:
    probability = "-" if prediction.probability is None else f"{prediction.probability:.2f}"
    return (
        prediction.label or UNKNOWN,
        f"{prediction.score:.3f}",
        f"{prediction.margin:.3f}",
        *((probability,) * calibrated),
        text,
    )


@click.command()
@options.index_argument
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "-n",
    "--words",
    "n_words",
    type=click.IntRange(min=0),
    default=5,
    help="Number of words to show, the most important first; JSON has all.",
)
@click.option("-k", type=click.IntRange(min=2), default=3, help="Number of categories to show.")
@options.threshold_options
@options.engine_options
@options.json_option
def explain(
    index_path: str,
    texts: tuple[str, ...],
    n_words: int,
    k: int,
    threshold: Threshold,
    engine_options: options.EngineOptions,
    as_json: bool,
) -> None:
    """Explain why texts get their answers.

    Shows the nearest categories, each with the key that decided its score, the threshold, and what
    each word adds to the score of the best category: the difference when the word is left out.
    Texts come from the arguments, or from stdin, one per line.

    \b
    Examples:
      textshot explain my-index "they took the money twice"
      textshot explain my-index --json < mails.txt
    """
    from textshot.encoders import TruncationStats

    if not texts and sys.stdin.isatty():
        raise click.UsageError("no text. Give texts as arguments, or pipe them in")
    engine = engine_options.load(index_path)
    stats = TruncationStats()
    for i, text in enumerate(texts or tables.read_texts("-")):
        stats += engine.truncation_stats([text])
        explanation = engine.explain(text, k, threshold=threshold)
        if explanation.n_left:
            note(f"text {i}: the last {counted(explanation.n_left, 'different word')} not tested")
        if as_json:
            prediction = explanation.prediction.to_dict()
            print_json({"text": text, **asdict(explanation), "prediction": prediction})
        else:
            click.echo(("\n" if i else "") + "\n".join(_lines(text, explanation, n_words)))
    note_truncation(stats)


def _lines(text: str, explanation: Explanation, n_words: int) -> list[str]:
    prediction = explanation.prediction
    label = prediction.label or UNKNOWN
    lines = [text, f"  {click.style(label, bold=True)}: {explanation.reason}"]
    if prediction.matches:
        lines += ["", f"  margin {prediction.margin:.3f}"]
        lines += [f"  {_match_line(match)}" for match in prediction.matches]
    words = explanation.words[:n_words]
    if words:
        lines += ["", f"  words that change the score of {prediction.matches[0].label}"]
        lines += _bars(words)
    return lines


def _match_line(match: Match) -> str:
    key = match.key
    text = "(private)" if key.text is None else f'"{key.text}"'
    return f"{match.score:.3f}  {match.label}, by its {key.kind} {text}"


def _bars(words: tuple[Word, ...]) -> list[str]:
    largest = max(abs(word.score) for word in words) or 1.0
    width = max(len(_word_text(word)) for word in words)
    lines = []
    for word in words:
        bar = ("+" if word.score > 0 else "-") * round(_BAR_CHARS * abs(word.score) / largest)
        lines.append(f"  {word.score:+.3f}  {_word_text(word):<{width}}  {bar}".rstrip())
    return lines


def _word_text(word: Word) -> str:
    return word.text if word.count == 1 else f"{word.text} ({word.count} times)"
