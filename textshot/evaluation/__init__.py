"""Metrics of an engine on labelled texts, and of networks and encoders in few-shot episodes."""

from textshot.evaluation.curves import (
    PrecisionRecall,
    brier_score,
    calibration_error,
    confusion,
    precision_recall,
    risk_coverage,
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
