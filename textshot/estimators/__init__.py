"""scikit-learn: a classifier over an Engine, and the embedding alone as a transformer."""

from textshot.estimators.classifier import OneShotClassifier
from textshot.estimators.encoder import TextshotEncoder

__all__ = ["OneShotClassifier", "TextshotEncoder"]
