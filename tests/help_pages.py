"""The help pages of all commands, as docs/cli.md shows them; `make cli-docs` writes that page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from textshot.cli import main

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
WIDTH = 100
INTRODUCTION = """# The command line

What `textshot COMMAND --help` prints, for each command. `make cli-docs` writes this page.

Environment variables set the default of every option, such as `TEXTSHOT_INDEX_ENCODER` for
`textshot index --encoder`. `TEXTSHOT_ENCODER`, `TEXTSHOT_BACKEND` and `TEXTSHOT_PRECISION` hold for
all commands.
"""


def contexts(
    command: click.Command, parent: click.Context | None = None
) -> Iterator[click.Context]:
    """Yield the context of a command and of all its subcommands, in the order of the help page."""
    name = "textshot" if parent is None else command.name
    settings = {"terminal_width": WIDTH, **command.context_settings}
    context = click.Context(command, parent=parent, info_name=name, **settings)
    yield context
    if isinstance(command, click.Group):
        for member in command.list_commands(context):
            child = command.get_command(context, member)
            assert child is not None
            yield from contexts(child, context)


def page() -> str:
    """Return the document."""
    parts = [INTRODUCTION]
    for context in contexts(main):
        level = "##" if context.parent is None or context.parent.parent is None else "###"
        help_text = context.get_help().rstrip()
        parts.append(f"{level} {context.command_path}\n\n```text\n{help_text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
