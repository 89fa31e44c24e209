"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from textshot.cli.output import warn
from textshot.types import Threshold

if TYPE_CHECKING:
    from textshot.encoders import Encoder
    from textshot.engine import Engine
    from textshot.io import Format
    from textshot.io.categories import LabelledTexts

_Command = Callable[..., Any]


class _FormatName(click.Choice[str]):
    """A format by its name, handed on as a `Format`."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Format:
        from textshot.io import Format

        return Format(super().convert(value, param, ctx))


FORMATS = _FormatName(["csv", "tsv", "jsonl", "parquet", "xlsx", "txt"])

index_argument = click.argument("index_path", metavar="INDEX", type=click.Path())
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
encoder_option = click.option(
    "--encoder",
    envvar="TEXTSHOT_ENCODER",
    metavar="NAME|FOLDER",
    help="A sentence-transformers folder, a hub name, or `hashing` (offline toy). It has to be"
    " the one that the index was made with. [env: TEXTSHOT_ENCODER]",
)


class Where(NamedTuple):
    """Where an encoder runs, and how: the arguments of `load_encoder` of these names."""

    device: str | None
    backend: str
    precision: str


def device_option(function: _Command) -> _Command:
    """Add --device, --backend and --precision; the command gets all three as `device`."""

    @click.option("--device", help="Where to encode: cpu, cuda, mps; default: the best.")
    @click.option(
        "--backend",
        type=click.Choice(["auto", "torch", "openvino", "onnx"]),
        default="auto",
        help="What runs the encoder; auto: the fastest one there is. [env: TEXTSHOT_BACKEND]",
    )
    @click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16", "int8"]),
        default="auto",
        help="auto: bf16 where the CPU has it and openvino runs; int8 makes other vectors: an index"
        " that was made in it is read in it. [env: TEXTSHOT_PRECISION]",
    )
    @wraps(function)
    def called(*args: Any, device: str | None, backend: str, precision: str, **others: Any) -> Any:
        return function(*args, device=Where(device, backend, precision), **others)

    return called


cache_option = click.option(
    "--cache",
    is_flag=True,
    help="Keep the vectors of texts in the cache, so that the next run does not encode them again.",
)
encoding_option = click.option(
    "--encoding", help="Of a text table, such as cp1252. Default: UTF-8, or its byte order mark."
)
input_format_option = click.option(
    "--format", "input_format", type=FORMATS, help="Of the input; default: by its ending."
)
label_column_option = click.option("--label-column", help="Column with the label. [default: label]")


NETWORK_NAMES = ("matching", "prototypical", "siamese", "memory", "linear")
"""Those of `textshot.networks.NETWORKS`; here too, as a help page loads no NumPy."""
NO_NETWORK = "none"
"""That of `textshot.engine.engine`."""

network_option = click.option(
    "--network",
    type=click.Choice((*NETWORK_NAMES, NO_NETWORK)),
    help="How texts are scored against categories; none: as matching, by the encoder without its"
    " trained adapter. [default: the one trained with the encoder, else matching]",
)


def text_column_option(function: _Command) -> _Command:
    """Add --text-column, one or several."""
    return click.option(
        "--text-column",
        "text_columns",
        metavar="NAME[,NAME...]",
        callback=lambda _c, _p, value: [c.strip() for c in value.split(",")] if value else [],
        help="Column with the text; several are joined. [default: text, or the only column]",
    )(function)


def threshold_options(function: _Command) -> _Command:
    """Add --threshold and --no-unknown, which the command gets as one `threshold`."""

    @wraps(function)
    def command(*args: Any, threshold: Threshold, no_unknown: bool, **others: Any) -> Any:
        return function(*args, threshold=None if no_unknown else threshold, **others)

    command = click.option(
        "--no-unknown",
        is_flag=True,
        help="Always answer with a category, whatever --threshold says.",
    )(command)
    return click.option(
        "--threshold",
        default="auto",
        callback=_threshold,
        metavar="auto|none|COSINE",
        help="Below this score the answer is unknown. [default: auto, from the categories]",
    )(command)


def adapt_option(function: _Command) -> _Command:
    """Add --adapt."""
    return click.option(
        "--adapt",
        is_flag=True,
        help="Let the categories move towards the texts of the input first: more right answers on"
        " a batch, which then depend on it.",
    )(function)


def unknown_rate_option(function: _Command) -> _Command:
    """Add --unknown-rate."""
    return click.option(
        "--unknown-rate",
        type=float,
        callback=_share,
        metavar="SHARE",
        help="Share of texts that fit no category which shall come out as unknown, as far as the"
        " categories (or labelled texts) tell. [default: 0.5 of the categories' own]",
    )(function)


def name_variables(command: click.Command, prefix: str) -> None:
    """Let each option be set by a variable called after it: TEXTSHOT_INDEX_TEXT_COLUMN."""
    for option in command.params:
        if isinstance(option, click.Option) and not option.is_eager:  # no TEXTSHOT_VERSION
            flag = max(option.opts, key=len).lstrip("-").replace("-", "_").upper()
            shared = [option.envvar] if isinstance(option.envvar, str) else []
            option.envvar = [f"{prefix}_{flag}", *shared]
    if isinstance(command, click.Group):
        for name, member in command.commands.items():
            word = name.replace("-", "_").upper()
            name_variables(member, f"{prefix}_{word}")


def need_format(path: str, format: Format | None) -> None:
    """Ask what stdin holds, as it has no ending to tell by."""
    if path == "-" and format is None:
        raise click.UsageError("say what stdin holds: --format csv, tsv, jsonl or txt")


def check_page(path: str | None) -> None:
    """Refuse a place for a page that cannot be one, before anything long is done."""
    if path is None:
        return
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"{path} is a page: give it a name that ends in .html")
    if not Path(path).absolute().parent.is_dir():
        raise click.ClickException(f"the folder of {path} is not there. Make it first")
    if Path(path).is_dir():
        raise click.ClickException(f"{path} is a folder. Name a file")


def write_page(path: str, page: str) -> None:
    """Write a page, and say how large it is."""
    from textshot._files import write_atomic
    from textshot.cli.output import in_bytes, note

    data = page.encode("utf-8")
    write_atomic(Path(path), data)
    note(f"{path}: {in_bytes(len(data))}; it holds texts of yours")


def read_labelled_texts(
    path: str,
    label_column: str | None,
    text_columns: list[str],
    format: Format | None,
    encoding: str | None,
) -> LabelledTexts:
    """Read texts and truths, and warn of each row that cannot be used."""
    from textshot.io.categories import read_labelled_texts as read

    need_format(path, format)
    data = read(path, label=label_column, text=text_columns, format=format, encoding=encoding)
    for reject in data.rejects:
        warn(f"{reject.source}:{reject.line}: {reject.reason}; left out")
    return data


def read_texts(path: str) -> list[str]:
    """Read the texts of a table, and warn of each row that cannot be used."""
    from textshot.io import open_table, text_column
    from textshot.io.categories import text_columns_of

    found: list[str] = []
    with open_table(path) as table:
        columns = text_columns_of(table)
        for batch in table.batches():
            for reject in batch.rejects:
                warn(f"{reject.source}:{reject.line}: {reject.reason}; left out")
            for text, line in zip(text_column(batch.data, columns), batch.lines, strict=True):
                if text.strip():
                    found.append(text)
                else:
                    warn(f"{table.source}:{line}: the text is empty; left out")
    return found


def load_engine(
    path: str,
    encoder: str | None,
    device: Where,
    *,
    lazy: bool = False,
    cache: bool = False,
) -> Engine:
    """Load an index and its encoder; a lazy one only when it is needed."""
    from textshot.engine import Engine

    engine = Engine.load(path, encoder=encoder, **device._asdict(), lazy=lazy)
    if cache:
        engine.encoder = cached(engine.encoder)
    return engine


def cached(encoder: Encoder) -> Encoder:
    """Return an encoder that caches its embeddings on disk."""
    from textshot.encoders import CachedEncoder
    from textshot.encoders.compiled.store import cache_folder

    return CachedEncoder(encoder, cache_folder=cache_folder() / "vectors")


def _share(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0.0 <= value <= 1.0:  # NaN is neither
        raise click.BadParameter(f"{value} is not a share, 0 to 1", ctx, param)
    return value


def _threshold(ctx: click.Context, param: click.Parameter, value: str) -> Threshold:
    if value == "auto":
        return "auto"
    if value == "none":
        return None
    try:
        found = float(value)
    except ValueError:
        found = float("nan")
    if not -1.0 <= found <= 1.0:
        raise click.BadParameter(f"{value!r} is not auto, none or a cosine in -1 to 1", ctx, param)
    return found
