"""textshot labels list: categories, their keys, and how often they were the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from textshot.cli import options
from textshot.cli.output import print_json, print_table
from textshot.types import UNKNOWN, Category, KeyKind

if TYPE_CHECKING:
    from textshot.types import Example

_Counts: TypeAlias = Mapping[str, int] | None


@click.command("list")
@options.index_argument
@click.option("--keys", is_flag=True, help="List names, descriptions and examples, with source.")
@click.option(
    "--run",
    "run_path",
    metavar="OUTPUT",
    help="Count the answers of a run: an output of `textshot categorize`, or its summary.json.",
)
@options.json_option
def list_(index_path: str, keys: bool, run_path: str | None, as_json: bool) -> None:
    """List categories.

    \b
    Examples:
      textshot labels list my-index
      textshot labels list my-index --keys
      textshot labels list my-index --run categorised.csv
    """
    from textshot.engine import Engine

    engine = Engine.load(index_path, lazy=True)
    counts = None if run_path is None else _answers_of(run_path)
    if as_json:
        _print_json(engine.categories, engine.out_of_scope, counts)
    elif keys:
        _print_keys(engine.categories, engine.out_of_scope, names=engine.info.use_names)
    else:
        _print_categories(engine.categories, engine.out_of_scope, counts)


def _answers_of(path: str) -> Mapping[str, int]:
    """Return how often each category was the answer in a run."""
    from textshot.batch.summary import read_summary

    return read_summary(path).tally.counts


def _print_categories(
    categories: Sequence[Category],
    out_of_scope: Sequence[Example],
    counts: _Counts,
) -> None:
    rows = [
        (
            c.name,
            str(len(c.examples)),
            _cosine(c.threshold),
            _first(c.examples) or c.description or "",
        )
        for c in categories
    ]
    if out_of_scope or counts is not None:
        rows.append((UNKNOWN, str(len(out_of_scope)), "-", _first(out_of_scope)))
    columns = {
        "category": [row[0] for row in rows],
        "examples": [row[1] for row in rows],
        "threshold": [row[2] for row in rows],
        "answers": [str((counts or {}).get(row[0], 0)) for row in rows],
        "first example or description": [row[3] for row in rows],
    }
    if counts is None:
        del columns["answers"]
    if set(columns["threshold"]) <= {"-"}:
        del columns["threshold"]
    print_table([*columns], list(zip(*columns.values(), strict=True)))


def _print_keys(
    categories: Sequence[Category], out_of_scope: Sequence[Example], *, names: bool
) -> None:
    """Print what stands for each category, and where it came from."""
    keys = [(c.name, key) for c in categories for key in c.keys(names=names)]
    rows = [
        (name, key.kind, key.source if key.kind is KeyKind.EXAMPLE else "-", key.text or "")
        for name, key in keys
    ]
    rows += [(UNKNOWN, KeyKind.EXAMPLE, e.source, e.text or "") for e in out_of_scope]
    print_table(("category", "key", "source", "text"), rows)


def _print_json(
    categories: Sequence[Category],
    out_of_scope: Sequence[Example],
    counts: _Counts,
) -> None:
    for c in categories:
        facts = {"description": c.description, "threshold": c.threshold}
        facts |= {} if counts is None else {"answers": counts.get(c.name, 0)}
        print_json(_category_json(c.name, c.examples, **facts, metadata=dict(c.metadata)))
    if out_of_scope:
        print_json(_category_json(None, out_of_scope))


def _category_json(label: str | None, examples: Sequence[Example], **facts: Any) -> dict[str, Any]:
    listed = [{"text": e.text, "source": e.source} for e in examples]
    return {"label": label, **facts, "examples": listed}


def _first(examples: Sequence[Example]) -> str:
    return next((e.text or "" for e in examples), "")


def _cosine(threshold: float | None) -> str:
    return "-" if threshold is None else f"{threshold:.3f}"
