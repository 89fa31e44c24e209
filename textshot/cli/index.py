"""textshot index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options, reindexing, tables
from textshot.cli.info import index_facts, keys_text, network_text
from textshot.cli.option_types import allow_similar_option
from textshot.cli.output import (
    categories_text,
    counted,
    note,
    note_next,
    note_trained,
    note_truncation,
    print_json,
    threshold_text,
    warn,
)
from textshot.cli.progress import progress
from textshot.types import DEFAULT_REJECTION_RATE, Example, Threshold

if TYPE_CHECKING:
    from textshot.encoders import Encoder
    from textshot.engine import Engine
    from textshot.io import TableOptions
    from textshot.types import Category


@dataclass(frozen=True, slots=True)
class _NewEncoder:
    """The encoder to make an index with, see `load_encoder`."""

    name: str | None
    settings: dict[str, Any]
    runtime: options.RuntimeOptions
    cache: bool

    def load(self, *, adapter: str | None) -> Encoder:
        from textshot.encoders import load_encoder

        runtime = self.runtime._asdict()
        encoder = load_encoder(self.name, adapter=adapter, **self.settings, **runtime)
        return options.cached(encoder) if self.cache else encoder


def _new_encoder_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of an encoder as one `encoder`."""

    @options.new_encoder_option(
        "Encoder: a sentence-transformers model on the hub or in a folder, or `hashing`, a toy."
    )
    @options.revision_option
    @options.prompt_option
    @options.max_length_option
    @click.option(
        "--long-texts",
        type=click.Choice(["windows", "cut"]),
        default="windows",
        help="What to do with longer texts: read them in overlapping windows, or cut them.",
    )
    @options.device_option
    @options.cache_option
    @wraps(function)
    def command(
        *args: Any, encoder: str | None, device: options.RuntimeOptions, cache: bool, **others: Any
    ) -> Any:
        names = ("revision", "prompt", "max_length", "long_texts")
        settings = {name: others.pop(name) for name in names}
        return function(*args, encoder=_NewEncoder(encoder, settings, device, cache), **others)

    return command


@click.command()
@click.argument("categories_path", metavar="CATEGORIES", type=click.Path())
@click.option("-o", "--output", required=True, metavar="INDEX", help="Folder to write.")
@_new_encoder_options
@click.option(
    "--network",
    type=click.Choice((*options.NETWORK_NAMES, options.NO_NETWORK)),
    help="Network that scores categories; none: matching without the encoder's trained adapter."
    " [default: the one trained with the encoder, else matching]",
)
@click.option("--no-names", is_flag=True, help="Ignore category names, for codes such as c17.")
@partial(options.threshold_options, auto="derived from the categories")
@options.unknown_rate_option
@options.file_option(
    "--out-of-scope",
    "out_of_scope_path",
    help="Table of out-of-scope texts (column text): texts nearer to these are unknown.",
)
@reindexing.correction_options
@allow_similar_option
@click.option("--private", is_flag=True, help="Store vectors only, no example texts.")
@click.option("--purge", is_flag=True, help="Delete the files of older generations at once.")
@options.labelled_table_options
@options.json_option
def index(
    categories_path: str,
    output: str,
    encoder: _NewEncoder,
    network: str | None,
    no_names: bool,
    threshold: Threshold,
    unknown_rate: float | None,
    out_of_scope_path: str | None,
    corrections: reindexing.Choice | None,
    allow_similar: bool,
    private: bool,
    purge: bool,
    table: TableOptions,
    as_json: bool,
) -> None:
    """Make an index from a table of categories.

    CATEGORIES has one row per example, with the columns label, text and description; text and
    description may be empty. Texts of the label unknown are out of scope. Other columns become
    metadata. An existing index gets a new generation; `textshot rollback` restores the old one.

    \b
    Example:
      textshot index examples/support/categories.csv -o my-index
    """
    from textshot.engine import Engine

    if unknown_rate is not None and threshold != "auto":
        raise click.UsageError("--unknown-rate needs --threshold auto")
    categories, out_of_scope = _read_categories(categories_path, table, threshold)
    update = reindexing.Update(output, categories_path, categories, out_of_scope)
    categories, out_of_scope = update.merged(corrections)
    out_of_scope += [Example(text) for text in _texts(out_of_scope_path)]
    loaded = encoder.load(adapter=None if network == options.NO_NETWORK else "auto")
    with progress("encoding", sum(len(c.keys(names=not no_names)) for c in categories)) as step:
        engine = Engine.build(
            categories,
            encoder=loaded,
            network=network,
            use_names=not no_names,
            threshold=threshold,
            unknown_rate=DEFAULT_REJECTION_RATE if unknown_rate is None else unknown_rate,
            private=private,
            allow_similar=allow_similar,
            on_progress=step,
        )
    _add_out_of_scope(engine, out_of_scope)
    update.save(engine, purge=purge)
    _print_index(engine, output, as_json, purged=purge or not private)


