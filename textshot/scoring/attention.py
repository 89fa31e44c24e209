"""Attention over all keys as part of a score, and the choice of its share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.networks import EXAMPLE
from textshot.networks.base import SCALE

MIN_EXAMPLES = 100
"""With fewer examples in an index, leave-one-out accuracy is noise."""

MIN_EXAMPLES_PER_CATEGORY = 4
"""With fewer, a category changes too much when one of them is left out."""

MAX_KEYS = 10_000
"""With more, attention costs a good part of the time that encoding takes."""

SHARES = (0.25, 0.5)
_MAX_EVALUATED = 1000
_BLOCK = 1 << 22  # numbers in one matrix of cosines

_Wide = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attention:
    """The attention of matching networks (Vinyals et al. 2016) over all keys, as part of a score.

    Attributes:
        share: of the score, 0 to 1; the rest is the cosine with the prototype.
        weights: (n_keys,), the weight of each key within its category.
        scale: of a cosine, in the softmax.
    """

    share: float
    weights: _Wide
    scale: float = SCALE

    def mix(
        self, scores: FloatArray, queries: FloatArray, keys: FloatArray, rows: IntArray
    ) -> FloatArray:
        """Return scores (n, n_categories) mixed with the attention over keys (n_keys, dim)."""
        # In single precision: there are many keys, and every text is compared with each.
        cosines = (queries @ keys.T).astype(np.float64)
        attention = attend(cosines, rows, self.weights, self.scale)
        return np.asarray((1 - self.share) * scores + self.share * attention, np.float32)


def attend(cosines: _Wide, rows: IntArray, weights: _Wide, scale: float) -> _Wide:
    """Return the attention of each category's keys on the scale of a cosine.

    log(sum_k w_k exp(scale * cos_k) / sum_k w_k) / scale: between their mean and the largest one.

    Args:
        cosines: (n, n_keys), category by category.
        rows: int64 (n_keys,), the category of each key, none left out.
        weights: (n_keys,) or (n, n_keys), not negative, more than 0 for one key of each category.
        scale: positive.
    """
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    top = np.maximum.reduceat(cosines, starts, axis=1)
    near = weights * np.exp(scale * (cosines - np.repeat(top, np.bincount(rows), axis=1)))
    mean = np.add.reduceat(near, starts, axis=1) / np.add.reduceat(weights, starts, axis=-1)
    return np.asarray(top + np.log(mean) / scale, np.float64)


def find_attention_share(
    keys: FloatArray, rows: IntArray, kinds: IntArray, attention: Attention
) -> float:
    """Return the share of attention with the best leave-one-out accuracy on the examples.

    One prototype stands for a category that covers one topic. With many examples a category may
    cover several, and then the keys themselves score better. A share is used only when it beats
    no attention by more than one standard error of the difference, so that categories with few
    examples or one topic do not change (docs/adr/0016).

    Args:
        keys: float32 (n_keys, dim), unit rows, category by category.
        rows: int64 (n_keys,), the category of each key.
        kinds: int64 (n_keys,), NAME, DESCRIPTION or EXAMPLE.
        attention: for its weights and scale.

    Returns:
        One of SHARES, or 0; always 0 with more than MAX_KEYS keys, or with fewer than
        MIN_EXAMPLES in categories of at least MIN_EXAMPLES_PER_CATEGORY.
    """
    is_example = kinds == EXAMPLE
    counts = np.bincount(rows, is_example)
    examples = np.flatnonzero(is_example & (counts[rows] >= MIN_EXAMPLES_PER_CATEGORY))
    if len(examples) < MIN_EXAMPLES or len(keys) > MAX_KEYS or len(counts) < 2:
        return 0.0
    sample = _sample(examples, keys)
    size = max(1, _BLOCK // len(keys))
    blocks = [sample[i : i + size] for i in range(0, len(sample), size)]
    hits = np.concatenate([_leave_one_out(block, keys, rows, attention) for block in blocks])
    best = int(hits.mean(axis=0).argmax())  # the smallest share of equal ones
    gain = hits[:, best] - hits[:, 0]
    significant = gain.mean() > gain.std() / np.sqrt(len(gain))
    return (0.0, *SHARES)[best] if significant else 0.0


def _sample(examples: IntArray, keys: FloatArray) -> IntArray:
    """Return at most _MAX_EVALUATED of the examples, whatever their order."""
    if len(examples) <= _MAX_EVALUATED:
        return examples
    # By all of the row: vectors of few words begin with the same zeros. The large byte of each
    # number is first, so that rounding hardly changes the order.
    order = np.array(sorted(examples, key=lambda i: keys[i].astype(">f4").tobytes()))
    picked = np.random.default_rng(0).choice(len(order), _MAX_EVALUATED, replace=False)
    return order[np.sort(picked)]


def _leave_one_out(
    sample: IntArray, keys: FloatArray, rows: IntArray, attention: Attention
) -> _Wide:
    """Return whether each left-out key is recognised, by no share and each of SHARES: (n, 3)."""
    wide, truth, n = keys.astype(np.float64), rows[sample], np.arange(len(sample))
    texts, weights = wide[sample], attention.weights
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    sums = np.add.reduceat(wide * weights[:, None], starts, axis=0)
    cosines = texts @ _units(sums).T
    without = _units(sums[truth] - texts * weights[sample, None])
    cosines[n, truth] = (texts * without).sum(axis=1)
    remaining = np.tile(weights, (len(sample), 1))
    remaining[n, sample] = 0.0
    key_cosines = (keys[sample] @ keys.T).astype(np.float64)
    attended = attend(key_cosines, rows, remaining, attention.scale)
    mixed = [(1 - share) * cosines + share * attended for share in (0.0, *SHARES)]
    hits = [scores.argmax(axis=1) == truth for scores in mixed]
    return np.stack(hits, axis=1).astype(np.float64)


def _units(rows: _Wide) -> _Wide:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float64)
