"""From vectors to predictions: search, decide, and put the arrays into records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.engine.decision import decision_of, given, only_auto
from textshot.errors import InvalidTextsError
from textshot.index import State
from textshot.scoring.calibration import Calibration, probabilities
from textshot.scoring.exemplars import SCORE_TOLERANCE, select_exemplars
from textshot.scoring.exemplars import scores as scores_of
from textshot.scoring.threshold import OOS_MARGIN, Score, is_in_scope
from textshot.types import KeyKind, Match, Prediction, Threshold

_NO_LIMIT = -np.inf  # what a category has to reach that never abstains, beside one that does
_FEW = 8  # passes over a line that cost less than sorting it
_BUDGET = 2 << 20  # numbers in one matrix of scores: 16 MiB in double precision


def _thresholds(state: State, best: IntArray, threshold: Threshold) -> FloatArray | None:
    """Return what each best row has to reach, float32 (n,); None for "always answer".

    Where a category has a threshold of its own and the index has none, _NO_LIMIT stands for none.
    """
    if not isinstance(threshold, str):
        settings = given(threshold)
        value = settings.threshold if settings else None
        return None if value is None else np.full(len(best), value, np.float32)
    only_auto(threshold)
    value = decision_of(state).threshold
    own = [entry.category.threshold for entry in state.entries]
    if value is None and not any(t is not None for t in own):
        return None
    shared = _NO_LIMIT if value is None else value
    each = np.array([shared if t is None else t for t in own], np.float32)
    return each[best]


@dataclass(frozen=True, slots=True)
class PredictionArrays:
    """What is answered for n texts, as arrays.

    Attributes:
        scores: float32 (n, min(k, n_categories)), the best scores, best first.
        rows: int64 of the same shape, the categories that these are of.
        known: bool (n,), False where the answer is "unknown".
        margins: float32 (n,), how far the best category is ahead; of the only one, of -1.
        limits: float32 (n,), the score that had to be reached, -inf where abstaining was off for
            the best category; None where it was off for all.
        probabilities: how likely each answer is right; None where that is not known.
    """

    scores: FloatArray
    rows: IntArray
    known: NDArray[np.bool_]
    margins: FloatArray
    limits: FloatArray | None
    probabilities: list[float | None]

    def taken(self, places: IntArray) -> PredictionArrays:
        """Return the answers at these places, int64 (m,); one may come several times."""
        return PredictionArrays(
            self.scores[places],
            self.rows[places],
            self.known[places],
            self.margins[places],
            None if self.limits is None else self.limits[places],
            [self.probabilities[i] for i in places],
        )


def joined(parts: Sequence[PredictionArrays]) -> PredictionArrays:
    """Return the answers of parts, one at least, of one index and one k, as one."""
    limits = [part.limits for part in parts if part.limits is not None]
    return PredictionArrays(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.known for part in parts]),
        np.concatenate([part.margins for part in parts]),
        np.concatenate(limits) if limits else None,
        [sure for part in parts for sure in part.probabilities],
    )


def answer(
    state: State, queries: FloatArray, k: int, threshold: Threshold, blank: NDArray[np.bool_]
) -> PredictionArrays:
    """Search and decide.

    Args:
        state: the categories; there may be none, and then nothing is known.
        queries: float32 (n, dim), unit rows.
        k: how many categories of each text; two of them make its margin in any case.
        threshold: see `Threshold`.
        blank: bool (n,), texts in which nothing is said.

    Raises:
        InvalidTextsError: k is below 1, or a threshold that is none.
    """
    if k < 1:
        raise InvalidTextsError(f"k is {k}; at least 1 is needed")
    if not state.entries:
        nothing = np.full(len(queries), 0, np.float32)
        known = np.zeros(len(queries), dtype=bool)
        empty = np.empty((len(queries), 0), np.float32)
        return PredictionArrays(
            empty, empty.astype(np.int64), known, nothing, None, [None] * len(queries)
        )
    scores, rows = _best(state, queries, max(k, 2))
    limits = _thresholds(state, rows[:, 0], threshold)
    known = is_in_scope(scores[:, 0], limits)
    unfit = blank | _fits_nothing(state, queries, scores[:, 0])
    if limits is not None:
        known &= ~unfit | (limits == _NO_LIMIT)
    runner_up = scores[:, 1] if scores.shape[1] > 1 else np.full(len(scores), -1.0, np.float32)
    sure = _probabilities(state, queries, rows[:, 0], known)
    for i in np.flatnonzero(unfit & ~known):
        sure[i] = None
    return PredictionArrays(
        scores[:, :k], rows[:, :k], known, scores[:, 0] - runner_up, limits, sure
    )


def predict(
    state: State, queries: FloatArray, k: int, threshold: Threshold, blank: NDArray[np.bool_]
) -> list[Prediction]:
    """Put the answers into records, and say which key decided; arguments as for `answer`."""
    return list(records(state, queries, answer(state, queries, k, threshold, blank)))


def records(state: State, queries: FloatArray, answers: PredictionArrays) -> Iterator[Prediction]:
    """Yield the record of each query: who makes something else of it need not hold them all."""
    limits = answers.limits
    for i, query in enumerate(queries):
        matches = tuple(
            Match(state.labels[row], float(score), state.entries[row].nearest_key(query))
            for score, row in zip(answers.scores[i], answers.rows[i], strict=True)
        )
        if not matches:
            yield Prediction(None, (), -1.0, None, 0.0, None, ())
            continue
        label = matches[0].label if answers.known[i] else None
        yield Prediction(
            label=label,
            labels=() if label is None else (label,),
            score=matches[0].score,
            probability=answers.probabilities[i],
            margin=float(answers.margins[i]),
            threshold=None if limits is None or limits[i] == _NO_LIMIT else float(limits[i]),
            matches=matches,
        )


def _fits_nothing(state: State, queries: FloatArray, best: FloatArray) -> NDArray[np.bool_]:
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
    state: State, queries: FloatArray, best: IntArray, known: NDArray[np.bool_]
) -> list[float | None]:
    """Return how likely each answer is right, also where it is "unknown"; None: not known."""
    calibration = _calibration(state)
    if calibration is None:
        return [None] * len(queries)
    found: list[float | None] = []
    for block in _blocks(state, queries):
        shares = probabilities(_scores(state, block), calibration)
        rows = slice(len(found), len(found) + len(block))
        right = shares[np.arange(len(shares)), best[rows]]
        none = np.clip(1.0 - shares.sum(axis=1), 0.0, 1.0)
        for answered, yes, no in zip(known[rows], right, none, strict=True):
            unseen = None if calibration.unknown is None else float(no)
            found.append(float(yes) if answered else unseen)
    return found


def _calibration(state: State) -> Calibration | None:
    decision = decision_of(state)
    if decision.temperature is None or decision.stale:
        return None
    return Calibration(decision.temperature, decision.unknown)


def category_probabilities(state: State, queries: FloatArray) -> NDArray[np.float64] | None:
    """Return the probability of each category, float64 (n, n_categories); None: not known."""
    calibration = _calibration(state)
    if calibration is None:
        return None
    parts = [probabilities(_scores(state, block), calibration) for block in _blocks(state, queries)]
    return np.concatenate([np.empty((0, len(state.entries))), *parts])


def score(state: State, queries: FloatArray) -> FloatArray:
    """Return the score of each query (n, dim) with each category, float32 (n, n_categories)."""
    parts = [_scores(state, block) for block in _blocks(state, queries)]
    return np.concatenate([np.empty((0, len(state.entries)), np.float32), *parts])


def scorer(state: State) -> Score:
    """Return `score` of a state; where a search is enough, in single precision, which is faster."""
    if not state.by_search:
        return partial(score, state)
    vectors = state.vectors
    return lambda queries: _read(state, queries) @ vectors.T


def _best(state: State, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """Return the k best scores and their rows, each (n, min(k, n_categories)), best first."""
    if state.by_search:
        return state.search.search(_read(state, queries), k)
    k = min(k, len(state.entries))
    found = [(np.empty((0, k), np.float32), np.empty((0, k), np.int64))]
    for block in _blocks(state, queries):
        every = _scores(state, block)
        rows = _top(every, k)
        found.append((np.take_along_axis(every, rows, 1), rows))
    best = np.concatenate([scores for scores, _ in found])
    best[best >= 1 - SCORE_TOLERANCE] = 1.0  # the very text of a correction reaches every threshold
    return best, np.concatenate([rows for _, rows in found])


def _top(scores: FloatArray, k: int) -> IntArray:
    """Return the rows of the k largest scores of each line, largest first, equal ones in order."""
    if k > _FEW:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    left, rows = scores.copy(), np.empty((len(scores), k), np.int64)
    for place in range(k):
        rows[:, place] = left.argmax(axis=1)
        left[np.arange(len(left)), rows[:, place]] = -np.inf
    return rows


def _scores(state: State, queries: FloatArray) -> FloatArray:
    if not state.entries:
        return np.empty((len(queries), 0), np.float32)
    keys = (state.key_vectors, state.key_rows, state.key_kinds)
    # Corrections of the first release have no number, and stay the examples that they were.
    exemplars = select_exemplars(
        state.network, *keys, state.key_correction_orders, state.key_correction_orders > 0
    )
    return scores_of(state.network, queries, state.vectors, *keys, exemplars, state.attention)


def _read(state: State, queries: FloatArray) -> FloatArray:
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
