"""For tests, yours and ours: an encoder that needs no model, and a small engine made with it.

>>> from textshot.testing import HashingEncoder, toy_engine
>>> toy_engine().classify(["my parcel has not come"])[0].label
'late parcel'
"""

from __future__ import annotations

from textshot.encoders import HashingEncoder
from textshot.engine import Engine
from textshot.types import Category, Threshold

__all__ = ["HashingEncoder", "toy_categories", "toy_engine"]


def toy_categories() -> list[Category]:
    """Return five categories of a shop, one example each."""
    return [
        Category("refund request", examples=["I want my money back"]),
        Category("late parcel", examples=["my parcel has not come yet"]),
        Category("login problem", examples=["I cannot log in, my password is wrong"]),
        Category("opening hours", examples=["when is the shop open on Saturday"]),
        Category("job application", examples=["I would like to apply for the job you advertised"]),
    ]


def toy_engine(*, threshold: Threshold = None) -> Engine:
    """Return an engine over `toy_categories` that always answers, made without a model."""
    return Engine.build(toy_categories(), encoder=HashingEncoder(), threshold=threshold)
