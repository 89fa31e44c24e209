"""The page of an evaluation: figures, bars, curves, confusions, the worst errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textshot.evaluation import Evaluation, confusion, wilson_interval
from textshot.reports.curves import CURVES, Answers, Chart
from textshot.reports.page import cut, render
from textshot.types import UNKNOWN, Key, Prediction

_MAX_CONFUSED = 24
_MAX_ERRORS = 30
_MAX_BARS = 400
_MAX_TEXT_CHARS = 400


@dataclass(frozen=True, slots=True)
class Row:
    """A category in the bars; shares in percent.

    Attributes:
        label: Its name.
        recall: None if no text belongs to it.
        low, high: The 95 % interval of the recall.
        precision: None if no text got it.
        support: How many texts belong to it.
    """

    label: str
    recall: float | None
    low: float
    high: float
    precision: float | None
    support: int


@dataclass(frozen=True, slots=True)
class Confusions:
    """The confusion matrix of the categories with the most errors.

    Attributes:
        names: The names of rows (truths) and columns (answers).
        counts: Numbers of texts, one list per row.
        largest: The largest number off the diagonal.
        n_left: How many more categories have errors.
    """

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    largest: int
    n_left: int


@dataclass(frozen=True, slots=True)
class Error:
    """A wrong answer, and the keys that decided.

    Attributes:
        text: The text, cut to a length that can be shown.
        truth, answer: Categories, or "unknown".
        score, margin: Those of the answer.
        key: The nearest key, with its kind.
        true_key: The nearest key of the true category, if that is among the matches.
    """

    text: str
    truth: str
    answer: str
    score: float
    margin: float
    key: str
    true_key: str


def evaluation_page(
    result: Evaluation,
    texts: Sequence[str],
    truths: Sequence[str | None],
    predictions: Sequence[Prediction],
    *,
    index: str,
    labelled: str,
) -> str:
    """Return the page; the same answers give the same page.

    Args:
        result: The figures of the evaluation.
        texts: n texts; some of them are shown.
        truths: n true labels; None: out of scope.
        predictions: n predictions, with several matches each.
        index: The path of the index, for the title.
        labelled: The path of the texts, for the title.
    """
    answers = Answers.of(predictions, truths)
    charts = [curve(answers) for curve in CURVES]
    thresholds = {p.threshold for p in predictions}
    return render(
        __package__,
        "evaluation.html.j2",
        result=result,
        index=index,
        labelled=labelled,
        rows=_rows(result)[:_MAX_BARS],
        n_rows=len(result.labels),
        confusions=_confusions(result, truths, predictions),
        panels=[chart for chart in charts if isinstance(chart, Chart)],
        missing=[reason for reason in charts if isinstance(reason, str)],
        errors=_errors(texts, truths, predictions),
        n_wrong=sum(p.label != t for p, t in zip(predictions, truths, strict=True)),
        threshold=thresholds.pop() if len(thresholds) == 1 else None,
        unknown=UNKNOWN,
    )


def _rows(result: Evaluation) -> list[Row]:
    """Return the categories, the lowest recall first, and last those without texts."""
    rows = []
    for label, score in result.labels.items():
        n_right = 0 if score.recall is None else round(score.recall * score.support)
        low, high = wilson_interval(n_right, score.support) if score.support else (0.0, 0.0)
        recall, precision = (
            None if s is None else round(100 * s, 1) for s in (score.recall, score.precision)
        )
        interval = round(100 * low, 1), round(100 * high, 1)
        rows.append(Row(label, recall, *interval, precision, score.support))
    return sorted(rows, key=lambda r: (r.recall is None, r.recall or 0.0, -r.support, r.label))


def _confusions(
    result: Evaluation, truths: Sequence[str | None], predictions: Sequence[Prediction]
) -> Confusions | None:
    if not {name for pair in result.confusions for name in pair[:2]} - {UNKNOWN}:
        return None
    names = sorted(result.labels)
    counts = confusion([p.label for p in predictions], truths, names)
    errors = counts.copy()
    np.fill_diagonal(errors, 0)
    totals = errors.sum(axis=0) + errors.sum(axis=1)
    worst = [i for i in np.argsort(-totals[:-1], kind="stable") if totals[i]][:_MAX_CONFUSED]
    rows = sorted(worst, key=lambda i: names[i])
    rows += [len(names)] if totals[-1] else []  # unknown is last
    return Confusions(
        tuple([*names, UNKNOWN][i] for i in rows),
        tuple(map(tuple, counts[np.ix_(rows, rows)].tolist())),
        max(1, int(errors[np.ix_(rows, rows)].max())),
        int((totals[:-1] > 0).sum()) - len(worst),
    )


def _errors(
    texts: Sequence[str], truths: Sequence[str | None], predictions: Sequence[Prediction]
) -> list[Error]:
    """Return wrong answers by falling margin, those that are not unknown first."""
    wrong = [i for i, p in enumerate(predictions) if p.label != truths[i] and p.matches]
    wrong.sort(key=lambda i: (predictions[i].label is None, -predictions[i].margin))
    return [_error(texts[i], truths[i], predictions[i]) for i in wrong[:_MAX_ERRORS]]


def _error(text: str, truth: str | None, prediction: Prediction) -> Error:
    return Error(
        text=cut(text, _MAX_TEXT_CHARS),
        truth=truth or UNKNOWN,
        answer=prediction.label or UNKNOWN,
        score=prediction.score,
        margin=prediction.margin,
        key=_key_text(prediction.matches[0].key),
        true_key=next((_key_text(m.key) for m in prediction.matches if m.label == truth), ""),
    )


def _key_text(key: Key) -> str:
    text = "(private)" if key.text is None else f"“{key.text[:_MAX_TEXT_CHARS]}”"
    return f"{key.kind}: {text}"
