"""The page of an evaluation: figures, bars, curves, who was taken for whom, the worst errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textshot.evaluation import Evaluation, confusion, wilson
from textshot.reports.curves import CURVES, Answered, Panel
from textshot.reports.page import render
from textshot.types import UNKNOWN, Key, Prediction

_TEMPLATE = "evaluation.html.j2"
_MOST_CONFUSED = 24
_MOST_ERRORS = 30
_MOST_BARS = 400
_TEXT = 400  # signs of a text that are shown


@dataclass(frozen=True, slots=True)
class Row:
    """A category in the bars; shares in percent.

    Attributes:
        label: its name.
        right: of its texts, how many got it; None where there are none.
        low, high: the 95 % interval of that.
        precision: of the texts that got it, how many are its own; None where none got it.
        support: how many texts are its own.
    """

    label: str
    right: float | None
    low: float
    high: float
    precision: float | None
    support: int


@dataclass(frozen=True, slots=True)
class Heat:
    """Who was taken for whom, of the categories with the most errors.

    Attributes:
        names: of rows (truths) and columns (answers).
        counts: texts, a list for each row.
        most: the largest number beside the diagonal.
        left: categories with errors that are not among them.
    """

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    most: int
    left: int


@dataclass(frozen=True, slots=True)
class Error:
    """A wrong answer, and the keys that decided.

    Attributes:
        text: cut to a length that can be shown.
        truth, answer: categories, or "unknown".
        score, margin: of the answer.
        key: what the answer was nearest to, and of which kind it is.
        own: the same of the true category, where it came near.
    """

    text: str
    truth: str
    answer: str
    score: float
    margin: float
    key: str
    own: str


def evaluation_page(
    found: Evaluation,
    texts: Sequence[str],
    truths: Sequence[str | None],
    predictions: Sequence[Prediction],
    *,
    index: str,
    labelled: str,
) -> str:
    """Return the page: one file, the same for the same answers.

    Args:
        found: their figures.
        texts: n texts; some of them are shown.
        truths: n categories, None for "fits none".
        predictions: n answers, with several matches each.
        index: where the index is.
        labelled: where the texts come from.
    """
    answered = Answered.of(predictions, truths)
    panels = [curve(answered) for curve in CURVES]
    wrong = sum(p.label != t for p, t in zip(predictions, truths, strict=True))
    return render(
        __package__,
        _TEMPLATE,
        found=found,
        index=index,
        labelled=labelled,
        rows=_rows(found)[:_MOST_BARS],
        n_rows=len(found.labels),
        heat=_heat(found, truths, predictions),
        panels=[panel for panel in panels if isinstance(panel, Panel)],
        missing=[words for words in panels if isinstance(words, str)],
        errors=_errors(texts, truths, predictions),
        n_wrong=wrong,
        threshold=_threshold(predictions),
        unknown=UNKNOWN,
    )


def _threshold(predictions: Sequence[Prediction]) -> float | None:
    """Return the threshold where it is one for all."""
    limits = {p.threshold for p in predictions}
    return limits.pop() if len(limits) == 1 else None


def _rows(found: Evaluation) -> list[Row]:
    """Return the categories that have texts, the worst first, and those that only got some."""
    rows = []
    for label, score in found.labels.items():
        n_right = 0 if score.recall is None else round(score.recall * score.support)
        low, high = wilson(n_right, score.support) if score.support else (0.0, 0.0)
        shown = [None if s is None else round(100 * s, 1) for s in (score.recall, score.precision)]
        right, precision = shown
        rows.append(
            Row(label, right, round(100 * low, 1), round(100 * high, 1), precision, score.support)
        )
    return sorted(rows, key=lambda r: (r.right is None, r.right or 0.0, -r.support, r.label))


def _heat(
    found: Evaluation, truths: Sequence[str | None], predictions: Sequence[Prediction]
) -> Heat | None:
    names = sorted({name for pair in found.confusions for name in pair[:2]} - {UNKNOWN})
    if not names:
        return None
    every = sorted(found.labels)
    counts = confusion([p.label for p in predictions], truths, every)
    off = counts.copy()
    np.fill_diagonal(off, 0)
    errors = off.sum(axis=0) + off.sum(axis=1)
    places = [i for i in np.argsort(-errors[:-1], kind="stable") if errors[i]][:_MOST_CONFUSED]
    chosen = sorted(places, key=lambda i: every[i])
    chosen += [len(every)] if errors[-1] else []  # unknown is last
    part, beside = counts[np.ix_(chosen, chosen)], off[np.ix_(chosen, chosen)]
    shown = tuple([*every, UNKNOWN][i] for i in chosen)
    left = int((errors[:-1] > 0).sum()) - len(places)
    return Heat(shown, tuple(map(tuple, part.tolist())), max(1, int(beside.max())), left)


def _errors(
    texts: Sequence[str], truths: Sequence[str | None], predictions: Sequence[Prediction]
) -> list[Error]:
    """Return the wrong answers that were surest, those with a category first."""
    wrong = [i for i, p in enumerate(predictions) if p.label != truths[i] and p.matches]
    wrong.sort(key=lambda i: (predictions[i].label is None, -predictions[i].margin))
    return [_error(texts[i], truths[i], predictions[i]) for i in wrong[:_MOST_ERRORS]]


def _error(text: str, truth: str | None, prediction: Prediction) -> Error:
    own = next((_key(m.key) for m in prediction.matches if m.label == truth), "")
    return Error(
        text=text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…",
        truth=truth or UNKNOWN,
        answer=prediction.label or UNKNOWN,
        score=prediction.score,
        margin=prediction.margin,
        key=_key(prediction.matches[0].key),
        own=own,
    )


def _key(key: Key) -> str:
    said = "(private)" if key.text is None else f"“{key.text[:_TEXT]}”"
    return f"{key.kind}: {said}"
