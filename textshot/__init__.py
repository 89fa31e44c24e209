"""textshot sorts text into your own categories from one example each.

    >>> from textshot import Category, Engine
    >>> engine = Engine.build([Category.of("refund", "I want my money back"), ...])
    >>> engine.classify(["they took the money twice"])[0].label
    'refund'

Names are resolved when they are first used: importing textshot loads neither torch nor faiss.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from textshot._version import __version__

if TYPE_CHECKING:
    from textshot.classifier import OneShotClassifier
    from textshot.corpus import Corpus, make_corpus, split_categories
    from textshot.encoders import (
        Encoder,
        FunctionEncoder,
        PrecomputedEncoder,
        RememberingEncoder,
        load_encoder,
    )
    from textshot.engine import Engine
    from textshot.episodes import sample_episodes
    from textshot.errors import TextshotError
    from textshot.evaluation import Evaluation, evaluate, evaluate_episodes, full_way
    from textshot.explanation import Explanation
    from textshot.findings import Finding
    from textshot.index import Index
    from textshot.integrations.hub import from_hub, push_to_hub
    from textshot.networks import Network, make_network
    from textshot.records import Category, Example, Key, KeyKind, Match, Prediction
    from textshot.training import TrainConfig, TrainReport, train
    from textshot.transformer import TextshotEncoder

_HOMES = {
    "Category": "records",
    "Corpus": "corpus",
    "Encoder": "encoders",
    "Engine": "engine",
    "Evaluation": "evaluation",
    "Example": "records",
    "Explanation": "explanation",
    "Finding": "findings",
    "FunctionEncoder": "encoders",
    "Index": "index",
    "Key": "records",
    "KeyKind": "records",
    "Match": "records",
    "Network": "networks",
    "OneShotClassifier": "classifier",
    "PrecomputedEncoder": "encoders",
    "Prediction": "records",
    "RememberingEncoder": "encoders",
    "TextshotEncoder": "transformer",
    "TextshotError": "errors",
    "TrainConfig": "training",
    "TrainReport": "training",
    "evaluate": "evaluation",
    "evaluate_episodes": "evaluation",
    "from_hub": "integrations.hub",
    "full_way": "evaluation",
    "load_encoder": "encoders",
    "make_corpus": "corpus",
    "make_network": "networks",
    "push_to_hub": "integrations.hub",
    "sample_episodes": "episodes",
    "split_categories": "corpus",
    "train": "training",
}

__all__ = [
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
    "RememberingEncoder",
    "TextshotEncoder",
    "TextshotError",
    "TrainConfig",
    "TrainReport",
    "__version__",
    "evaluate",
    "evaluate_episodes",
    "from_hub",
    "full_way",
    "load_encoder",
    "make_corpus",
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
