# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot train."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
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
    settings: dict[str, str | float | int | bool] = {}
    for value in values:
        name, equals, word = value.partition("=")
        if not equals:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE", ctx, param)
        for kind in (int, float, str):
            try:
                settings[name.strip()] = kind(word)
                break
            except ValueError:
                continue
    return settings


@dataclass(frozen=True)
class _Options:
    """The options of the command; fields of `TrainConfig` have its names."""

    history: tuple[str, ...]
    output: str
    network: str
    settings: dict[str, str | float | int | bool]
    minutes: float | None
    steps: int
    n_way: int
    n_shot: int
    hard: float
    layers: int | str
    lr: float
    seed: int
    split_path: str | None
    encoder: str | None
    revision: str | None
    prompt: str
    max_length: int | None
    overwrite: bool
    restart: bool
    label_column: str | None
    text_columns: list[str]
    input_format: Format | None
    encoding: str | None
    as_json: bool

    def config(self) -> TrainConfig:
        """Return the options of the training itself."""
        from textshot.training import TrainConfig

        names = {f.name for f in fields(TrainConfig)} & {f.name for f in fields(self)}
        return TrainConfig(**{name: getattr(self, name) for name in names})

    @property
    def columns(self) -> dict[str, Any]:
        """How to read the tables."""
        return {
            "label": self.label_column,
            "text": self.text_columns,
            "format": self.input_format,
            "encoding": self.encoding,
        }


