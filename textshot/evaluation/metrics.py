"""Accuracy, precision, recall and F1 of predictions on labelled texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from textshot.encoders import clean_truths
from textshot.evaluation.curves import calibration_error
from textshot.types import UNKNOWN, Prediction

_Z = 1.959964  # of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class LabelScore:
    """The metrics of one category; None where their denominator is zero."""

    precision: float | None
    recall: float | None
    f1: float
    support: int


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """Metrics over labelled texts; None where their denominator is zero.

    Texts in scope: `accuracy` (unknown counts as wrong) with its 95 % interval,
    `accuracy_answered` (selective accuracy), `coverage` (share answered), `macro_f1` (over the
    categories that occur as a truth). Texts out of scope: `unknown_recall` (share of them answered
    "unknown"), `unknown_precision` (share of the "unknown" answers that are right).
    `calibration_error` is that of the probabilities, with "unknown" as one of the answers; None
    without probabilities. `confusions` are (truth, answer, count), most frequent first.
    `n_learned` texts were left out because the index learned or was calibrated on them.
    """

    n: int
    n_unknown: int
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    accuracy_answered: float | None
    coverage: float | None
    macro_f1: float | None
    unknown_recall: float | None
    unknown_precision: float | None
    labels: Mapping[str, LabelScore]
    confusions: tuple[tuple[str, str, int], ...]
    calibration_error: float | None = None
    n_learned: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain objects, ready for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the figures that are not of single categories, as the command prints them."""
        low, high = self.accuracy_interval or (None, None)
        in_scope, out_of_scope = (
            f"{n} text{'' if n == 1 else 's'}" for n in (self.n - self.n_unknown, self.n_unknown)
        )
        interval = f"95 % interval {_percent(low)} to {_percent(high)}; {in_scope} in scope"
        unknown = (
            f"recall {_percent(self.unknown_recall)}, precision {_percent(self.unknown_precision)}"
            f"  ({out_of_scope} out of scope)"
        )
        rows = {
            "accuracy": f"{_percent(self.accuracy)}  ({interval})",
            "coverage": _percent(self.coverage),
            "precision of answers": _percent(self.accuracy_answered),
            "macro F1": _percent(self.macro_f1),
            "unknown": unknown,
        }
        if self.calibration_error is not None:
            rows["calibration error"] = _percent(self.calibration_error)
        return [f"{name:<22} {text}" for name, text in rows.items()]

    def __repr__(self) -> str:
        """Show these figures."""
        return "\n  ".join([f"<Evaluation of {self.n} texts", *self.lines()]) + ">"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def evaluate_predictions(
    predictions: Sequence[Prediction], truths: Sequence[str | None]
) -> Evaluation:
    """Compare predictions with truths, None for out of scope."""
    truths = clean_truths(truths, len(predictions))
    evaluation = evaluate_answers([p.label for p in predictions], truths)
    calibrated = [
        (p.probability, p.label == truth)
        for p, truth in zip(predictions, truths, strict=True)
        if p.probability is not None
    ]
    if not calibrated:
        return evaluation
    probabilities, right = zip(*calibrated, strict=True)
    return replace(evaluation, calibration_error=calibration_error(probabilities, right))


def evaluate_answers(answers: Sequence[str | None], truths: Sequence[str | None]) -> Evaluation:
    """Compare answers with truths; None is "unknown" in both."""
    in_scope = [(a, t) for a, t in zip(answers, truths, strict=True) if t is not None]
    right = sum(a == t for a, t in in_scope)
    answered = sum(a is not None for a, _ in in_scope)
    unknown_right = sum(a is None and t is None for a, t in zip(answers, truths, strict=True))
    n_unknown = len(truths) - len(in_scope)
    labels = _by_label(answers, truths)
    return Evaluation(
        n=len(truths),
        n_unknown=n_unknown,
        accuracy=_ratio(right, len(in_scope)),
        accuracy_interval=wilson_interval(right, len(in_scope)) if in_scope else None,
        accuracy_answered=_ratio(right, answered),
        coverage=_ratio(answered, len(in_scope)),
        macro_f1=_ratio(
            sum(s.f1 for s in labels.values() if s.support),
            sum(1 for s in labels.values() if s.support),
        ),
        unknown_recall=_ratio(unknown_right, n_unknown),
        unknown_precision=_ratio(unknown_right, sum(a is None for a in answers)),
        labels=labels,
        confusions=_confusions(answers, truths),
    )


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion (Wilson 1927), which is valid near 0 and 1 too."""
    share = right / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * (share * (1 - share) / n + _Z**2 / (4 * n**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _by_label(answers: Sequence[str | None], truths: Sequence[str | None]) -> dict[str, LabelScore]:
    from sklearn.metrics import precision_recall_fscore_support

    names = sorted({name for name in (*answers, *truths) if name is not None})
    if not names:
        return {}
    precision, recall, f1, support = precision_recall_fscore_support(
        [t if t is not None else UNKNOWN for t in truths],
        [a if a is not None else UNKNOWN for a in answers],
        labels=names,
        zero_division=0.0,
    )
    answered = set(answers)
    return {
        name: LabelScore(
            precision=float(precision[i]) if name in answered else None,
            recall=float(recall[i]) if support[i] else None,
            f1=float(f1[i]),
            support=int(support[i]),
        )
        for i, name in enumerate(names)
    }


def _confusions(
    answers: Sequence[str | None], truths: Sequence[str | None]
) -> tuple[tuple[str, str, int], ...]:
    pairs = zip(answers, truths, strict=True)
    counts = Counter((t or UNKNOWN, a or UNKNOWN) for a, t in pairs if a != t)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((truth, answer, n) for (truth, answer), n in ordered)


def _ratio(part: float, total: float) -> float | None:
    return part / total if total else None
