"""textshot demo: the whole way on data that comes with the package."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path

import click

from textshot.cli.options import new_encoder_option
from textshot.cli.output import note, without_next

DATA = ("categories.csv", "requests.csv", "labelled.csv")
"""Requests to a made-up city: its categories, one example each; requests; the same with labels."""

STEPS = (
    "index {0}categories.csv -o {0}index",
    "classify {0}index 'there is a huge hole in Mill Lane' 'who won the match yesterday'",
    "categorize {0}index {0}requests.csv -o {0}categorised.csv",
    "evaluate {0}index {0}labelled.csv --report {0}report.html",
)


@click.command()
@click.argument("folder", default="textshot-demo", type=click.Path(path_type=Path))
@new_encoder_option("Encoder to index with; hashing is a toy that needs no model.")
def demo(folder: Path, encoder: str | None) -> None:
    """Show the whole way on built-in data, in FOLDER.

    Index categories, classify two texts, categorise a file, evaluate with a report; each command is
    printed before it runs.

    \b
    Example:
      textshot demo my-first-try
    """
    _check(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in DATA:
        data = files("textshot.cli").joinpath("demo_data", name).read_bytes()
        (folder / name).write_bytes(data)
    with without_next():
        for step in STEPS:
            words = shlex.split(step.format(f"{folder}/"))
            if encoder is not None and words[0] == "index":
                words += ["--encoder", encoder]
            _run(words)
    note(
        f"the files are in {folder}; to sort your own texts, write a table like {folder}/{DATA[0]}"
    )


def _check(folder: Path) -> None:
    """Refuse a folder with anything in it."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise click.ClickException(f"{folder} exists already. Name a new or an empty folder")


def _run(words: list[str]) -> None:
    from textshot.cli.main import main

    click.echo(f"$ {shlex.join(['textshot', *words])}")
    main.main(words, prog_name="textshot", standalone_mode=False)
    click.echo()
