"""textshot hub: push and pull indexes and encoders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from textshot.cli import options
from textshot.cli.output import note


@click.group()
def hub() -> None:
    """Share indexes and encoders on the Hugging Face hub, or fetch them.

    Log in with `hf auth login`, or set HF_TOKEN.

    \b
    Examples:
      textshot hub push my-index you/support-topics
      textshot hub pull you/support-topics -o my-index
    """


@hub.command()
@click.argument("folder", metavar="INDEX|ENCODER", type=click.Path())
@click.argument("repo_id", metavar="YOU/NAME")
@click.option("--no-texts", is_flag=True, help="Leave out descriptions and examples.")
@click.option("--public", is_flag=True, help="Make a new repository public.")
@click.option(
    "--encoder-repo",
    metavar="YOU/NAME",
    help="Name of the encoder on the hub, for an index made with a local one.",
)
@options.file_option(
    "--figures", "figures_path", help="Output of `textshot evaluate --json`, for the model card."
)
def push(
    folder: str,
    repo_id: str,
    no_texts: bool,
    public: bool,
    encoder_repo: str | None,
    figures_path: str | None,
) -> None:
    """Push an index, or an encoder that was trained, to a repository.

    Makes the repository if there is none, private unless you give --public. Of an index, the
    current generation is pushed, with a model card.

    \b
    Examples:
      textshot hub push my-index you/support-topics
      textshot hub push my-index you/support-topics --no-texts --public
      textshot hub push my-encoder you/support-encoder
    """
    from textshot.engine import Engine
    from textshot.engine.hub import Upload, is_encoder, push_encoder

    if is_encoder(folder):
        click.echo(push_encoder(folder, Upload(repo_id, public)))
        return
    figures = None if figures_path is None else _figures(figures_path)
    engine = Engine.load(folder, lazy=True)
    click.echo(
        engine.push_to_hub(
            repo_id, texts=not no_texts, public=public, encoder=encoder_repo, figures=figures
        )
    )


@hub.command()
@click.argument("repo_id", metavar="YOU/NAME")
@click.option("-o", "--output", required=True, type=click.Path(), help="Index folder to write.")
@click.option("--revision", help="Branch, tag or commit. [default: the latest]")
def pull(repo_id: str, output: str, revision: str | None) -> None:
    """Fetch an index from a repository.

    An existing index gets a new generation. An encoder need not be pulled: name it, as in
    `textshot index --encoder you/name`.

    \b
    Example:
      textshot hub pull you/support-topics -o my-index
    """
    from textshot.engine.hub import fetch_index
    from textshot.index import Index

    index = Index.load(fetch_index(repo_id, revision=revision))
    generation = index.save(output, overwrite=True)
    note(f"{output}: {len(index)} categories, generation {generation}")


def _figures(path: str) -> Mapping[str, Any]:
    try:
        figures = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(figures, dict) or "n_unknown" not in figures:
        raise click.ClickException(f"{path} is not what `textshot evaluate --json` prints")
    return figures
