"""Run the texts of a training through the frozen layers, and note the row of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from textshot._arrays import IntArray
from textshot.training.config import OnProgress
from textshot.training.corpus import Corpus, Splits
from textshot.training.split_encoder import SplitEncoder
from textshot.types import spoken_name

NO_ROW = -1


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """One split: its corpus, and the rows of the split encoder that hold its texts.

    Attributes:
        corpus: texts and categories.
        texts: int64 (n,), the row of each text.
        names: int64 (n_categories,), the row of each name.
        descriptions: int64 (n_categories,), the row of each description, NO_ROW for none.
    """

    corpus: Corpus
    texts: IntArray
    names: IntArray
    descriptions: IntArray


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The training split, the held-out split, and rows of texts whose embeddings should stay."""

    train: EncodedSplit
    valid: EncodedSplit
    kept: IntArray


def prepare(
    encoder: SplitEncoder,
    splits: Splits,
    *,
    n_eval: int,
    keep: Sequence[str] = (),
    seed: int = 0,
    on_progress: OnProgress = lambda done, share: None,
) -> TrainingData:
    """Run all texts of the splits through the frozen layers; linear in their number.

    Args:
        encoder: stores what the frozen layers return.
        splits: train and valid.
        n_eval: how many texts of each held-out category are used, drawn by the seed.
        keep: texts whose embeddings should stay as they are.
        seed: of the draw.
        on_progress: called with the number of texts done since the last call, and their share.
    """
    texts: list[str] = []

    def add(more: Sequence[str]) -> IntArray:
        start = len(texts)
        texts.extend(more)
        return np.arange(start, len(texts))

    def encoded(corpus: Corpus) -> EncodedSplit:
        rows, names = add(corpus.texts), add([spoken_name(name) for name in corpus.names])
        described = [i for i, text in enumerate(corpus.descriptions) if text]
        descriptions = np.full(len(corpus.names), NO_ROW)
        descriptions[described] = add([corpus.descriptions[i] for i in described])
        return EncodedSplit(corpus, rows, names, descriptions)

    valid = _sample_texts(splits.valid, n_eval, seed)
    data = TrainingData(encoded(splits.train), encoded(valid), add(keep))
    encoder.store(texts, on_progress)
    return data


def _sample_texts(corpus: Corpus, n: int, seed: int) -> Corpus:
    """Keep n texts of each category, so that the time of a validation is bounded."""
    order = np.random.default_rng(seed).permutation(len(corpus))
    by_category = order[np.argsort(corpus.labels[order], kind="stable")]
    counts = corpus.counts
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    kept = np.sort(by_category[np.arange(len(corpus)) - starts < n])
    return replace(corpus, texts=tuple(corpus.texts[i] for i in kept), labels=corpus.labels[kept])
