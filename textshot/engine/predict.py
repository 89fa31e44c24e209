"""From query vectors to predictions: search, decide, and make records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.engine.decision import decision_of, only_auto, requested_settings
from textshot.engine.results import NEVER_ABSTAINS, PredictionArrays, records
from textshot.errors import InvalidTextsError
from textshot.index import State
from textshot.scoring.calibration import Calibration, probabilities
from textshot.scoring.exemplars import SCORE_TOLERANCE, Exemplars, apply_exemplars
from textshot.scoring.exemplars import scores as scores_of
from textshot.scoring.threshold import OOS_MARGIN, Score, is_in_scope
from textshot.types import KeyKind, Prediction, Threshold

_FEW = 8  # passes over a line that cost less than sorting it
_BUDGET = 2 << 20  # numbers in one matrix of scores: 16 MiB in double precision
_EXTRA_CANDIDATES = 4  # beyond k: enough to see whether a tie reaches over the edge


def _thresholds(state: State, best: IntArray, threshold: Threshold) -> FloatArray | None:
    """Return what each best row has to reach, float32 (n,); None for "always answer".

    NEVER_ABSTAINS stands for none where only another category has one of its own.
    """
    if not isinstance(threshold, str):
        settings = requested_settings(threshold)
        value = settings.threshold if settings else None
        return None if value is None else np.full(len(best), value, np.float32)
    only_auto(threshold)
    value = decision_of(state).threshold
    own = [entry.category.threshold for entry in state.entries]
    if value is None and not any(t is not None for t in own):
        return None
    shared = NEVER_ABSTAINS if value is None else value
    each = np.array([shared if t is None else t for t in own], np.float32)
    return each[best]


def answer(
    state: State, queries: FloatArray, k: int, threshold: Threshold, blank: NDArray[np.bool_]
) -> PredictionArrays:
    """Search and decide.

    Args:
        state: the categories; without any, every text is unknown.
        queries: float32 (n, dim), unit rows.
        k: how many categories for each text; its margin takes two of them in any case.
        threshold: see `Threshold`.
        blank: bool (n,), texts that say nothing to the encoder.

    Raises:
        InvalidTextsError: k is below 1, or a threshold that is none.
    """
    if k < 1:
        raise InvalidTextsError(f"k is {k}; at least 1 is needed")
    n = len(queries)
    if not state.entries:
        empty = np.empty((n, 0), np.float32)
        none, zeros = np.zeros(n, dtype=bool), np.zeros(n, np.float32)
        return PredictionArrays(empty, empty.astype(np.int64), none, zeros, None, [None] * n, blank)
    scores, rows = _best(state, queries, max(k, 2))
    thresholds = _thresholds(state, rows[:, 0], threshold)
    in_scope = is_in_scope(scores[:, 0], thresholds)
    rejected = blank | _is_out_of_scope(state, queries, scores[:, 0])
    if thresholds is not None:
        in_scope &= ~rejected | (thresholds == NEVER_ABSTAINS)
    runner_up = scores[:, 1] if scores.shape[1] > 1 else np.full(n, -1.0, np.float32)
    likely = _probabilities(state, queries, rows[:, 0], in_scope)
    for i in np.flatnonzero(rejected & ~in_scope):
        likely[i] = None
    margins = scores[:, 0] - runner_up
    best, rows = scores[:, :k], rows[:, :k]
    return PredictionArrays(best, rows, in_scope, margins, thresholds, likely, blank)


def predict(
    state: State, queries: FloatArray, k: int, threshold: Threshold, blank: NDArray[np.bool_]
) -> list[Prediction]:
    """Do as `answer`, and return records with the key that decided."""
    return list(records(state, queries, answer(state, queries, k, threshold, blank)))


def _is_out_of_scope(state: State, queries: FloatArray, best: FloatArray) -> NDArray[np.bool_]:
    """Tell which queries are nearer to a text that fits no category than to the best category."""
    if state.out_of_scope is None:
        return np.zeros(len(queries), dtype=bool)
    vectors = state.out_of_scope.vectors.T.astype(np.float64)
    # The very text is unknown in any case.
    enough = np.minimum(best + OOS_MARGIN, 1.0) - SCORE_TOLERANCE
    size = max(1, _BUDGET // vectors.shape[1])
    parts = [
        (queries[i : i + size].astype(np.float64) @ vectors).max(axis=1)
        for i in range(0, len(queries), size)
    ]
    near: NDArray[np.bool_] = np.concatenate([np.empty(0), *parts]) >= enough
    return near


def _probabilities(
    state: State, queries: FloatArray, best: IntArray, in_scope: NDArray[np.bool_]
) -> list[float | None]:
    """Return how likely each answer is right, "unknown" included; None: not known."""
    calibration = _calibration(state)
    if calibration is None:
        return [None] * len(queries)
    values: list[float | None] = []
    for block in _blocks(state, queries):
        shares = probabilities(_scores(state, block), calibration)
        rows = slice(len(values), len(values) + len(block))
        of_best = shares[np.arange(len(shares)), best[rows]]
        of_none = np.clip(1.0 - shares.sum(axis=1), 0.0, 1.0)
        for answered, right, none in zip(in_scope[rows], of_best, of_none, strict=True):
            unknown = None if calibration.unknown is None else float(none)
            values.append(float(right) if answered else unknown)
    return values


def _calibration(state: State) -> Calibration | None:
    decision = decision_of(state)
    if decision.temperature is None or decision.stale:
        return None
    return Calibration(decision.temperature, decision.unknown)


def category_probabilities(
    state: State, queries: FloatArray, blank: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the probability of each category, float64 (n, n_categories).

    Zeros for texts that say nothing (`blank`), unless abstaining is off.

    Raises:
        InvalidTextsError: the scores are not calibrated.
    """
    calibration = _calibration(state)
    if calibration is None:
        raise InvalidTextsError(
            "the scores of this index are not calibrated, so there are no probabilities. Tune it on"
            " 30 labelled texts or more: textshot tune, Engine.tune"
        )
    parts = [probabilities(_scores(state, block), calibration) for block in _blocks(state, queries)]
    shares = np.concatenate([np.empty((0, len(state.entries))), *parts])
    if decision_of(state).threshold is not None:
        shares[blank] = 0.0
    return shares


