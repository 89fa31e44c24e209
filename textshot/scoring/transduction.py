"""Transductive adaptation: move prototypes towards unlabelled texts. Pure arrays.

It is opt-in, because answers then depend on the other texts. It assumes nothing about how often a
category occurs, and texts that resemble no category have no effect.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot._characters import is_blank

MAX_TEXTS = 5000
"""Maximum number of texts of an input to use."""

MIN_TEXTS = 50
"""With fewer different texts there is no adaptation."""

MIN_IN_SCOPE_RATE = 0.1
"""If a smaller share reaches the threshold, the texts are about something else: no adaptation."""

_SCALE = 40.0  # of a cosine, in the softmax
_KEY_TEXTS = 4.0  # texts that weigh as much as one key
_ROUNDS = 3
_SURE = 0.5  # share of the texts to use: those with the largest margins
_BLOCK = 1 << 22  # numbers in one matrix of scores

_Wide = NDArray[np.float64]


def sample_texts(texts: Iterable[str], most: int = MAX_TEXTS, seed: int = 0) -> list[str]:
    """Return at most `most` different texts of an input, sorted.

    The hash of each text decides, so the choice does not depend on the order of the texts or on
    how often each occurs. Memory is bounded by `most`.
    """
    key = seed.to_bytes(8, "little", signed=True)
    kept: dict[str, int] = {}
    heap: list[tuple[int, str]] = []  # the largest hash first
    for text in texts:
        if text in kept or is_blank(text):
            continue
        hashed = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key)
        rank = -int.from_bytes(hashed.digest(), "little")
        if len(heap) < most:
            heapq.heappush(heap, (rank, text))
        elif rank > heap[0][0]:
            del kept[heapq.heapreplace(heap, (rank, text))[1]]
        else:
            continue
        kept[text] = rank
    return sorted(kept)


def adapt(vectors: FloatArray, n_keys: IntArray, texts: FloatArray) -> FloatArray:
    """Move each prototype towards the texts that clearly belong to its category.

    This is expectation-maximisation of a mixture of directions (Banerjee et al. 2005), shrunk
    towards the initial prototypes: each key counts as four texts. Ours: only the half of the texts
    with the largest margin between the best two categories is used, selected once, before the
    first round. The texts of a category never weigh more than its keys, so that many texts cannot
    move it more than half of the way. No prior over categories is learned, so skewed frequencies
    do no harm (docs/adr/0010).

    Args:
        vectors: float32 (n_categories, dim), unit rows; two categories at least.
        n_keys: int64 (n_categories,), the number of keys of each category.
        texts: float32 (n, dim), unit rows; their order affects rounding only.

    Returns:
        float32 (n_categories, dim), unit rows.
    """
    start, prior = vectors.astype(np.float64), _KEY_TEXTS * n_keys.astype(np.float64)
    margins = np.concatenate([_margins(block @ start.T) for block in _blocks(texts, len(vectors))])
    sure = texts[margins >= np.quantile(margins, 1 - _SURE)]
    adapted = start
    for _ in range(_ROUNDS):
        weights, sums = np.zeros(len(start)), np.zeros_like(start)
        for block in _blocks(sure, len(vectors)):
            shares = _softmax(_SCALE * (block @ adapted.T))
            weights += shares.sum(axis=0)
            sums += shares.T @ block
        share = np.minimum(1.0, prior / np.maximum(weights, 1e-12))
        adapted = _units(prior[:, None] * start + share[:, None] * sums)
    return unit_rows(adapted)


def _margins(scores: _Wide) -> _Wide:
    best = np.partition(scores, -2, axis=1)
    return np.asarray(best[:, -1] - best[:, -2], np.float64)


def _softmax(logits: _Wide) -> _Wide:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float64)


def _units(rows: _Wide) -> _Wide:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float64)


def _blocks(texts: FloatArray, n_categories: int) -> Iterable[_Wide]:
    size = max(1, _BLOCK // n_categories)
    return (texts[i : i + size].astype(np.float64) for i in range(0, max(len(texts), 1), size))
