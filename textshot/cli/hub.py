# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from textshot.cli.output import note


@click.group()
def hub() -> None:
    """Share indexes and encoders on the Hugging Face hub, or fetch them.

    `hf auth login`, or the variable HF_TOKEN, says who you are there.

    \b
    Examples:
      textshot hub push my-index you/support-topics
      textshot hub pull you/support-topics -o my-index
    """


@hub.command()
@click.argument("folder", metavar="INDEX|ENCODER", type=click.Path())
@click.argument("repo_id", metavar="YOU/NAME")
@click.option("--no-texts", is_flag=True, help="Leave descriptions and examples out.")
@click.option("--public", is_flag=True, help="Let everybody see a repository that is made now.")
@click.option(
    "--encoder-repo",
    metavar="YOU/NAME",
    help="Where the encoder is on the hub, for an index that was made with one in a folder.",
)
@click.option(
    "--figures",
    "figures_path",
    metavar="FILE",
    type=click.Path(),
    help="What `textshot evaluate --json` printed, for the card.",
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

    It is made where there is none, and nobody else sees it unless --public is said. Of an index
    the present generation is pushed, with a card.

    \b
    Examples:
      textshot hub push my-index you/support-topics
      textshot hub push my-index you/support-topics --no-texts --public
      textshot hub push my-encoder you/support-encoder
    """
    from textshot.integrations.hub import push_to_hub

    click.echo(
        push_to_hub(
            folder,
            repo_id,
            texts=not no_texts,
            public=public,
            encoder=encoder_repo,
            figures=None if figures_path is None else _figures(figures_path),
        )
    )


@hub.command()
@click.argument("repo_id", metavar="YOU/NAME")
@click.option("-o", "--output", required=True, type=click.Path(), help="The index folder.")
@click.option("--revision", help="A branch, a tag or a commit.")
def pull(repo_id: str, output: str, revision: str | None) -> None:
    """Fetch an index from a repository.

    An index that is there already gets a new generation. An encoder is fetched by its name:
    textshot index --encoder you/name.

    \b
    Example:
      textshot hub pull you/support-topics -o my-index
    """
    from textshot.index import Index
    from textshot.integrations.hub import fetched

    index = Index.load(fetched(repo_id, revision=revision))
    generation = index.save(output, overwrite=True)
    note(f"{output}: {len(index)} categories, generation {generation}")


def _figures(path: str) -> Mapping[str, Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict) or "n_unknown" not in found:
        raise click.ClickException(f"{path} is not what `textshot evaluate --json` prints")
    return found
