"""From vectors to predictions: search, decide, and put the arrays into records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from textshot.arrays import FloatArray, IntArray
from textshot.decision import AHEAD, GIVEN, TUNED, Score, above, is_known
from textshot.errors import InvalidTextsError
from textshot.index import State
from textshot.records import (
    DecisionSettings,
    KeyKind,
    Match,
    Prediction,
    Threshold,
    truth_of,
)
from textshot.scoring import EQUAL, slots_of
from textshot.scoring import scores as scores_of
from textshot.tuning import (
    FEWEST_FITTING,
    FEWEST_FOREIGN,
    Odds,
    best_threshold,
    fit_odds,
    probabilities,
)

_SHOWN = 5
_FEW = 8  # passes over a line that cost less than sorting it
_BUDGET = 2 << 20  # numbers in one matrix of scores: 16 MiB in double precision


def given(threshold: Threshold) -> DecisionSettings | None:
    """Return the settings that a user asked for; None where they are to be derived."""
    if isinstance(threshold, str):
        _only_auto(threshold)
        return None
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise InvalidTextsError(f"threshold is {threshold}; a cosine lies in -1 to 1")
    value = None if threshold is None else float(threshold)
    return DecisionSettings(value, GIVEN, n_way=0, n_scores=0)


def at_rate(rate: float) -> DecisionSettings:
    """Return settings that are to be derived at a rate of unknown."""
    if not 0.0 <= rate <= 1.0:
        raise InvalidTextsError(f"unknown_rate is {rate}; a share of texts lies in 0 to 1")
    return DecisionSettings(None, "none: not derived", 0, 0, stale=True, rate=float(rate))


def tuned_settings(
    state: State, scores: FloatArray, truths: Sequence[str | None], rate: float | None
) -> DecisionSettings:
    """Return what labelled texts tell about threshold and probabilities, see `Engine.tune`."""
    before, places = decision_of(state), _places(state, truths, len(scores))
    rate = None if rate is None else at_rate(rate).rate
    fitting, foreign = scores[places >= 0], scores[places < 0]
    if len(fitting) < FEWEST_FITTING:
        raise InvalidTextsError(
            f"{len(fitting)} labelled texts fit a category; {FEWEST_FITTING} are needed at least to"
            " tell how sure an answer is. Label more of them"
        )
    odds = fit_odds(fitting, places[places >= 0])
    threshold, method = before.threshold, before.method
    seen = len(foreign) >= FEWEST_FOREIGN
    if rate is not None and not seen:
        raise InvalidTextsError(
            f"{len(foreign)} labelled texts fit no category; a rate of unknown needs"
            f" {FEWEST_FOREIGN}. Label more of them, or leave the rate out"
        )
    if seen:
        odds = fit_odds(scores, places)
    if seen and not _always_answers(before):
        right, method = fitting.argmax(axis=1) == places[places >= 0], TUNED
        strange = foreign.max(axis=1)
        threshold = (
            best_threshold(fitting.max(axis=1), right, strange)
            if rate is None
            else above(strange, rate)
        )
    return replace(
        before,
        threshold=threshold,
        method=method,
        guess=before.guess and method != TUNED,
        stale=False,
        n_way=len(state.entries),
        n_scores=len(scores) if method == TUNED else before.n_scores,
        temperature=odds.temperature,
        rate=before.rate if rate is None else rate,
        unknown=odds.unknown,
        n_texts=len(scores),
    )


def _always_answers(decision: DecisionSettings) -> bool:
    return decision.method == GIVEN and decision.threshold is None


def _places(state: State, truths: Sequence[str | None], n_texts: int) -> IntArray:
    """Return the row of each truth, int64 (n,); -1 where a text fits none."""
    if len(truths) != n_texts:
        raise InvalidTextsError(f"{n_texts} texts but {len(truths)} truths")
    wanted = [truth_of(truth) for truth in truths]
    strange = sorted({name for name in wanted if name is not None} - set(state.labels))
    if strange:
        raise InvalidTextsError(
            f"{len(strange)} of the truths are no categories of this index:"
            f" {', '.join(strange[:_SHOWN])}{', ...' if len(strange) > _SHOWN else ''}"
        )
    return np.array([-1 if name is None else state.rows[name] for name in wanted], np.int64)


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
    scores, rows = _best(state, queries, max(k, 2))
    limits = _thresholds(state, rows[:, 0], threshold)
    known = is_known(scores[:, 0], limits)
    unfit = blank | _fits_nothing(state, queries, scores[:, 0])
    if limits is not None:
        known &= ~unfit
    runner_up = scores[:, 1] if scores.shape[1] > 1 else np.full(len(scores), -1.0, np.float32)
    margins = scores[:, 0] - runner_up
    sure = _probabilities(state, queries, rows[:, 0], known)
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
                probability=None if unfit[i] and not known[i] else sure[i],
                margin=float(margins[i]),
                threshold=None if limits is None else float(limits[i]),
                matches=matches,
            )
        )
    return found


def _fits_nothing(state: State, queries: FloatArray, best: FloatArray) -> NDArray[np.bool_]:
    """Tell which queries are nearer to a text that fits no category than to the best category."""
    if state.nothing is None:
        return np.zeros(len(queries), dtype=bool)
    vectors = state.nothing.vectors.T.astype(np.float64)
    enough = np.minimum(best + AHEAD, 1.0) - EQUAL  # the very text is unknown in any case
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
    odds = _odds(state)
    if odds is None:
        return [None] * len(queries)
    found: list[float | None] = []
    for block in _blocks(state, queries):
        shares = probabilities(_scores(state, block), odds)
        rows = slice(len(found), len(found) + len(block))
        right = shares[np.arange(len(shares)), best[rows]]
        none = np.clip(1.0 - shares.sum(axis=1), 0.0, 1.0)
        for answered, yes, no in zip(known[rows], right, none, strict=True):
            unseen = None if odds.unknown is None else float(no)
            found.append(float(yes) if answered else unseen)
    return found


def _odds(state: State) -> Odds | None:
    decision = decision_of(state)
    if decision.temperature is None or decision.stale:
        return None
    return Odds(decision.temperature, decision.unknown)


def category_probabilities(state: State, queries: FloatArray) -> NDArray[np.float64] | None:
    """Return the probability of each category, float64 (n, n_categories); None: not known."""
    odds = _odds(state)
    if odds is None:
        return None
    parts = [probabilities(_scores(state, block), odds) for block in _blocks(state, queries)]
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
    best[best >= 1 - EQUAL] = 1.0  # the very text of a correction reaches every threshold
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
    slots = slots_of(state.network, *keys, state.key_written, state.key_written > 0)
    return scores_of(state.network, queries, state.vectors, *keys, slots, state.attention)


def _read(state: State, queries: FloatArray) -> FloatArray:
    parts = [state.network.read(block, state.vectors) for block in _blocks(state, queries)]
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
