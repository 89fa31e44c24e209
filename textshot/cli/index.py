# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot index."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.output import (
    PLAIN_NETWORK,
    counted,
    keys_text,
    network_text,
    note,
    note_opaque_names,
    note_truncation,
    print_json,
    threshold_text,
    warn,
)
from textshot.cli.progress import progress

if TYPE_CHECKING:
    from textshot.engine import Engine
    from textshot.io import Format
    from textshot.types import Category
from textshot.types import DEFAULT_REJECTION_RATE, Threshold


@click.command()
@click.argument("categories_path", metavar="CATEGORIES", type=click.Path())
@click.option("-o", "--output", required=True, metavar="INDEX", help="Folder to write.")
@click.option(
    "--encoder",
    envvar="TEXTSHOT_ENCODER",
    metavar="NAME|FOLDER",
    help="A sentence-transformers folder, a hub name, or `hashing` (offline toy)."
    " [default: all-MiniLM-L6-v2; env: TEXTSHOT_ENCODER]",
)
@click.option("--revision", help="Of a hub model: a commit or a tag.")
@click.option("--prompt", default="", help="Put before every text, such as 'query: ' for e5.")
@click.option("--max-length", type=click.IntRange(min=3), help="Tokens read of a text.")
@click.option(
    "--long-texts",
    type=click.Choice(["windows", "cut"]),
    default="windows",
    show_default=True,
    help="Texts longer than that: read in windows that overlap, or cut.",
)
@options.device_option
@options.cache_option
@options.network_option
@click.option("--no-names", is_flag=True, help="Names say nothing (such as c17): leave them out.")
@options.threshold_options
@options.unknown_rate_option
@click.option(
    "--nothing",
    "nothing_path",
    metavar="FILE",
    type=click.Path(),
    help="A table of texts that fit no category (column text): what is nearer to one of them is"
    " unknown.",
)
@click.option("--private", is_flag=True, help="Keep vectors, leave example texts out.")
@click.option("--purge", is_flag=True, help="Delete the files of older generations at once.")
@options.label_column_option
@options.text_column_option
@options.input_format_option
@options.encoding_option
@options.json_option
def index(
    categories_path: str,
    output: str,
    encoder: str | None,
    revision: str | None,
    prompt: str,
    max_length: int | None,
    long_texts: str,
    device: options.Where,
    cache: bool,
    network: str | None,
    no_names: bool,
    threshold: Threshold,
    unknown_rate: float | None,
    nothing_path: str | None,
    private: bool,
    purge: bool,
    label_column: str | None,
    text_columns: list[str],
    input_format: Format | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Make an index from a table of categories.

    CATEGORIES has a row for each example, with the columns label, text and description; text and
    description may be empty. Other columns are kept as metadata. An index that is there already
    gets a new generation; `textshot rollback` brings the old one back.

    \b
    Example:
      textshot index examples/support/categories.csv -o my-index
    """
    from textshot.encoders import load_encoder
    from textshot.engine import Engine
    from textshot.io.categories import read_categories

    if unknown_rate is not None and threshold != "auto":
        raise click.UsageError("--unknown-rate is the rate of an auto threshold, and one is given")
    options.need_format(categories_path, input_format)
    categories = read_categories(
        categories_path,
        label=label_column,
        text=text_columns,
        format=input_format,
        encoding=encoding,
    )
    _check(categories, categories_path, threshold)
    nothing = options.read_texts(nothing_path) if nothing_path else []
    loaded = load_encoder(
        encoder,
        revision=revision,
        prompt=prompt,
        max_length=max_length,
        long_texts=long_texts,
        adapter=None if network == options.NO_NETWORK else "auto",
        **device._asdict(),
    )
    n_keys = sum(len(c.keys(names=not no_names)) for c in categories)
    with progress("encoding", n_keys) as advance:
        engine = Engine.build(
            categories,
            encoder=options.cached(loaded) if cache else loaded,
            network=network,
            use_names=not no_names,
            threshold=threshold,
            unknown_rate=DEFAULT_REJECTION_RATE if unknown_rate is None else unknown_rate,
            private=private,
            on_progress=advance,
        )
    engine.add_out_of_scope(nothing)
    engine.save(output, overwrite=True, purge=purge)
    note_opaque_names(engine.index.state)
    texts = [key.text for key in engine.index.state.keys if key.text is not None]
    note_truncation(engine.truncation_stats(texts))
    _note_trained(engine)
    if private and not purge and engine.index.generation > 1:
        warn("older generations in this folder may still hold texts; --purge deletes them")
    _report(engine, output, as_json)


def _check(categories: list[Category], path: str, threshold: Threshold) -> None:
    """Stop at what cannot be meant, and say what may not be."""
    if len(categories) == 1 and threshold == "auto":
        raise click.ClickException(
            f"{path} has one category only, {categories[0].name!r}: there is nothing to tell it"
            " from. Add a second one; or say from which score on a text belongs to it,"
            " --threshold COSINE"
        )
    columns = sorted({column for c in categories for column in c.metadata})
    if columns and not any(c.examples for c in categories):
        warn(
            "no category has an example: there is no column 'text'. If one of these holds them, say"
            f" so by --text-column: {', '.join(columns)}"
        )


def _note_trained(engine: Engine) -> None:
    """Say so where the encoder was trained on the very categories of the index."""
    from textshot.networks import trained_categories

    folder = getattr(engine.encoder, "folder", None)
    known = trained_categories(folder) & set(engine.index.labels) if folder else ()
    if known:
        note(
            f"{len(known)} of the {len(engine.index)} categories are among those that the encoder"
            " was trained on: for these it is better than its model card says for new ones"
        )


def _report(engine: Engine, output: str, as_json: bool) -> None:
    decision, generation = engine.decision, engine.index.generation
    name_weight = engine.index.state.name_weight
    n_examples = sum(len(c.examples) for c in engine.categories)
    if as_json:
        print_json(
            {
                "index": output,
                "generation": generation,
                "categories": len(engine.index),
                "examples": n_examples,
                "encoder": engine.encoder.source,
                "encoder_fingerprint": engine.encoder.fingerprint,
                "network": engine.network.name,
                "name_weight": name_weight and asdict(name_weight),
                "attention_share": engine.index.state.attention_share,
                "threshold": decision.threshold,
                "threshold_method": decision.method,
                "threshold_is_a_guess": decision.guess,
            }
        )
        return
    again = f", generation {generation} (`textshot rollback` goes back)" if generation > 1 else ""
    size = counted(len(engine.index), "category", "categories")
    click.echo(f"{output}: {size}, {counted(n_examples, 'example')}{again}")
    click.echo(f"encoder: {engine.encoder.name} ({engine.encoder.source})")
    shown = network_text(engine.network)
    if shown != PLAIN_NETWORK:
        click.echo(f"network: {shown}")
    if engine.index.state.attention_share:
        click.echo(f"keys: {keys_text(engine.index.state)}")
    click.echo(f"threshold: {threshold_text(decision)}")
    if decision.guess:
        note(
            f"with {size} the threshold is a guess; try it on texts of"
            " your own, and set it by --threshold"
        )
