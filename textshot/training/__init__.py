"""Learning from episodes: a better encoder for categories that it has never seen."""

from textshot.training.config import TrainConfig
from textshot.training.report import TrainReport
from textshot.training.train import train, train_splits

__all__ = ["TrainConfig", "TrainReport", "train", "train_splits"]