def _training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the training itself."""
    decorators = (
        click.option(
            "--network",
            type=click.Choice(["matching", "prototypical", "siamese", "memory", "linear"]),
            default="matching",
            show_default=True,
            help="Network to train with the encoder.",
        ),
        click.option(
            "--setting",
            "settings",
            multiple=True,
            metavar="NAME=VALUE",
            callback=_settings,
            help="Setting of the network, such as context=attention.",
        ),
        click.option("--minutes", type=click.FloatRange(min=0.1), help="Time limit."),
        _number("--steps", click.IntRange(min=20), 250, "Maximum number of steps."),
        _number("--ways", click.IntRange(min=2), 48, "Categories per episode.", "n_way"),
        _number("--shots", click.IntRange(min=1), 1, "Examples per category.", "n_shot"),
        _number("--hard", click.FloatRange(0, 1), 0.0, "Share of similar categories per episode."),
        click.option(
            "--layers",
            default="2",
            show_default=True,
            metavar="N|all|projector",
            callback=_layers,
            help="Layers to train: the top N, all, or a new linear layer behind the encoder.",
        ),
        _number("--lr", click.FloatRange(0, 1), 5e-5, "Learning rate."),
        _number("--seed", click.IntRange(min=0), 0, "Random seed."),
        click.option(
            "--split",
            "split_path",
            metavar="FILE",
            type=click.Path(),
            help="Table with the columns label and part (train, valid, test). [default: hold out a"
            " random quarter of the categories]",
        ),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def _number(
    option: str, kind: click.ParamType[Any], default: float, help_text: str, name: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    names = [option] if name is None else [option, name]
    return click.option(*names, type=kind, default=default, show_default=True, help=help_text)


@click.command()
@click.argument("history", metavar="HISTORY...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", required=True, metavar="ENCODER", help="Folder to write.")
@_training_options
@click.option(
    "--encoder",
    envvar="TEXTSHOT_ENCODER",
    metavar="NAME|FOLDER",
    help="Initial encoder. [default: all-MiniLM-L6-v2; env: TEXTSHOT_ENCODER]",
)
@click.option("--revision", help="Commit or tag of a hub model.")
@click.option("--prompt", default="", help="Text put before every text, such as 'query: ' for e5.")
@click.option("--max-length", type=click.IntRange(min=3), help="Maximum tokens per text.")
@click.option("--overwrite", is_flag=True, help="Replace an encoder trained before.")
@click.option("--restart", is_flag=True, help="Discard an unfinished run and start again.")
@options.label_column_option
@options.text_column_option
@options.input_format_option
@options.encoding_option
@options.json_option
def train(**values: Any) -> None:
    """Fine-tune an encoder on labelled texts of other, or older, categories.

    HISTORY is a table with the columns label and text, with two texts or more per category. Each
    table is a domain of its own. A quarter of the categories is held out: the trained encoder is
    kept only if it beats the original one on them by more than one standard error. Otherwise
    nothing is written and the exit code is 1. A kept encoder is compiled at once for the backend
    that will run it (TEXTSHOT_BACKEND, TEXTSHOT_PRECISION).

    Progress is saved: after Ctrl-C, a kill or a power cut, run the same command again to resume.

    \b
    Examples:
      textshot train history.csv -o encoders/support --minutes 5
      textshot train tickets.csv chats.csv -o encoders/both --split held-out.csv
    """
    given = _Options(**values)
    config = given.config()
    report = _train(_read_splits(given, config), config, given)
    _report(report, given)
    compile_new(given.output)


def _read_splits(given: _Options, config: TrainConfig) -> Splits:
    """Read each table as a domain, split it by category, and join the splits."""
    from textshot.io.categories import read_split
    from textshot.training.corpus import Splits, join, split_lists

    for path in given.history:
        options.need_format(path, given.input_format)
    lists = split_lists(read_split(given.split_path)) if given.split_path else None
    paths = list(dict.fromkeys(given.history))
    domains = [(p, _read_domain(p, lists, len(paths) == 1, config, given.columns)) for p in paths]
    parts = Splits.__slots__
    return Splits(*(join([(path, getattr(s, part)) for path, s in domains]) for part in parts))


def _read_domain(
    path: str,
    lists: dict[str, list[str]] | None,
    only_domain: bool,
    config: TrainConfig,
    columns: dict[str, Any],
) -> Splits:
    from textshot.io.categories import read_training_rows
    from textshot.training.corpus import split_categories
    from textshot.training.corpus_preparation import prepare_corpus
    from textshot.training.train import VALID_SHARE

    history = read_training_rows(path, **columns)
    for reject in history.rejects:
        warn(f"{reject.source}:{reject.line}: {reject.reason}; left out")
    try:
        corpus, report = prepare_corpus(
            history.rows, descriptions=history.descriptions, min_texts=config.texts_needed
        )
        for line in report.lines():
            note(f"{path}: {line}")
        of_domain = lists and {
            # A list for several tables names categories that this one does not have.
            part: [n for n in names if only_domain or n in corpus.names]
            for part, names in lists.items()
        }
        return split_categories(corpus, seed=config.seed, shares=VALID_SHARE, lists=of_domain)
    except InvalidTextsError as error:
        raise InvalidTextsError(f"{path}: {error}") from None


def _train(splits: Splits, config: TrainConfig, given: _Options) -> TrainReport:
    from textshot.encoders import load_encoder
    from textshot.training import TrainCallbacks, train_splits

    # Both are named: the environment variables are about the result, not about training.
    encoder = load_encoder(
        given.encoder,
        backend="torch",
        precision="fp32",
        revision=given.revision,
        prompt=given.prompt,
        max_length=given.max_length,
    )
    try:
        with progress("encoding") as on_encoding, progress("steps") as on_step:
            return train_splits(
                encoder,
                splits,
                config,
                output=given.output,
                overwrite=given.overwrite,
                restart=given.restart,
                callbacks=TrainCallbacks(note, on_encoding, on_step),
            )
    except KeyboardInterrupt:
        command = [word for word in sys.argv[1:] if word != "--restart"]
        note(f"stopped; progress is saved. Resume with: textshot {shlex.join(command)}")
        raise


def _report(report: TrainReport, given: _Options) -> None:
    output = given.output
    if given.as_json:
        print_json({"output": output if report.kept else None, **report.to_dict()})
    else:
        for line in report.lines():
            click.echo(line)
    if not report.kept:
        raise click.ClickException(
            f"nothing was written: {report.refused}. The original encoder is the better choice;"
            " texts of more categories may help"
        )
    if not given.as_json:
        prompt = f" --prompt {shlex.quote(given.prompt)}" if given.prompt else ""
        click.echo(
            f"{output}: written. Use it: textshot index CATEGORIES --encoder {output}{prompt}"
        )
