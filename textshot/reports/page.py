"""Render pages for a browser: one self-contained file each, in light and dark, and for print."""

from __future__ import annotations

import unicodedata
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_STYLE = "style.css"
_JOINERS = "\u200c\u200d"
"""Scripts and emoji need them, and they hide nothing."""


def render(package: str | None, name: str, **values: Any) -> str:
    """Return a page; the same values give the same page.

    Args:
        package: The package of the template, which may extend and import those of this one.
        name: The template. It gets `style`, the style sheet of all pages.
        values: What it shows: escaped, and with hidden characters spelt out.
    """
    from markupsafe import Markup

    style = files(__package__).joinpath(_STYLE).read_text(encoding="utf-8")
    template = _environment(str(package)).get_template(name)
    return template.render(style=Markup(style), **values)  # our own file


def _environment(package: str) -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def source(name: str) -> str | None:
        for folder in (package, str(__package__)):
            template = files(folder).joinpath(name)
            if template.is_file():
                return template.read_text(encoding="utf-8")
        return None

    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(source),
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": "{:,}".format, "percent": _percent, "cosine": _cosine}
    return environment


def visible(value: Any) -> Any:
    """Return text with control and direction characters spelt out, so that nothing is hidden."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # our own markup
        return value
    return "".join(_escape(c) if _is_hidden(c) else c for c in value)


def cut(text: str, max_chars: int) -> str:
    """Return a text on one line, cut with an ellipsis if it is longer than `max_chars`."""
    line = " ".join(text.split())
    return line if len(line) <= max_chars else f"{line[: max_chars - 1]}…"


def _is_hidden(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in _JOINERS


def _escape(c: str) -> str:
    return c.encode("unicode_escape").decode("ascii")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _cosine(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
