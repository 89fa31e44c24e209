"""textshot distill."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from textshot.cli import options, tables
from textshot.cli.output import note, print_json


@click.command()
@click.option("-o", "--output", required=True, metavar="ENCODER", help="Folder to write.")
@options.new_encoder_option("Encoder to distill.")
@options.revision_option
@click.option(
    "--dims",
    type=click.IntRange(min=2),
    help="Dimensions of a vector. [default: 256; with --texts that of the encoder]",
)
@options.file_option(
    "--texts",
    "texts_path",
    help="Table of unlabelled texts like yours (column text): fit the static encoder to up to 5,000"
    " of them.",
)
@options.json_option
def distill(
    output: str,
    encoder: str | None,
    revision: str | None,
    dims: int | None,
    texts_path: str | None,
    as_json: bool,
) -> None:
    """Distill an encoder to a static one: tens of times as fast, but less accurate.

    A static encoder is a table of one vector per token; the vector of a text is their mean.
    Distilling takes half a minute and the extra `static`; using the result needs neither the extra
    nor torch. With --texts the result is much more accurate on texts like these.

    \b
    Examples:
      textshot distill -o encoders/static
      textshot distill -o encoders/inbox --texts inbox.csv
    """
    from textshot.encoders import load_encoder
    from textshot.encoders.distill import distill as distill_encoder
    from textshot.errors import EncoderError
    from textshot.scoring.transduction import sample_texts

    loaded = load_encoder(encoder, revision=revision, backend="torch", device="cpu")
    reference = loaded.reference()
    if reference is None:
        raise EncoderError(
            f"the encoder {loaded.name!r} cannot be distilled. Take a sentence-transformers one"
        )
    texts = sample_texts(tables.read_texts(texts_path, skip_empty=True)) if texts_path else []
    if texts_path and not texts:
        raise EncoderError(f"{texts_path} has no text to fit the encoder to")
    n_tokens, dim = distill_encoder(
        reference, Path(output), dims=dims, texts=texts, on_message=note
    )
    if as_json:
        print_json({"output": output, "tokens": n_tokens, "dims": dim})
    else:
        click.echo(f"{output}: {n_tokens:,} tokens, {dim} dimensions")
        click.echo(f"Use it: textshot index CATEGORIES --encoder {shlex.quote(output)}")
