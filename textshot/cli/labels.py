"""textshot labels list/export/edit/add/remove/rename/merge."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from textshot._characters import clean_name, name_key
from textshot.cli import options
from textshot.cli.labels_edit import edit
from textshot.cli.labels_list import list_
from textshot.cli.option_types import allow_similar_option
from textshot.cli.output import (
    categories_text,
    counted,
    note,
    print_saved,
)
from textshot.types import DEFAULT_REJECTION_RATE, UNKNOWN, Category

if TYPE_CHECKING:
    from textshot.engine import EngineInfo


@click.group()
def labels() -> None:
    """List and change the categories of an index.

    \b
    Examples:
      textshot labels list my-index
      textshot labels add my-index "price match" "the same kettle is cheaper elsewhere"
    """


labels.add_command(list_)
labels.add_command(edit)


@labels.command()
@options.index_argument
@options.file_option(
    "-o", "--output", required=True, help="Categories file to write; - for stdout."
)
def export(index_path: str, output: str) -> None:
    """Write the table from which the same index is made.

    It has the corrections and the out-of-scope examples too, which the table that you began with
    has not.

    
    Example:
      textshot labels export my-index -o categories.csv
    """
    from textshot.engine import Engine
    from textshot.io.category_rows import write_categories

    engine = Engine.load(index_path, lazy=True)
    if engine.info.private:
        raise click.ClickException(f"{index_path} is private: it has no texts to write")
    write_categories(output, engine.categories, engine.out_of_scope)
    n_examples = sum(len(c.examples) for c in engine.categories) + len(engine.out_of_scope)
    note(f"{categories_text(len(engine.categories))}, {counted(n_examples, 'example')}")
    note(f"the same index: textshot index {quote(output)} -o INDEX{_options(engine.info)}")


def _options(about: EngineInfo) -> str:
    """Return the options of `textshot index` that make an index as this one was made."""
    spec = dict(about.encoder.spec) if about.encoder else {}
    # Format 1 calls the adapter a layer.
    has_adapter = spec.pop("layer", None) is not None
    values: dict[str, Any] = {"encoder": spec.pop("name", None), **spec}
    if about.network.name != "matching":
        values["network"] = about.network.name
    elif not has_adapter and values["encoder"] != "hashing":
        values["network"] = options.NO_NETWORK
    decision = about.decision
    if decision.method == "given":
        values["threshold"] = decision.threshold
    elif decision.rate != DEFAULT_REJECTION_RATE:
        values["unknown_rate"] = decision.rate
    text = "".join(
        f" --{name.replace('_', '-')} {quote(str(value))}"
        for name, value in values.items()
        if value not in (None, "") and (name, value) != ("long_texts", "windows")
    )
    if decision.method == "given" and decision.threshold is None:
        text += " --no-unknown"
    return text if about.use_names else f"{text} --no-names"


@labels.command()
@options.index_argument
@click.argument("label")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "--description", default="", help="One sentence about a new category.", show_default=False
)
@allow_similar_option
@options.engine_options
def add(
    index_path: str,
    label: str,
    texts: tuple[str, ...],
    description: str,
    allow_similar: bool,
    engine_options: options.EngineOptions,
) -> None:
    """Add a category, or examples to an existing one.

    Examples of the label unknown are out of scope: texts nearer to them are unknown.

    \b
    Examples:
      textshot labels add my-index "price match" "the same kettle is cheaper elsewhere"
      textshot labels add my-index unknown "out of office until Monday"
    """
    engine, label = engine_options.load(index_path), clean_name(label)
    before = engine.decision
    if _is_unknown(label):
        if not texts or description:
            raise click.UsageError(f"{UNKNOWN} takes out-of-scope texts, and no description")
        engine.add_out_of_scope(texts)
    elif label not in engine.index.labels:
        category = Category(label, description, examples=[*dict.fromkeys(texts)])
        engine.add([category], allow_similar=allow_similar)
    elif description:
        raise click.UsageError(f"category {label!r} exists; --description is for a new one")
    elif not texts:
        raise click.UsageError(f"category {label!r} exists: give an example to add")
    else:
        engine.add_examples(texts, [label] * len(texts))
    print_saved(engine, index_path, engine.save(index_path), before)


@labels.command()
@options.index_argument
@click.argument("names", nargs=-1, required=True, metavar="LABEL...")
@click.option("--example", metavar="TEXT", help="Remove only this example, of one category.")
@click.option("--purge", is_flag=True, help="Delete the files of older generations at once.")
@options.engine_options
def remove(
    index_path: str,
    names: tuple[str, ...],
    example: str | None,
    purge: bool,
    engine_options: options.EngineOptions,
) -> None:
    """Remove categories, or one example.

    The files of older generations stay for `textshot rollback`, unless you give --purge.

    \b
    Examples:
      textshot labels remove my-index "price match"
      textshot labels remove my-index "late parcel" --example "still waiting" --purge
    """
    engine = engine_options.load(index_path, lazy=True)
    before = engine.decision
    if example is None:
        if any(map(_is_unknown, names)):
            raise click.UsageError(f"name the text of {UNKNOWN} to remove: --example TEXT")
        engine.remove(*names)
    elif len(names) > 1:
        raise click.UsageError("--example belongs to one category; give one LABEL")
    elif _is_unknown(names[0]):
        engine.remove_out_of_scope(example)
    else:
        engine.remove_example(names[0], example)
    print_saved(engine, index_path, engine.save(index_path, purge=purge), before)


@labels.command()
@options.index_argument
@click.argument("old")
@click.argument("new")
@allow_similar_option
@options.engine_options
def rename(
    index_path: str, old: str, new: str, allow_similar: bool, engine_options: options.EngineOptions
) -> None:
    """Rename a category.

    \b
    Example:
      textshot labels rename my-index "late parcel" "delayed delivery"
    """
    engine = engine_options.load(index_path)
    before = engine.decision
    engine.rename(old, new, allow_similar=allow_similar)
    print_saved(engine, index_path, engine.save(index_path), before)


@labels.command()
@options.index_argument
@click.argument("names", nargs=-1, required=True, metavar="LABEL...")
@click.option("--into", required=True, metavar="LABEL", help="Category to merge into.")
@options.engine_options
def merge(
    index_path: str, names: tuple[str, ...], into: str, engine_options: options.EngineOptions
) -> None:
    """Move the examples of categories into another one.

    \b
    Example:
      textshot labels merge my-index "late parcel" --into "parcel not received"
    """
    engine = engine_options.load(index_path, lazy=True)
    before = engine.decision
    merged = {engine.find_name(name) for name in names} - {engine.find_name(into)}
    bare = [c.name for c in engine.categories if c.name in merged and not c.examples]
    engine.merge(names, into)
    if bare:
        note(f"had no example, so nothing of it remains: {', '.join(bare)}")
    print_saved(engine, index_path, engine.save(index_path), before)


def _is_unknown(label: str) -> bool:
    return name_key(label) == UNKNOWN
