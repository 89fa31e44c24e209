"""textshot labels edit: the categories of an index as a table, and back with a preview."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from textshot.cli import options
from textshot.cli.output import counted, note, print_saved, print_table


@click.command()
@options.index_argument
@options.file_option("--from", "path", help="Edited table. [default: one that is opened for you]")
@click.option("--yes", is_flag=True, help="Apply the changes without a question.")
@options.engine_options
def edit(
    index_path: str, path: str | None, yes: bool, engine_options: options.EngineOptions
) -> None:
    """Edit the categories in a spreadsheet.

    The table of `labels export` is opened in the program for such files. What you have changed is
    shown, and applied in one step if you agree. With --from, a table that you edited yourself.

    \b
    Examples:
      textshot labels edit my-index
      textshot labels edit my-index --from categories.csv --yes
    """
    from textshot.engine.table_changes import table_changes
    from textshot.io.categories import read_category_table

    engine = engine_options.load(index_path)
    if engine.info.private:
        raise click.ClickException(f"{index_path} is private: it has no texts to edit")
    edited = path or _opened(index_path)
    changes = table_changes(engine, *read_category_table(edited))
    lines = changes.describe()
    if not lines:
        click.echo(f"nothing changed: {index_path} is as the table has it")
        return
    print_table(("category", "change"), [(line.label, line.what) for line in lines])
    if not yes:
        if not _is_terminal():
            note(f"{counted(len(lines), 'change')}, not applied: add --yes")
            return
        click.confirm(f"apply {counted(len(lines), 'change')}?", abort=True)
    before = engine.decision
    changes.apply(engine)
    print_saved(engine, index_path, engine.save(index_path), before)


def _opened(index_path: str) -> str:
    """Write the table, open it, and wait until it was edited."""
    from textshot.engine import Engine
    from textshot.io.category_rows import write_categories

    if not _is_terminal():
        raise click.UsageError(
            "without a terminal, give the edited table with --from; `textshot labels export` writes"
            " it"
        )
    path = f"{Path(index_path).name}.labels.xlsx"
    if Path(path).exists():
        raise click.ClickException(
            f"{path} exists, perhaps with your changes: apply them with --from {path}, or delete it"
        )
    engine = Engine.load(index_path, lazy=True)
    write_categories(path, engine.categories, engine.out_of_scope)
    click.launch(path)
    note(f"{path} is open in the program for such files. If not, open it yourself")
    click.prompt("press Enter when you have saved it", default="", show_default=False, err=True)
    return path


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
