# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot import: from the files of other tools to a file of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from textshot.cli.output import counted, note, warn

if TYPE_CHECKING:
    from textshot.types import Category

_output = click.option(
    "-o", "--output", type=click.Path(), required=True, help="The categories file; - for stdout."
)
_file = click.argument("path", metavar="FILE", type=click.Path())


@click.group(name="import")
def import_() -> None:
    """Turn the examples or routes of another tool into a categories file.

    Only data is read: JSON, YAML and tables. A model that was pickled is never opened.

    \b
    Example:
      textshot import semantic-router router.yaml -o categories.csv
    """


@import_.command("setfit")
@_file
@_output
@click.option(
    "--names",
    type=click.Path(),
    help="What numbered labels are called: the model's config_setfit.json, or a list in JSON.",
)
def setfit(path: str, output: str, names: str | None) -> None:
    """Read a table of examples with the columns text and label.

    The names are taken from the column label_text, where there is one and no --names.

    \b
    Example:
      textshot import setfit train.jsonl --names config_setfit.json -o categories.csv
    """
    from textshot.io.importers import from_setfit

    categories, rejects = from_setfit(path, names)
    for reject in rejects:
        warn(f"{reject.source}:{reject.line}: {reject.reason}; left out")
    if all(category.name.strip().isdecimal() for category in categories):
        warn("the names are numbers, which say nothing. Name them: --names config_setfit.json")
    _write(output, categories)


@import_.command("semantic-router")
@_file
@_output
def semantic_router(path: str, output: str) -> None:
    """Read routes as SemanticRouter.to_json and to_yaml write them.

    Thresholds of routes are of another encoder, and left out.

    \b
    Example:
      textshot import semantic-router router.yaml -o categories.csv
    """
    from textshot.io.importers import from_semantic_router

    _write(output, from_semantic_router(path))


@import_.command("classy")
@_file
@_output
def classy(path: str, output: str) -> None:
    """Read the data of classy-classification: examples by name, or a list of names.

    \b
    Example:
      textshot import classy data.json -o categories.csv
    """
    from textshot.io.importers import from_classy

    _write(output, from_classy(path))


def _write(output: str, categories: Sequence[Category]) -> None:
    from textshot.io.importers import write_categories

    write_categories(output, categories)
    n_examples = sum(len(category.examples) for category in categories)
    note(f"{counted(len(categories), 'category', 'categories')}, {counted(n_examples, 'example')}")
