"""From query vectors to the score of every category: the one way, for a whole matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.networks import EXAMPLE, Network
from textshot.networks.memory import EQUAL as EQUAL
from textshot.scoring.attention import Attention


@dataclass(frozen=True, eq=False)
class Slots:
    """Examples that are read on their own, beside their category's vector.

    Attributes:
        vectors: float32 (m, dim), unit rows.
        rows: int64 (m,), the category of each.
        written: int64 (m,), the order of writing; 0 for those that were there from the start.
    """

    vectors: FloatArray
    rows: IntArray
    written: IntArray


def slots_of(
    network: Network,
    keys: FloatArray,
    rows: IntArray,
    kinds: IntArray,
    written: IntArray | None = None,
    corrected: NDArray[np.bool_] | None = None,
) -> Slots | None:
    """Return the keys that `network` reads on their own; None when there are none.

    These are the corrections, and every example where the network is a memory.

    Args:
        network: the network.
        keys: float32 (n_keys, dim), all keys, category by category.
        rows: int64 (n_keys,), the category of each key.
        kinds: int64 (n_keys,), the kind of each key.
        written: int64 (n_keys,), the order of writing; None: all from the start.
        corrected: bool (n_keys,), whether a key is a correction; None: none is.
    """
    chosen = np.zeros(len(keys), bool) if corrected is None else corrected.copy()
    if network.examples_are_slots:
        chosen |= kinds == EXAMPLE
    if not chosen.any():
        return None
    order = np.zeros(len(keys), np.int64) if written is None else written
    return Slots(keys[chosen], rows[chosen], order[chosen])


def scores(
    network: Network,
    queries: FloatArray,
    vectors: FloatArray,
    keys: FloatArray,
    rows: IntArray,
    kinds: IntArray,
    slots: Slots | None = None,
    attention: Attention | None = None,
) -> FloatArray:
    """Return the score of each query with each category, float32 (n, n_categories).

    Args:
        network: how to score.
        queries: float32 (n, dim), unit rows.
        vectors: float32 (n_categories, dim), what `fusion.category_vectors` gave.
        keys: float32 (n_keys, dim), all keys, category by category.
        rows: int64 (n_keys,), the category of each key.
        kinds: int64 (n_keys,), the kind of each key.
        slots: what is read on its own; None: what `slots_of` says of these keys.
        attention: what all keys have to say beside the vectors; None: nothing.

    Returns:
        Scores on the scale of a cosine; the score of a query depends on no other query.
    """
    found = network.rescore(queries, keys, rows, kinds)
    if found is None:
        read = network.read(queries, vectors)
        found = np.asarray(read.astype(np.float64) @ vectors.T.astype(np.float64), np.float32)
    if attention is not None:
        found = attention.mixed(found, queries, keys, rows)
    slots = slots_of(network, keys, rows, kinds) if slots is None else slots
    return found if slots is None else with_slots(found, queries, slots, network.slope)


def with_slots(scores: FloatArray, queries: FloatArray, slots: Slots, slope: float) -> FloatArray:
    """Return `scores` where the best slot of a category may count instead of its vector.

    A slot scores 1 - slope * (1 - cosine): it speaks for its like, and is silent about the rest.
    Where several categories share the best score (to EQUAL), the one whose slot was written last
    gets it and the others the next lower number, so that no score changes by more than EQUAL. A
    category's vector counts as written at the start.

    Args:
        scores: float32 (n, n_categories), before the slots.
        queries: float32 (n, dim), unit rows.
        slots: m of them.
        slope: of the network.
    """
    order = np.argsort(slots.rows, kind="stable")
    rows, starts = np.unique(slots.rows[order], return_index=True)
    cosines = queries.astype(np.float64) @ slots.vectors[order].T.astype(np.float64)
    single = 1.0 - slope * (1.0 - cosines)
    best = scores.astype(np.float64)
    best[:, rows] = np.maximum(best[:, rows], np.maximum.reduceat(single, starts, axis=1))
    written = np.zeros(best.shape, np.int64)
    reached = single >= best[:, slots.rows[order]] - EQUAL
    mine = np.where(reached, slots.written[order], 0)
    written[:, rows] = np.maximum.reduceat(mine, starts, axis=1)
    return _newest_first(best.astype(np.float32), written)


def _newest_first(scores: FloatArray, written: IntArray) -> FloatArray:
    """Break ties at the top of each row of `scores` in favour of what was written last."""
    top = scores.max(axis=1, keepdims=True)
    tied = scores >= top - np.float32(EQUAL)
    newest = np.where(tied, written, -1).argmax(axis=1)
    for i in np.flatnonzero(tied.sum(axis=1) > 1):
        if written[i, newest[i]] > 0:
            below = np.nextafter(top[i, 0], np.float32(-2))
            scores[i, tied[i]] = np.minimum(scores[i, tied[i]], below)
            scores[i, newest[i]] = top[i, 0]
    return scores
