"""Which few of many texts to label: those whose labels would help most. Pure arrays, and texts."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.engine.decision import decision_of
from textshot.engine.predict import score
from textshot.errors import InvalidTextsError
from textshot.index import State
from textshot.scoring.transduction import sample_texts

MAX_TEXTS = 5000
"""How many different texts are looked at: each is compared with every other."""

MARGIN_SCALE = 0.1
"""A text whose margin is so large counts e times less than one between two categories."""

BELOW_THRESHOLD_WEIGHT = 0.3
"""What a text far below the threshold counts, where one far above it counts 1: of a pool in which a
third fits no category, 31 of 100 picks were such texts, and 41 where they counted alike."""

_BLOCK = 500
_ENOUGH = 1e-6  # float32 sums of a few thousand cosines differ by less


def suggest(
    state: State,
    encode: Callable[[Sequence[str]], FloatArray],
    unreadable: Callable[[Sequence[str]], NDArray[np.bool_]],
    texts: Iterable[str],
    n: int,
    seed: int,
) -> list[str]:
    """Return n texts of which a label would help most, the most helpful first.

    Each text of the pool wants to be near to a labelled one, the more the smaller its margin is;
    each pick is the text that adds most to that, beside the examples there are and the picks
    before it. So picks are doubtful, typical of many others, and spread. It is facility location
    weighted by doubt, maximised greedily, which is within 1 - 1/e of the best choice (Nemhauser,
    Wolsey and Fisher 1978; Wei, Iyer and Bilmes 2015, who drop what is sure where we weigh it).

    Args:
        state: the categories; there may be none, and then all texts count alike.
        encode: gives unit rows, float32 (n, dim).
        unreadable: tells which texts say nothing to the encoder, bool (n,).
        texts: without labels. Of more than `MAX_TEXTS` different ones some are looked at, chosen
            by the hash of each and the seed: their order makes no difference.
        n: how many; all of them, where there are fewer.
        seed: of that choice.

    Raises:
        InvalidTextsError: n is below 1.
    """
    if n < 1:
        raise InvalidTextsError(f"n is {n}; at least 1 is needed")
    known = {e.text for entry in state.entries for e in entry.category.examples}
    known |= set() if state.out_of_scope is None else {e.text for e in state.out_of_scope.examples}
    pool = sample_texts((text for text in texts if text not in known), MAX_TEXTS, seed)
    pool = list(compress(pool, ~unreadable(pool)))
    if not pool:
        return []
    vectors = encode(pool)
    keys = [entry.vectors for entry in state.entries]
    keys += [] if state.out_of_scope is None else [state.out_of_scope.vectors]
    labelled = np.concatenate([np.empty((0, state.dim), np.float32), *keys])
    covered = np.zeros(len(pool), np.float32)
    for start in range(0, len(labelled), _BLOCK):  # of a million keys all cosines are 20 GB
        cosines = vectors @ labelled[start : start + _BLOCK].T
        covered = np.maximum(covered, cosines.max(axis=1))
    return [pool[i] for i in most_helpful(vectors, _doubts(state, vectors), covered, n)]


def most_helpful(vectors: FloatArray, doubts: FloatArray, covered: FloatArray, n: int) -> list[int]:
    """Return the positions of the n texts that cover the others best, one after another.

    Args:
        vectors: float32 (m, dim), unit rows.
        doubts: float32 (m,), how much each counts.
        covered: float32 (m,), the cosine of each with what is nearest of what is labelled.
        n: how many; m, where there are fewer.
    """
    covered = covered.copy()
    picks: list[int] = []

    def gains(rows: IntArray) -> FloatArray:
        gain: FloatArray = doubts @ np.maximum(vectors @ vectors[rows].T - covered[:, None], 0)
        return gain

    positions = np.arange(len(vectors))
    parts = [positions[start : start + _BLOCK] for start in range(0, len(positions), _BLOCK)]
    # What a text adds only shrinks as others are picked: one that is still ahead of all old
    # figures needs no others worked out again (Minoux 1978).
    heap = [
        (-gain, i)
        for rows in parts
        for gain, i in zip(gains(rows).tolist(), rows.tolist(), strict=True)
    ]
    heapq.heapify(heap)
    while heap and len(picks) < n:
        _, best = heapq.heappop(heap)
        gain = float(gains(np.array([best]))[0])
        if heap and gain < -heap[0][0] - _ENOUGH:
            heapq.heappush(heap, (-gain, best))
            continue
        picks.append(best)
        covered = np.maximum(covered, vectors @ vectors[best])
    return picks


def _doubts(state: State, vectors: FloatArray) -> FloatArray:
    """Return how much each text counts: 1 between two categories, less where one is ahead.

    And less where it is far below the threshold: it may fit no category, and a label that says so
    teaches one thing only.
    """
    if len(state.entries) < 2:
        return np.ones(len(vectors), np.float32)
    parts = [vectors[start : start + _BLOCK] for start in range(0, len(vectors), _BLOCK)]
    best = np.concatenate([np.partition(score(state, part), -2)[:, -2:] for part in parts])
    best = best.astype(np.float64)
    doubts = np.exp((best[:, 0] - best[:, 1]) / MARGIN_SCALE)
    threshold = decision_of(state).threshold
    if threshold is not None:
        odds = 1 + np.exp((threshold - best[:, 1]) / MARGIN_SCALE)
        doubts *= BELOW_THRESHOLD_WEIGHT + (1 - BELOW_THRESHOLD_WEIGHT) / odds
    weights: FloatArray = doubts.astype(np.float32)
    return weights
