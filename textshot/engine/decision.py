"""When an engine abstains: as asked for, as labelled texts tell, and as its index has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from textshot._arrays import FloatArray, IntArray
from textshot.errors import InvalidTextsError
from textshot.index import State
from textshot.scoring.calibration import (
    MIN_IN_SCOPE,
    MIN_OUT_OF_SCOPE,
    best_threshold,
    fit_calibration,
)
from textshot.scoring.threshold import GIVEN, TUNED, threshold_for_rate
from textshot.types import DecisionSettings, Threshold, parse_truth

_SHOWN = 5


def given(threshold: Threshold) -> DecisionSettings | None:
    """Return the settings that a user asked for; None where they are to be derived."""
    if isinstance(threshold, str):
        only_auto(threshold)
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
    if len(fitting) < MIN_IN_SCOPE:
        raise InvalidTextsError(
            f"{len(fitting)} labelled texts fit a category; {MIN_IN_SCOPE} are needed at least to"
            " tell how sure an answer is. Label more of them"
        )
    calibration = fit_calibration(fitting, places[places >= 0])
    threshold, method = before.threshold, before.method
    seen = len(foreign) >= MIN_OUT_OF_SCOPE
    if rate is not None and not seen:
        raise InvalidTextsError(
            f"{len(foreign)} labelled texts fit no category; a rate of unknown needs"
            f" {MIN_OUT_OF_SCOPE}. Label more of them, or leave the rate out"
        )
    if seen:
        calibration = fit_calibration(scores, places)
    if seen and not _always_answers(before):
        right, method = fitting.argmax(axis=1) == places[places >= 0], TUNED
        strange = foreign.max(axis=1)
        threshold = (
            best_threshold(fitting.max(axis=1), right, strange)
            if rate is None
            else threshold_for_rate(strange, rate)
        )
    return replace(
        before,
        threshold=threshold,
        method=method,
        guess=before.guess and method != TUNED,
        stale=False,
        n_way=len(state.entries),
        n_scores=len(scores) if method == TUNED else before.n_scores,
        temperature=calibration.temperature,
        rate=before.rate if rate is None else rate,
        unknown=calibration.unknown,
        n_texts=len(scores),
    )


def _always_answers(decision: DecisionSettings) -> bool:
    return decision.method == GIVEN and decision.threshold is None


def _places(state: State, truths: Sequence[str | None], n_texts: int) -> IntArray:
    """Return the row of each truth, int64 (n,); -1 where a text fits none."""
    if len(truths) != n_texts:
        raise InvalidTextsError(f"{n_texts} texts but {len(truths)} truths")
    wanted = [parse_truth(truth) for truth in truths]
    strange = sorted({name for name in wanted if name is not None} - set(state.labels))
    if strange:
        raise InvalidTextsError(
            f"{len(strange)} of the truths are no categories of this index:"
            f" {', '.join(strange[:_SHOWN])}{', ...' if len(strange) > _SHOWN else ''}"
        )
    return np.array([-1 if name is None else state.rows[name] for name in wanted], np.int64)


def only_auto(threshold: str) -> None:
    """Refuse any other word."""
    if threshold != "auto":
        raise InvalidTextsError(f"threshold is {threshold!r}; a cosine, None or 'auto' is needed")


def decision_of(state: State) -> DecisionSettings:
    """Return when an index abstains; one that was never asked to derive it always answers."""
    return state.decision or DecisionSettings(None, "none: not derived", 0, 0, stale=True)
