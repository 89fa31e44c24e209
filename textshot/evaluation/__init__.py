"""How good are the answers: of an engine, and of a network or a plain encoder in episodes."""

from textshot.evaluation.calibration import brier_score, calibration_error, risk_coverage
from textshot.evaluation.curves import (
    PrecisionRecall,
    category_curves,
    confusion,
    precision_recall,
)
from textshot.evaluation.episodes import EpisodeScore, evaluate_episodes, full_way, recalls
from textshot.evaluation.metrics import (
    Evaluation,
    LabelScore,
    compared,
    evaluate,
    predicted,
    score,
    wanted_of,
    wilson,
)

__all__ = [
    "EpisodeScore",
    "Evaluation",
    "LabelScore",
    "PrecisionRecall",
    "brier_score",
    "calibration_error",
    "category_curves",
    "compared",
    "confusion",
    "evaluate",
    "evaluate_episodes",
    "full_way",
    "precision_recall",
    "predicted",
    "recalls",
    "risk_coverage",
    "score",
    "wanted_of",
    "wilson",
]
