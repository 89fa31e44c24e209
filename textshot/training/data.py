"""The texts of a run, remembered by the tower, and where each of them lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from textshot._arrays import IntArray
from textshot.training.augmentation import augment
from textshot.training.corpus import Corpus, Splits
from textshot.training.split_encoder import Tower
from textshot.types import spoken_name

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class Part:
    """One side of the split: rows of the tower.

    Attributes:
        corpus: its texts and categories.
        texts: int64 (n,), the row of each text.
        names: int64 (n_categories,), the row of each name.
        descriptions: int64 (n_categories,), of each description, NOWHERE where there is none.
        variants: int64 (n_variants, n), rows of changed copies of each text; may be empty.
    """

    corpus: Corpus
    texts: IntArray
    names: IntArray
    descriptions: IntArray
    variants: IntArray


@dataclass(frozen=True, eq=False)
class Material:
    """What is learned from, what is held out to judge it, and rows of texts that shall not move."""

    train: Part
    valid: Part
    kept: IntArray


def prepare(
    tower: Tower,
    splits: Splits,
    *,
    n_eval: int,
    kinds: tuple[str, ...] = (),
    keep: Sequence[str] = (),
    seed: int = 0,
    advance: Callable[[int], None] = lambda done: None,
) -> Material:
    """Let the tower remember all texts of a split; linear in their number.

    Args:
        tower: runs the lower layers over them.
        splits: train and valid.
        n_eval: how many texts of each held-out category are kept, drawn by the seed.
        kinds: for each, a changed copy of every training text is remembered too.
        keep: texts whose vectors shall stay what they are.
        seed: of the choice and the changes.
        advance: called with the number of texts done since the last call.
    """
    texts: list[str] = []

    def put(more: list[str]) -> IntArray:
        start = len(texts)
        texts.extend(more)
        return np.arange(start, len(texts))

    def part(corpus: Corpus, changes: tuple[str, ...]) -> Part:
        own = put(list(corpus.texts))
        names = put([spoken_name(name) for name in corpus.names])
        described = [i for i, text in enumerate(corpus.descriptions) if text]
        descriptions = np.full(len(corpus.names), NOWHERE)
        descriptions[described] = put([corpus.descriptions[i] for i in described])
        copies = [
            put([augment(text, kind, seed + i) for i, text in enumerate(corpus.texts)])
            for kind in changes
        ]
        variants = np.stack(copies) if copies else np.empty((0, len(own)), np.int64)
        return Part(corpus, own, names, descriptions, variants)

    train = part(splits.train, kinds)
    valid = part(_at_most(splits.valid, n_eval, seed), ())
    kept = put(list(keep))
    tower.remember(texts, advance)
    return Material(train, valid, kept)


def count_texts(splits: Splits, n_eval: int, n_kinds: int, n_kept: int = 0) -> int:
    """Return how many texts `prepare` is about to read, for its progress."""
    kept = np.minimum(splits.valid.counts, n_eval).sum()
    named = len(splits.train.names) + len(splits.valid.names)
    described = sum(map(bool, splits.train.descriptions + splits.valid.descriptions))
    return int(len(splits.train) * (1 + n_kinds) + kept + named + described) + n_kept


def _at_most(corpus: Corpus, n: int, seed: int) -> Corpus:
    """Keep n texts of each category, so that judging costs the same however much there is."""
    order = np.random.default_rng(seed).permutation(len(corpus))
    by_category = order[np.argsort(corpus.labels[order], kind="stable")]
    counts = corpus.counts
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    kept = np.sort(by_category[np.arange(len(corpus)) - starts < n])
    return Corpus(
        texts=tuple(corpus.texts[i] for i in kept),
        labels=corpus.labels[kept],
        names=corpus.names,
        descriptions=corpus.descriptions,
        domains=corpus.domains,
        domain_names=corpus.domain_names,
    )
