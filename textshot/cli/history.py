# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot info, textshot rollback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options
from textshot.cli.output import (
    keys_text,
    names_text,
    network_text,
    note,
    print_json,
    print_table,
    threshold_text,
)

if TYPE_CHECKING:
    from textshot.index import Generation, Index


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
        _say_damaged(index_path, error, listed, as_json)
        raise click.exceptions.Exit(1) from None
    if as_json:
        print_json({**_facts(index, index_path), "generations": [asdict(g) for g in listed]})
        return
    facts = _facts(index, index_path)
    facts["encoder"] = (facts["encoder"] or {}).get("name")
    facts["names"] = names_text(index.state)
    facts["keys"] = keys_text(index.state)
    del facts["name_weight"], facts["attention_share"]
    facts["network"] = network_text(index.state.network)
    facts["decision"] = f"threshold {threshold_text(index.state.decision)}"
    for name, value in facts.items():
        click.echo(f"{name:<20} {value}")
    click.echo()
    _print_generations(listed)


def _facts(index: Index, path: str) -> dict[str, Any]:
    state = index.state
    return {
        "index": path,
        "generation": index.generation,
        "categories": len(index),
        "examples": sum(len(c.examples) for c in index.categories),
        "nothing": len(state.out_of_scope.examples) if state.out_of_scope else 0,
        "dim": index.dim,
        "names": index.names,
        "name_weight": state.name_weight and asdict(state.name_weight),
        "attention_share": state.attention_share,
        "private": state.private,
        "encoder": dict(state.encoder.spec) if state.encoder else None,
        "encoder_fingerprint": state.encoder.fingerprint if state.encoder else None,
        "network": {
            "name": state.network.name,
            "settings": state.network.settings,
            "learned": bool(state.network.parameters),
        },
        "decision": asdict(state.decision) if state.decision else None,
    }


def _say_damaged(path: str, error: Exception, listed: Sequence[Generation], as_json: bool) -> None:
    if as_json:
        print_json({"index": path, "error": str(error), "generations": [asdict(g) for g in listed]})
    else:
        _print_generations(listed)
    whole = any(not g.problem and not g.current for g in listed)
    way = f"`textshot rollback {path}` brings one back" if whole else "Index again"
    note(f"Error: {error}\n{way}")


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


def _print_generations(listed: Sequence[Generation]) -> None:
    print_table(
        ("generation", "created", "categories", "keys", "state"),
        [
            (
                str(g.number),
                g.created,
                str(g.categories),
                str(g.keys),
                _state_of(g),
            )
            for g in listed
        ],
    )


def _state_of(generation: Generation) -> str:
    brought = f" (brought {generation.restores} back)" if generation.restores else ""
    if generation.problem:
        return generation.problem
    return ("current" if generation.current else "can be brought back") + brought
