"""Options that several commands share, and what commands do with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from textshot.cli import option_types
from textshot.cli.option_types import FORMATS, rate, split_names
from textshot.types import Threshold

if TYPE_CHECKING:
    from textshot.encoders import Encoder
    from textshot.engine import Engine
    from textshot.io import Format, TableOptions

_Command = Callable[..., Any]

NETWORK_NAMES = ("matching", "prototypical", "siamese", "memory", "linear")
"""The names in `textshot.networks.NETWORKS`, repeated because a help page loads no NumPy."""
NO_NETWORK = "none"


index_argument = click.argument("index_path", metavar="INDEX", type=click.Path())
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def file_option(*names: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """Return an option that names a file."""
    return click.option(*names, metavar="FILE", type=click.Path(), **attributes)


def new_encoder_option(help_text: str) -> Callable[[_Command], _Command]:
    """Return the option that names an encoder to start with."""
    default = "[default: all-MiniLM-L6-v2; env: TEXTSHOT_ENCODER]"
    return _encoder_option(help=f"{help_text} {default}")


_encoder_option = partial(
    click.option, "--encoder", envvar="TEXTSHOT_ENCODER", metavar="NAME|FOLDER"
)
encoder_option = _encoder_option(
    help="Encoder that the index was made with, if it has moved. [env: TEXTSHOT_ENCODER]"
)
revision_option = click.option(
    "--revision", help="Commit or tag of a model on the hub. [default: the latest]"
)
prompt_option = click.option(
    "--prompt",
    default="",
    show_default=False,
    help="Text to put before every text, such as 'query: ' for e5. [default: none]",
)
max_length_option = click.option(
    "--max-length",
    type=click.IntRange(3),
    metavar="N",
    help="Maximum tokens of a text, or of a window of it. [default: that of the model]",
)
cache_option = click.option(
    "--cache", is_flag=True, help="Cache embeddings on disk, so that the next run reuses them."
)
adapt_option = click.option(
    "--adapt",
    is_flag=True,
    help="Adapt category prototypes to the input before classifying (transductive).",
)


unknown_rate_option = click.option(
    "--unknown-rate",
    type=float,
    callback=rate,
    metavar="RATE",
    help="Share of out-of-scope texts that the threshold should reject, 0 to 1, estimated from the"
    " categories or the labelled texts. [default: 0.5]",
)
encoding_option = click.option(
    "--encoding", help="Encoding of a text file, such as cp1252. [default: UTF-8, or by its BOM]"
)
input_format_option = click.option(
    "--format", "input_format", type=FORMATS, help="Input format. [default: by the extension]"
)


text_column_option = click.option(
    "--text-column",
    "text_columns",
    metavar="NAME[,NAME...]",
    callback=split_names,
    help="Column with the text; several are joined. [default: text, or the only column]",
)


carry_option = click.option(
    "--carry",
    metavar="NAME[,NAME...]",
    callback=split_names,
    help="Columns of the input that the file to label has, too. [default: the first 12]",
)


class RuntimeOptions(NamedTuple):
    """Where an encoder runs, and how: the arguments of `load_encoder` of these names."""

    device: str | None
    backend: str
    precision: str


def device_option(function: _Command) -> _Command:
    """Add --device, --backend and --precision; the command gets all three as `device`."""

    @click.option("--device", help="Device: cpu, cuda or mps. [default: the fastest]")
    @click.option(
        "--backend",
        type=click.Choice(["auto", "torch", "openvino", "onnx"]),
        default="auto",
        show_default=False,
        help="Runtime of the encoder. [default: auto, the fastest; env: TEXTSHOT_BACKEND]",
    )
    @click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16", "int8"]),
        default="auto",
        show_default=False,
        help="Number format; an index made with int8 needs int8. [default: auto, which is bf16"
        " if the CPU supports it, else fp32; env: TEXTSHOT_PRECISION]",
    )
    @wraps(function)
    def command(*args: Any, device: str | None, backend: str, precision: str, **others: Any) -> Any:
        return function(*args, device=RuntimeOptions(device, backend, precision), **others)

    return command


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How to load an index and its encoder."""

    encoder: str | None
    runtime: RuntimeOptions
    cache: bool = False

    def load(self, path: str, *, lazy: bool = False) -> Engine:
        """Load an index, and its encoder: now, or when it is first used."""
        from textshot.engine import Engine

        engine = Engine.load(path, encoder=self.encoder, **self.runtime._asdict(), lazy=lazy)
        if self.cache:
            engine.encoder = cached(engine.encoder)
        return engine


def engine_options(function: _Command) -> _Command:
    """Add --encoder, --device, --backend, --precision and --cache as one `engine_options`."""

    @encoder_option
    @device_option
    @cache_option
    @wraps(function)
    def command(
        *args: Any, encoder: str | None, device: RuntimeOptions, cache: bool, **others: Any
    ) -> Any:
        return function(*args, engine_options=EngineOptions(encoder, device, cache), **others)

    return command


def layout_options(function: _Command) -> _Command:
    """Add --sheet and --header-row, which the command gets as `sheet` and `header_row`."""
    sheet = click.option(
        "--sheet", metavar="NAME|N", help="Sheet of a workbook. [default: the first visible one]"
    )
    header_row = click.option(
        "--header-row",
        type=click.IntRange(1),
        metavar="N",
        help="Row of a sheet, or line of CSV, with the column names. [default: the first used]",
    )
    return sheet(header_row(function))


def table_options(function: _Command) -> _Command:
    """Add the options that say how to read a table; the command gets them as one `table`."""

    @text_column_option
    @input_format_option
    @encoding_option
    @layout_options
    @wraps(function)
    def command(
        *args: Any,
        text_columns: tuple[str, ...],
        input_format: Format | None,
        encoding: str | None,
        sheet: str | None,
        header_row: int | None,
        **others: Any,
    ) -> Any:
        from textshot.io import TableOptions

        table = TableOptions(text_columns, None, input_format, encoding, sheet, header_row)
        return function(*args, table=table, **others)

    return command


def labelled_table_options(function: _Command) -> _Command:
    """Add the options of `table_options` and --label-column, as one `table`."""

    @table_options
    @click.option("--label-column", metavar="NAME", help="Column with the label. [default: label]")
    @wraps(function)
    def command(*args: Any, table: TableOptions, label_column: str | None, **others: Any) -> Any:
        return function(*args, table=replace(table, label_column=label_column), **others)

    return command


def threshold_options(function: _Command, auto: str = "the threshold of the index") -> _Command:
    """Add --threshold and --no-unknown, which the command gets as one `threshold`."""

    @click.option(
        "--threshold",
        default="auto",
        show_default=False,
        callback=option_types.threshold,
        metavar="auto|none|COSINE",
        help=f"Answer unknown below this score. [default: auto, {auto}]",
    )
    @click.option("--no-unknown", is_flag=True, help="Never answer unknown; overrides --threshold.")
    @wraps(function)
    def command(*args: Any, threshold: Threshold, no_unknown: bool, **others: Any) -> Any:
        return function(*args, threshold=None if no_unknown else threshold, **others)

    return command


def cached(encoder: Encoder) -> Encoder:
    """Return an encoder that caches its embeddings on disk."""
    from textshot.encoders import CachedEncoder
    from textshot.encoders.compiled.store import cache_folder

    return CachedEncoder(encoder, cache_folder=cache_folder() / "vectors")
