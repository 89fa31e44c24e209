# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot classify."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options
from textshot.cli.output import note_truncation, print_json, print_table, warn
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    from textshot.io import Format
    from textshot.types import Prediction, Threshold

_CHUNK = 256


@click.command()
@options.index_argument
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "-f", "--file", "path", type=click.Path(), help="Read texts from a table; - for stdin."
)
@options.text_column_option
@options.input_format_option
@options.encoding_option
@click.option(
    "-k", type=click.IntRange(min=1), default=3, show_default=True, help="Matches shown in JSON."
)
@options.threshold_options
@options.encoder_option
@options.device_option
@options.cache_option
@options.json_option
def classify(
    index_path: str,
    texts: tuple[str, ...],
    path: str | None,
    text_columns: list[str],
    input_format: Format | None,
    encoding: str | None,
    k: int,
    threshold: Threshold,
    encoder: str | None,
    device: options.Where,
    cache: bool,
    as_json: bool,
) -> None:
    """Say which category each text belongs to.

    Texts come from the arguments, from a file (--file), or from stdin, a text a line. Each one
    gets the best category, its score (cosine) and margin over the runner-up, or unknown.

    \b
    Examples:
      textshot classify my-index "they took the money twice" "lovely weather today"
      cat mails.txt | textshot classify my-index --json
    """
    from textshot.encoders import TruncationStats

    if not texts and path is None and sys.stdin.isatty():
        raise click.UsageError(
            "no text given. Give texts as arguments, --file FILE, or pipe them in"
        )
    if texts and path is not None:
        raise click.UsageError("texts are given as arguments and by --file; give one of them")
    engine = options.load_engine(index_path, encoder, device, cache=cache)
    source = iter(texts) if texts else read_texts(path or "-", text_columns, input_format, encoding)
    found: list[tuple[str, ...]] = []
    stats = TruncationStats()
    while part := list(islice(source, _CHUNK)):
        stats += engine.truncation_stats(part)
        for text, prediction in zip(
            part, engine.classify(part, k, threshold=threshold), strict=True
        ):
            if as_json:
                print_json(as_dict(text, prediction))
            else:
                found.append(_row(text, prediction, engine.calibrated))
    note_truncation(stats)
    if not as_json:
        sure = ("probability",) * engine.calibrated
        print_table(("label", "score", "margin", *sure, "text"), found)


def as_dict(text: str, prediction: Prediction) -> dict[str, Any]:
    """Return what `--json` prints for a text."""
    return {"text": text, **prediction.to_dict()}


def _row(text: str, prediction: Prediction, calibrated: bool) -> tuple[str, ...]:
    sure = "-" if prediction.probability is None else f"{prediction.probability:.2f}"
    return (
        prediction.label or UNKNOWN,
        f"{prediction.score:.3f}",
        f"{prediction.margin:.3f}",
        *((sure,) * calibrated),
        text,
    )


def read_texts(
    path: str, text_columns: list[str], input_format: Format | None, encoding: str | None
) -> Iterator[str]:
    """Yield the texts of a table, and tell which rows are left out."""
    from textshot.io import open_table, text_column
    from textshot.io.categories import text_columns_of

    with open_table(path, format=input_format, encoding=encoding, batch_rows=_CHUNK) as table:
        columns = text_columns_of(table, text_columns)
        for batch in table.batches():
            for reject in batch.rejects:
                warn(f"{reject.source}:{reject.line}: {reject.reason}; left out")
            yield from text_column(batch.data, columns)
