"""Labelled texts organised by category."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import IntArray
from textshot.errors import InvalidTextsError
from textshot.types import clean_name

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts with the number of their category; `len` is the number of texts.

    Attributes:
        texts: n texts, in the order in which they were read.
        labels: int64 (n,), each text's category, a place in `names`.
        names: the categories. Sorted and each once, but for a corpus made by `join`: there two
            domains may each have a category of that name, so a category is known by its place.
        descriptions: one of each category, "" where there is none.
        domains: int64 (n_categories,), each category's domain, a place in `domain_names`.
        domain_names: what was joined; one without a name otherwise.
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
        """Return the corpus of some categories, given by place; they keep their order."""
        chosen = np.unique(np.asarray(categories, np.int64))
        places = np.full(len(self.names), -1, np.int64)
        places[chosen] = np.arange(len(chosen))
        labels = places[self.labels]
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
        wanted = {clean_name(name) for name in names}
        strangers = sorted(wanted.difference(self.names))
        if strangers:
            raise InvalidTextsError(
                f"{shown(map(repr, strangers))}: not among the {len(self.names)} categories that"
                f" can be used ({len(strangers)} in all). Mend the names, or add texts of them"
            )
        return self.take([i for i, name in enumerate(self.names) if name in wanted])


def join(parts: Sequence[tuple[str, Corpus]]) -> Corpus:
    """Put corpora of several domains into one; the categories of each stay its own.

    Categories of two domains are never one category, also when they have the same name, and texts
    are not compared across domains: an episode is drawn within one.

    Args:
        parts: the name of each domain with its corpus.
    """
    names = [domain for domain, _ in parts]
    if not parts or len(set(names)) < len(names):
        raise InvalidTextsError(f"domains {names!r}: each needs a name of its own, at least one")
    starts = np.cumsum([0] + [len(corpus.names) for _, corpus in parts])
    return Corpus(
        texts=tuple(text for _, corpus in parts for text in corpus.texts),
        labels=np.concatenate([c.labels + s for (_, c), s in zip(parts, starts, strict=False)]),
        names=tuple(name for _, corpus in parts for name in corpus.names),
        descriptions=tuple(text for _, corpus in parts for text in corpus.descriptions),
        domains=np.repeat(np.arange(len(parts)), np.diff(starts)),
        domain_names=tuple(names),
    )


def check_enough(corpus: Corpus, n_way: int, n_shot: int, n_query: int) -> None:
    """Make sure that episodes of this shape can be drawn.

    Raises:
        InvalidTextsError: fewer categories than ways, or a category with fewer texts than
            `n_shot` + `n_query`.
    """
    if len(corpus.names) < n_way:
        raise InvalidTextsError(
            f"{n_way} ways, but there are {len(corpus.names)} categories. Ask for at most"
            f" {len(corpus.names)} ways, or add texts of more categories"
        )
    short = np.flatnonzero(corpus.counts < n_shot + n_query)
    if len(short):
        few = [f"{corpus.names[i]!r} has {corpus.counts[i]}" for i in short[: _SHOWN + 1]]
        raise InvalidTextsError(
            f"{n_shot} shots and {n_query} queries need {n_shot + n_query} texts of each category;"
            f" {shown(few)} ({len(short)} of {len(corpus.names)} categories have fewer). Add texts"
            " of them, leave them out, or ask for fewer shots or queries"
        )


def shown(items: Iterable[str]) -> str:
    """Return up to five of these, with dots where there are more."""
    first = list(items)
    return ", ".join(first[:_SHOWN]) + (", ..." if first[_SHOWN:] else "")
