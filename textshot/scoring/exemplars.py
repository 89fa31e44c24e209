"""Score query vectors against every category, and against single examples (exemplars)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.networks import EXAMPLE, Network
from textshot.networks.memory import SCORE_TOLERANCE as SCORE_TOLERANCE
from textshot.scoring.attention import Attention


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Examples that are scored one by one, beside the prototype of their category.

    Attributes:
        vectors: float32 (m, dim), unit rows.
        rows: int64 (m,), the category of each.
        correction_order: int64 (m,), the order in which corrections came; 0 for other examples.
    """

    vectors: FloatArray
    rows: IntArray
    correction_order: IntArray


def select_exemplars(
    network: Network,
    keys: FloatArray,
    rows: IntArray,
    kinds: IntArray,
    correction_order: IntArray | None = None,
    corrected: NDArray[np.bool_] | None = None,
) -> Exemplars | None:
    """Return the keys that are exemplars: corrections, and all examples of a memory network.

    Args:
        network: the network.
        keys: float32 (n_keys, dim), all keys, category by category.
        rows: int64 (n_keys,), the category of each key.
        kinds: int64 (n_keys,), the kind of each key.
        correction_order: int64 (n_keys,), the order of corrections; None: all zero.
        corrected: bool (n_keys,), whether a key is a correction; None: none is.

    Returns:
        The exemplars, or None where there are none.
    """
    selected = np.zeros(len(keys), bool) if corrected is None else corrected.copy()
    if network.examples_are_exemplars:
        selected |= kinds == EXAMPLE
    if not selected.any():
        return None
    order = np.zeros(len(keys), np.int64) if correction_order is None else correction_order
    return Exemplars(keys[selected], rows[selected], order[selected])


def scores(
    network: Network,
    queries: FloatArray,
    vectors: FloatArray,
    keys: FloatArray,
    rows: IntArray,
    kinds: IntArray,
    exemplars: Exemplars | None = None,
    attention: Attention | None = None,
) -> FloatArray:
    """Return the score of each query with each category, float32 (n, n_categories).

    Args:
        network: the network that scores.
        queries: float32 (n, dim), unit rows.
        vectors: float32 (n_categories, dim), the result of `category_prototypes`.
        keys: float32 (n_keys, dim), all keys, category by category.
        rows: int64 (n_keys,), the category of each key.
        kinds: int64 (n_keys,), the kind of each key.
        exemplars: what `select_exemplars` returned; None: selected here, without corrections.
        attention: the attention over all keys that is part of the score; None: no attention.

    Returns:
        Scores on the scale of a cosine; the score of a query depends on no other query.
    """
    wide = network.transform_queries(queries, vectors).astype(np.float64)
    result = np.asarray(wide @ vectors.T.astype(np.float64), np.float32)
    if attention is not None:
        result = attention.mix(result, queries, keys, rows)
    if exemplars is None:
        exemplars = select_exemplars(network, keys, rows, kinds)
    return (
        result if exemplars is None else apply_exemplars(result, queries, exemplars, network.decay)
    )


def apply_exemplars(
    scores: FloatArray, queries: FloatArray, exemplars: Exemplars, decay: float
) -> FloatArray:
    """Return `scores` where the best exemplar of a category may count instead of its prototype.

    An exemplar scores 1 - decay * (1 - cosine): it decides about near texts only. Where several
    categories share the best score (to SCORE_TOLERANCE), the one with the newest correction gets
    it and the others the next lower number, so that no score changes by more than
    SCORE_TOLERANCE. A prototype is older than any correction.

    Args:
        scores: float32 (n, n_categories), without exemplars.
        queries: float32 (n, dim), unit rows.
        exemplars: m of them.
        decay: that of the network.
    """
    order = np.argsort(exemplars.rows, kind="stable")
    rows, starts = np.unique(exemplars.rows[order], return_index=True)
    cosines = queries.astype(np.float64) @ exemplars.vectors[order].T.astype(np.float64)
    single = 1.0 - decay * (1.0 - cosines)
    best = scores.astype(np.float64)
    best[:, rows] = np.maximum(best[:, rows], np.maximum.reduceat(single, starts, axis=1))
    newest = np.zeros(best.shape, np.int64)
    reached = single >= best[:, exemplars.rows[order]] - SCORE_TOLERANCE
    orders = np.where(reached, exemplars.correction_order[order], 0)
    newest[:, rows] = np.maximum.reduceat(orders, starts, axis=1)
    return _newest_first(best.astype(np.float32), newest)


def _newest_first(scores: FloatArray, correction_order: IntArray) -> FloatArray:
    """Break ties at the top of each row of `scores` in favour of the newest correction."""
    top = scores.max(axis=1, keepdims=True)
    tied = scores >= top - np.float32(SCORE_TOLERANCE)
    newest = np.where(tied, correction_order, -1).argmax(axis=1)
    for i in np.flatnonzero(tied.sum(axis=1) > 1):
        if correction_order[i, newest[i]] > 0:
            below = np.nextafter(top[i, 0], np.float32(-2))
            scores[i, tied[i]] = np.minimum(scores[i, tied[i]], below)
            scores[i, newest[i]] = top[i, 0]
    return scores
