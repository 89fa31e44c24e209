"""When an engine abstains: settings requested by the user, calibrated, or stored."""

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

_MAX_NAMES = 5


def requested_settings(threshold: Threshold) -> DecisionSettings | None:
    """Return the settings that a user asked for; None where they are to be derived."""
    if isinstance(threshold, str):
        only_auto(threshold)
        return None
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise InvalidTextsError(f"threshold is {threshold}; a cosine lies in -1 to 1")
    value = None if threshold is None else float(threshold)
    return DecisionSettings(value, GIVEN, n_way=0, n_scores=0)


def settings_at_rate(rate: float) -> DecisionSettings:
    """Return settings that are to be derived at a rate of unknown."""
    if not 0.0 <= rate <= 1.0:
        raise InvalidTextsError(f"unknown_rate is {rate}; a share of texts lies in 0 to 1")
    return DecisionSettings(None, "none: not derived", 0, 0, stale=True, rate=float(rate))


def tuned_settings(
    state: State,
    scores: FloatArray,
    truths: Sequence[str | None],
    rate: float | None,
    n_learned: int = 0,
) -> DecisionSettings:
    """Return what labelled texts tell, see `Engine.tune`; `n_learned` were left out before."""
    before, rows = decision_of(state), _truth_rows(state, truths, len(scores))
    rate = None if rate is None else settings_at_rate(rate).rate
    in_scope, out_of_scope = scores[rows >= 0], scores[rows < 0]
    if len(in_scope) < MIN_IN_SCOPE:
        others = f" ({n_learned} more are left out: the index learned them)" if n_learned else ""
        raise InvalidTextsError(
            f"{len(in_scope)} labelled texts fit a category{others}; {MIN_IN_SCOPE} are needed at"
            " least to tell how sure an answer is. Label more of them"
        )
    calibration = fit_calibration(in_scope, rows[rows >= 0])
    threshold, method = before.threshold, before.method
    has_out_of_scope = len(out_of_scope) >= MIN_OUT_OF_SCOPE
    if has_out_of_scope:
        calibration = fit_calibration(scores, rows)
    elif rate is not None:
        raise InvalidTextsError(
            f"{len(out_of_scope)} labelled texts fit no category; a rate of unknown needs"
            f" {MIN_OUT_OF_SCOPE}. Label more of them, or leave the rate out"
        )
    if has_out_of_scope and not _always_answers(before):
        right, method = in_scope.argmax(axis=1) == rows[rows >= 0], TUNED
        rejected = out_of_scope.max(axis=1)
        threshold = (
            best_threshold(in_scope.max(axis=1), right, rejected)
            if rate is None
            else threshold_for_rate(rejected, rate)
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


def _truth_rows(state: State, truths: Sequence[str | None], n_texts: int) -> IntArray:
    """Return the row of each truth, int64 (n,); -1 where a text fits none."""
    if len(truths) != n_texts:
        raise InvalidTextsError(f"{n_texts} texts but {len(truths)} truths")
    parsed = [parse_truth(truth) for truth in truths]
    labels = [None if name is None else state.find_name(name) or name for name in parsed]
    unknown = sorted({name for name in labels if name is not None} - set(state.labels))
    if unknown:
        raise InvalidTextsError(
            f"{len(unknown)} of the truths are no categories of this index:"
            f" {', '.join(unknown[:_MAX_NAMES])}{', ...' if len(unknown) > _MAX_NAMES else ''}"
        )
    return np.array([-1 if name is None else state.rows[name] for name in labels], np.int64)


def only_auto(threshold: str) -> None:
    """Refuse any other word."""
    if threshold != "auto":
        raise InvalidTextsError(f"threshold is {threshold!r}; a cosine, None or 'auto' is needed")


def decision_of(state: State) -> DecisionSettings:
    """Return when an index abstains; one that was never asked to derive it always answers."""
    return state.decision or DecisionSettings(None, "none: not derived", 0, 0, stale=True)
