"""textshot info, textshot rollback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options
from textshot.cli.output import note, percent, print_json, print_table, threshold_text

if TYPE_CHECKING:
    from textshot.engine import Engine, EngineInfo
    from textshot.index import Generation


@click.command()
@options.index_argument
@options.json_option
def info(index_path: str, as_json: bool) -> None:
    """Show what an index holds, how it was made, and its generations.

    \b
    Example:
      textshot info my-index
    """
    from textshot.engine import Engine
    from textshot.errors import IndexFormatError
    from textshot.index import generations

    listed = generations(index_path)
    try:
        engine = Engine.load(index_path, lazy=True)
    except IndexFormatError as error:
        _print_damaged(index_path, error, listed, as_json)
        raise click.exceptions.Exit(1) from None
    facts = _facts(engine, index_path)
    if as_json:
        print_json({**facts, "generations": [asdict(g) for g in listed]})
        return
    about = engine.info
    facts["encoder"] = (facts["encoder"] or {}).get("name")
    facts["names"], facts["keys"] = names_text(about), keys_text(about)
    del facts["name_weight"], facts["attention_share"]
    facts["network"] = network_text(about)
    facts["decision"] = f"threshold {threshold_text(about.decision)}"
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<20} {value}")
    click.echo()
    _print_generations(listed)


def index_facts(engine: Engine, path: str) -> dict[str, Any]:
    """Return what the JSON of `index` and `info` have in common."""
    about = engine.info
    return {
        "index": path,
        "generation": about.generation,
        "categories": len(about.labels),
        "examples": sum(len(c.examples) for c in engine.categories),
        "name_weight": about.name_weight and asdict(about.name_weight),
        "attention_share": about.attention_share,
    }


def _facts(engine: Engine, path: str) -> dict[str, Any]:
    about = engine.info
    return {
        **index_facts(engine, path),
        "out_of_scope": about.n_out_of_scope,
        "dim": about.dim,
        "names": about.use_names,
        "private": about.private,
        "encoder": dict(about.encoder.spec) if about.encoder else None,
        "encoder_fingerprint": about.encoder.fingerprint if about.encoder else None,
        "network": {
            "name": about.network.name,
            "settings": about.network.settings,
            "learned": bool(about.network.parameters),
        },
        "decision": asdict(about.decision),
    }


def network_text(about: EngineInfo) -> str:
    """Return the name of the network, and whether it has learned parameters."""
    return about.network.name + (", learned" if about.network.parameters else "")


def names_text(about: EngineInfo) -> str:
    """Describe the weight of the category names."""
    if not about.use_names:
        return "ignored"
    weight = about.name_weight
    if weight is None:
        return "count as one example"
    measured = weight.t_statistic is not None
    method = "measured on the examples" if measured else "from the number of categories"
    return f"count as {weight.weight:.2f} examples ({method})"


def keys_text(about: EngineInfo) -> str:
    """Describe whether scores are of one vector per category, or of all keys."""
    if not about.network.nearest_prototype:
        return f"scored by the {about.network.name} network"
    share = f", {percent(about.attention_share)} of a score from all keys"
    return f"one vector per category{share if about.attention_share else ''}"


def _print_damaged(
    path: str, error: Exception, listed: Sequence[Generation], as_json: bool
) -> None:
    if as_json:
        print_json({"index": path, "error": str(error), "generations": [asdict(g) for g in listed]})
    else:
        _print_generations(listed)
    restorable = any(not g.problem and not g.current for g in listed)
    remedy = f"`textshot rollback {path}` restores one" if restorable else "Index again"
    note(f"Error: {error}\n{remedy}")


def _print_generations(listed: Sequence[Generation]) -> None:
    print_table(
        ("generation", "created", "categories", "keys", "state"),
        [(str(g.number), g.created, str(g.categories), str(g.keys), _state(g)) for g in listed],
    )


def _state(generation: Generation) -> str:
    if generation.problem:
        return generation.problem
    restored = f" (restored {generation.restores})" if generation.restores else ""
    return ("current" if generation.current else "can be restored") + restored


@click.command()
@options.index_argument
@click.option(
    "--to",
    metavar="GENERATION",
    type=click.IntRange(min=1),
    help="Generation to restore. [default: the previous one]",
)
def rollback(index_path: str, to: int | None) -> None:
    """Restore an older generation of an index, as a new one.

    \b
    Example:
      textshot rollback my-index --to 3
    """
    from textshot.index import rollback as restore

    generation = restore(index_path, to)
    click.echo(f"{index_path}: rolled back; generation {generation} is the current one")
