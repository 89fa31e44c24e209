# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot correct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options
from textshot.cli.output import counted, note, print_json, print_saved, print_table, warn
from textshot.errors import InvalidCategoriesError
from textshot.types import UNKNOWN, parse_truth

if TYPE_CHECKING:
    from textshot.engine import Engine
    from textshot.io import Format
    from textshot.io.categories import LabelledTexts

_Pairs = list[tuple[str, str]]


@click.command()
@options.index_argument
@click.argument("text", required=False)
@click.argument("label", required=False)
@click.option("--from", "path", type=click.Path(), help="A table of texts and labels; - for stdin.")
@options.text_column_option
@options.label_column_option
@options.input_format_option
@options.encoding_option
@options.encoder_option
@options.device_option
@options.json_option
def correct(
    index_path: str,
    text: str | None,
    label: str | None,
    path: str | None,
    text_columns: list[str],
    label_column: str | None,
    input_format: Format | None,
    encoding: str | None,
    encoder: str | None,
    device: options.Where,
    as_json: bool,
) -> None:
    """Say which category a text belongs to; the very next answer knows.

    TEXT becomes an example of LABEL, marked as a correction; unknown says that it fits no
    category, and what is nearer to it than to one is unknown from then on. A table (--from) has
    the columns text and label, as `evaluate` reads it and `categorize` writes it: rows whose label
    is empty or unknown teach nothing and are skipped. In a review (`categorize --review`) unknown
    is what somebody said, and teaches that the text fits no category.

    \b
    Examples:
      textshot correct my-index "they took the money twice" "refund request"
      textshot correct my-index --from examples/support/labelled.csv
      textshot correct my-index --from review.xlsx
    """
    _check_usage(text, label, path)
    engine = options.load_engine(index_path, encoder, device)
    skipped = rejected = 0
    pairs: _Pairs = [(text, label)] if text is not None and label is not None else []
    if path is not None:
        options.need_format(path, input_format)
        pairs, skipped, rejected = _read(
            engine, path, label_column, text_columns, input_format, encoding
        )
    texts, labels = [t for t, _ in pairs], [name for _, name in pairs]
    before = [p.label for p in engine.classify(texts, k=1)]
    after = [p.label for p in engine.correct_all(texts, labels)]
    if pairs:
        engine.save(index_path)
    rows = list(zip(texts, before, after, strict=True))
    if as_json:
        print_json(
            {
                "index": index_path,
                "generation": engine.index.generation,
                "corrected": len(pairs),
                "changed": sum(b != a for _, b, a in rows),
                "skipped": skipped,
                "rejected": rejected,
                "answers": [{"text": t, "before": b, "after": a} for t, b, a in rows],
            }
        )
    else:
        _say(engine, index_path, rows, skipped)


def _check_usage(text: str | None, label: str | None, path: str | None) -> None:
    if path is not None and text is not None:
        raise click.UsageError("a text is given as an argument and by --from; give one of them")
    if label is not None and not label.strip():
        raise click.UsageError(f"LABEL is empty; say {UNKNOWN} of a text that fits no category")
    if path is None and label is None:
        raise click.UsageError("give a TEXT and its LABEL, or a table of them: --from FILE")


def _read(
    engine: Engine,
    path: str,
    label_column: str | None,
    text_columns: list[str],
    input_format: Format | None,
    encoding: str | None,
) -> tuple[_Pairs, int, int]:
    """Return the texts with their labels, and how many rows were skipped and rejected."""
    from textshot.io.categories import read_labelled_texts

    data = read_labelled_texts(
        path, label=label_column, text=text_columns, format=input_format, encoding=encoding
    )
    source = "<stdin>" if path == "-" else path
    problems = [(reject.line, reject.reason) for reject in data.rejects]
    pairs: _Pairs = []
    texts, labels = _said(data, path, input_format)
    for text, label, line in zip(texts, labels, data.lines, strict=True):
        try:
            pairs += [(text, _name_of(engine, label))] if label else []
        except InvalidCategoriesError as error:
            problems.append((line, str(error)))
    for line, reason in sorted(problems):
        warn(f"{source}:{line}: {reason}; left out")
    return pairs, labels.count(None), len(problems)


def _said(
    data: LabelledTexts, path: str, format: Format | None
) -> tuple[Sequence[str], Sequence[str | None]]:
    """Return the texts, and what is said of each; None: nothing.

    In a review somebody wrote "unknown"; elsewhere it may be what `categorize` answered, unread.
    """
    from textshot.batch.review import is_review
    from textshot.io import Format
    from textshot.io.delimited import unescaped
    from textshot.io.formats import format_of

    if not is_review(data.columns):
        return data.texts, data.truths
    texts, cells = data.texts, data.cells
    if format_of(path, format, stdio=Format.TEXT) in (Format.CSV, Format.TSV):
        texts, cells = unescaped(texts), unescaped(cells)
    return texts, [parse_truth(cell) or (UNKNOWN if cell.strip() else None) for cell in cells]


def _name_of(engine: Engine, label: str) -> str:
    return label if label == UNKNOWN else engine.index.entry(label).category.name


def _say(engine: Engine, path: str, rows: list[tuple[Any, ...]], skipped: int) -> None:
    if skipped:
        note(f"{counted(skipped, 'row')} without a category skipped")
    if not rows:
        click.echo(f"nothing to correct: {path} stays as it is")
        return
    print_table(("before", "after", "text"), [(b or UNKNOWN, a or UNKNOWN, t) for t, b, a in rows])
    changed = sum(b != a for _, b, a in rows)
    click.echo(f"{counted(len(rows), 'correction')}, {counted(changed, 'answer')} changed")
    print_saved(engine, path, engine.index.generation)
