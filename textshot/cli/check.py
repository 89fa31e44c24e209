# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options
from textshot.cli.classify import read_texts
from textshot.cli.output import counted, note_truncation, print_json
from textshot.cli.progress import progress

if TYPE_CHECKING:
    from textshot.engine import Engine
    from textshot.engine.findings import Finding
    from textshot.io import Format

_SHOWN = 10
_TEXT = 90  # signs of an example


@click.command()
@click.argument("path", metavar="INDEX|CATEGORIES", type=click.Path())
@click.option(
    "--texts",
    "texts_path",
    metavar="FILE",
    type=click.Path(),
    help="Texts of yours, without labels: what they get tells more. - for stdin.",
)
@options.text_column_option
@options.input_format_option
@options.encoding_option
@options.encoder_option
@options.device_option
@options.cache_option
@options.json_option
def check(
    path: str,
    texts_path: str | None,
    text_columns: list[str],
    input_format: Format | None,
    encoding: str | None,
    encoder: str | None,
    device: options.Where,
    cache: bool,
    as_json: bool,
) -> None:
    """Find out what will go wrong with categories, before it does.

    Looks for examples that are nearer to another category, names that say nothing, categories near
    each other or too wide, texts that the encoder does not read well, and says what to do. Reads an
    index, or a table of categories as `textshot index` does.

    \b
    Examples:
      textshot check examples/support/categories.csv
      textshot check my-index --texts inbox.csv
    """
    engine = _engine(path, encoder, device, cache)
    found = engine.check()
    about: list[dict[str, Any]] = []
    if texts_path is not None:
        about = _about_texts(engine, texts_path, text_columns, input_format, encoding)
    if as_json:
        findings = [{**asdict(finding), "remedy": finding.remedy} for finding in found]
        print_json({"categories": len(engine.index), "findings": findings, "texts": about})
        return
    _say(found, about)
    n, size = len(found) + len(about), counted(len(engine.index), "category", "categories")
    click.echo(f"{counted(n, 'finding') if n else 'nothing found'} in {size}")


def _engine(path: str, encoder: str | None, device: options.Where, cache: bool) -> Engine:
    """Return the engine of an index, or make one of a table of categories."""
    if Path(path).is_dir() or not Path(path).exists():
        return options.load_engine(path, encoder, device, cache=cache)
    from textshot.encoders import load_encoder
    from textshot.engine import Engine
    from textshot.io.categories import read_categories

    categories = read_categories(path)
    loaded = load_encoder(encoder, **device._asdict())
    return Engine.build(categories, encoder=options.cached(loaded) if cache else loaded)


def _about_texts(
    engine: Engine,
    path: str,
    text_columns: list[str],
    input_format: Format | None,
    encoding: str | None,
) -> list[dict[str, Any]]:
    from textshot.batch.diagnostics import REMEDIES, TITLES, diagnose_texts

    texts = read_texts(path, text_columns, input_format, encoding)
    with progress("reading texts") as advance:
        tally, doubts = diagnose_texts(engine, texts, on_progress=advance)
    note_truncation(tally.truncation)
    return [
        {
            "kind": doubt.kind,
            "label": doubt.label,
            "reason": doubt.reason,
            "title": TITLES[doubt.kind],
            "remedy": REMEDIES[doubt.kind],
        }
        for doubt in doubts
    ]


def _say(found: Sequence[Finding], about: Sequence[dict[str, Any]]) -> None:
    """Print what was found, by kind, with the remedy of each kind once."""
    from textshot.engine.findings import TITLES

    shown = [(TITLES[finding.kind], finding.remedy, _lines(finding)) for finding in found] + [
        (one["title"], one["remedy"], [f"{one['label']}: {one['reason']}"]) for one in about
    ]
    for title, members in groupby(shown, key=lambda one: one[0]):
        several = list(members)
        click.secho(f"{title} ({len(several)})", bold=True)
        for _, _, lines in several[:_SHOWN]:
            click.echo("\n".join(f"  {line}" for line in lines))
        if len(several) > _SHOWN:
            click.echo(f"  and {len(several) - _SHOWN} more: --json shows all")
        click.echo(f"  What to do: {several[0][1]}\n")


def _lines(finding: Finding) -> list[str]:
    label = "all categories" if finding.label is None else finding.label
    lines = [f"{label}: {finding.reason}"]
    if finding.text is not None:
        text = " ".join(finding.text.split())
        lines.append(f"  “{text if len(text) <= _TEXT else text[: _TEXT - 1] + '…'}”")
    return lines
