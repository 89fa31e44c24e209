"""textshot train."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textshot.cli import options, tables
from textshot.cli.output import note, print_json, warn
from textshot.cli.progress import progress
from textshot.errors import InvalidTextsError

if TYPE_CHECKING:
    from textshot.encoders import Encoder
    from textshot.io import TableOptions
    from textshot.training import TrainConfig, TrainReport
    from textshot.training.corpus import Splits

_COMPILE_SECONDS = 30.0  # on two slow cores; the encoder is checked against the reference, too


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


def _number(
    option: str, kind: click.ParamType[Any], default: float, help_text: str, name: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(option, *filter(None, [name]), type=kind, default=default, help=help_text)


@click.command()
@click.argument("history", metavar="HISTORY...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", required=True, metavar="ENCODER", help="Folder to write.")
@click.option(
    "--network",
    type=click.Choice(options.NETWORK_NAMES),
    default="matching",
    help="Network to train with the encoder.",
)
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_settings,
    help="Setting of the network, such as context=attention. Repeat it for several.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0.1),
    metavar="N",
    help="Time limit of the run. [default: none]",
)
@_number("--steps", click.IntRange(20), 250, "Maximum number of steps.")
@_number("--ways", click.IntRange(2), 48, "Categories per episode.", "n_way")
@_number("--shots", click.IntRange(1), 1, "Examples per category.", "n_shot")
@_number("--hard", click.FloatRange(0, 1), 0.0, "Share of similar categories per episode.")
@click.option(
    "--layers",
    default="2",
    metavar="N|all|projector",
    callback=_layers,
    help="Layers to train: the top N, all, or a new linear layer behind the encoder.",
)
@_number("--lr", click.FloatRange(0, 1), 5e-5, "Learning rate.")
@_number("--seed", click.IntRange(0), 0, "Random seed.")
@options.file_option(
    "--split",
    "split_path",
    help="Table with the columns label and part (train, valid, test). [default: hold out a random"
    " quarter of the categories]",
)
@options.new_encoder_option("Encoder to start from.")
@options.revision_option
@options.prompt_option
@options.max_length_option
@click.option("--overwrite", is_flag=True, help="Replace an encoder that was trained before.")
@click.option("--restart", is_flag=True, help="Discard an unfinished run and start again.")
@options.labelled_table_options
@options.json_option
def train(
    history: tuple[str, ...],
    output: str,
    split_path: str | None,
    encoder: str | None,
    revision: str | None,
    prompt: str,
    max_length: int | None,
    overwrite: bool,
    restart: bool,
    table: TableOptions,
    as_json: bool,
    **training: Any,
) -> None:
    """Fine-tune an encoder on labelled texts of other, or older, categories.

    HISTORY is a table with the columns label and text, with two texts or more per category. Each
    table is one domain. A quarter of the categories is held out: the trained encoder is
    kept only if it beats the original one on them by more than one standard error. Otherwise
    nothing is written and the exit code is 1. A kept encoder is compiled at once for the backend
    that will run it (TEXTSHOT_BACKEND, TEXTSHOT_PRECISION).

    Progress is saved: after Ctrl-C, a kill or a power cut, run the same command again to resume.

    \b
    Examples:
      textshot train history.csv -o encoders/support --minutes 5
      textshot train tickets.csv chats.csv -o encoders/both --split held-out.csv
    """
    begun = time.monotonic()
    from textshot.encoders import load_encoder
    from textshot.training import TrainConfig

    config = TrainConfig(**training)
    splits = _read_splits(history, split_path, table, config)
    # Both are named: the environment variables are about the result, not about training.
    loaded = load_encoder(
        encoder,
        backend="torch",
        precision="fp32",
        revision=revision,
        prompt=prompt,
        max_length=max_length,
    )
    paths = {"output": output, "overwrite": overwrite, "restart": restart}
    report = _run(loaded, splits, config, begun=begun, **paths)
    _print_report(report, output, prompt, as_json=as_json)
    _compile_in_time(output, config, begun)


def _read_splits(
    history: tuple[str, ...], split_path: str | None, table: TableOptions, config: TrainConfig
) -> Splits:
    """Read each table as a domain, split it by category, and join the splits."""
    from textshot.io.categories import read_split
    from textshot.training.corpus import Splits, join, split_lists

    for path in history:
        tables.need_format(path, table.format)
    lists = split_lists(read_split(split_path)) if split_path else None
    paths = list(dict.fromkeys(history))
    domains = [
        (name, _read_domain(path, lists, len(paths) == 1, config, table))
        for name, path in zip(_domain_names(paths), paths, strict=True)
    ]
    parts = Splits.__slots__
    return Splits(*(join([(name, getattr(s, part)) for name, s in domains]) for part in parts))


def _domain_names(paths: Sequence[str]) -> list[str]:
    """Return names of files without their folders: the card of the encoder is shared."""
    names = [Path(path).name for path in paths]
    same = {name for name in names if names.count(name) > 1}
    return [f"{name} ({i})" if name in same else name for i, name in enumerate(names, 1)]


def _read_domain(
    path: str,
    lists: dict[str, list[str]] | None,
    only_domain: bool,
    config: TrainConfig,
    table: TableOptions,
) -> Splits:
    from textshot.io.batches import check_rejected
    from textshot.io.categories import read_training_rows
    from textshot.training.corpus import split_categories
    from textshot.training.corpus_preparation import prepare_corpus
    from textshot.training.train import VALID_SHARE

    history = read_training_rows(path, table)
    for reject in history.rejects:
        warn(f"{reject.source}:{reject.line}: {reject.reason}; left out")
    check_rejected(history.rejects, len(history.rows), path)
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


def _run(
    encoder: Encoder, splits: Splits, config: TrainConfig, *, begun: float, **paths: Any
) -> TrainReport:
    """Train with progress bars; after Ctrl-C print how to resume."""
    from textshot.training import TrainCallbacks, train_splits

    try:
        with progress("encoding") as on_encoding, progress("steps") as on_step:
            callbacks = TrainCallbacks(note, on_encoding, on_step)
            return train_splits(encoder, splits, config, begun=begun, callbacks=callbacks, **paths)
    except KeyboardInterrupt:
        command = [word for word in sys.argv[1:] if word != "--restart"]
        note(f"stopped; progress is saved. Resume with: textshot {shlex.join(command)}")
        raise


def _print_report(report: TrainReport, output: str, prompt: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"output": output if report.kept else None, **report.to_dict()})
    else:
        click.echo("\n".join(report.lines()))
    if not report.kept:
        raise click.ClickException(
            f"nothing was written: {report.refused}. The original encoder is the better choice;"
            " texts of more categories may help"
        )
    if not as_json:
        option = f" --prompt {shlex.quote(prompt)}" if prompt else ""
        click.echo(
            f"{output}: written. Use it: textshot index CATEGORIES --encoder {output}{option}"
        )


def _compile_in_time(folder: str, config: TrainConfig, begun: float) -> None:
    if config.minutes is None or time.monotonic() - begun + _COMPILE_SECONDS <= 60 * config.minutes:
        _compile(folder)
    else:
        note(f"{folder}: will be compiled when it is first used, as the time is up")


def _compile(folder: str) -> None:
    """Compile the new encoder, so that its first use need not wait.

    Nothing happens where torch is the default backend. A failure is only reported: the encoder is
    written, after hours perhaps, and the command has succeeded.
    """
    from textshot.encoders import load_encoder
    from textshot.encoders.compiled.backends import AUTO, TORCH, choose

    try:
        if choose(AUTO, AUTO, None)[0] == TORCH:
            return
        # By its full path: the name alone might be that of another encoder.
        encoder = load_encoder(str(Path(folder).resolve()))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        note(f"{folder} cannot be compiled, so use --backend torch: {reason}")
        return
    if encoder.backend != TORCH:
        note(f"{folder}: ready for {encoder.backend} {encoder.precision}")
