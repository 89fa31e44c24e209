"""Parts of a corpus with no category in common: what is learned is tried on categories unseen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from textshot.errors import InvalidTextsError
from textshot.training.corpus.corpus import Corpus, shown
from textshot.types import clean_name

_PARTS = ("train", "valid", "test")
_LEAST = 2
"""With fewer categories a part has nothing to tell apart."""


@dataclass(frozen=True, slots=True)
class Splits:
    """Three corpora without a category in common; `test` may be empty."""

    train: Corpus
    valid: Corpus
    test: Corpus


def split_categories(
    corpus: Corpus,
    *,
    seed: int = 0,
    shares: tuple[float, float, float] | float = (0.6, 0.2, 0.2),
    given: Mapping[str, Iterable[str]] | None = None,
) -> Splits:
    """Split a corpus by category; the same seed gives the same split, whatever the row order.

    Args:
        corpus: what to split.
        seed: which categories go where.
        shares: of train, valid and test, one in all; a number is the share of valid, with no test.
        given: the names of "train", "valid" and "test" in place of shares. Without "train" it is
            all that the others leave; categories in no list are left out.

    Raises:
        InvalidTextsError: shares that are none, a part with fewer than two categories, or a name
            that is unknown or in two lists.
    """
    if given is not None:
        return _as_given(corpus, given)
    sizes = _sizes(len(corpus.names), _three(shares))
    order = np.random.default_rng(seed).permutation(len(corpus.names))
    train, valid, test = np.split(order, np.cumsum(sizes)[:2])
    return Splits(corpus.take(train), corpus.take(valid), corpus.take(test))


def split_lists(rows: Iterable[tuple[str, str, str]]) -> dict[str, list[str]]:
    """Return the lists for `split_categories` out of the rows of a file.

    Args:
        rows: category, part (train, valid or test) and place ("splits.csv:3") of each.

    Raises:
        InvalidTextsError: a part of another name, or nothing at all.
    """
    found: dict[str, list[str]] = {}
    for name, part, place in rows:
        key = part.strip().casefold()
        if key not in _PARTS:
            raise InvalidTextsError(f"{place}: {part!r} is not one of {', '.join(_PARTS)}")
        found.setdefault(key, []).append(name)
    if not found:
        raise InvalidTextsError("the file that splits the categories has no row")
    return found


def _three(shares: tuple[float, float, float] | float) -> tuple[float, float, float]:
    three = (1.0 - shares, shares, 0.0) if isinstance(shares, int | float) else tuple(shares)
    if len(three) != 3 or min(three) < 0 or min(three[:2]) == 0 or abs(sum(three) - 1) > 1e-6:
        raise InvalidTextsError(
            f"shares {shares!r}: three numbers that add up to 1 are needed (train, valid, test), or"
            " one between 0 and 1 for valid; only test may be 0"
        )
    return three


def _sizes(n: int, shares: tuple[float, float, float]) -> tuple[int, int, int]:
    valid, test = (max(_LEAST, round(share * n)) if share else 0 for share in shares[1:])
    if n - valid - test < _LEAST:
        parts = 3 if test else 2
        raise InvalidTextsError(
            f"{n} categories cannot be split into {parts} parts with {_LEAST} or more each"
            f" (shares {', '.join(f'{share:g}' for share in shares)}). Add texts of more"
            f" categories ({parts * _LEAST} at the very least), or choose other shares"
        )
    return n - valid - test, valid, test


def _as_given(corpus: Corpus, given: Mapping[str, Iterable[str]]) -> Splits:
    if strange := sorted(set(given) - set(_PARTS)):
        raise InvalidTextsError(f"{shown(map(repr, strange))}: not one of {', '.join(_PARTS)}")
    lists = {part: {clean_name(name) for name in names} for part, names in given.items()}
    lists.setdefault("train", set(corpus.names).difference(*lists.values()))
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        if both := sorted(lists.get(one, set()) & lists.get(other, set())):
            raise InvalidTextsError(
                f"{shown(map(repr, both))}: in {one} and in {other} ({len(both)} in all). A"
                " category that was trained on says nothing about new ones; keep it in one part"
            )
    for part in _PARTS:
        if len(lists.get(part, ())) < _LEAST and (part in lists or part == "valid"):
            raise InvalidTextsError(
                f"{part} has {len(lists.get(part, ()))} categories; {_LEAST} are needed at least"
            )
    return Splits(*(corpus.only(lists.get(part, ())) for part in _PARTS))
