"""From vectors to predictions: search, decide, and put the arrays into records."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textshot.arrays import FloatArray, IntArray
from textshot.decision import is_known
from textshot.errors import InvalidTextsError
from textshot.index import State
from textshot.records import DecisionSettings, KeyKind, Match, Prediction, Threshold


def given(threshold: Threshold) -> DecisionSettings | None:
    """Return the settings that a user asked for; None where they are to be derived."""
    if isinstance(threshold, str):
        _only_auto(threshold)
        return None
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise InvalidTextsError(f"threshold is {threshold}; a cosine lies in -1 to 1")
    value = None if threshold is None else float(threshold)
    return DecisionSettings(value, "given", n_way=0, n_scores=0)


def _only_auto(threshold: str) -> None:
    if threshold != "auto":
        raise InvalidTextsError(f"threshold is {threshold!r}; a cosine, None or 'auto' is needed")


def decision_of(state: State) -> DecisionSettings:
    """Return when an index abstains; one that was never asked to derive it always answers."""
    return state.decision or DecisionSettings(None, "none: not derived", 0, 0, stale=True)


def _thresholds(state: State, best: IntArray, threshold: Threshold) -> FloatArray | None:
    """Return what each best row has to reach, float32 (n,); None for "always answer"."""
    if not isinstance(threshold, str):
        settings = given(threshold)
        value = settings.threshold if settings else None
        return None if value is None else np.full(len(best), value, np.float32)
    _only_auto(threshold)
    value = decision_of(state).threshold
    own = [entry.category.threshold for entry in state.entries]
    if value is None and not any(t is not None for t in own):
        return None
    shared = -1.0 if value is None else value
    each = np.array([shared if t is None else t for t in own], np.float32)
    return each[best]


def predict(
    state: State, queries: FloatArray, k: int, threshold: Threshold, blank: NDArray[np.bool_]
) -> list[Prediction]:
    """Search, decide, and put the arrays into records."""
    if k < 1:
        raise InvalidTextsError(f"k is {k}; at least 1 is needed")
    if not state.entries:
        nothing = Prediction(None, (), -1.0, None, 0.0, None, ())
        return [nothing] * len(queries)
    scores, rows = state.search.search(queries, max(k, 2))
    limits = _thresholds(state, rows[:, 0], threshold)
    known = is_known(scores[:, 0], limits)
    if limits is not None:
        known &= ~blank
    runner_up = scores[:, 1] if scores.shape[1] > 1 else np.full(len(scores), -1.0, np.float32)
    margins = scores[:, 0] - runner_up
    found: list[Prediction] = []
    for i, query in enumerate(queries):
        matches = tuple(
            Match(state.labels[row], float(score), state.entries[row].nearest_key(query))
            for score, row in zip(scores[i, :k], rows[i, :k], strict=True)
        )
        label = matches[0].label if known[i] else None
        found.append(
            Prediction(
                label=label,
                labels=() if label is None else (label,),
                score=matches[0].score,
                probability=None,
                margin=float(margins[i]),
                threshold=None if limits is None else float(limits[i]),
                matches=matches,
            )
        )
    return found


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
