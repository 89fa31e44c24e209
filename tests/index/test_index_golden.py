"""Indexes of every released format open for ever, and answer as they did."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from textshot.engine import Engine
from textshot.index import Index, generations
from textshot.index.entries import without_texts
from textshot.testing import toy_categories
from textshot.types import Category, Example

V1 = Path(__file__).parents[1] / "golden" / "v1"
ANSWERS, OF_A_NETWORK = (
    json.loads((V1 / name).read_text(encoding="utf-8")) for name in ("answers.json", "network.json")
)
FITTING = Category(
    "Größe & Schnitt/サイズ",
    "Fragen zur Größe \u2028 und zum Schnitt",
    (Example("Fällt der Mantel 🧥 groß aus?"), Example("サイズ L は大きいですか", "correction")),
    parent="refund request",
    threshold=0.25,
    metadata={"team": "Maßatelier", "queue": "7"},
)


@pytest.mark.parametrize(
    ("name", "answers"), [("index", ANSWERS), ("private", ANSWERS), ("network", OF_A_NETWORK)]
)
def test_format_1_answers_as_it_did(name, answers):
    predictions = Engine.load(V1 / name).classify([a["text"] for a in answers], k=6)
    for prediction, expected in zip(predictions, answers, strict=True):
        assert prediction.label == expected["label"]
        assert prediction.threshold == pytest.approx(expected["threshold"], abs=1e-6)
        found = {match.label: match.score for match in prediction.matches}
        assert list(found) == [match["label"] for match in expected["matches"]]
        scores = [match["score"] for match in expected["matches"]]
        np.testing.assert_allclose(list(found.values()), scores, atol=1e-6)


def test_format_1_holds_the_categories_that_it_was_made_of():
    categories = sorted([*toy_categories(), FITTING], key=lambda c: c.name)
    assert Index.load(V1 / "index").categories == tuple(categories)
    private = [without_texts(category) for category in categories]
    for category in private:  # format 1 had no hashes of texts then
        examples = tuple(replace(e, text_hash="") for e in category.examples)
        object.__setattr__(category, "examples", examples)
    assert Index.load(V1 / "private").categories == tuple(private)


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
    names = {".gitattributes", "answers.json", "network.json", "index", "private", "network"}
    assert {p.name for p in V1.iterdir()} == names
    assert len([p for p in V1.rglob("*") if p.is_file() and p.parent != V1]) == 13


def test_the_manifest_warns_a_reader_that_knows_no_networks():
    manifest = json.loads((V1 / "network" / "index.json").read_text(encoding="utf-8"))
    assert manifest["requires"] == ["network"]
    assert Engine.load(V1 / "network").network.parameters["kind_bias"].tolist() == pytest.approx(
        [0.4, 0.0, -0.2]
    )


@pytest.mark.parametrize("name", ["index", "private"])
def test_saved_again_it_is_the_same_to_the_byte(name, tmp_path):
    Index.load(V1 / name).save(tmp_path / "again")
    golden = {p.name: p.read_bytes() for p in (V1 / name).iterdir()}
    again = {p.name: p.read_bytes() for p in (tmp_path / "again").iterdir() if p.name != ".lock"}
    assert set(again) == set(golden)
    for file, data in golden.items():
        if not file.endswith(".json"):
            assert again[file] == data
            continue
        of_its_time = ("created", "created_with", "sha256")
        found, expected = json.loads(again[file]), json.loads(data)
        assert list(found) == list(expected)
        assert {k: v for k, v in found.items() if k not in of_its_time} == {
            k: v for k, v in expected.items() if k not in of_its_time
        }


def test_its_corrections_have_no_number_and_stay_the_examples_that_they_were():
    state = Index.load(V1 / "index").state
    assert "correction" in {key.source for key in state.keys}
    assert not state.key_correction_orders.any()
    assert state.by_search
