"""textshot import, textshot hub: categories and indexes from and to other places."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options, reindexing
from textshot.cli.output import categories_text, counted, note, warn, warn_rejects
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    from textshot.types import Category

_output = options.file_option(
    "-o", "--output", required=True, help="Categories file to write; - for stdout."
)
_file = click.argument("path", metavar="FILE", type=click.Path())


@click.group(name="import")
def import_() -> None:
    """Convert the examples or routes of another tool to a categories file.

    Reads JSON, YAML and tables as data alone; it never opens a pickled model.

    \b
    Example:
      textshot import semantic-router router.yaml -o categories.csv
    """


@import_.command("setfit")
@_file
@_output
@options.layout_options
@options.file_option(
    "--names",
    help="Names of numbered labels: the model's config_setfit.json, or a list in JSON. [default:"
    " the column label_text, if there is one]",
)
def setfit(
    path: str, output: str, names: str | None, sheet: str | None, header_row: int | None
) -> None:
    """Convert a table of SetFit examples, with the columns text and label.

    \b
    Example:
      textshot import setfit train.jsonl --names config_setfit.json -o categories.csv
    """
    from textshot.io import TableOptions
    from textshot.io.importers import from_setfit

    categories, rejects = from_setfit(path, names, TableOptions(sheet=sheet, header_row=header_row))
    warn_rejects(rejects)
    if all(category.name.strip().isdecimal() for category in categories):
        warn("the names are numbers, which say nothing. Name them: --names config_setfit.json")
    _write_categories(path, output, categories)


@import_.command("semantic-router")
@_file
@_output
def semantic_router(path: str, output: str) -> None:
    """Convert routes as SemanticRouter.to_json and to_yaml write them.

    Thresholds are left out: they belong to another encoder.

    \b
    Example:
      textshot import semantic-router router.yaml -o categories.csv
    """
    from textshot.io.importers import from_semantic_router

    _write_categories(path, output, from_semantic_router(path))


@import_.command("classy")
@_file
@_output
def classy(path: str, output: str) -> None:
    """Convert the data of classy-classification: examples by name, or a list of names.

    \b
    Example:
      textshot import classy data.json -o categories.csv
    """
    from textshot.io.importers import from_classy

    _write_categories(path, output, from_classy(path))


def _write_categories(path: str, output: str, categories: Sequence[Category]) -> None:
    from textshot.io.category_rows import write_categories
    from textshot.io.files import is_same_file

    if is_same_file(path, output):
        raise click.ClickException(f"{output} is the input, which would be replaced")
    write_categories(output, categories)
    n_examples = sum(len(category.examples) for category in categories)
    note(f"{categories_text(len(categories))}, {counted(n_examples, 'example')}")


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
@reindexing.correction_options
def pull(
    repo_id: str, output: str, revision: str | None, corrections: reindexing.Choice | None
) -> None:
    """Fetch an index from a repository.

    An existing index gets a new generation. An encoder need not be pulled: name it, as in
    `textshot index --encoder you/name`.

    \b
    Example:
      textshot hub pull you/support-topics -o my-index
    """
    from textshot.engine import Engine

    engine = Engine.from_hub(repo_id, revision=revision, lazy=True)
    update = reindexing.Update(output, repo_id, engine.categories, engine.out_of_scope)
    if kept := update.corrections(corrections):
        labels = [None if name == UNKNOWN else name for name, _ in kept]
        engine.correct_all([example.text or "" for _, example in kept], labels)
    update.save(engine, purge=False)
    n, generation = len(engine.categories), engine.info.generation
    note(f"{output}: {n} categories, generation {generation}")


def _figures(path: str) -> Mapping[str, Any]:
    try:
        figures = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(figures, dict) or "n_unknown" not in figures:
        raise click.ClickException(f"{path} is not what `textshot evaluate --json` prints")
    return figures
