# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot labels list/add/remove/rename/merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.output import note, print_json, print_saved, print_table
from textshot.types import UNKNOWN, clean_name

if TYPE_CHECKING:
    from textshot.engine import Engine

purge_option = click.option(
    "--purge", is_flag=True, help="Delete the files of older generations at once: no way back."
)


@click.group()
def labels() -> None:
    """See and change the categories of an index.

    \b
    Examples:
      textshot labels list my-index
      textshot labels add my-index "price match" "the same kettle is cheaper elsewhere"
    """


@labels.command("list")
@options.index_argument
@options.json_option
def list_(index_path: str, as_json: bool) -> None:
    """List the categories.

    \b
    Example:
      textshot labels list my-index
    """
    from textshot.index import Index

    loaded = Index.load(index_path)
    categories, nothing = loaded.categories, loaded.state.out_of_scope
    unfit = nothing.examples if nothing else ()
    if as_json:
        for c in categories:
            print_json(
                {
                    "label": c.name,
                    "description": c.description,
                    "examples": [{"text": e.text, "source": e.source} for e in c.examples],
                    "threshold": c.threshold,
                    "metadata": dict(c.metadata),
                }
            )
        if unfit:
            shown = [{"text": e.text, "source": e.source} for e in unfit]
            print_json({"label": None, "examples": shown})
        return
    print_table(
        ("category", "examples", "first example or description"),
        [
            (c.name, str(len(c.examples)), next((e.text for e in c.examples), c.description) or "")
            for c in categories
        ]
        + ([(UNKNOWN, str(len(unfit)), unfit[0].text or "")] if unfit else []),
    )


@labels.command()
@options.index_argument
@click.argument("label")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--description", default="", help="What the category is about, in a sentence.")
@options.encoder_option
@options.device_option
def add(
    index_path: str,
    label: str,
    texts: tuple[str, ...],
    description: str,
    encoder: str | None,
    device: options.Where,
) -> None:
    """Add a category, or examples to one that is there.

    Texts of the label unknown fit no category: what is nearer to one of them is unknown from then
    on.

    \b
    Examples:
      textshot labels add my-index "price match" "the same kettle is cheaper elsewhere"
      textshot labels add my-index "spare parts" --description "Orders of single parts."
      textshot labels add my-index unknown "out of office until Monday"
    """
    from textshot.types import Category

    engine, label = options.load_engine(index_path, encoder, device), clean_name(label)
    if _is_unknown(label):
        if not texts or description:
            raise click.UsageError(f"{UNKNOWN} takes texts that fit no category, and no more")
        engine.add_out_of_scope(texts)
    elif label not in engine.index.labels:
        engine.add([Category(label, description=description, examples=[*dict.fromkeys(texts)])])
    elif description:
        raise click.UsageError(
            f"category {label!r} is there already; --description is for a new one"
        )
    elif not texts:
        raise click.UsageError(f"category {label!r} is there already: give an example to add")
    else:
        engine.add_examples(texts, [label] * len(texts))
    _save(engine, index_path)


@labels.command()
@options.index_argument
@click.argument("names", nargs=-1, required=True, metavar="LABEL...")
@click.option("--example", help="Remove only this example, of one category.")
@purge_option
@options.encoder_option
@options.device_option
def remove(
    index_path: str,
    names: tuple[str, ...],
    example: str | None,
    purge: bool,
    encoder: str | None,
    device: options.Where,
) -> None:
    """Remove categories, or one example.

    They are gone from the answers at once. Files of the last generations stay for `rollback`,
    unless --purge deletes them.

    \b
    Examples:
      textshot labels remove my-index "price match"
      textshot labels remove my-index "late parcel" --example "still waiting" --purge
    """
    engine = options.load_engine(index_path, encoder, device, lazy=True)
    if example is None:
        if any(map(_is_unknown, names)):
            raise click.UsageError(f"of {UNKNOWN} say which text: --example TEXT")
        engine.remove(*names)
    elif len(names) > 1:
        raise click.UsageError("--example belongs to one category; give one LABEL")
    elif _is_unknown(names[0]):
        engine.remove_out_of_scope(example)
    else:
        engine.remove_example(names[0], example)
    _save(engine, index_path, purge=purge)


@labels.command()
@options.index_argument
@click.argument("old")
@click.argument("new")
@options.encoder_option
@options.device_option
def rename(index_path: str, old: str, new: str, encoder: str | None, device: options.Where) -> None:
    """Give a category another name.

    \b
    Example:
      textshot labels rename my-index "late parcel" "delayed delivery"
    """
    engine = options.load_engine(index_path, encoder, device)
    engine.rename(old, new)
    _save(engine, index_path)


@labels.command()
@options.index_argument
@click.argument("names", nargs=-1, required=True, metavar="LABEL...")
@click.option("--into", required=True, metavar="LABEL", help="The category that stays.")
@options.encoder_option
@options.device_option
def merge(
    index_path: str, names: tuple[str, ...], into: str, encoder: str | None, device: options.Where
) -> None:
    """Move the examples of categories into another one.

    \b
    Example:
      textshot labels merge my-index "late parcel" --into "parcel not received"
    """
    engine = options.load_engine(index_path, encoder, device, lazy=True)
    gone = set(map(clean_name, names)) - {clean_name(into)}
    bare = [c.name for c in engine.categories if c.name in gone and not c.examples]
    engine.merge(names, into)
    if bare:
        note(f"without an example, so nothing of it is left: {', '.join(bare)}")
    _save(engine, index_path)


def _is_unknown(label: str) -> bool:
    return clean_name(label).casefold() == UNKNOWN


def _save(engine: Engine, path: str, *, purge: bool = False) -> None:
    print_saved(engine, path, engine.save(path, purge=purge))
