"""Metrics of an engine on labelled texts, and of networks and encoders in few-shot episodes."""

from textshot.evaluation.curves import (
    brier_score,
    calibration_error,
    confusion,
    precision_recall,
    risk_coverage,
)
from textshot.evaluation.episodes import evaluate_episodes, recalls
from textshot.evaluation.labelled import (
    LabelledPredictions,
    classify_labelled,
    evaluate,
    parse_truths,
    predict_in_batches,
)
from textshot.evaluation.metrics import Evaluation, evaluate_predictions, wilson_interval

__all__ = [
    "Evaluation",
    "LabelledPredictions",
    "brier_score",
    "calibration_error",
    "classify_labelled",
    "confusion",
    "evaluate",
    "evaluate_episodes",
    "evaluate_predictions",
    "parse_truths",
    "precision_recall",
    "predict_in_batches",
    "recalls",
    "risk_coverage",
    "wilson_interval",
]
