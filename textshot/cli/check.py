"""textshot check, textshot suggest, textshot map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options, tables
from textshot.cli.classify import prediction_json
from textshot.cli.output import (
    categories_text,
    check_page,
    counted,
    cut,
    note,
    note_truncation,
    print_json,
    print_table,
    write_page,
)
from textshot.cli.progress import progress
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    from textshot.engine import Engine
    from textshot.engine.check import Finding
    from textshot.io import TableOptions
    from textshot.types import Prediction

_MAX_ISSUES = 10
_MAX_TEXT_CHARS = 90


@click.command()
@click.argument("path", metavar="INDEX|CATEGORIES", type=click.Path())
@options.file_option(
    "--texts",
    "texts_path",
    help="Table of unlabelled texts (column text), to check their answers too; - for stdin.",
)
@options.table_options
@options.engine_options
@options.json_option
def check(
    path: str,
    texts_path: str | None,
    table: TableOptions,
    engine_options: options.EngineOptions,
    as_json: bool,
) -> None:
    """Diagnose categories before you use them.

    Takes an index, or a table of categories as `textshot index` does. Reports examples that are
    nearer to another category, uninformative names, categories that are near each other or too
    wide, and texts that the encoder truncates or does not know the words of, with a remedy for
    each.

    \b
    Examples:
      textshot check examples/support/categories.csv
      textshot check my-index --texts inbox.csv
    """
    engine = _engine(path, engine_options, table if texts_path is None else None)
    findings = engine.check()
    diagnostics = [] if texts_path is None else _diagnostics(engine, texts_path, table)
    if as_json:
        found, of_texts = ([_finding_dict(f) for f in some] for some in (findings, diagnostics))
        print_json({"categories": len(engine.index), "findings": found, "texts": of_texts})
        return
    issues = [*findings, *diagnostics]
    _print_issues(issues)
    n_issues = counted(len(issues), "issue") if issues else "No issues"
    click.echo(f"{n_issues} found in {categories_text(len(engine.index))}.")


def _engine(path: str, engine_options: options.EngineOptions, table: TableOptions | None) -> Engine:
    """Load an index, or make one of a table of categories."""
    if Path(path).is_dir() or not Path(path).exists():
        return engine_options.load(path)
    from textshot.encoders import load_encoder
    from textshot.engine import Engine
    from textshot.io.categories import read_category_table
    from textshot.io.table import DEFAULTS

    categories = read_category_table(path, table or DEFAULTS).categories
    encoder = load_encoder(engine_options.encoder, **engine_options.runtime._asdict())
    return Engine.build(
        categories, encoder=options.cached(encoder) if engine_options.cache else encoder
    )


def _diagnostics(engine: Engine, path: str, table: TableOptions) -> list[Finding]:
    """Return which categories look wrong by the answers to texts."""
    from textshot.batch.diagnostics import diagnose_texts

    with progress("reading texts") as on_progress:
        texts = tables.read_texts(path, table)
        tally, findings = diagnose_texts(engine, texts, on_progress=on_progress)
    note_truncation(tally.truncation_stats)
    return findings


def _finding_dict(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "title": finding.title, "remedy": finding.remedy}


def _print_issues(findings: Sequence[Finding]) -> None:
    """Print findings by kind, with the remedy of each kind once."""
    for title, members in groupby(findings, key=lambda finding: finding.title):
        group = list(members)
        click.secho(f"{title} ({len(group)})", bold=True)
        for finding in group[:_MAX_ISSUES]:
            click.echo("\n".join(f"  {line}" for line in _lines(finding)))
        if len(group) > _MAX_ISSUES:
            click.echo(f"  and {len(group) - _MAX_ISSUES} more; --json prints all")
        click.echo(f"  What to do: {group[0].remedy}\n")


def _lines(finding: Finding) -> list[str]:
    label = "all categories" if finding.label is None else finding.label
    lines = [f"{label}: {finding.reason}"]
    if finding.text is not None:
        lines.append(f"  “{cut(finding.text, _MAX_TEXT_CHARS)}”")
    return lines


@click.command()
@options.index_argument
@click.argument("unlabelled_path", metavar="UNLABELLED", type=click.Path())
@click.option(
    "-n", "n_texts", type=click.IntRange(min=1), help="Number of texts. [default: one per category]"
)
@options.file_option(
    "-o",
    "--output",
    help="Table to write, with an empty column label to fill in (.xlsx: from a list), for"
    " `textshot correct --from`.",
)
@options.carry_option
@click.option("--seed", type=int, default=0, help="Random seed of the sample of texts.")
@options.table_options
@options.engine_options
@options.json_option
def suggest(
    index_path: str,
    unlabelled_path: str,
    n_texts: int | None,
    output: str | None,
    carry: tuple[str, ...],
    seed: int,
    table: TableOptions,
    engine_options: options.EngineOptions,
    as_json: bool,
) -> None:
    """Pick the texts whose labels would help most.

    Prefers texts that lie between two categories, resemble many others, and differ from each other
    and from the examples; the most helpful comes first. UNLABELLED has a column text; of more than
    5,000 different texts, a random sample is considered.

    \b
    Examples:
      textshot suggest my-index examples/support/inbox.csv -n 10
      textshot suggest my-index examples/support/inbox.csv -o to-label.xlsx
    """
    if output is not None and Path(output).exists():
        raise click.ClickException(
            f"{output} exists, perhaps with labels in it. Name another file, or move it"
        )
    engine = engine_options.load(index_path)
    texts = tables.read_texts(unlabelled_path, table)
    picked = engine.suggest(texts, n_texts or max(1, len(engine.index)), seed=seed)
    note_truncation(engine.truncation_stats(picked))
    answers = list(zip(picked, engine.classify(picked, 3), strict=True))
    if output is not None:
        n = _write_suggestions(engine, output, unlabelled_path, answers, table, carry)
        command = f"textshot correct {index_path} --from {output}"
        note(f"{counted(n, 'text')} to label in {output}; then: {command}")
    elif as_json:
        for text, answer in answers:
            print_json(prediction_json(text, answer))
    else:
        rows = [(answer.label or UNKNOWN, f"{answer.margin:.3f}", text) for text, answer in answers]
        print_table(("answer", "margin", "text"), rows)


def _write_suggestions(
    engine: Engine,
    output: str,
    path: str,
    answers: Sequence[tuple[str, Prediction]],
    table: TableOptions,
    requested: Sequence[str],
) -> int:
    from textshot.batch.review import ReviewRow, write_review_rows
    from textshot.batch.worker import Worker

    found, carry = _first_rows(path, {text for text, _ in answers}, table, requested)
    rows = [
        ReviewRow(
            text=text,
            answer=answer.label or UNKNOWN,
            score=answer.score,
            margin=answer.margin,
            probability=answer.probability,
            source="" if path == "-" else path,
            line=found.get(text, (0,))[0],
            carried=found.get(text, (0, ("",) * len(carry)))[1],
        )
        for text, answer in answers
    ]
    worker = Worker.for_columns(engine, ["text"], ["text"])
    return write_review_rows(Path(output), rows, worker, carry)


def _first_rows(
    path: str, texts: set[str], table: TableOptions, requested: Sequence[str]
) -> tuple[dict[str, tuple[int, tuple[str, ...]]], list[str]]:
    """Return line and other cells of each text's first row, and the names of these columns.

    There are none for stdin, which is read only once.
    """
    from textshot.batch.review import carried_columns
    from textshot.encoders import clean_texts
    from textshot.io import text_column
    from textshot.io.column_choice import text_columns_of

    first: dict[str, tuple[int, tuple[str, ...]]] = {}
    if path == "-":
        return first, []
    with table.open(path) as opened:
        columns = text_columns_of(opened, table.text_columns)
        carry = carried_columns(opened.columns, columns, requested)
        for batch in opened.batches(columns):
            rows = clean_texts(text_column(batch.data, columns))
            cells = [text_column(batch.data, [name]) for name in carry]
            for i, text in enumerate(rows):
                if text in texts:
                    first.setdefault(text, (batch.lines[i], tuple(c[i] for c in cells)))
    return first, carry


@click.command("map")
@options.index_argument
@click.argument("texts_path", metavar="[TEXTS]", required=False, type=click.Path())
@click.option(
    "-o", "--output", metavar="FILE", required=True, type=click.Path(), help="Web page to write."
)
@click.option(
    "--seed", type=int, default=0, help="Random seed of the sample of texts and of the layout."
)
@options.table_options
@options.engine_options
def map_(
    index_path: str,
    texts_path: str | None,
    output: str,
    seed: int,
    table: TableOptions,
    engine_options: options.EngineOptions,
) -> None:
    """Draw categories and texts in the plane.

    Writes a single web page (.html). What is near in the plane is near for the encoder; point at a
    dot to see its text. TEXTS has a column text; of more than 5,000 different texts, a random
    sample is drawn.

    \b
    Examples:
      textshot map my-index -o map.html
      textshot map my-index examples/support/inbox.csv -o map.html
    """
    from textshot.reports import index_map

    check_page(output)
    # The vectors of categories are stored: without texts no encoder is needed.
    engine = engine_options.load(index_path, lazy=texts_path is None)
    texts = tables.read_texts(texts_path, table) if texts_path is not None else ()
    note("computing the layout; with thousands of texts this takes half a minute")
    page = index_map(engine, texts, index=index_path, source=texts_path or "", seed=seed)
    write_page(output, page)
