"""textshot import: convert the files of other tools to a categories file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.output import categories_text, counted, note, warn, warn_rejects

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
@options.file_option(
    "--names",
    help="Names of numbered labels: the model's config_setfit.json, or a list in JSON. [default:"
    " the column label_text, if there is one]",
)
def setfit(path: str, output: str, names: str | None) -> None:
    """Convert a table of SetFit examples, with the columns text and label.

    \b
    Example:
      textshot import setfit train.jsonl --names config_setfit.json -o categories.csv
    """
    from textshot.io.importers import from_setfit

    categories, rejects = from_setfit(path, names)
    warn_rejects(rejects)
    if all(category.name.strip().isdecimal() for category in categories):
        warn("the names are numbers, which say nothing. Name them: --names config_setfit.json")
    _write_categories(output, categories)


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

    _write_categories(output, from_semantic_router(path))


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

    _write_categories(output, from_classy(path))


def _write_categories(output: str, categories: Sequence[Category]) -> None:
    from textshot.io.importers import write_categories

    write_categories(output, categories)
    n_examples = sum(len(category.examples) for category in categories)
    note(f"{categories_text(len(categories))}, {counted(n_examples, 'example')}")
