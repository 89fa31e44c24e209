"""When two texts count as the same."""

from __future__ import annotations

import re
from hashlib import blake2b
from unicodedata import category, normalize

_SYMBOLS = "#%&@"  # punctuation to Unicode; but C# is not C
_DIGITS = re.compile("0[0 ]*0|0")


class _Letters(dict[int, str]):
    """For `str.translate`: digits become 0, punctuation and blanks one blank; filled as needed.

    Symbols (currency, mathematics, emoji) and the marks that other scripts are written with stay:
    they carry meaning.
    """

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        kind = category(letter)
        blank = kind[0] in "PZC" and letter not in _SYMBOLS
        self[code] = "0" if kind == "Nd" else " " if blank else letter
        return self[code]


_LETTERS = _Letters()


def essence(text: str) -> str:
    """Return what near-duplicates have in common.

    That is the text in small letters, composed, with each number as 0 and punctuation and blanks
    as one blank. Where that leaves no letter, punctuation and numbers stay.
    """
    folded = normalize("NFKC", text).casefold()
    words = " ".join(folded.translate(_LETTERS).split())
    # Numbers and punctuation are all there is: then they are what the text says.
    if not any(c.isalpha() for c in words):
        return " ".join(folded.split())
    return _DIGITS.sub("0", words)


def digest(text: str) -> bytes:
    """Return 16 bytes that stand for a text."""
    # Long texts are not held twice. A lone half of a pair (broken UTF-16) has no UTF-8.
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
