"""How much of a score every key has a say in, beside its category's vector. Pure arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.networks import EXAMPLE
from textshot.networks.attend import SCALE, attend

MIN_EXAMPLES = 100
"""With fewer of them in an index, what leaving one out tells is chance."""

MIN_EXAMPLES_PER_CATEGORY = 4
"""With fewer, a category without one of them is too much another one."""

MAX_KEYS = 10_000
"""With more of them an answer would take a good part of the time that its text takes to encode."""

SHARES = (0.25, 0.5)
_MOST_LOOKED_AT = 1000
_BLOCK = 1 << 22  # numbers in one matrix of cosines

_Wide = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attention:
    """The matching attention of Vinyals et al. 2016 over all keys, as a part of every score.

    Attributes:
        share: of the score, 0 to 1; the rest is the cosine with the category's vector.
        weights: (n_keys,), how much each key counts within its category.
        scale: of a cosine, in the softmax.
    """

    share: float
    weights: _Wide
    scale: float = SCALE

    def mix(
        self, scores: FloatArray, queries: FloatArray, keys: FloatArray, rows: IntArray
    ) -> FloatArray:
        """Return scores (n, n_categories) with the attention of the keys (n_keys, dim) in them."""
        # In single precision: there are many keys, and they are read for every text.
        cosines = (queries @ keys.T).astype(np.float64)
        read = attend(cosines, rows, self.weights, self.scale)
        return np.asarray((1 - self.share) * scores + self.share * read, np.float32)


def find_attention_share(
    keys: FloatArray, rows: IntArray, kinds: IntArray, attention: Attention
) -> float:
    """Return the share that reads the examples best when each in turn is left out.

    One vector stands for a category that is one thing; with many examples there may be several
    things in it, and then keys of their own find them. A share is taken only when it is better
    than none by more than one standard error of the difference, so that few examples, and
    categories that are one thing, stay as they are (docs/adr/0016).

    Args:
        keys: float32 (n_keys, dim), unit rows, category by category.
        rows: int64 (n_keys,), the category of each key.
        kinds: int64 (n_keys,), NAME, DESCRIPTION or EXAMPLE.
        attention: its weights and scale are taken.

    Returns:
        One of SHARES, or 0: also with more than MAX_KEYS, or fewer than MIN_EXAMPLES in
        categories of MIN_EXAMPLES_PER_CATEGORY or more.
    """
    is_example = kinds == EXAMPLE
    counts = np.bincount(rows, is_example)
    examples = np.flatnonzero(is_example & (counts[rows] >= MIN_EXAMPLES_PER_CATEGORY))
    if len(examples) < MIN_EXAMPLES or len(keys) > MAX_KEYS or len(counts) < 2:
        return 0.0
    chosen = _some(examples, keys)
    size = max(1, _BLOCK // len(keys))
    blocks = [chosen[i : i + size] for i in range(0, len(chosen), size)]
    right = np.concatenate([_right(block, keys, rows, attention) for block in blocks])
    best = int(right.mean(axis=0).argmax())  # the smallest share of equal ones
    gain = right[:, best] - right[:, 0]
    sure = gain.mean() > gain.std() / np.sqrt(len(gain))
    return (0.0, *SHARES)[best] if sure else 0.0


def _some(examples: IntArray, keys: FloatArray) -> IntArray:
    """Return some of the examples, whatever order they were given in."""
    if len(examples) <= _MOST_LOOKED_AT:
        return examples
    # By the whole row: vectors of few words all begin with the same zeros. The large byte of each
    # number is first, so that rounding hardly changes the order.
    order = np.array(sorted(examples, key=lambda i: keys[i].astype(">f4").tobytes()))
    picked = np.random.default_rng(0).choice(len(order), _MOST_LOOKED_AT, replace=False)
    return order[np.sort(picked)]


def _right(chosen: IntArray, keys: FloatArray, rows: IntArray, attention: Attention) -> _Wide:
    """Tell whether each key left out is found, by no share and each of SHARES: (n, 3), 0 or 1."""
    wide, own, n = keys.astype(np.float64), rows[chosen], np.arange(len(chosen))
    texts, weights = wide[chosen], attention.weights
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    sums = np.add.reduceat(wide * weights[:, None], starts, axis=0)
    fused = texts @ _units(sums).T
    fused[n, own] = (texts * _units(sums[own] - texts * weights[chosen, None])).sum(axis=1)
    left = np.tile(weights, (len(chosen), 1))
    left[n, chosen] = 0.0
    read = attend((keys[chosen] @ keys.T).astype(np.float64), rows, left, attention.scale)
    mixed = [(1 - share) * fused + share * read for share in (0.0, *SHARES)]
    return np.stack([scores.argmax(axis=1) == own for scores in mixed], axis=1).astype(np.float64)


def _units(rows: _Wide) -> _Wide:
    units: _Wide = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return units
