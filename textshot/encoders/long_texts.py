"""Long texts: windows that overlap, the mean of their vectors, and counts of what is cut off.

Why windows: docs/adr/0014. What is counted, and why: docs/adr/0012.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray

WINDOWS, CUT = "windows", "cut"
"""What `load_encoder` can do with texts that are longer than the encoder reads at once."""

MAX_WINDOWS = 64
"""The text after the last window is cut off, and counted; 64 windows are about 12,000 words."""

OVERLAP = 64
"""Tokens that two neighbouring windows share, but for a word at each end: a sentence that one of
them cuts is complete in the other."""

MAX_SUBWORD_RATE = 0.3
"""A larger share of subwords is not everyday English (docs/adr/0012)."""

MAX_SAMPLED_TEXTS = 1000
"""Texts of a batch whose tokens are counted: enough to recognise a language."""

_SLACK = 4  # cutting within a word adds no more tokens than these
_MIN_TOKENS = 200
_LARGE_VOCABULARY = 60_000
_SUBWORD_PREFIX = "##"


@dataclass(frozen=True, slots=True)
class TruncationStats:
    """What of the texts an encoder cuts off, and how many subwords they have.

    Attributes:
        n_texts: number of texts.
        n_truncated: texts that are longer than `limit` tokens: the rest of them is not encoded.
        limit: tokens of a text that are encoded, in all of its windows together; None: all.
        n_tokens: tokens of the sampled texts, MAX_SAMPLED_TEXTS different ones at most.
        n_subwords: how many of these are parts of words that the encoder does not know, or unknown.
        n_unreadable: texts that say nothing to the encoder, see `Encoder.unreadable`.
    """

    n_texts: int = 0
    n_truncated: int = 0
    limit: int | None = None
    n_tokens: int = 0
    n_subwords: int = 0
    n_unreadable: int = 0

    def __add__(self, other: TruncationStats) -> TruncationStats:
        return TruncationStats(
            self.n_texts + other.n_texts,
            self.n_truncated + other.n_truncated,
            self.limit if other.limit is None else other.limit,
            self.n_tokens + other.n_tokens,
            self.n_subwords + other.n_subwords,
            self.n_unreadable + other.n_unreadable,
        )

    @property
    def high_subword_rate(self) -> float | None:
        """The share of subwords where it is high (another language, or jargon), else None."""
        if self.n_tokens < _MIN_TOKENS or self.n_subwords <= MAX_SUBWORD_RATE * self.n_tokens:
            return None
        return self.n_subwords / self.n_tokens


class TruncationCounter:
    """Counts the tokens of texts.

    Args:
        tokenizer: a fast one of transformers.
        limit: tokens that the model takes at once, special tokens included; None: any number.
        windows: splits longer texts; None: they are cut at the limit.
    """

    def __init__(self, tokenizer: Any, limit: int | None, windows: Windows | None = None) -> None:
        self._tokenizer = tokenizer
        n_special = tokenizer.num_special_tokens_to_add()
        self._limit = None if limit is None else max(1, limit - n_special)
        if windows is not None:
            self._limit = windows.max_tokens

    def __call__(self, texts: Sequence[str]) -> TruncationStats:
        """Count these texts."""
        if not len(texts):
            return TruncationStats(limit=self._limit)
        counts = Counter(texts)  # texts that come again are not tokenized again
        different, times = list(counts), np.array(list(counts.values()), np.int64)
        sampled = list(range(0, len(different), -(-len(different) // MAX_SAMPLED_TEXTS)))
        rows = self._tokens([different[i] for i in sampled])
        repeats = np.repeat(times[sampled], [len(row) for row in rows])
        tokens = np.concatenate([np.asarray(row, np.int64) for row in rows])
        return TruncationStats(
            n_texts=len(texts),
            n_truncated=self._n_truncated(different, times),
            limit=self._limit,
            n_tokens=int(repeats.sum()),
            n_subwords=int(repeats[self._is_subword[tokens]].sum()),
        )

    def _n_truncated(self, texts: Sequence[str], times: IntArray) -> int:
        limit = self._limit
        if limit is None:
            return 0
        # A token of ASCII has a character at least, so most texts need not be tokenized.
        long = [i for i, text in enumerate(texts) if len(text) >= limit or not text.isascii()]
        lengths = np.array([len(row) for row in self._tokens([texts[i] for i in long])], np.int64)
        return int(times[long][lengths > limit].sum()) if long else 0

    def _tokens(self, texts: Sequence[str]) -> Sequence[Sequence[int]]:
        if not texts:
            return []
        tokens: Sequence[Sequence[int]] = self._tokenizer(
            list(texts), add_special_tokens=False, truncation=False, verbose=False
        )["input_ids"]
        return tokens

    @cached_property
    def _is_subword(self) -> NDArray[np.bool_]:
        """Tell of each token whether it continues a word, or stands for an unknown one.

        Subwords tell a language only where the vocabulary is of one language; a large vocabulary
        is of many.
        """
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        mask = np.zeros(max(vocabulary.values()) + 1, dtype=bool)
        if len(vocabulary) < _LARGE_VOCABULARY:
            mask[[i for token, i in vocabulary.items() if token.startswith(_SUBWORD_PREFIX)]] = True
        if self._tokenizer.unk_token_id is not None:
            mask[self._tokenizer.unk_token_id] = True
        return mask


class Windows:
    """Splits texts into windows that the encoder takes without cutting.

    Args:
        tokenizer: a fast one of transformers.
        limit: tokens that the model takes at once, special tokens included.
        prompt: what is put in front of each window.
    """

    def __init__(self, tokenizer: Any, limit: int, prompt: str = "") -> None:
        self._tokenizer = tokenizer
        n_prompt = len(tokenizer(prompt, add_special_tokens=False)["input_ids"]) if prompt else 0
        self.size: int = max(1, limit - tokenizer.num_special_tokens_to_add() - n_prompt)
        overlap = min(OVERLAP, self.size // 2)
        self._step, self._max_shift = self.size - overlap, overlap // 2

        self.max_tokens: int = self.size + (MAX_WINDOWS - 1) * self._step
        """Tokens of a text that are encoded, all windows together."""

    def __call__(self, texts: Sequence[str]) -> tuple[list[str], IntArray]:
        """Return the windows of all texts in order, and the row of the text of each.

        Returns:
            A list of m strings, and int64 (m,); a text that is short is one window, unchanged.
        """
        parts: list[list[str]] = [[text] for text in texts]
        # A token has one byte at least, so most texts need not be tokenized.
        long = [i for i, text in enumerate(texts) if len(text.encode()) > self.size]
        if long:
            encoding = self._tokenizer(
                [texts[i] for i in long],
                add_special_tokens=False,
                truncation=False,
                return_offsets_mapping=True,
                verbose=False,
            )
            for row, i in enumerate(long):
                offsets, words = encoding["offset_mapping"][row], encoding.word_ids(row)
                parts[i] = self._split(texts[i], offsets, words)
        counts = [len(windows) for windows in parts]
        return [w for windows in parts for w in windows], np.repeat(np.arange(len(parts)), counts)

    def _split(
        self, text: str, offsets: Sequence[tuple[int, int]], words: Sequence[int | None]
    ) -> list[str]:
        n = len(offsets)
        if n <= self.size:
            return [text]
        begins_word = [(i == 0 or words[i] != words[i - 1]) for i in range(n)]
        bounds = np.append(np.flatnonzero(begins_word), n)
        last = min(n, self.max_tokens) - self.size
        gaps = -(-last // self._step)
        windows, end = [], 0
        for i in range(gaps + 1):
            # Spread evenly, so that the last one is no scrap that counts as much as the others.
            start, size = self._start(bounds, offsets, i * last // gaps)
            start = min(start, end) if i else start  # tiny windows leave no gap
            end = max(start + 1, self._end(bounds, offsets, min(n, start + size), n))
            windows.append(text[offsets[start][0] : offsets[end - 1][1]])
        return windows

    def _start(
        self, bounds: IntArray, offsets: Sequence[tuple[int, int]], at: int
    ) -> tuple[int, int]:
        """Return where a window begins, and how many tokens it takes.

        Within a word the rest is split into other tokens, maybe more of them; so it begins with
        a word, unless none begins near.
        """
        word = int(bounds[np.searchsorted(bounds, at)])
        if word - at <= self._max_shift and word < len(offsets):
            return word, self.size
        slack = min(_SLACK, self.size - 1)
        at += slack
        while at < len(offsets) - 1 and offsets[at][0] < offsets[at - 1][1]:
            at += 1  # one character can be several tokens
        return at, self.size - slack

    def _end(self, bounds: IntArray, offsets: Sequence[tuple[int, int]], at: int, n: int) -> int:
        word = int(bounds[np.searchsorted(bounds, at, side="right") - 1])
        if at - word <= self._max_shift and word:
            return word
        while at < n and at > 1 and offsets[at][0] < offsets[at - 1][1]:
            at -= 1
        return at


def pool_windows(rows: FloatArray, owners: IntArray, n_texts: int) -> FloatArray:
    """Return the mean of the vectors of each text's windows.

    Args:
        rows: float32 (m, dim), unit rows, window by window.
        owners: int64 (m,), the row of the text of each, in order; every text has one.
        n_texts: number of texts.

    Returns:
        float32 (n_texts, dim), not unit rows.
    """
    if len(rows) == n_texts:
        return rows
    starts = np.searchsorted(owners, np.arange(n_texts + 1))
    return np.stack([rows[a:b].mean(axis=0) for a, b in pairwise(starts)])
