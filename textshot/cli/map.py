# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.classify import read_texts
from textshot.cli.output import note

if TYPE_CHECKING:
    from textshot.io import Format


@click.command("map")
@options.index_argument
@click.argument("texts_path", metavar="[TEXTS]", required=False, type=click.Path())
@click.option(
    "-o", "--output", metavar="FILE", required=True, type=click.Path(), help="The page, .html."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of texts and layout.")
@options.text_column_option
@options.input_format_option
@options.encoding_option
@options.encoder_option
@options.device_option
@options.cache_option
def map_(
    index_path: str,
    texts_path: str | None,
    output: str,
    seed: int,
    text_columns: list[str],
    input_format: Format | None,
    encoding: str | None,
    encoder: str | None,
    device: options.Where,
    cache: bool,
) -> None:
    """Draw categories, and texts, in the plane.

    Writes one page that needs nothing but a browser: near there is near for the encoder, and
    pointing at a dot shows its text. TEXTS has a column text; of more than 5,000 different texts
    5,000 are drawn.

    \b
    Examples:
      textshot map my-index -o map.html
      textshot map my-index examples/support/inbox.csv -o map.html
    """
    from textshot.reports import index_map

    options.check_page(output)
    lazy = texts_path is None  # categories alone have their vectors already
    engine = options.load_engine(index_path, encoder, device, lazy=lazy, cache=cache)
    texts = (
        [] if texts_path is None else read_texts(texts_path, text_columns, input_format, encoding)
    )
    note("laying out; of thousands of texts this takes half a minute")
    page = index_map(engine, texts, index=index_path, source=texts_path or "", seed=seed)
    options.write_page(output, page)
