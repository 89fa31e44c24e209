"""Long texts are read in windows that overlap, and their vectors pooled (docs/adr/0014)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from textshot._arrays import FloatArray, IntArray

MOST_WINDOWS = 64
"""What is behind them is not read, and counted (`Encoder.truncation_stats`); about 12,000 words."""

OVERLAP = 64
"""Tokens that two neighbouring windows share, but for a word at each end: a sentence that one cuts
is whole in the other."""

WINDOWS, CUT = "windows", "cut"
"""What `load_encoder` can do with texts that are longer than the encoder reads at once."""

_SLACK = 4  # more tokens than these do not come of cutting within a word


class Windows:
    """Cuts texts into windows that the encoder reads whole.

    Args:
        tokenizer: a fast one of transformers.
        limit: tokens that are read at once, with those that mark beginning and end.
        prompt: what is put in front of each window.
    """

    def __init__(self, tokenizer: Any, limit: int, prompt: str = "") -> None:
        self._tokenizer = tokenizer
        before = len(tokenizer(prompt, add_special_tokens=False)["input_ids"]) if prompt else 0
        self.size: int = max(1, limit - tokenizer.num_special_tokens_to_add() - before)
        overlap = min(OVERLAP, self.size // 2)
        self._step, self._near = self.size - overlap, overlap // 2

        self.reach: int = self.size + (MOST_WINDOWS - 1) * self._step
        """How many tokens of a text are read, all windows together."""

    def __call__(self, texts: Sequence[str]) -> tuple[list[str], IntArray]:
        """Return the windows of all texts in order, and the place of the text of each.

        Returns:
            A list of m strings, and int64 (m,); a text that is short is one window, unchanged.
        """
        parts: list[list[str]] = [[text] for text in texts]
        # A token has one byte at least, so most texts need not be counted.
        maybe = [i for i, text in enumerate(texts) if len(text.encode()) > self.size]
        if maybe:
            found = self._tokenizer(
                [texts[i] for i in maybe],
                add_special_tokens=False,
                truncation=False,
                return_offsets_mapping=True,
                verbose=False,
            )
            for place, i in enumerate(maybe):
                parts[i] = self._cut(
                    texts[i], found["offset_mapping"][place], found.word_ids(place)
                )
        counts = [len(some) for some in parts]
        return [w for some in parts for w in some], np.repeat(np.arange(len(parts)), counts)

    def _cut(
        self, text: str, offsets: Sequence[tuple[int, int]], words: Sequence[int | None]
    ) -> list[str]:
        n = len(offsets)
        if n <= self.size:
            return [text]
        places = [(i == 0 or words[i] != words[i - 1]) for i in range(n)]
        bounds = np.append(np.flatnonzero(places), n)
        last = min(n, self.reach) - self.size
        gaps = -(-last // self._step)
        found, end = [], 0
        for i in range(gaps + 1):
            # Spread evenly, so that the last one is no scrap that counts as much as the others.
            start, room = self._start(bounds, offsets, i * last // gaps)
            start = min(start, end) if i else start  # windows of a few tokens have no room to move
            end = max(start + 1, self._end(bounds, offsets, min(n, start + room), n))
            found.append(text[offsets[start][0] : offsets[end - 1][1]])
        return found

    def _start(
        self, bounds: IntArray, offsets: Sequence[tuple[int, int]], at: int
    ) -> tuple[int, int]:
        """Return where a window begins, and for how many tokens there is room.

        Within a word the rest is split into other tokens, maybe more of them; so it begins with
        one, unless there is none near.
        """
        word = int(bounds[np.searchsorted(bounds, at)])
        if word - at <= self._near and word < len(offsets):
            return word, self.size
        slack = min(_SLACK, self.size - 1)
        at += slack
        while at < len(offsets) - 1 and offsets[at][0] < offsets[at - 1][1]:
            at += 1  # one character can be several tokens
        return at, self.size - slack

    def _end(self, bounds: IntArray, offsets: Sequence[tuple[int, int]], at: int, n: int) -> int:
        word = int(bounds[np.searchsorted(bounds, at, side="right") - 1])
        if at - word <= self._near and word:
            return word
        while at < n and at > 1 and offsets[at][0] < offsets[at - 1][1]:
            at -= 1
        return at


def pooled(rows: FloatArray, owners: IntArray, n_texts: int) -> FloatArray:
    """Return the mean of the vectors of each text's windows.

    Args:
        rows: float32 (m, dim), unit rows, window by window.
        owners: int64 (m,), the text of each, in order; none is without.
        n_texts: how many there are.

    Returns:
        float32 (n_texts, dim), not unit rows.
    """
    if len(rows) == n_texts:
        return rows
    starts = np.searchsorted(owners, np.arange(n_texts + 1))
    return np.stack([rows[a:b].mean(axis=0) for a, b in pairwise(starts)])
