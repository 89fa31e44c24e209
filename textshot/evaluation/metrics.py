"""How good are the answers of an engine: metrics over truths and predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from textshot.engine import Engine
from textshot.errors import InvalidTextsError
from textshot.evaluation.calibration import calibration_error
from textshot.types import UNKNOWN, Prediction, Threshold, parse_truth

_CHUNK = 512
_Z = 1.959964  # of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One category's figures; each is None where nothing was counted."""

    precision: float | None
    recall: float | None
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over labelled texts.

    Rows whose truth is a category: `accuracy` (unknown counts as wrong) with its 95 % interval,
    `accuracy_answered` (of those answered), `coverage` (share answered), `macro_f1` (over the
    categories that occur as a truth). Rows whose truth is unknown: `unknown_recall` (share of them
    that got "unknown"), `unknown_precision` (share of all "unknown" answers that were right).
    Shares of nothing are None. `calibration_error` is how far probabilities are from the share of
    right answers ("unknown" is one of them), see `calibration_error`; None where there are none.
    `confusions` are (truth, answer, count), most frequent first.
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

    def to_dict(self) -> dict[str, Any]:
        """Return plain objects, ready for JSON."""
        return asdict(self)


def evaluate(
    engine: Engine,
    texts: Sequence[str],
    truths: Sequence[str | None],
    *,
    threshold: Threshold = "auto",
    advance: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Classify labelled texts and compare.

    Args:
        engine: what answers.
        texts: n texts.
        truths: n category names; None, "" or "unknown" for "fits no category".
        threshold: as in `Engine.classify`; None switches abstaining off.
        advance: called with the number of texts done since the last call.

    Raises:
        InvalidTextsError: lengths differ, nothing to evaluate, or a truth that is no category.
    """
    wanted = wanted_of(engine, texts, truths)
    return compared(predicted(engine, texts, threshold=threshold, advance=advance), wanted)


def wanted_of(
    engine: Engine, texts: Sequence[str], truths: Sequence[str | None]
) -> list[str | None]:
    """Return the category of each text, None for "fits no category".

    Raises:
        InvalidTextsError: as for `evaluate`.
    """
    if len(texts) != len(truths):
        raise InvalidTextsError(f"{len(texts)} texts but {len(truths)} truths")
    wanted = [parse_truth(truth) for truth in truths]
    _check_truths(engine, wanted)
    return wanted


def predicted(
    engine: Engine,
    texts: Sequence[str],
    k: int = 1,
    *,
    threshold: Threshold = "auto",
    advance: Callable[[int], None] = lambda done: None,
) -> list[Prediction]:
    """Classify texts in parts, telling how far it is; arguments as for `evaluate`."""
    predictions: list[Prediction] = []
    for start in range(0, len(texts), _CHUNK):
        part = texts[start : start + _CHUNK]
        predictions += engine.classify(part, k, threshold=threshold)
        advance(len(part))
    return predictions


def compared(predictions: Sequence[Prediction], wanted: Sequence[str | None]) -> Evaluation:
    """Compare predictions with the categories that were wanted, None for "fits none"."""
    found = score([p.label for p in predictions], wanted)
    sure = [
        (p.probability, p.label == truth)
        for p, truth in zip(predictions, wanted, strict=True)
        if p.probability is not None
    ]
    if not sure:
        return found
    probabilities, right = zip(*sure, strict=True)
    return replace(found, calibration_error=calibration_error(probabilities, right))


def score(answers: Sequence[str | None], truths: Sequence[str | None]) -> Evaluation:
    """Compare answers with truths; None is "unknown" in both."""
    known = [(a, t) for a, t in zip(answers, truths, strict=True) if t is not None]
    right = sum(a == t for a, t in known)
    answered = sum(a is not None for a, _ in known)
    unknown_right = sum(a is None and t is None for a, t in zip(answers, truths, strict=True))
    n_unknown = len(truths) - len(known)
    labels = _by_label(answers, truths)
    return Evaluation(
        n=len(truths),
        n_unknown=n_unknown,
        accuracy=_share(right, len(known)),
        accuracy_interval=wilson(right, len(known)) if known else None,
        accuracy_answered=_share(right, answered),
        coverage=_share(answered, len(known)),
        macro_f1=_share(
            sum(s.f1 for s in labels.values() if s.support),
            sum(1 for s in labels.values() if s.support),
        ),
        unknown_recall=_share(unknown_right, n_unknown),
        unknown_precision=_share(unknown_right, sum(a is None for a in answers)),
        labels=labels,
        confusions=_confusions(answers, truths),
    )


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927), which holds near 0 and 1 too."""
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
    given = set(answers)
    return {
        name: LabelScore(
            precision=float(precision[i]) if name in given else None,
            recall=float(recall[i]) if support[i] else None,
            f1=float(f1[i]),
            support=int(support[i]),
        )
        for i, name in enumerate(names)
    }


def _confusions(
    answers: Sequence[str | None], truths: Sequence[str | None]
) -> tuple[tuple[str, str, int], ...]:
    counts: dict[tuple[str, str], int] = {}
    for answer, truth in zip(answers, truths, strict=True):
        if answer != truth:
            pair = (truth or UNKNOWN, answer or UNKNOWN)
            counts[pair] = counts.get(pair, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((truth, answer, n) for (truth, answer), n in ordered)


def _check_truths(engine: Engine, truths: Sequence[str | None]) -> None:
    if not truths:
        raise InvalidTextsError("there is nothing to evaluate: no labelled text was read")
    strangers = sorted({t for t in truths if t is not None} - set(engine.index.labels))
    if strangers:
        shown = ", ".join(repr(s) for s in strangers[:5]) + (", ..." if strangers[5:] else "")
        raise InvalidTextsError(
            f"{shown}: not among the {len(engine.index)} categories of the index, but given as a"
            f" truth ({len(strangers)} in all). Add them to the index, or leave the label empty for"
            " texts that fit no category"
        )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
