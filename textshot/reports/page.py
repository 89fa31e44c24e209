"""Pages for people: one file each, that needs nothing but a browser; light, dark and printed."""

from __future__ import annotations

import unicodedata
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_STYLE = "style.css"
_JOINERS = "\u200c\u200d"
"""Scripts and emoji are written with them, and they hide nothing."""


def render(package: str | None, name: str, **values: Any) -> str:
    """Return a page: the same for the same values.

    Args:
        package: where its template lies; it may import the macros that lie here.
        name: of the template. It gets `style`, what all pages look like.
        values: what it shows. All of it is escaped, and nothing in it is hidden.
    """
    from markupsafe import Markup

    style = files(__package__).joinpath(_STYLE).read_text(encoding="utf-8")
    template = _environment(str(package)).get_template(name)
    return template.render(style=Markup(style), **values)  # our own file


def _environment(package: str) -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def source(name: str) -> str | None:
        for home in (package, str(__package__)):
            found = files(home).joinpath(name)
            if found.is_file():
                return found.read_text(encoding="utf-8")
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
    """Return text in which nothing is hidden: controls and turns of direction as they are spelt."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # markup is the template's own
        return value
    return "".join(_spelt(c) if _is_hidden(c) else c for c in value)


def _is_hidden(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in _JOINERS


def _spelt(c: str) -> str:
    return c.encode("unicode_escape").decode("ascii")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _cosine(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
