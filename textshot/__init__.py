"""textshot sorts text into your own categories from one example each.

    >>> from textshot import Category, Engine
    >>> engine = Engine.build([Category("refund", examples=["I want my money back"]), ...])
    >>> engine.classify(["they took the money twice"])[0].label
    'refund'

Names are resolved when they are first used: importing textshot loads neither torch nor faiss.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from textshot._version import __version__

if TYPE_CHECKING:
    from textshot.encoders import (
        CachedEncoder,
        Encoder,
        FunctionEncoder,
        PrecomputedEncoder,
        load_encoder,
    )
    from textshot.engine import Engine
    from textshot.engine.check import Finding
    from textshot.engine.explain import Explanation
    from textshot.errors import TextshotError
    from textshot.estimators import OneShotClassifier, TextshotEncoder
    from textshot.evaluation import Evaluation, evaluate, evaluate_episodes
    from textshot.evaluation.episode_sampler import sample_episodes
    from textshot.index import Index
    from textshot.integrations.hub import from_hub, push_to_hub
    from textshot.networks import Network, make_network
    from textshot.training import TrainConfig, TrainReport
    from textshot.training.corpus import Corpus, split_categories
    from textshot.training.train import train
    from textshot.types import Category, Example, Key, KeyKind, Match, Prediction

_HOMES = {
    "Category": "types",
    "Corpus": "training.corpus",
    "Encoder": "encoders",
    "Engine": "engine",
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
    "CachedEncoder": "encoders",
    "TextshotEncoder": "estimators",
    "TextshotError": "errors",
    "TrainConfig": "training",
    "TrainReport": "training",
    "evaluate": "evaluation",
    "evaluate_episodes": "evaluation",
    "from_hub": "integrations.hub",
    "load_encoder": "encoders",
    "make_network": "networks",
    "push_to_hub": "integrations.hub",
    "sample_episodes": "evaluation.episode_sampler",
    "split_categories": "training.corpus",
    "train": "training",
}

__all__ = [
    "CachedEncoder",
    "Category",
    "Corpus",
    "Encoder",
    "Engine",
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
    "TextshotEncoder",
    "TextshotError",
    "TrainConfig",
    "TrainReport",
    "__version__",
    "evaluate",
    "evaluate_episodes",
    "from_hub",
    "load_encoder",
    "make_network",
    "push_to_hub",
    "sample_episodes",
    "split_categories",
    "train",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'textshot' has no attribute {name!r}")
    value = getattr(import_module(f"textshot.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
