"""A corpus of labelled texts, and its splits by category."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import IntArray
from textshot._characters import clean_name
from textshot.errors import InvalidTextsError

_MAX_SHOWN = 5
_PARTS = ("train", "valid", "test")
_MIN_CATEGORIES = 2
"""With fewer categories a split has nothing to tell apart."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts with the number of their category; `len` is the number of texts.

    Attributes:
        texts: n texts, in the order of the input.
        labels: int64 (n,), the category of each text, an index into `names`.
        names: the categories, sorted and unique. In a corpus made by `join` two domains may each
            have a category of the same name, so only the index identifies a category.
        descriptions: one for each category, "" where there is none.
        domains: int64 (n_categories,), the domain of each category, an index into `domain_names`.
        domain_names: the joined domains; otherwise one with an empty name.
    """

    texts: tuple[str, ...]
    labels: IntArray
    names: tuple[str, ...]
    descriptions: tuple[str, ...] = ()
    domains: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    domain_names: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        n = len(self.names)
        labels = np.asarray(self.labels, np.int64)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "descriptions", self.descriptions or ("",) * n)
        domains = self.domains if len(self.domains) else np.zeros(n, np.int64)
        object.__setattr__(self, "domains", np.asarray(domains, np.int64))
        if labels.shape != (len(self.texts),):
            raise InvalidTextsError(f"{len(self.texts)} texts but labels of shape {labels.shape}")
        if len(labels) and not 0 <= labels.min() <= labels.max() < n:
            raise InvalidTextsError(
                f"labels lie in {labels.min()} to {labels.max()}; there are {n} categories"
            )
        if len(self.descriptions) != n or self.domains.shape != (n,):
            raise InvalidTextsError(
                f"{n} categories, but {len(self.descriptions)} descriptions and domains of shape"
                f" {self.domains.shape}"
            )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def counts(self) -> IntArray:
        """The number of texts of each category, int64 (n_categories,)."""
        return np.bincount(self.labels, minlength=len(self.names)).astype(np.int64)

    def take(self, categories: ArrayLike) -> Corpus:
        """Return the corpus of some categories, by index; they keep their order."""
        chosen = np.unique(np.asarray(categories, np.int64))
        numbers = np.full(len(self.names), -1, np.int64)
        numbers[chosen] = np.arange(len(chosen))
        labels = numbers[self.labels]
        rows = np.flatnonzero(labels >= 0)
        return Corpus(
            texts=tuple(self.texts[i] for i in rows),
            labels=labels[rows],
            names=tuple(self.names[c] for c in chosen),
            descriptions=tuple(self.descriptions[c] for c in chosen),
            domains=self.domains[chosen],
            domain_names=self.domain_names,
        )

    def only(self, names: Iterable[str]) -> Corpus:
        """Return the corpus of the categories of these names.

        Raises:
            InvalidTextsError: a name that no category has.
        """
        selected = {clean_name(name) for name in names}
        missing = sorted(selected.difference(self.names))
        if missing:
            raise InvalidTextsError(
                f"{shorten(map(repr, missing))}: not among the {len(self.names)} categories that"
                f" can be used ({len(missing)} in all). Fix the names, or add texts of them"
            )
        return self.take([i for i, name in enumerate(self.names) if name in selected])


def join(parts: Sequence[tuple[str, Corpus]]) -> Corpus:
    """Join the corpora of several domains.

    Categories of two domains stay apart even if they have the same name, and texts are not
    compared across domains: an episode is drawn within one.

    Args:
        parts: the name of each domain with its corpus.
    """
    names = [domain for domain, _ in parts]
    if not parts or len(set(names)) < len(names):
        raise InvalidTextsError(
            f"domains {names!r}: a unique name for each, and one at least, are needed"
        )
    starts = np.cumsum([0] + [len(corpus.names) for _, corpus in parts])
    return Corpus(
        texts=tuple(text for _, corpus in parts for text in corpus.texts),
        labels=np.concatenate([c.labels + s for (_, c), s in zip(parts, starts, strict=False)]),
        names=tuple(name for _, corpus in parts for name in corpus.names),
        descriptions=tuple(text for _, corpus in parts for text in corpus.descriptions),
        domains=np.repeat(np.arange(len(parts)), np.diff(starts)),
        domain_names=tuple(names),
    )


def check_enough(corpus: Corpus, n_shot: int, n_query: int) -> None:
    """Raise InvalidTextsError unless each category has `n_shot` + `n_query` texts."""
    short = np.flatnonzero(corpus.counts < n_shot + n_query)
    if len(short):
        few = [f"{corpus.names[i]!r} has {corpus.counts[i]}" for i in short[: _MAX_SHOWN + 1]]
        raise InvalidTextsError(
            f"{n_shot} shots and {n_query} queries need {n_shot + n_query} texts of each category;"
            f" {shorten(few)} ({len(short)} of {len(corpus.names)} categories have fewer). Add"
            " texts of them, leave them out, or ask for fewer shots or queries"
        )


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
    lists: Mapping[str, Iterable[str]] | None = None,
) -> Splits:
    """Split a corpus by category; the same seed gives the same split, whatever the row order.

    Args:
        corpus: what to split.
        seed: of the random split.
        shares: of train, valid and test, one in all; a number is the share of valid, without test.
        lists: the names of "train", "valid" and "test" in place of shares. Without "train" it is
            the rest; otherwise categories in no list are left out.

    Raises:
        InvalidTextsError: impossible shares, a split with fewer than two categories, or a name
            that is unknown or in two lists.
    """
    if lists is not None:
        return _from_lists(corpus, lists)
    sizes = _sizes(len(corpus.names), _three(shares))
    order = np.random.default_rng(seed).permutation(len(corpus.names))
    train, valid, test = np.split(order, np.cumsum(sizes)[:2])
    return Splits(corpus.take(train), corpus.take(valid), corpus.take(test))


def split_lists(rows: Iterable[tuple[str, str, str]]) -> dict[str, list[str]]:
    """Return the lists for `split_categories` from the rows of a file.

    Args:
        rows: category, split (train, valid or test) and source ("splits.csv:3") of each.

    Raises:
        InvalidTextsError: another split, or no rows.
    """
    lists: dict[str, list[str]] = {}
    for name, part, source in rows:
        key = part.strip().casefold()
        if key not in _PARTS:
            raise InvalidTextsError(f"{source}: {part!r} is not one of {', '.join(_PARTS)}")
        lists.setdefault(key, []).append(name)
    if not lists:
        raise InvalidTextsError("the file that splits the categories has no row")
    return lists


def _three(shares: tuple[float, float, float] | float) -> tuple[float, float, float]:
    three = (1.0 - shares, shares, 0.0) if isinstance(shares, int | float) else tuple(shares)
    if len(three) != 3 or min(three) < 0 or min(three[:2]) == 0 or abs(sum(three) - 1) > 1e-6:
        raise InvalidTextsError(
            f"shares {shares!r}: three numbers that add up to 1 are needed (train, valid, test), or"
            " one between 0 and 1 for valid; only test may be 0"
        )
    return three


def _sizes(n: int, shares: tuple[float, float, float]) -> tuple[int, int, int]:
    valid, test = (max(_MIN_CATEGORIES, round(share * n)) if share else 0 for share in shares[1:])
    if n - valid - test < _MIN_CATEGORIES:
        parts = 3 if test else 2
        raise InvalidTextsError(
            f"{n} categories cannot be split into {parts} parts with {_MIN_CATEGORIES} or more each"
            f" (shares {', '.join(f'{share:g}' for share in shares)}). Add texts of more"
            f" categories ({parts * _MIN_CATEGORIES} at the very least), or choose other shares"
        )
    return n - valid - test, valid, test


def _from_lists(corpus: Corpus, lists: Mapping[str, Iterable[str]]) -> Splits:
    if unknown := sorted(set(lists) - set(_PARTS)):
        raise InvalidTextsError(f"{shorten(map(repr, unknown))}: not one of {', '.join(_PARTS)}")
    members = {part: {clean_name(name) for name in names} for part, names in lists.items()}
    members.setdefault("train", set(corpus.names).difference(*members.values()))
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        if both := sorted(members.get(one, set()) & members.get(other, set())):
            raise InvalidTextsError(
                f"{shorten(map(repr, both))}: in {one} and in {other} ({len(both)} in all). A"
                " category that was trained on says nothing about new ones; keep it in one part"
            )
    for part in _PARTS:
        n = len(members.get(part, ()))
        if n < _MIN_CATEGORIES and (part in members or part == "valid"):
            raise InvalidTextsError(
                f"{part} has {n} categories; {_MIN_CATEGORIES} are needed at least"
            )
    return Splits(*(corpus.only(members.get(part, ())) for part in _PARTS))


def shorten(items: Iterable[str]) -> str:
    """Join up to five items with commas, and dots where there are more."""
    listed = list(items)
    return ", ".join(listed[:_MAX_SHOWN]) + (", ..." if listed[_MAX_SHOWN:] else "")
