"""Parse the values of options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from textshot.types import Threshold

if TYPE_CHECKING:
    from textshot.io import Format


class _FormatName(click.Choice[str]):
    """The name of a format, passed on as a `Format`."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Format:
        from textshot.io import Format

        return Format(super().convert(value, param, ctx))


FORMATS = _FormatName(["csv", "tsv", "jsonl", "parquet", "xlsx", "txt"])


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
