"""textshot sorts text into your own categories from one example each.

    >>> from textshot import Engine
    >>> engine = Engine.build({"refund": ["I want my money back"], "parcel": ["it is late"]})
    >>> engine.classify(["please give me my money"])[0].label
    'refund'

Names are resolved when they are first used: importing textshot loads neither torch nor faiss.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from textshot._version import __version__

if TYPE_CHECKING:
    from textshot.batch import categorize, categorize_frame
    from textshot.client import Client
    from textshot.encoders import (
        CachedEncoder,
        Encoder,
        FunctionEncoder,
        PrecomputedEncoder,
        load_encoder,
    )
    from textshot.engine import Engine, EngineInfo, PredictionArrays
    from textshot.engine.check import Finding
    from textshot.engine.explain import Explanation
    from textshot.errors import TextshotError
    from textshot.estimators import OneShotClassifier, TextshotEncoder
    from textshot.evaluation import Evaluation, evaluate, evaluate_episodes
    from textshot.evaluation.episode_sampler import sample_episodes
    from textshot.index import Index
    from textshot.networks import Network, make_network
    from textshot.training import TrainConfig, TrainReport
    from textshot.training.corpus import Corpus, split_categories
    from textshot.training.train import train
    from textshot.types import Category, Example, Key, KeyKind, Match, Prediction, Threshold

_MODULES = {
    "CachedEncoder": "encoders",
    "Category": "types",
    "Client": "client",
    "Corpus": "training.corpus",
    "Encoder": "encoders",
    "Engine": "engine",
    "EngineInfo": "engine",
    "Evaluation": "evaluation",
    "Example": "types",
    "Explanation": "engine.explain",
    "Finding": "engine.check",
    "FunctionEncoder": "encoders",
    "Index": "index",
    "Key": "types",
    "KeyKind": "types",
    "Match": "types",
    "Network": "networks",
    "OneShotClassifier": "estimators",
    "PrecomputedEncoder": "encoders",
    "Prediction": "types",
    "PredictionArrays": "engine",
    "TextshotEncoder": "estimators",
    "TextshotError": "errors",
    "Threshold": "types",
    "TrainConfig": "training",
    "TrainReport": "training",
    "categorize": "batch",
    "categorize_frame": "batch",
    "evaluate": "evaluation",
    "evaluate_episodes": "evaluation",
    "load_encoder": "encoders",
    "make_network": "networks",
    "sample_episodes": "evaluation.episode_sampler",
    "split_categories": "training.corpus",
    "train": "training",
}

__all__ = [
    "CachedEncoder",
    "Category",
    "Client",
    "Corpus",
    "Encoder",
    "Engine",
    "EngineInfo",
    "Evaluation",
    "Example",
    "Explanation",
    "Finding",
    "FunctionEncoder",
    "Index",
    "Key",
    "KeyKind",
    "Match",
    "Network",
    "OneShotClassifier",
    "PrecomputedEncoder",
    "Prediction",
    "PredictionArrays",
    "TextshotEncoder",
    "TextshotError",
    "Threshold",
    "TrainConfig",
    "TrainReport",
    "__version__",
    "categorize",
    "categorize_frame",
    "evaluate",
    "evaluate_episodes",
    "load_encoder",
    "make_network",
    "sample_episodes",
    "split_categories",
    "train",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'textshot' has no attribute {name!r}")
    value = getattr(import_module(f"textshot.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
