# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot distill."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from textshot.cli import options
from textshot.cli.output import note, print_json


@click.command()
@click.option("-o", "--output", required=True, metavar="ENCODER", help="Folder to write.")
@click.option(
    "--encoder",
    envvar="TEXTSHOT_ENCODER",
    metavar="NAME|FOLDER",
    help="To start from. [default: all-MiniLM-L6-v2; env: TEXTSHOT_ENCODER]",
)
@click.option("--revision", help="Of a hub model: a commit or a tag.")
@click.option(
    "--dims",
    type=click.IntRange(min=2),
    default=256,
    show_default=True,
    help="Numbers of a vector.",
)
@options.json_option
def distill(
    output: str, encoder: str | None, revision: str | None, dims: int, as_json: bool
) -> None:
    """Make a static encoder: tens of times as fast, and less exact.

    It is a table with a row for each token, and a text is the mean of its rows. Making it takes
    half a minute and the extra `static`; using it takes neither that nor torch.

    \b
    Example:
      textshot distill -o encoders/static
    """
    from textshot.encoders import load_encoder
    from textshot.encoders.distil import distil
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
    from textshot.errors import EncoderError

    loaded = load_encoder(encoder, revision=revision, backend="torch", device="cpu")
    if not isinstance(loaded, SentenceTransformerEncoder):
        raise EncoderError(
            f"the encoder {loaded.name!r} has no tokens to encode. Take a sentence-transformers one"
        )
    n_tokens, dim = distil(loaded, Path(output), dims=dims, say=note)
    if as_json:
        print_json({"output": output, "tokens": n_tokens, "dims": dim})
    else:
        click.echo(f"{output}: {n_tokens:,} tokens, {dim} numbers each")
        click.echo(f"Use it: textshot index CATEGORIES --encoder {shlex.quote(output)}")
