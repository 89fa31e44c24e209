# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot suggest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.classify import as_dict, read_texts
from textshot.cli.output import counted, note, note_truncation, print_json, print_table
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    from textshot.engine import Engine
    from textshot.io import Format
    from textshot.types import Prediction


@click.command()
@options.index_argument
@click.argument("unlabelled_path", metavar="UNLABELLED", type=click.Path())
@click.option(
    "-n", "n_texts", type=click.IntRange(min=1), help="How many. [default: one for each category]"
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    help="Write them to a table with an empty column label, for `textshot correct --from`; .xlsx"
    " has a list to choose from in each cell.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the texts looked at.")
@options.text_column_option
@options.input_format_option
@options.encoding_option
@options.encoder_option
@options.device_option
@options.cache_option
@options.json_option
def suggest(
    index_path: str,
    unlabelled_path: str,
    n_texts: int | None,
    output: str | None,
    seed: int,
    text_columns: list[str],
    input_format: Format | None,
    encoding: str | None,
    encoder: str | None,
    device: options.Where,
    cache: bool,
    as_json: bool,
) -> None:
    """Pick the few texts whose label would help most.

    Texts between two categories that many others are like, each unlike those picked before it and
    unlike the examples that are there. UNLABELLED has a column text; of more than 5,000 different
    texts 5,000 are looked at. The most helpful comes first.

    \b
    Examples:
      textshot suggest my-index examples/support/inbox.csv -n 10
      textshot suggest my-index examples/support/inbox.csv -o to-label.xlsx
    """
    if output is not None and Path(output).exists():
        raise click.ClickException(
            f"{output} is there already, perhaps with labels in it. Name another file, or move it"
        )
    engine = options.load_engine(index_path, encoder, device, cache=cache)
    texts = read_texts(unlabelled_path, text_columns, input_format, encoding)
    picked = engine.suggest(texts, n_texts or max(1, len(engine.index)), seed=seed)
    note_truncation(engine.truncation_stats(picked))
    answers = engine.classify(picked, 3)
    if output is not None:
        lines = _lines(unlabelled_path, set(picked), text_columns, input_format, encoding)
        n = _write(engine, output, unlabelled_path, picked, answers, lines)
        note(
            f"{counted(n, 'text')} to label in {output}; then: textshot correct {index_path}"
            f" --from {output}"
        )
    elif as_json:
        for text, answer in zip(picked, answers, strict=True):
            print_json(as_dict(text, answer))
    else:
        rows = [
            (answer.label or UNKNOWN, f"{answer.margin:.3f}", text)
            for text, answer in zip(picked, answers, strict=True)
        ]
        print_table(("answer", "margin", "text"), rows)


def _lines(
    path: str,
    texts: set[str],
    text_columns: list[str],
    input_format: Format | None,
    encoding: str | None,
) -> dict[str, int]:
    """Return where each text is first; nothing of stdin, which cannot be read again."""
    from textshot.encoders import clean_texts
    from textshot.io import open_table, text_column
    from textshot.io.categories import text_columns_of

    found: dict[str, int] = {}
    if path == "-":
        return found
    with open_table(path, format=input_format, encoding=encoding) as table:
        columns = text_columns_of(table, text_columns)
        for batch in table.batches():
            rows = clean_texts(text_column(batch.data, columns))
            for text, line in zip(rows, batch.lines, strict=True):
                if text in texts:
                    found.setdefault(text, line)
    return found


def _write(
    engine: Engine,
    output: str,
    path: str,
    texts: list[str],
    answers: list[Prediction],
    lines: dict[str, int],
) -> int:
    from textshot.batch.review import ReviewRow, write_review_rows
    from textshot.batch.worker import Worker

    worker = Worker.for_columns(engine, ["text"], ["text"])
    rows = [
        ReviewRow(
            text=text,
            answer=answer.label or UNKNOWN,
            score=answer.score,
            margin=answer.margin,
            probability=answer.probability,
            source="" if path == "-" else path,
            line=lines.get(text, 0),
        )
        for text, answer in zip(texts, answers, strict=True)
    ]
    return write_review_rows(Path(output), rows, worker)
