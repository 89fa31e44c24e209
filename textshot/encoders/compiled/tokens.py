"""Turn texts into batches of tokens with next to no padding, by the Rust tokenizer alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from textshot._arrays import IntArray
from textshot.encoders.compiled.graphs import Batch, n_cores

MAX_BATCH_TOKENS = 512
"""Tokens of a batch, padding included; a longer text is a batch of its own. Larger ones do not fit
the caches of a core and are no faster."""

_MIN_THREADED = 512  # texts that are worth starting threads for
_UNPADDED_LENGTH = 32

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Tokenizer:
    """The tokenizer of an encoder, read from its tokenizer.json.

    Args:
        path: as transformers would write it, with the special tokens in its post-processor.
        limit: tokens after which a text is cut, special tokens included; None: never.
        unknown: the token that stands for an unknown one, if any.
        special: whether special tokens mark beginning and end; static models have none.
    """

    def __init__(
        self, path: Path, limit: int | None, unknown: str | None = None, *, special: bool = True
    ) -> None:
        # Its threads would compete with those that encode, and they make a fork unsafe.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        import tokenizers

        self._limit, self._special = limit, special
        self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.unk_token_id: int | None = (
            None if unknown is None else self._tokenizer.token_to_id(unknown)
        )

    def tokenize(self, texts: Sequence[str]) -> list[IntArray]:
        """Return the tokens of each text as the encoder takes them, int64 (n_tokens,)."""
        if len(texts) < _MIN_THREADED:
            return self._tokenize(texts)
        # The tokenizer has threads of its own, but they stay, and a fork would not survive them.
        size = -(-len(texts) // n_cores())
        slices = [texts[start : start + size] for start in range(0, len(texts), size)]
        with ThreadPoolExecutor(len(slices)) as pool:
            return [row for rows in pool.map(self._tokenize, slices) for row in rows]

    def _tokenize(self, texts: Sequence[str]) -> list[IntArray]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=self._special)
        rows = [np.asarray(encoding.ids, np.int64) for encoding in encodings]
        if self._limit is not None:
            for i, row in enumerate(rows):
                if len(row) > self._limit:
                    rows[i] = self._truncated(texts[i], self._limit)
        return rows

    def _truncated(self, text: str, limit: int) -> IntArray:
        """Return the first tokens of a text, and the special ones."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if not self._special:
            return np.asarray(encoding.ids[:limit], np.int64)
        encoding.truncate(max(0, limit - self.num_special_tokens_to_add()))
        return np.asarray(self._tokenizer.post_process(encoding).ids, np.int64)

    # Windows and TruncationCounter call a tokenizer of transformers; these methods are its.

    def num_special_tokens_to_add(self) -> int:
        """Return how many special tokens a text gets."""
        number: int = self._tokenizer.num_special_tokens_to_add(False)
        return number

    def get_vocab(self) -> dict[str, int]:
        """Return the vocabulary, {token: number}."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        return vocabulary

    def __call__(
        self,
        texts: str | Sequence[str],
        *,
        add_special_tokens: bool,
        truncation: bool = False,
        return_offsets_mapping: bool = False,
        verbose: bool = False,
    ) -> Mapping[str, Any] | Encodings:
        """Return the tokens of a text, or of several, without truncation."""
        if isinstance(texts, str):
            return {"input_ids": self._tokenizer.encode(texts, add_special_tokens=False).ids}
        encode = (
            self._tokenizer.encode_batch
            if return_offsets_mapping
            else self._tokenizer.encode_batch_fast
        )
        return Encodings(encode(list(texts), add_special_tokens=add_special_tokens))


class Encodings:
    """The tokens of several texts, as transformers returns them."""

    def __init__(self, encodings: Sequence[Any]) -> None:
        self._encodings = encodings

    def __getitem__(self, name: str) -> list[Any]:
        """Return "input_ids" or "offset_mapping", a list for each text."""
        return [e.ids if name == "input_ids" else e.offsets for e in self._encodings]

    def word_ids(self, text: int) -> list[int | None]:
        """Return the word of each token of a text."""
        words: list[int | None] = self._encodings[text].word_ids
        return words


def batches(
    rows: Sequence[IntArray], pad: int, limit: int | None, max_tokens: int = MAX_BATCH_TOKENS
) -> Iterator[Batch]:
    """Yield batches, the longest texts first, so that the last ones to end are short.

    How far a text is padded depends on its own length alone (`padded_length`), and only texts that
    are padded to one length share a batch. So the backend adds the same numbers in the same order
    whatever texts are beside, and a vector is the same to the bit. Where numbers are rounded
    coarsely, in bf16 and int8, this makes answers independent of the batch (docs/adr/0019).

    Args:
        rows: the tokens of each text.
        pad: the padding token.
        limit: tokens that the model has positions for; None: any number.
        max_tokens: tokens of a batch.

    Yields:
        positions int64 (n,) in `rows`; tokens int64 (n, padded); mask of the same shape, 1 where
        a token is.
    """
    lengths = np.array([len(row) for row in rows], np.int64)
    padded = padded_length(lengths, limit)
    order = np.argsort(-padded, kind="stable")
    ends = np.searchsorted(-padded[order], -padded[order], side="right")
    start = 0
    while start < len(order):
        length = int(padded[order[start]])
        positions = order[start : min(int(ends[start]), start + max(1, max_tokens // length))]
        tokens = np.full((len(positions), length), pad, np.int64)
        mask = np.zeros_like(tokens)
        for i, position in enumerate(positions):
            tokens[i, : lengths[position]] = rows[position]
            mask[i, : lengths[position]] = 1
        yield positions, tokens, mask
        start += len(positions)


def padded_length(lengths: IntArray, limit: int | None) -> IntArray:
    """Return the padded lengths of texts: a sixteenth more at most, and no more below 32 tokens.

    Few different lengths make full batches; padding is a hundredth of the work.
    """
    lengths = np.maximum(lengths, 1)  # a text without tokens is one of padding
    steps = 2 ** np.maximum(0, np.floor(np.log2(lengths / 16))).astype(np.int64)
    steps[lengths <= _UNPADDED_LENGTH] = 1
    padded = -(-lengths // steps) * steps
    return padded if limit is None else np.maximum(lengths, np.minimum(padded, limit))


def prefetch(prepare: Callable[[_In], _Out], parts: Iterable[_In]) -> Iterator[_Out]:
    """Yield `prepare` of each part; the next one is made in a thread while the last one is used.

    A single part is prepared at once, without a thread.
    """
    parts = iter(parts)
    for first in parts:
        ready = prepare(first)
        break
    else:
        return
    with ThreadPoolExecutor(1) as pool:
        for part in parts:
            following = pool.submit(prepare, part)  # the pool has no thread before this
            yield ready
            ready = following.result()
        yield ready
