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
    from textshot.encoders import (
        Encoder,
        FunctionEncoder,
        PrecomputedEncoder,
        load_encoder,
    )
    from textshot.engine import Engine
    from textshot.errors import TextshotError
    from textshot.evaluation import Evaluation, evaluate
    from textshot.index import Index
    from textshot.records import Category, Example, Key, KeyKind, Match, Prediction

_HOMES = {
    "Category": "records",
    "Encoder": "encoders",
    "Engine": "engine",
    "Evaluation": "evaluation",
    "Example": "records",
    "FunctionEncoder": "encoders",
    "Index": "index",
    "Key": "records",
    "KeyKind": "records",
    "Match": "records",
    "OneShotClassifier": "classifier",
    "PrecomputedEncoder": "encoders",
    "Prediction": "records",
    "TextshotError": "errors",
    "evaluate": "evaluation",
    "load_encoder": "encoders",
}

__all__ = [
    "Category",
    "Encoder",
    "Engine",
    "Evaluation",
    "Example",
    "FunctionEncoder",
    "Index",
    "Key",
    "KeyKind",
    "Match",
    "OneShotClassifier",
    "PrecomputedEncoder",
    "Prediction",
    "TextshotError",
    "__version__",
    "evaluate",
    "load_encoder",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'textshot' has no attribute {name!r}")
    value = getattr(import_module(f"textshot.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
