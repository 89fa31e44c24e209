"""Evaluate an engine on labelled texts; what it learned of them is left out or held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from textshot.encoders import clean_texts, clean_truths
from textshot.engine import Engine
from textshot.errors import InvalidTextsError
from textshot.evaluation.metrics import Evaluation, evaluate_predictions
from textshot.types import Prediction, Threshold

_BATCH = 512

Learned = Literal["exclude", "include", "hold out"]
"""What becomes of labelled texts that the index learned or was calibrated on: they are left out of
the figures, count like others, or are answered by an index without them."""


def evaluate(
    engine: Engine,
    texts: Sequence[str],
    truths: Sequence[str | None],
    *,
    threshold: Threshold = "auto",
    learned: Learned = "exclude",
    on_progress: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Classify labelled texts and compare.

    Texts that the index learned are answered rightly by themselves and say nothing about others, so
    they are left out.

    Args:
        engine: the engine.
        texts: n texts.
        truths: n category names; None, "" or "unknown" for out of scope.
        threshold: as in `Engine.classify`; None never abstains.
        learned: see `Learned`. "hold out" answers what the index learned as an index would that
            did not (`Engine.classify_held_out`); what it was only calibrated on is left out.
        on_progress: called with the number of texts done since the last call.

    Raises:
        InvalidTextsError: lengths differ, nothing to evaluate, or a truth that is no category.
    """
    return classify_labelled(
        engine, texts, truths, threshold=threshold, learned=learned, on_progress=on_progress
    ).evaluation


@dataclass(frozen=True, slots=True)
class LabelledPredictions:
    """Labelled texts with their predictions, without the `n_learned` that were left out.

    `n_held_out` of them were answered by an index that did not learn them.
    """

    texts: list[str]
    truths: list[str | None]
    predictions: list[Prediction]
    n_learned: int
    n_held_out: int

    @property
    def evaluation(self) -> Evaluation:
        """The metrics."""
        evaluation = evaluate_predictions(self.predictions, self.truths)
        return replace(evaluation, n_learned=self.n_learned)


def classify_labelled(
    engine: Engine,
    texts: Sequence[str],
    truths: Sequence[str | None],
    k: int = 1,
    *,
    threshold: Threshold = "auto",
    learned: Learned = "exclude",
    on_progress: Callable[[int], None] = lambda done: None,
) -> LabelledPredictions:
    """Classify labelled texts, k matches each; other arguments as for `evaluate`."""
    texts = clean_texts(texts)
    parsed = parse_truths(engine, texts, truths)
    held_out, left_out = _learned_rows(engine, texts, learned)
    kept = [i for i in range(len(texts)) if i not in left_out]
    if not kept:
        raise InvalidTextsError(
            f"the index learned or was calibrated on all labelled texts ({len(texts)} in all), so"
            " their answers say nothing about others. Label others"
            " (--include-learned counts these, --holdout answers them without themselves)"
        )
    rows = [i for i in kept if i not in held_out]
    answers = predict_in_batches(
        engine, [texts[i] for i in rows], k, threshold=threshold, on_progress=on_progress
    )
    by_row = dict(zip(rows, answers, strict=True))
    if held_out:
        rows = sorted(held_out)
        chosen = [texts[i] for i in rows]
        answers = engine.classify_held_out(chosen, k, threshold=threshold)
        by_row |= zip(rows, answers, strict=True)
        on_progress(len(rows))
    return LabelledPredictions(
        [texts[i] for i in kept],
        [parsed[i] for i in kept],
        [by_row[i] for i in kept],
        len(left_out),
        len(held_out),
    )


def _learned_rows(
    engine: Engine, texts: Sequence[str], learned: Learned
) -> tuple[set[int], set[int]]:
    """Return which texts are held out, and which are left out of the figures."""
    if learned not in get_args(Learned):
        raise InvalidTextsError(
            f"learned is {learned!r}; one of {', '.join(map(repr, get_args(Learned)))} is needed"
        )
    if learned == "include":
        return set(), set()
    known = set(np.flatnonzero(engine.has_learned(texts)).tolist())
    if learned == "exclude":
        return set(), known
    held_out = set(np.flatnonzero(engine.has_learned(texts, calibrated=False)).tolist())
    return held_out, known - held_out


def parse_truths(
    engine: Engine, texts: Sequence[str], truths: Sequence[str | None]
) -> list[str | None]:
    """Return the true category of each text, None for out of scope.

    Raises:
        InvalidTextsError: as for `evaluate`.
    """
    parsed = clean_truths(truths, len(texts))
    if not parsed:
        raise InvalidTextsError("there is nothing to evaluate: no labelled text was read")
    parsed = [None if name is None else engine.find_name(name) or name for name in parsed]
    missing = sorted({t for t in parsed if t is not None} - set(engine.index.labels))
    if missing:
        names = ", ".join(map(repr, missing[:5])) + (", ..." if missing[5:] else "")
        raise InvalidTextsError(
            f"{names}: not among the {len(engine.index)} categories of the index, but used as a"
            f" truth ({len(missing)} in all). Add them to the index, or leave the label empty for"
            " texts that are out of scope"
        )
    return parsed


def predict_in_batches(
    engine: Engine,
    texts: Sequence[str],
    k: int = 1,
    *,
    threshold: Threshold = "auto",
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[Prediction]:
    """Classify texts in batches, for progress reports; arguments as for `evaluate`."""
    predictions: list[Prediction] = []
    for start in range(0, len(texts), _BATCH):
        batch = texts[start : start + _BATCH]
        predictions += engine.classify(batch, k, threshold=threshold)
        on_progress(len(batch))
    return predictions
