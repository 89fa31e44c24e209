"""An encoder without a model, for tests: words and their trigrams hashed into a vector."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.encoders.base import Encoder, with_direction
from textshot.encoders.texts import clean_texts

HASHING = "hashing"
"""The name under which load_encoder gives this encoder."""

HASHING_NAME = re.compile(rf"{HASHING}(?:-([1-9]\d{{0,4}}))?")
"""`hashing`, or with another number of dimensions `hashing-64`."""

_DEFAULT_DIM = 256
_WORD = re.compile(r"\w+")
_TRIGRAM_WEIGHT = 0.4  # a word alone outweighs two of its trigrams: "card" is nearer to "card"
_CACHED_WORDS = 65_536
_TEXTS_AT_ONCE = 4_096  # 8 MiB of float64 sums at 256 numbers: stays near the processor

_Entries = tuple[IntArray, NDArray[np.float64]]


class HashingEncoder(Encoder):
    """Vectors from the spelling of words: offline, and the same on every machine.

    It knows nothing of meaning: texts are near each other when they share words or parts of
    words. After "feature hashing" (Weinberger et al., 2009, https://arxiv.org/abs/0902.2206),
    with CRC-32, because Python's hash() differs between processes.

    Args:
        dim: length of a vector.

    Raises:
        EncoderError: dim is not positive.
    """

    is_single_core = True

    def __init__(self, dim: int = _DEFAULT_DIM) -> None:
        name = HASHING if dim == _DEFAULT_DIM else f"{HASHING}-{dim}"
        super().__init__(name, dim=dim, fingerprint=f"hashing-v1-{dim}", spec={"name": name})
        self._cache: dict[str, _Entries] = {}

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts, float32 (n, dim), unit rows; `batch_size` has no effect.

        A text without a word gets one fixed vector.
        """
        clean = clean_texts(texts)
        rows = np.empty((len(clean), self.dim), dtype=np.float32)
        for start in range(0, len(clean), _TEXTS_AT_ONCE):
            part = clean[start : start + _TEXTS_AT_ONCE]
            rows[start : start + len(part)] = unit_rows(with_direction(self._sums(part)))
        return rows

    def _sums(self, texts: list[str]) -> NDArray[np.float64]:
        """Add up the entries of each text's words: float64 of shape (n, dim)."""
        words = [_WORD.findall(text.lower()) for text in texts]
        entries = [self._entries(word) for word in chain.from_iterable(words)]
        if not entries:
            return np.zeros((len(texts), self.dim))
        buckets = np.concatenate([buckets for buckets, _ in entries])
        weights = np.concatenate([weights for _, weights in entries])
        text_of_word = np.repeat(np.arange(len(texts)), [len(some) for some in words])
        text_of_entry = np.repeat(text_of_word, [len(buckets) for buckets, _ in entries])
        size = len(texts) * self.dim
        cells = text_of_entry * self.dim + buckets
        sums = np.bincount(cells, weights=weights, minlength=size).astype(np.float64, copy=False)
        return sums.reshape(len(texts), self.dim)

    def _entries(self, word: str) -> _Entries:
        entries = self._cache.get(word)
        if entries is None:
            if len(self._cache) >= _CACHED_WORDS:
                self._cache.clear()
            entries = self._cache[word] = _hashed(word, self.dim)
        return entries


def _hashed(word: str, dim: int) -> _Entries:
    """Return the buckets (int64) and signed weights (float64) of a word and its trigrams."""
    edged = f"<{word}>"
    trigrams = [f"3{edged[i : i + 3]}" for i in range(len(edged) - 2)]
    # "1" and "3" keep the word "cat" apart from the trigram "cat"
    hashes = np.array([zlib.crc32(part.encode()) for part in [f"1{word}", *trigrams]], np.int64)
    weights = np.full(len(hashes), _TRIGRAM_WEIGHT)
    weights[0] = 1.0
    # the sign comes from the highest bit, the bucket from the lower ones
    return (hashes & 0x7FFFFFFF) % dim, np.where(hashes >> 31, -weights, weights)
