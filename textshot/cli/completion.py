"""textshot completion: what makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_TEXTSHOT_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the script that lets a shell complete textshot.

    Append it to ~/.bashrc or ~/.zshrc, or write it to ~/.config/fish/completions/textshot.fish.

    \b
    Example:
      textshot completion bash
    """
    found = get_completion_class(shell)
    assert found is not None, shell  # click knows these three
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "textshot", _VARIABLE).source())