def _add_out_of_scope(engine: Engine, examples: Sequence[Example]) -> None:
    for source, members in groupby(examples, key=lambda example: example.source):
        engine.add_out_of_scope([e.text or "" for e in members], source=source)


def _texts(path: str | None) -> Sequence[str]:
    return list(tables.read_texts(path, skip_empty=True)) if path else []


def _read_categories(
    path: str, table: TableOptions, threshold: Threshold
) -> tuple[list[Category], list[Example]]:
    """Read categories; refuse what cannot be meant, and warn of what may not be."""
    from textshot.io.categories import read_category_table

    tables.need_format(path, table.format)
    categories, out_of_scope = read_category_table(path, table)
    if len(categories) == 1 and threshold == "auto":
        raise click.ClickException(
            f"{path} has only one category, {categories[0].name!r}, and nothing to compare it"
            " with. Add a second one, or set the score from which a text belongs to it:"
            " --threshold COSINE"
        )
    return categories, out_of_scope


def _print_notes(engine: Engine, *, purged: bool) -> None:
    """Print what the user should know about the categories and texts of a new index."""
    info = engine.info
    weight = info.name_weight
    if weight is not None and weight.uninformative:
        note(
            f'the names say nothing about the examples (like "c17"), so they count as'
            f" {weight.weight:.2f} of an example. Say what they mean in a column 'description', or"
            " ignore them with --no-names"
        )
    keys = [key for c in engine.categories for key in c.keys(names=info.use_names)]
    texts = [key.text for key in keys if key.text is not None]
    note_truncation(engine.encoder.truncation_stats(texts))
    note_trained(engine)
    if not purged and info.generation > 1:
        warn("older generations in this folder may still hold texts; --purge deletes them")


def _print_index(engine: Engine, output: str, as_json: bool, *, purged: bool) -> None:
    _print_notes(engine, purged=purged)
    info = engine.info
    decision, size = info.decision, categories_text(len(info.labels))
    n_examples = sum(len(c.examples) for c in engine.categories)
    if as_json:
        record = {
            **index_facts(engine, output),
            "encoder": engine.encoder.source,
            "encoder_fingerprint": engine.encoder.fingerprint,
            "network": info.network.name,
            "threshold": decision.threshold,
            "threshold_method": decision.method,
            "threshold_is_a_guess": decision.guess,
        }
        print_json(record)
        return
    undo = ", see `textshot rollback`" if info.generation > 1 else ""
    generation = f", generation {info.generation}{undo}" if undo else ""
    click.echo(f"{output}: {size}, {counted(n_examples, 'example')}{generation}")
    click.echo(f"encoder: {engine.encoder.name} ({engine.encoder.source})")
    network = network_text(info)
    if network != "matching":
        click.echo(f"network: {network}")
    if info.attention_share:
        click.echo(f"keys: {keys_text(info)}")
    click.echo(f"threshold: {threshold_text(decision)}")
    if decision.guess:
        note(
            f"with {size} the threshold is a guess: try it on your own texts, and set it with"
            " --threshold"
        )
    note_next("try it", "classify", output, "a text of yours")
