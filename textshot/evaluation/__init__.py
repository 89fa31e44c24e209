"""Metrics of an engine on labelled texts, and of a network or encoder in episodes."""

from textshot.evaluation.calibration import brier_score, calibration_error, risk_coverage
from textshot.evaluation.curves import (
    PrecisionRecall,
    confusion,
    precision_recall,
)
from textshot.evaluation.episodes import EpisodeScore, evaluate_episodes, full_way_accuracy, recalls
from textshot.evaluation.metrics import (
    Evaluation,
    LabelScore,
    evaluate,
    evaluate_answers,
    evaluate_predictions,
    parse_truths,
    predict_in_batches,
    wilson_interval,
)

__all__ = [
    "EpisodeScore",
    "Evaluation",
    "LabelScore",
    "PrecisionRecall",
    "brier_score",
    "calibration_error",
    "confusion",
    "evaluate",
    "evaluate_answers",
    "evaluate_episodes",
    "evaluate_predictions",
    "full_way_accuracy",
    "parse_truths",
    "precision_recall",
    "predict_in_batches",
    "recalls",
    "risk_coverage",
    "wilson_interval",
]
