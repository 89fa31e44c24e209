"""textshot labels list/add/remove/rename/merge, textshot correct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options
from textshot.cli.output import counted, note, print_json, print_saved, print_table, warn
from textshot.errors import InvalidCategoriesError
from textshot.types import UNKNOWN, Category, clean_name, parse_truth

if TYPE_CHECKING:
    from textshot.engine import Engine
    from textshot.io import TableOptions
    from textshot.io.categories import LabelledTexts
    from textshot.types import Example


@click.group()
def labels() -> None:
    """List and change the categories of an index.

    \b
    Examples:
      textshot labels list my-index
      textshot labels add my-index "price match" "the same kettle is cheaper elsewhere"
    """


@labels.command("list")
@options.index_argument
@options.json_option
def list_(index_path: str, as_json: bool) -> None:
    """List categories.

    \b
    Example:
      textshot labels list my-index
    """
    from textshot.engine import Engine

    engine = Engine.load(index_path, lazy=True)
    out_of_scope = engine.out_of_scope
    if as_json:
        for c in engine.categories:
            facts = {"description": c.description, "threshold": c.threshold}
            print_json(_category_json(c.name, c.examples, **facts, metadata=dict(c.metadata)))
        if out_of_scope:
            print_json(_category_json(None, out_of_scope))
        return
    rows = [
        (c.name, str(len(c.examples)), next((e.text for e in c.examples), c.description) or "")
        for c in engine.categories
    ]
    if out_of_scope:
        rows.append((UNKNOWN, str(len(out_of_scope)), out_of_scope[0].text or ""))
    print_table(("category", "examples", "first example or description"), rows)


def _category_json(label: str | None, examples: Sequence[Example], **facts: Any) -> dict[str, Any]:
    listed = [{"text": e.text, "source": e.source} for e in examples]
    return {"label": label, **facts, "examples": listed}


@labels.command()
@options.index_argument
@click.argument("label")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "--description", default="", help="One sentence about a new category.", show_default=False
)
@options.engine_options
def add(
    index_path: str,
    label: str,
    texts: tuple[str, ...],
    description: str,
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
    if _is_unknown(label):
        if not texts or description:
            raise click.UsageError(f"{UNKNOWN} takes out-of-scope texts, and no description")
        engine.add_out_of_scope(texts)
    elif label not in engine.index.labels:
        engine.add([Category(label, description, examples=[*dict.fromkeys(texts)])])
    elif description:
        raise click.UsageError(f"category {label!r} exists; --description is for a new one")
    elif not texts:
        raise click.UsageError(f"category {label!r} exists: give an example to add")
    else:
        engine.add_examples(texts, [label] * len(texts))
    print_saved(engine, index_path, engine.save(index_path))


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
    print_saved(engine, index_path, engine.save(index_path, purge=purge))


@labels.command()
@options.index_argument
@click.argument("old")
@click.argument("new")
@options.engine_options
def rename(index_path: str, old: str, new: str, engine_options: options.EngineOptions) -> None:
    """Rename a category.

    \b
    Example:
      textshot labels rename my-index "late parcel" "delayed delivery"
    """
    engine = engine_options.load(index_path)
    engine.rename(old, new)
    print_saved(engine, index_path, engine.save(index_path))


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
    merged = set(map(clean_name, names)) - {clean_name(into)}
    bare = [c.name for c in engine.categories if c.name in merged and not c.examples]
    engine.merge(names, into)
    if bare:
        note(f"had no example, so nothing of it remains: {', '.join(bare)}")
    print_saved(engine, index_path, engine.save(index_path))


@click.command()
@options.index_argument
@click.argument("text", required=False)
@click.argument("label", required=False)
@options.file_option("--from", "path", help="Table of texts and labels; - for stdin.")
@options.labelled_table_options
@options.engine_options
@options.json_option
def correct(
    index_path: str,
    text: str | None,
    label: str | None,
    path: str | None,
    table: TableOptions,
    engine_options: options.EngineOptions,
    as_json: bool,
) -> None:
    """Correct answers: texts become examples of their right categories.

    TEXT becomes an example of LABEL, marked as a correction; the label unknown makes it an
    out-of-scope example. A table (--from) has the columns text and label; rows whose label is empty
    or unknown are skipped. In a review that you filled in (`categorize --review`, `suggest -o`),
    the label unknown marks a text as out of scope.

    \b
    Examples:
      textshot correct my-index "they took the money twice" "refund request"
      textshot correct my-index --from review.xlsx
    """
    _check_usage(text, label, path)
    engine = engine_options.load(index_path)
    skipped = rejected = 0
    pairs = [(text, label)] if text is not None and label is not None else []
    if path is not None:
        pairs, skipped, rejected = _read_corrections(engine, path, table)
    texts, names = [t for t, _ in pairs], [name for _, name in pairs]
    before = [p.label for p in engine.classify(texts, k=1)]
    after = [p.label for p in engine.correct_all(texts, names)]
    if pairs:
        engine.save(index_path)
    rows = list(zip(texts, before, after, strict=True))
    if as_json:
        record = {"index": index_path, "generation": engine.info.generation}
        record |= {"corrected": len(rows), "changed": sum(b != a for _, b, a in rows)}
        record |= {"skipped": skipped, "rejected": rejected}
        answers = [{"text": t, "before": b, "after": a} for t, b, a in rows]
        print_json({**record, "answers": answers})
        return
    if skipped:
        note(f"{counted(skipped, 'row')} without a label skipped")
    _print_corrections(engine, index_path, rows)


def _print_corrections(engine: Engine, path: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        click.echo(f"nothing to correct: {path} is unchanged")
        return
    cells = [(before or UNKNOWN, after or UNKNOWN, text) for text, before, after in rows]
    print_table(("before", "after", "text"), cells)
    changed = counted(sum(before != after for _, before, after in rows), "answer")
    click.echo(f"{counted(len(rows), 'correction')}, {changed} changed")
    print_saved(engine, path, engine.info.generation)


def _check_usage(text: str | None, label: str | None, path: str | None) -> None:
    if path is not None and text is not None:
        raise click.UsageError("give a text as an argument or with --from, not both")
    if label is not None and not label.strip():
        raise click.UsageError(f"LABEL is empty; for an out-of-scope text give {UNKNOWN}")
    if path is None and label is None:
        raise click.UsageError("give a TEXT and its LABEL, or a table of them: --from FILE")


def _read_corrections(
    engine: Engine, path: str, table: TableOptions
) -> tuple[list[tuple[str, str]], int, int]:
    """Return texts with labels, and how many rows were skipped and rejected."""
    data = options.read_labelled_texts(path, table)
    source, n_rejected = "<stdin>" if path == "-" else path, len(data.rejects)
    pairs: list[tuple[str, str]] = []
    texts, names = _corrections(data, path, table)
    for text, name, line in zip(texts, names, data.lines, strict=True):
        try:
            if name is not None and name != UNKNOWN:
                name = engine.category(name).name
        except InvalidCategoriesError as error:
            warn(f"{source}:{line}: {error}; skipped")
            n_rejected += 1
        else:
            pairs += [(text, name)] if name else []
    return pairs, names.count(None), n_rejected


def _corrections(
    data: LabelledTexts, path: str, table: TableOptions
) -> tuple[Sequence[str], Sequence[str | None]]:
    """Return texts and labels; only in a review did a person write "unknown"."""
    from textshot.batch.review import is_review
    from textshot.io import Format
    from textshot.io.delimited import unescaped
    from textshot.io.formats import format_of

    if not is_review(data.columns):
        return data.texts, data.truths
    texts, cells = data.texts, data.cells
    if format_of(path, table.format, stdio=Format.TEXT) in (Format.CSV, Format.TSV):
        texts, cells = unescaped(texts), unescaped(cells)
    return texts, [parse_truth(cell) or (UNKNOWN if cell.strip() else None) for cell in cells]


def _is_unknown(label: str) -> bool:
    return clean_name(label).casefold() == UNKNOWN
