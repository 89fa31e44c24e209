"""Indexes of every released format open for ever, and answer as they did."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from textshot.engine import Engine
from textshot.index import Index, generations
from textshot.records import Category, Example
from textshot.testing import toy_categories

V1 = Path(__file__).parents[1] / "golden" / "v1"
ANSWERS = json.loads((V1 / "answers.json").read_text(encoding="utf-8"))
FITTING = Category(
    "Größe & Schnitt/サイズ",
    "Fragen zur Größe \u2028 und zum Schnitt",
    (Example("Fällt der Mantel 🧥 groß aus?"), Example("サイズ L は大きいですか", "correction")),
    parent="refund request",
    threshold=0.25,
    metadata={"team": "Maßatelier", "queue": "7"},
)


@pytest.mark.parametrize("name", ["index", "private"])
def test_format_1_answers_as_it_did(name):
    predictions = Engine.load(V1 / name).classify([a["text"] for a in ANSWERS], k=6)
    for prediction, expected in zip(predictions, ANSWERS, strict=True):
        assert prediction.label == expected["label"]
        assert prediction.threshold == pytest.approx(expected["threshold"], abs=1e-6)
        found = {match.label: match.score for match in prediction.matches}
        assert list(found) == [match["label"] for match in expected["matches"]]
        scores = [match["score"] for match in expected["matches"]]
        np.testing.assert_allclose(list(found.values()), scores, atol=1e-6)


def test_format_1_holds_the_categories_that_it_was_made_of():
    categories = sorted([*toy_categories(), FITTING], key=lambda c: c.name)
    assert Index.load(V1 / "index").categories == tuple(categories)
    without_texts = tuple(category.without_texts() for category in categories)
    assert Index.load(V1 / "private").categories == without_texts


def test_the_private_one_has_no_texts_in_any_file():
    for path in (V1 / "private").iterdir():
        assert b"Mantel" not in path.read_bytes()
        assert b"money" not in path.read_bytes()


@pytest.mark.parametrize("name", ["index", "private"])
def test_format_1_can_be_changed_and_rolled_back(name, tmp_path):
    folder = shutil.copytree(V1 / name, tmp_path / name)
    engine = Engine.load(folder)
    engine.add_example("late parcel", "still nothing in my letter box")
    assert engine.save(folder) == 2
    assert [g.problem for g in generations(folder)] == [None, None]


def test_reading_changes_no_golden_file():
    assert {p.name for p in V1.iterdir()} == {".gitattributes", "answers.json", "index", "private"}
    assert len([p for p in V1.rglob("*") if p.is_file() and p.parent != V1]) == 8
