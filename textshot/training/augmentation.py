"""Other ways to write the same text, without a network: seeded, pure Python.

Off by default; docs/ shows what each kind did to accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from unicodedata import category

from textshot.errors import InvalidTextsError

_LETTERS_PER_TYPO = 20
_DROPPED = 0.15
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def augment(text: str, kind: str, rng: Random | int) -> str:
    """Return `text` as someone else, or someone in a hurry, might have written it.

    Args:
        text: any text. One without letters comes back unchanged; the result is never empty.
        kind: one of AUGMENTATIONS. "typos": a letter in twenty (at least one) is replaced by its
            neighbour on the keyboard or changes places with the next. "drop": each word is left
            out with probability 0.15. "swap": two neighbouring words change places. "case": all
            small, all capitals, or without punctuation.
        rng: a source of chance, which moves on, or a seed.

    Raises:
        InvalidTextsError: no such kind.
    """
    if kind not in _KINDS:
        raise InvalidTextsError(
            f"no augmentation is called {kind!r}; there are {', '.join(AUGMENTATIONS)}"
        )
    if not _has_letters(text):
        return text
    return _KINDS[kind](text, rng if isinstance(rng, Random) else Random(rng))


def _typos(text: str, rng: Random) -> str:
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    found = list(text)
    for i in rng.sample(letters, max(1, len(letters) // _LETTERS_PER_TYPO)):
        near = _NEAR.get(found[i].lower(), "")
        following = i + 1 < len(found) and found[i + 1].isalpha()
        if near and (not following or rng.random() < 0.5):
            chosen = rng.choice(near)
            found[i] = chosen.upper() if found[i].isupper() else chosen
        elif following:  # also in scripts that this keyboard does not have
            found[i], found[i + 1] = found[i + 1], found[i]
    return "".join(found)


def _drop(text: str, rng: Random) -> str:
    words = text.split()
    kept = " ".join(word for word in words if rng.random() >= _DROPPED)
    # A number or a full stop alone says nothing about the category.
    return kept if _has_letters(kept) else rng.choice([w for w in words if _has_letters(w)])


def _swap(text: str, rng: Random) -> str:
    words = text.split()
    if len(words) < 2:
        return text
    i = rng.randrange(len(words) - 1)
    words[i], words[i + 1] = words[i + 1], words[i]
    return " ".join(words)


def _case(text: str, rng: Random) -> str:
    which = rng.randrange(3)
    if which == 0:
        return text.lower()
    if which == 1:
        return text.upper()
    return "".join(c for c in text if not category(c).startswith("P"))


def _has_letters(text: str) -> bool:
    return any(c.isalpha() for c in text)


def _neighbours() -> dict[str, str]:
    """Return the letters beside each on a keyboard: left, right, above and below."""
    found: dict[str, str] = {}
    for y, row in enumerate(_ROWS):
        for x, letter in enumerate(row):
            beside = row[max(0, x - 1) : x] + row[x + 1 : x + 2]
            around = "".join(r[x : x + 1] for r in _ROWS[max(0, y - 1) : y] + _ROWS[y + 1 : y + 2])
            found[letter] = beside + around
    return found


_NEAR = _neighbours()
_KINDS: dict[str, Callable[[str, Random], str]] = {
    "typos": _typos,
    "drop": _drop,
    "swap": _swap,
    "case": _case,
}
AUGMENTATIONS = tuple(_KINDS)
"""The kinds there are."""
