"""What counts as nothing in a text, and what makes two names the same."""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import category, normalize

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# Letters, marks and a symbol that show nothing.
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_FILLERS |= {chr(c) for c in (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10))}
_FILLERS |= {chr(c) for c in range(0xE0100, 0xE01F0)}  # variation selectors


def is_blank(text: str) -> bool:
    """Tell whether no character of a text can be seen, see `is_invisible`."""
    return all(map(is_invisible, text))


def is_invisible(c: str) -> bool:
    """Tell whether a character is white space, a control or format character, or a filler.

    Zero-width characters are format characters.
    """
    return c in _FILLERS or category(c).startswith(("Z", "Cc", "Cf"))


def whole_characters(text: str) -> str:
    """Return a text with U+FFFD for each lone surrogate, which UTF-8 cannot hold."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def clean_name(name: str) -> str:
    """Return a name as a category keeps it: no blanks around it, composed (NFC)."""
    return normalize("NFC", name.strip())


def name_key(name: str) -> str:
    """Return what similar names have in common.

    Two names are similar if they differ only by case, by blanks (white space of any kind and
    length, characters that cannot be seen), or by compatible forms such as full-width letters.
    """
    folded = normalize("NFKC", normalize("NFKC", name).casefold())
    seen = (" " if c.isspace() else c for c in folded if c.isspace() or not is_invisible(c))
    return " ".join("".join(seen).split())


def group_names(names: Iterable[str]) -> dict[str, list[str]]:
    """Return similar names together, by `name_key`."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name_key(name), []).append(name)
    return groups


def invisible_class() -> str:
    """Return the invisible characters as ranges of a regular expression."""
    codes = {c for c in (*range(0x1E000), *range(0xE0000, 0xE0200)) if is_invisible(chr(c))}
    firsts = sorted(c for c in codes if c - 1 not in codes)
    lasts = sorted(c for c in codes if c + 1 not in codes)
    return "".join(f"{_escaped(a)}-{_escaped(b)}" for a, b in zip(firsts, lasts, strict=True))


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else chr(code)
