"""Predictions for many texts: as arrays, and as records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.encoders import clean_texts
from textshot.errors import InvalidTextsError
from textshot.index import State
from textshot.types import Match, Prediction

NEVER_ABSTAINS = -np.inf
"""The threshold of a category without one, where another category has its own."""


@dataclass(frozen=True, slots=True)
class PredictionArrays:
    """The predictions of n texts, as arrays.

    Attributes:
        scores: float32 (n, min(k, n_categories)), the best scores, best first.
        rows: int64 of the same shape, the categories that these are of.
        in_scope: bool (n,), False where the answer is "unknown".
        margins: float32 (n,), how far the best category is ahead; of the only one, of -1.
        thresholds: float32 (n,), the score that had to be reached, -inf where abstaining was off
            for the best category; None where it was off for all.
        probabilities: of each answer to be right; None where it is not known.
    """

    scores: FloatArray
    rows: IntArray
    in_scope: NDArray[np.bool_]
    margins: FloatArray
    thresholds: FloatArray | None
    probabilities: list[float | None]

    def take(self, indices: IntArray) -> PredictionArrays:
        """Return the predictions of these texts, int64 (m,); one may come several times."""
        return PredictionArrays(
            self.scores[indices],
            self.rows[indices],
            self.in_scope[indices],
            self.margins[indices],
            None if self.thresholds is None else self.thresholds[indices],
            [self.probabilities[i] for i in indices],
        )


def concatenate(parts: Sequence[PredictionArrays]) -> PredictionArrays:
    """Return predictions, at least one part of one state and one k, as one."""
    thresholds = [part.thresholds for part in parts if part.thresholds is not None]
    return PredictionArrays(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.in_scope for part in parts]),
        np.concatenate([part.margins for part in parts]),
        np.concatenate(thresholds) if thresholds else None,
        [probability for part in parts for probability in part.probabilities],
    )


def records(state: State, queries: FloatArray, arrays: PredictionArrays) -> Iterator[Prediction]:
    """Yield the record of each query, one at a time, so that a caller need not hold them all."""
    thresholds = arrays.thresholds
    for i, query in enumerate(queries):
        matches = tuple(
            Match(state.labels[row], float(score), state.entries[row].nearest_key(query))
            for score, row in zip(arrays.scores[i], arrays.rows[i], strict=True)
        )
        if not matches:
            yield Prediction(None, (), -1.0, None, 0.0, None, ())
            continue
        threshold = None if thresholds is None else float(thresholds[i])
        threshold = None if threshold == NEVER_ABSTAINS else threshold
        label = matches[0].label if arrays.in_scope[i] else None
        yield Prediction(
            label=label,
            labels=() if label is None else (label,),
            score=matches[0].score,
            probability=arrays.probabilities[i],
            margin=float(arrays.margins[i]),
            threshold=threshold,
            matches=matches,
        )


def unique(texts: Sequence[str]) -> tuple[list[str], IntArray]:
    """Return the different texts, and the position of each text among them, int64 (n,)."""
    positions = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    return list(positions), np.array([positions[text] for text in texts], np.int64)


def clean_stream(texts: Iterable[str]) -> Iterator[str]:
    """Clean texts one at a time, as `clean_texts` does."""
    if isinstance(texts, str):
        raise TypeError("texts is one str; give a list")
    return (clean_texts([text])[0] for text in texts)


def blank_mask(blank: NDArray[np.bool_] | None, n: int) -> NDArray[np.bool_]:
    """Return which of n texts have no content; None: each has some."""
    if blank is None:
        return np.zeros(n, dtype=bool)
    if blank.shape != (n,):
        raise InvalidTextsError(f"blank has shape {blank.shape}; ({n},) is needed")
    return blank
