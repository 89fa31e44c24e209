"""Parse the values of options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from textshot.types import Threshold

if TYPE_CHECKING:
    from textshot.io import Format

_SURROGATE = re.compile("[\ud800-\udfff]")  # as Python keeps a byte that is not UTF-8
_FILE_WORDS = re.compile("FILE|FOLDER|INDEX|ENCODER|EARLIER")  # what help texts call them


class _FormatName(click.Choice[str]):
    """The name of a format, passed on as a `Format`."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Format:
        from textshot.io import Format

        return Format(super().convert(value, param, ctx))


FORMATS = _FormatName(["csv", "tsv", "jsonl", "parquet", "xlsx", "txt"])


class _Text(click.types.StringParamType):
    """A text, a label or another word, which is UTF-8 or is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        if _SURROGATE.search(text):
            self.fail(f"{text!r} is not UTF-8. Type it in a UTF-8 terminal", param, ctx)
        return text


def require_utf8(option: click.Parameter) -> None:
    """Refuse a value that is not UTF-8; names of files can be any bytes."""
    is_file = _FILE_WORDS.search(option.metavar or "") is not None
    if option.type is click.STRING and not is_file:
        option.type = _Text()


def rate(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Check a share."""
    if value is not None and not 0.0 <= value <= 1.0:  # NaN is neither
        raise click.BadParameter(f"{value} is not between 0 and 1", ctx, param)
    return value


def split_names(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Split "a, b" into its names."""
    return tuple(name.strip() for name in value.split(",")) if value else ()


def threshold(ctx: click.Context, param: click.Parameter, value: str) -> Threshold:
    """Parse a threshold."""
    if value == "auto":
        return "auto"
    if value == "none":
        return None
    try:
        cosine = float(value)
    except ValueError:
        cosine = float("nan")
    if not -1.0 <= cosine <= 1.0:
        raise click.BadParameter(f"{value!r} is not auto, none or a cosine in -1 to 1", ctx, param)
    return cosine


allow_similar_option = click.option(
    "--allow-similar",
    is_flag=True,
    help="Allow names that differ only in case, blanks or form, such as Council Tax, Council tax.",
)
