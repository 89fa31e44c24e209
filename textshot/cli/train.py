# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot train."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options
from textshot.cli.first_use import compile_new
from textshot.cli.output import note, print_json, warn
from textshot.cli.progress import progress
from textshot.errors import InvalidTextsError

if TYPE_CHECKING:
    from textshot.io import Format
    from textshot.training import TrainConfig, TrainReport
    from textshot.training.corpus import Splits


def _layers(ctx: click.Context, param: click.Parameter, value: str) -> int | str:
    if value in ("all", "projector"):
        return value
    if value.isdigit() and int(value):
        return int(value)
    raise click.BadParameter(f"{value!r} is not a number of layers, all or projector", ctx, param)


def _settings(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, str | float | int | bool]:
    """Parse NAME=VALUE: a number where it is one, else a word."""
    found: dict[str, str | float | int | bool] = {}
    for value in values:
        name, equals, word = value.partition("=")
        if not equals:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE", ctx, param)
        for kind in (int, float, str):
            try:
                found[name.strip()] = kind(word)
                break
            except ValueError:
                continue
    return found


@click.command()
@click.argument("history", metavar="HISTORY...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", required=True, metavar="ENCODER", help="Folder to write.")
@click.option(
    "--network",
    type=click.Choice(["matching", "prototypical", "siamese", "memory", "linear"]),
    default="matching",
    show_default=True,
    help="What learns with the encoder.",
)
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_settings,
    help="Of the network, such as context=attention.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0.1),
    help="Stop after as many steps as fit into this time.",
)
@click.option(
    "--steps", type=click.IntRange(min=20), default=250, show_default=True, help="How many at most."
)
@click.option(
    "--ways",
    type=click.IntRange(min=2),
    default=48,
    show_default=True,
    help="Categories of an episode.",
)
@click.option(
    "--shots", type=click.IntRange(min=1), default=1, show_default=True, help="Examples of each."
)
@click.option(
    "--hard", type=click.FloatRange(0, 1), default=0.0, help="Share of the ways that are alike."
)
@click.option(
    "--layers",
    default="2",
    show_default=True,
    metavar="N|all|projector",
    callback=_layers,
    help="What of the encoder learns: its top layers, or a linear module behind it.",
)
@click.option(
    "--lr", type=click.FloatRange(0, 1), default=5e-5, show_default=True, help="Learning rate."
)
@click.option(
    "--augment",
    multiple=True,
    type=click.Choice(["typos", "drop", "swap", "case"]),
    help="Change texts now and then while training; can be given several times.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn."
)
@click.option(
    "--split",
    "split_path",
    metavar="FILE",
    type=click.Path(),
    help="Table with the columns label and part (train, valid, test). [default: a quarter of the"
    " categories is held out, by the seed]",
)
@click.option(
    "--encoder",
    envvar="TEXTSHOT_ENCODER",
    metavar="NAME|FOLDER",
    help="To start from. [default: all-MiniLM-L6-v2; env: TEXTSHOT_ENCODER]",
)
@click.option("--revision", help="Of a hub model: a commit or a tag.")
@click.option("--prompt", default="", help="Put before every text, such as 'query: ' for e5.")
@click.option("--max-length", type=click.IntRange(min=3), help="Tokens read of a text.")
@click.option("--overwrite", is_flag=True, help="Replace an encoder trained before.")
@click.option("--restart", is_flag=True, help="Throw an unfinished run away and begin again.")
@options.label_column_option
@options.text_column_option
@options.input_format_option
@options.encoding_option
@options.json_option
def train(
    history: tuple[str, ...],
    output: str,
    network: str,
    settings: dict[str, str | float | int | bool],
    minutes: float | None,
    steps: int,
    ways: int,
    shots: int,
    hard: float,
    layers: int | str,
    lr: float,
    augment: tuple[str, ...],
    seed: int,
    split_path: str | None,
    encoder: str | None,
    revision: str | None,
    prompt: str,
    max_length: int | None,
    overwrite: bool,
    restart: bool,
    label_column: str | None,
    text_columns: list[str],
    input_format: Format | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Fine-tune an encoder on labelled texts of other, or older, categories.

    HISTORY is a table with the columns label and text, two texts or more of each category; several
    tables are several domains, kept apart in training. A quarter of the categories is held out: the
    result is kept only if it is better there than the encoder was, by more than one standard error.
    Otherwise nothing is written, and the exit code is 1. What is kept is made ready for the engine
    that will run it (TEXTSHOT_BACKEND, TEXTSHOT_PRECISION), so that its first use need not wait.

    Stopped by Ctrl-C, a kill or a power cut, the same command goes on where it was.

    \b
    Examples:
      textshot train history.csv -o encoders/support --minutes 5
      textshot train tickets.csv chats.csv -o encoders/both --split held-out.csv
    """
    from textshot.training import TrainConfig

    config = TrainConfig(
        network=network,
        settings=settings,
        steps=steps,
        minutes=minutes,
        n_way=ways,
        n_shot=shots,
        hard=hard,
        layers=layers,  # type: ignore[arg-type]
        lr=lr,
        augment=augment,
        seed=seed,
    )
    columns = {
        "label": label_column,
        "text": text_columns,
        "format": input_format,
        "encoding": encoding,
    }
    splits = _read(history, split_path, config, columns)
    named = {"name": encoder, "revision": revision, "prompt": prompt, "max_length": max_length}
    report = _train(splits, config, named, output, overwrite, restart)
    _report(report, output, prompt, as_json)
    compile_new(output)


def _read(
    paths: tuple[str, ...],
    split_path: str | None,
    config: TrainConfig,
    columns: dict[str, Any],
) -> Splits:
    """Read each table as a domain, split it by category, and put the parts together."""
    from textshot.io.categories import read_split
    from textshot.training.corpus import Splits, join, split_lists

    for path in paths:
        options.need_format(path, columns["format"])
    given = split_lists(read_split(split_path)) if split_path else None
    once = list(dict.fromkeys(paths))
    parts = [(p, _read_domain(p, given, len(once) == 1, config, columns)) for p in once]
    return Splits(
        *(join([(path, getattr(s, part)) for path, s in parts]) for part in Splits.__slots__)
    )


def _read_domain(
    path: str,
    given: dict[str, list[str]] | None,
    only_one: bool,
    config: TrainConfig,
    columns: dict[str, Any],
) -> Splits:
    from textshot.io.categories import read_training_rows
    from textshot.training.corpus import make_corpus, split_categories
    from textshot.training.train import VALID_SHARE

    history = read_training_rows(path, **columns)
    for reject in history.rejects:
        warn(f"{reject.source}:{reject.line}: {reject.reason}; left out")
    try:
        corpus, report = make_corpus(
            history.rows, descriptions=history.descriptions, min_texts=config.texts_needed
        )
        for line in report.lines():
            note(f"{path}: {line}")
        own = given and {
            # A list for several tables names categories that this one does not have.
            part: [n for n in names if only_one or n in corpus.names]
            for part, names in given.items()
        }
        return split_categories(corpus, seed=config.seed, shares=VALID_SHARE, given=own)
    except InvalidTextsError as error:
        raise InvalidTextsError(f"{path}: {error}") from None


def _train(
    splits: Splits,
    config: TrainConfig,
    named: dict[str, Any],
    output: str,
    overwrite: bool,
    restart: bool,
) -> TrainReport:
    from textshot.encoders import load_encoder
    from textshot.training import train_splits

    # Both are named: variables are about what is trained, and not about training.
    loaded = load_encoder(named.pop("name"), backend="torch", precision="fp32", **named)
    try:
        with progress("reading") as reading, progress("steps") as learning:
            return train_splits(
                loaded,
                splits,
                config,
                output=output,
                overwrite=overwrite,
                restart=restart,
                say=note,
                reading=reading,
                learning=learning,
            )
    except KeyboardInterrupt:
        again = [word for word in sys.argv[1:] if word != "--restart"]
        note(f"stopped; the state is kept. Go on with: textshot {shlex.join(again)}")
        raise


def _report(report: TrainReport, output: str, prompt: str, as_json: bool) -> None:
    if as_json:
        print_json({"output": output if report.kept else None, **report.to_dict()})
    else:
        for line in report.lines():
            click.echo(line)
    if not report.kept:
        raise click.ClickException(
            f"nothing was written: {report.refused}. The encoder as it was is the better choice;"
            " texts of more categories may help"
        )
    if not as_json:
        said = f" --prompt {shlex.quote(prompt)}" if prompt else ""
        click.echo(f"{output}: written. Use it: textshot index CATEGORIES --encoder {output}{said}")
