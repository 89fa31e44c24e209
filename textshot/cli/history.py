# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot info, textshot rollback."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.output import print_json, print_table

if TYPE_CHECKING:
    from textshot.index import Generation


@click.command()
@options.index_argument
@options.json_option
def info(index_path: str, as_json: bool) -> None:
    """Say what an index holds, what made it, and which generations can be brought back.

    \b
    Example:
      textshot info my-index
    """
    from textshot.errors import IndexFormatError
    from textshot.index import Index, generations

    listed = generations(index_path)
    try:
        index = Index.load(index_path)
    except IndexFormatError as error:
        _print_generations(listed)
        raise click.ClickException(
            f"{error}\nBring a whole generation back with `textshot rollback {index_path}`"
        ) from None
    state = index.state
    facts = {
        "index": index_path,
        "generation": index.generation,
        "categories": len(index),
        "examples": sum(len(c.examples) for c in index.categories),
        "dim": index.dim,
        "names": index.names,
        "private": state.private,
        "encoder": dict(state.encoder.spec) if state.encoder else None,
        "encoder_fingerprint": state.encoder.fingerprint if state.encoder else None,
        "decision": asdict(state.decision) if state.decision else None,
    }
    if as_json:
        print_json({**facts, "generations": [asdict(g) for g in listed]})
        return
    decision = state.decision
    shown = (
        "none" if decision is None or decision.threshold is None else f"{decision.threshold:.3f}"
    )
    facts["encoder"] = state.encoder.spec.get("name") if state.encoder else None
    facts["decision"] = f"threshold {shown} ({decision.method if decision else 'not derived'})"
    for name, value in facts.items():
        click.echo(f"{name:<20} {value}")
    click.echo()
    _print_generations(listed)


@click.command()
@options.index_argument
@click.option("--to", type=click.IntRange(min=1), help="Generation. [default: the one before]")
def rollback(index_path: str, to: int | None) -> None:
    """Bring an older generation back, as a new one.

    \b
    Example:
      textshot rollback my-index --to 3
    """
    from textshot.index import rollback as bring_back

    generation = bring_back(index_path, to)
    click.echo(f"{index_path}: rolled back; generation {generation} is the current one")


def _print_generations(listed: list[Generation]) -> None:
    print_table(
        ("generation", "created", "categories", "keys", "state"),
        [
            (
                str(g.number),
                g.created,
                str(g.categories),
                str(g.keys),
                "current" if g.current else g.problem or "can be brought back",
            )
            for g in listed
        ],
    )
