"""What an encoder does not read as it was made to: long texts, other languages, jargon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from textshot.encoders.windows import Windows

MAX_SUBWORD_RATE = 0.3
"""A larger share of broken words is no English of every day (docs/adr/0012)."""

MAX_SAMPLED_TEXTS = 1000
"""Of texts that are read at once: enough to tell a language, and a tenth of a batch at most."""

_MIN_TOKENS = 200
_LARGE_VOCABULARY = 60_000
_PART = "##"


@dataclass(frozen=True, slots=True)
class TruncationStats:
    """How texts were read.

    Attributes:
        n_texts: how many texts.
        n_truncated: how many of them are longer than `limit` tokens: what follows is not read.
        limit: tokens that are read of a text, in all of its windows together; None: all.
        n_tokens: tokens of the texts that were looked at, MAX_SAMPLED_TEXTS different ones at most.
        n_subwords: how many of these are parts of words that the encoder does not know, or unknown.
    """

    n_texts: int = 0
    n_truncated: int = 0
    limit: int | None = None
    n_tokens: int = 0
    n_subwords: int = 0

    def __add__(self, other: TruncationStats) -> TruncationStats:
        return TruncationStats(
            self.n_texts + other.n_texts,
            self.n_truncated + other.n_truncated,
            self.limit if other.limit is None else other.limit,
            self.n_tokens + other.n_tokens,
            self.n_subwords + other.n_subwords,
        )

    @property
    def high_subword_rate(self) -> float | None:
        """The share of broken words where it is large: another language, or jargon; else None."""
        if self.n_tokens < _MIN_TOKENS or self.n_subwords <= MAX_SUBWORD_RATE * self.n_tokens:
            return None
        return self.n_subwords / self.n_tokens


class TruncationCounter:
    """Counts the tokens of texts.

    Args:
        tokenizer: a fast one of transformers.
        limit: tokens that are read at once, those that mark beginning and end included.
        windows: what longer texts are cut into; None: they are read up to the limit.
    """

    def __init__(self, tokenizer: Any, limit: int | None, windows: Windows | None = None) -> None:
        self._tokenizer = tokenizer
        added = tokenizer.num_special_tokens_to_add()
        self._limit = None if limit is None else max(1, limit - added)
        if windows is not None:
            self._limit = windows.reach

    def __call__(self, texts: Sequence[str]) -> TruncationStats:
        """Return how these texts are read."""
        if not len(texts):
            return TruncationStats(limit=self._limit)
        counts = Counter(texts)  # texts that come again are not read again
        different, times = list(counts), np.array(list(counts.values()), np.int64)
        n_truncated = 0
        if self._limit is not None:
            rows = [i for i, text in enumerate(different) if _may_exceed(self._limit, text)]
            lengths = np.array([len(row) for row in self._numbers(different, rows)], np.int64)
            n_truncated = int(times[rows][lengths > self._limit].sum()) if rows else 0
        looked = list(range(0, len(different), -(-len(different) // MAX_SAMPLED_TEXTS)))
        numbers = self._numbers(different, looked)
        times, lengths = times[looked], np.array([len(row) for row in numbers], np.int64)
        pieces = np.concatenate([np.asarray(row, np.int64) for row in numbers])
        return TruncationStats(
            n_texts=len(texts),
            n_truncated=n_truncated,
            limit=self._limit,
            n_tokens=int(lengths @ times),
            n_subwords=int(np.repeat(times, lengths)[self._broken[pieces]].sum()),
        )

    def _numbers(self, texts: Sequence[str], rows: Sequence[int]) -> Sequence[Sequence[int]]:
        if not rows:
            return []
        numbers: Sequence[Sequence[int]] = self._tokenizer(
            [texts[i] for i in rows], add_special_tokens=False, truncation=False, verbose=False
        )["input_ids"]
        return numbers

    @cached_property
    def _broken(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell of each token whether it is a part of a word, or stands for what is not known.

        Word pieces tell a language only where the vocabulary is that of one language; a large one
        is of many.
        """
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        found = np.zeros(max(vocabulary.values()) + 1, dtype=bool)
        if len(vocabulary) < _LARGE_VOCABULARY:
            found[[i for token, i in vocabulary.items() if token.startswith(_PART)]] = True
        if self._tokenizer.unk_token_id is not None:
            found[self._tokenizer.unk_token_id] = True
        return found


def _may_exceed(limit: int, text: str) -> bool:
    """Tell whether a text may have more tokens; of ASCII, each of them is a character at least."""
    return len(text) >= limit or not text.isascii()
