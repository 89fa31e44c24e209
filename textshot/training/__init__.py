"""Train an encoder on few-shot episodes, so that it recognises categories it has never seen."""

from textshot.training.config import TrainCallbacks, TrainConfig
from textshot.training.output import TrainReport
from textshot.training.train import train, train_splits

__all__ = ["TrainCallbacks", "TrainConfig", "TrainReport", "train", "train_splits"]
