"""The index that most tests of the service use."""

from __future__ import annotations

from pathlib import Path

import pytest

from textshot import Category, Engine
from textshot.encoders import HashingEncoder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an index of two categories, made without a model."""
    categories = [
        Category("sport", examples=["the match"]),
        Category("food", examples=["bread and soup"]),
    ]
    Engine.build(categories, encoder=HashingEncoder()).save(tmp_path / "news")
    return tmp_path / "news"