def score(state: State, queries: FloatArray) -> FloatArray:
    """Return the score of each query (n, dim) with each category, float32 (n, n_categories)."""
    parts = [_scores(state, block) for block in _blocks(state, queries)]
    return np.concatenate([np.empty((0, len(state.entries)), np.float32), *parts])


def scorer(state: State) -> Score:
    """Return `score` of a state; where a search is enough, in single precision, which is faster."""
    if not state.by_search:
        return partial(score, state)
    vectors = state.vectors
    return lambda queries: _transformed(state, queries) @ vectors.T


def _best(state: State, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """Return the k best scores and their rows, each (n, min(k, n_categories)), best first."""
    if state.by_search:
        return state.search.search(_transformed(state, queries), k)
    k = min(k, len(state.entries))
    if state.scores_prototypes and state.exemplars is not None:
        best, rows = _best_beside_exemplars(state, state.exemplars, queries, k)
    else:
        best, rows = _best_of_all(state, queries, k)
    best[best >= 1 - SCORE_TOLERANCE] = 1.0  # the very text of a correction reaches every threshold
    return best, rows


def _best_of_all(state: State, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """Score every category."""
    parts = [(np.empty((0, k), np.float32), np.empty((0, k), np.int64))]
    for block in _blocks(state, queries):
        scores = _scores(state, block)
        rows = _top(scores, k)
        parts.append((np.take_along_axis(scores, rows, 1), rows))
    return np.concatenate([s for s, _ in parts]), np.concatenate([r for _, r in parts])


def _best_beside_exemplars(
    state: State, exemplars: Exemplars, queries: FloatArray, k: int
) -> tuple[FloatArray, IntArray]:
    """Do as `_best_of_all`: search the categories without exemplars, score the few with some."""
    corrected = np.unique(exemplars.rows)
    local = replace(exemplars, rows=np.searchsorted(corrected, exemplars.rows))
    prototypes = state.vectors[corrected].T.astype(np.float64)
    transformed = _transformed(state, queries)
    n = min(k + _EXTRA_CANDIDATES, len(state.uncorrected_rows))
    others, positions = state.uncorrected_search.search(transformed, n)
    size = max(1, _BUDGET // (len(corrected) + len(exemplars.rows) + n))
    best, best_rows = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), size):
        part = slice(start, start + size)
        cosines = np.asarray(transformed[part].astype(np.float64) @ prototypes, np.float32)
        scores = np.concatenate([cosines, others[part]], axis=1)
        scores = apply_exemplars(scores, queries[part], local, state.network.decay)
        candidates = state.uncorrected_rows[positions[part]]
        rows = np.concatenate([np.tile(corrected, (len(candidates), 1)), candidates], axis=1)
        order = np.lexsort((rows, -scores))[:, :k]
        best[part] = np.take_along_axis(scores, order, 1)
        best_rows[part] = np.take_along_axis(rows, order, 1)
    if n < len(state.uncorrected_rows):
        # Categories that tie with the k-th best may not be among the candidates.
        tied = np.flatnonzero(others[:, -1] >= best[:, -1] - np.float32(SCORE_TOLERANCE))
        best[tied], best_rows[tied] = _best_of_all(state, queries[tied], k)
    return best, best_rows


def _top(scores: FloatArray, k: int) -> IntArray:
    """Return the rows of the k largest scores of each line, largest first, equal ones in order."""
    if k > _FEW:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    left, rows = scores.copy(), np.empty((len(scores), k), np.int64)
    for rank in range(k):
        rows[:, rank] = left.argmax(axis=1)
        left[np.arange(len(left)), rows[:, rank]] = -np.inf
    return rows


def _scores(state: State, queries: FloatArray) -> FloatArray:
    if not state.entries:
        return np.empty((len(queries), 0), np.float32)
    keys = (state.key_vectors, state.key_rows, state.key_kinds)
    return scores_of(state.network, queries, state.vectors, *keys, state.exemplars, state.attention)


def _transformed(state: State, queries: FloatArray) -> FloatArray:
    network = state.network
    parts = [network.transform_queries(b, state.vectors) for b in _blocks(state, queries)]
    return np.concatenate(parts) if parts else queries


def _blocks(state: State, queries: FloatArray) -> Iterator[FloatArray]:
    """Yield queries, so many at once that a matrix with every key stays within the budget."""
    size = max(1, _BUDGET // max(1, len(state.key_rows)))
    return (queries[start : start + size] for start in range(0, len(queries), size))


def supports(state: State) -> tuple[FloatArray, IntArray]:
    """Return what stands in for a user's texts: a category's examples, else its other keys."""
    rows, vectors = [], []
    for row, entry in enumerate(state.entries):
        examples = [i for i, key in enumerate(entry.keys) if key.kind is KeyKind.EXAMPLE]
        chosen = entry.vectors[examples] if examples else entry.vectors
        vectors.append(chosen)
        rows += [row] * len(chosen)
    if not vectors:
        return np.empty((0, state.dim), np.float32), np.empty(0, np.int64)
    return np.concatenate(vectors), np.asarray(rows, np.int64)
