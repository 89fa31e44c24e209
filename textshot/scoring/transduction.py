"""Transductive adaptation: prototypes that move towards unlabelled texts. Pure arrays.

Opt-in (transduction): with it an answer depends on the other texts. Nothing is assumed about how
often a category occurs, and what looks like no category moves nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray, unit_rows

MAX_TEXTS = 5000
"""How many texts of an input are looked at."""

MIN_TEXTS = 50
"""With fewer different ones nothing is moved."""

MIN_IN_SCOPE_RATE = 0.1
"""If fewer of the texts reach the threshold, they are about something else: nothing is moved."""

_SCALE = 40.0  # of a cosine, in the softmax
_KEY_TEXTS = 4.0  # as many texts of the batch weigh as much as one key
_ROUNDS = 3
_SURE = 0.5  # share of the texts that take part: those with the largest margins
_BLOCK = 1 << 22  # numbers in one matrix of scores

_Wide = NDArray[np.float64]


def sample_texts(texts: Iterable[str], most: int = MAX_TEXTS, seed: int = 0) -> list[str]:
    """Return the different texts of an input, `most` of them at most, sorted.

    Which ones is decided by the hash of each text, so it is the same choice whatever the order,
    the number of parts, and how often a text occurs. Memory does not grow beyond `most`.
    """
    key = seed.to_bytes(8, "little", signed=True)
    kept: dict[str, int] = {}
    heap: list[tuple[int, str]] = []  # the largest hash first
    for text in texts:
        if text in kept or not text.strip():
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
    """Move each category towards the texts that are surely its own, half of the way at most.

    Expectation-maximisation of a mixture with one direction for each category (Banerjee et al.
    2005), shrunk to where it started: each key counts as four texts. Ours: the half of the texts
    whose best category is furthest ahead of the next one takes part, chosen once, before
    anything moves; and the texts of a category never weigh more than its keys, so that neither a
    frequent category nor a crowd of foreign texts runs off with it. No prior over categories is
    learned, so skew does no harm (docs/adr/0010).

    Args:
        vectors: float32 (n_categories, dim), unit rows; two categories at least.
        n_keys: int64 (n_categories,), how many keys each is made of.
        texts: float32 (n, dim), unit rows; their order changes nothing but rounding.

    Returns:
        float32 (n_categories, dim), unit rows.
    """
    start, own = vectors.astype(np.float64), _KEY_TEXTS * n_keys.astype(np.float64)
    margins = np.concatenate([_margins(block @ start.T) for block in _blocks(texts, len(vectors))])
    sure = texts[margins >= np.quantile(margins, 1 - _SURE)]
    adapted = start
    for _ in range(_ROUNDS):
        weights, sums = np.zeros(len(start)), np.zeros_like(start)
        for block in _blocks(sure, len(vectors)):
            shares = _softmax(_SCALE * (block @ adapted.T))
            weights += shares.sum(axis=0)
            sums += shares.T @ block
        share = np.minimum(1.0, own / np.maximum(weights, 1e-12))
        adapted = _units(own[:, None] * start + share[:, None] * sums)
    return unit_rows(adapted)


def _margins(scores: _Wide) -> _Wide:
    best = np.partition(scores, -2, axis=1)
    margins: _Wide = best[:, -1] - best[:, -2]
    return margins


def _softmax(logits: _Wide) -> _Wide:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: _Wide = exponents / exponents.sum(axis=1, keepdims=True)
    return shares


def _units(rows: _Wide) -> _Wide:
    units: _Wide = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


def _blocks(texts: FloatArray, n_categories: int) -> Iterable[_Wide]:
    size = max(1, _BLOCK // n_categories)
    return (texts[i : i + size].astype(np.float64) for i in range(0, max(len(texts), 1), size))
