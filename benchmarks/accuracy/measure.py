"""The cells of the benchmark of accuracy: a set with all its settings, an open set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.sets import COVERAGES, DRAWS, OPEN, SETS, SHOTS, Set, out_of_scope, zipf
from benchmarks.data import load
from textshot import Engine
from textshot._arrays import FloatArray, IntArray
from textshot.encoders import Encoder, PrecomputedEncoder
from textshot.engine.predict import category_probabilities
from textshot.evaluation import brier_score, calibration_error, risk_coverage
from textshot.types import spoken_name

LOGISTIC_DRAWS, TUNED_ON = 10, 100
STREAM_SHOTS = (1, 5)

Figures = dict[str, dict[str, list[float]]]


def set_cell(name: str, data: Path, encoder: Encoder, draws: int = DRAWS) -> dict[str, Any]:
    """Return accuracies in %, abstaining off: {setting: {shots: [a draw each]}}.

    Settings: name, example, both; "both, mean": each key counts as one, plain NumPy; "both +
    batch": adapted to all tests; logistic regression on frozen embeddings, names as examples or
    not; and what adapting changes on a Zipf stream, and on one with out-of-scope texts.
    """
    folder, label, _ = SETS[name]
    some = Set(data, folder, label)
    n = len(some.tests)
    some.extra = [t for seed in range(draws) for t in out_of_scope(data, name, n, seed)]
    table = some.table(encoder, SHOTS, draws)
    cell = _Cell(some, table)
    cell.add("name", 0, Engine.build(some.categories([[]] * len(some.kinds)), encoder=table))
    for n_shot in SHOTS:
        for seed in range(draws):
            cell.draw(n_shot, seed)
            if n_shot in STREAM_SHOTS:
                cell.streams(n_shot, seed, out_of_scope(data, name, n, seed))
    return {"n_way": len(some.kinds), "n_test": len(some.tests), "accuracy": cell.found}


class _Cell:
    """The figures of a set as they come in."""

    def __init__(self, some: Set, table: PrecomputedEncoder) -> None:
        self._set, self._table = some, table
        self._tests, self._names = (
            table.encode(some.tests),
            table.encode([spoken_name(kind) for kind in some.kinds]),
        )
        self.found: Figures = {}

    def draw(self, n_shot: int, seed: int) -> None:
        """Measure all settings on one draw."""
        examples = self._set.draw(n_shot, seed)
        categories = self._set.categories(examples)
        both = Engine.build(categories, encoder=self._table)
        self.add("both", n_shot, both)
        self.add("both + batch", n_shot, both.adapted(self._set.tests))
        self.add("example", n_shot, Engine.build(categories, encoder=self._table, use_names=False))
        self._put("both, mean", n_shot, self._tests @ self._means(examples).T)
        if seed < LOGISTIC_DRAWS:
            self._put("logistic", n_shot, self._logistic(examples, names=False))
            self._put("logistic + name", n_shot, self._logistic(examples, names=True))

    def streams(self, n_shot: int, seed: int, others: list[str]) -> None:
        """Measure what adapting changes where the batch is skewed, or has out-of-scope texts."""
        tests, truths = self._set.tests, self._set.truths
        both = Engine.build(self._set.categories(self._set.draw(n_shot, seed)), encoder=self._table)
        rows = zipf(truths, len(self._set.kinds), seed)
        streams = {"zipf": ([tests[i] for i in rows], rows)}
        streams["foreign"] = ([*tests, *others], np.arange(len(tests)))
        for kind, (texts, asked) in streams.items():
            moved = both.adapted(texts)
            change = _right(moved.score_vectors(self._tests[asked]), truths[asked])
            change -= _right(both.score_vectors(self._tests[asked]), truths[asked])
            self._note(f"batch, {kind}: change", n_shot, change)

    def add(self, setting: str, n_shot: int, engine: Engine) -> None:
        """Measure an engine on all tests."""
        self._put(setting, n_shot, engine.score_vectors(self._tests))

    def _put(self, setting: str, n_shot: int, scores: FloatArray) -> None:
        self._note(setting, n_shot, _right(scores, self._set.truths))

    def _note(self, setting: str, n_shot: int, figure: float) -> None:
        self.found.setdefault(setting, {}).setdefault(str(n_shot), []).append(figure)

    def _means(self, examples: Sequence[Sequence[str]]) -> FloatArray:
        sums = [
            name + self._table.encode(found).sum(axis=0)
            for name, found in zip(self._names, examples, strict=True)
        ]
        rows = np.stack(sums)
        means: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return means

    def _logistic(self, examples: Sequence[Sequence[str]], *, names: bool) -> FloatArray:
        from sklearn.linear_model import LogisticRegression

        texts = [t for found in examples for t in found]
        rows, labels = (
            self._table.encode(texts),
            np.repeat(np.arange(len(examples)), [len(found) for found in examples]),
        )
        if names:
            rows = np.concatenate([self._names, rows])
            labels = np.concatenate([np.arange(len(examples)), labels])
        with warnings.catch_warnings():  # one example of each: scikit-learn thinks of a regression
            warnings.simplefilter("ignore", UserWarning)
            model = LogisticRegression(max_iter=1000).fit(rows, labels)
        scores = np.asarray(model.decision_function(self._tests))
        return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


def open_cell(name: str, data: Path, encoder: Encoder, draws: int = DRAWS) -> dict[str, Any]:
    """Return figures in % with abstaining on, for texts of which some fit no category.

    "accuracy" of those that fit one (unknown counts as wrong), "recall" and "precision" of
    unknown, "auroc" of the score; {setting: {shots: {figure: [a draw each]}}}.
    """
    folder, split = OPEN[name]
    some = Set(data, folder, "label", load(data, folder, split)[0])
    table = some.table(encoder, STREAM_SHOTS, draws)
    fitting, others = table.encode(some.tests), table.encode(some.extra)
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for n_shot in STREAM_SHOTS:
        for seed in range(draws):
            engine = Engine.build(some.categories(some.draw(n_shot, seed)), encoder=table)
            moved = engine.adapted([*some.tests, *some.extra])
            for setting, used in (("both", engine), ("both + batch", moved)):
                figures = _open_figures(used, fitting, some.truths, others)
                for figure, value in figures.items():
                    place = found.setdefault(setting, {}).setdefault(str(n_shot), {})
                    place.setdefault(figure, []).append(value)
    return {
        "n_way": len(some.kinds),
        "n_test": len(some.tests),
        "n_other": len(others),
        "open": found,
    }


def sure_cell(name: str, data: Path, encoder: Encoder, draws: int = DRAWS) -> dict[str, Any]:
    """Return how far probabilities are right, after tuning on TUNED_ON other training texts.

    "ece" (15 bins) and "brier", 0 to 1, and "area" under the risk-coverage curve, of the best
    category of every test; "floor": the ece of as many answers that are right exactly as often as
    they say; {figure: {shots: [a draw each]}}. "risk": the mean curve, at COVERAGES.
    """
    folder, label, _ = SETS[name]
    some = Set(data, folder, label)
    some.extra = [
        t for n in STREAM_SHOTS for s in range(draws) for t in some.others(n, s, TUNED_ON)[0]
    ]
    table, found = some.table(encoder, STREAM_SHOTS, draws), Figures()
    tests, risks = table.encode(some.tests), dict[str, list[float]]()
    for n_shot in STREAM_SHOTS:
        curves = []
        for seed in range(draws):
            engine = Engine.build(some.categories(some.draw(n_shot, seed)), encoder=table)
            engine.tune(*some.others(n_shot, seed, TUNED_ON))
            shares = category_probabilities(engine.index.state, tests)
            if shares is None:
                raise RuntimeError("tuned, and no probabilities")
            right = shares.argmax(axis=1) == some.truths
            for figure, value in _sureness(shares.max(axis=1), right, seed).items():
                found.setdefault(figure, {}).setdefault(str(n_shot), []).append(value)
            curves.append(_at_coverages(risk_coverage(shares.max(axis=1), right)))
        risks[str(n_shot)] = np.mean(curves, axis=0).round(4).tolist()
    return {"n_way": len(some.kinds), "n_test": len(some.tests), "sure": found, "risk": risks}


def _at_coverages(risk: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a risk-coverage curve (n,) at COVERAGES."""
    places = np.ceil(np.array(COVERAGES) * len(risk)).astype(np.int64) - 1
    found: NDArray[np.float64] = risk[np.maximum(places, 0)]
    return found


def _sureness(said: NDArray[np.float64], right: NDArray[np.bool_], seed: int) -> dict[str, float]:
    as_said = np.random.default_rng(seed).random(len(said)) < said
    return {
        "ece": calibration_error(said, right),
        "floor": calibration_error(said, as_said),
        "brier": brier_score(said, right),
        "area": float(risk_coverage(said, right).mean()),
    }


def _open_figures(
    engine: Engine, fitting: FloatArray, truths: IntArray, others: FloatArray
) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    scores, other_scores = (engine.score_vectors(v) for v in (fitting, others))
    threshold = engine.decision.threshold
    best, other_best = scores.max(axis=1), other_scores.max(axis=1)
    right = (scores.argmax(axis=1) == truths) & (best >= threshold)
    rejected = other_best < threshold
    unknown = rejected.sum() + (best < threshold).sum()
    known = np.concatenate([np.ones(len(best)), np.zeros(len(other_best))])
    return {
        "accuracy": 100 * float(right.mean()),
        "recall": 100 * float(rejected.mean()),
        "precision": 100 * float(rejected.sum() / max(unknown, 1)),
        "auroc": 100 * float(roc_auc_score(known, np.concatenate([best, other_best]))),
    }


def _right(scores: FloatArray | NDArray[np.float64], truths: IntArray) -> float:
    return 100 * float((scores.argmax(axis=1) == truths).mean())
