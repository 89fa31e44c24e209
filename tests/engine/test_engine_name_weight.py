"""Names that are weighed: saved, changed, of old indexes, and where they tell nothing."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from textshot import Category, Engine
from textshot.io.categories import read_categories
from textshot.networks import NAME
from textshot.scoring.prototypes import prototype
from textshot.testing import HashingEncoder, toy_categories

SUPPORT = Path(__file__).parents[2] / "examples" / "support"
GOLDEN = Path(__file__).parents[1] / "golden" / "v1" / "index"
TEXTS = ["where is my parcel", "I want my money", "log in", "Saturday", "the moon", "apply", ""]


def categories():
    """Zero, one and several examples, with a description and without."""
    more = Category("late parcel", examples=["my parcel has not come yet", "it is overdue"])
    described = Category("spare parts", description="Orders of single parts.", examples=["a screw"])
    others = [c for c in toy_categories() if c.name != "late parcel"]
    return [*others, more, described, Category("gift wrapping")]


def build(given, **options):
    return Engine.build(given, encoder=HashingEncoder(), **options)


def bits(engine):
    """All that depends on the weight, to the bit."""
    state = engine.index.state
    vectors = state.vectors.tobytes(), state.key_vectors.tobytes()
    return state.name_weight, *vectors, engine.scores(TEXTS).tobytes(), engine.decision


def manifest_of(folder):
    return json.loads((folder / "index.json").read_bytes())


def test_the_vectors_are_of_names_that_count_as_the_weighing_says():
    state = build(categories()).index.state
    assert state.name_weight.t_statistic is not None
    assert abs(state.name_weight.weight - 1) > 0.5  # not the mean, by far
    for row, entry in enumerate(state.entries):
        mine = state.key_rows == row
        names = state.key_kinds[mine] == NAME
        weights = np.where(names, state.name_weight.weight, 1).astype(np.float32)
        assert entry.prototype.tobytes() == prototype(entry.vectors, weights).tobytes()


@pytest.mark.parametrize("private", [False, True])
def test_saved_is_loaded_bit_for_bit(tmp_path, private):
    engine = build(categories(), private=private)
    engine.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index")
    assert bits(loaded) == bits(engine)
    assert manifest_of(tmp_path / "index")["requires"] == ["fusion"]
    # A change finds the weight out again, from what was loaded as from what was built.
    for one in (engine, loaded):
        one.add([Category("price match", examples=["it is cheaper elsewhere"])])
    assert bits(loaded) == bits(engine)


def test_without_names_there_is_nothing_to_weigh(tmp_path):
    engine = build(toy_categories(), use_names=False)
    assert engine.index.state.name_weight is None
    engine.save(tmp_path / "index")
    assert Engine.load(tmp_path / "index").index.state.name_weight is None
    assert manifest_of(tmp_path / "index")["requires"] == []


def test_an_index_of_the_mean_rule_keeps_it_when_it_is_changed_and_saved(tmp_path):
    folder = shutil.copytree(GOLDEN, tmp_path / "index")
    engine = Engine.load(folder)
    assert engine.index.state.name_weight is None
    engine.add_example("late parcel", "still nothing in my letter box")
    engine.add([Category("gift wrapping", examples=["wrap it, please"])])
    engine.rename("gift wrapping", "presents")
    engine.save(folder)
    for state in (engine.index.state, Engine.load(folder).index.state):
        assert state.name_weight is None
        for entry in state.entries:
            assert entry.prototype.tobytes() == prototype(entry.vectors).tobytes()
    manifest = manifest_of(folder)
    assert manifest["requires"] == []
    assert manifest["fusion"] == {"rule": "mean", "names": True}


def test_an_added_category_changes_no_key_and_the_whole_is_as_if_built_at_once():
    engine = build(categories()[:-2])
    before = {e.category.name: e for e in engine.index.state.entries}
    name_weight = engine.index.state.name_weight
    engine.add(categories()[-2:])
    assert engine.index.state.name_weight != name_weight
    for name, entry in before.items():
        now = engine.index.state.entry(name)
        assert now.vectors.tobytes() == entry.vectors.tobytes()
        assert (
            now.prototype.tobytes() != entry.prototype.tobytes()
        )  # a name counts as another number
    assert bits(engine) == bits(build(categories()))
    engine.remove(*(c.name for c in categories()[-2:]))
    assert bits(engine) == bits(build(categories()[:-2]))


# Names that tell nothing, with the real encoder


@pytest.fixture(scope="module")
def support(real_encoder):
    """The categories by name; and of the labelled texts vectors and labels."""
    with (SUPPORT / "labelled.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"]]
    found = sorted(read_categories(SUPPORT / "categories.csv"), key=lambda c: c.name)
    return found, real_encoder.encode([r["text"] for r in rows]), [r["label"] for r in rows]


def accuracy(engine, vectors, truth):
    found = engine.classify_vectors(vectors, threshold=None)
    return np.mean([p.label == label for p, label in zip(found, truth, strict=True)])


def opaque(support, encoder, order):
    """Return an engine of names "c1" to "c22", numbered in this order, and its accuracy."""
    given, vectors, truth = support
    names = {given[row].name: f"c{i}" for i, row in enumerate(order, start=1)}
    engine = Engine.build([replace(c, name=names[c.name]) for c in given], encoder=encoder)
    return engine, accuracy(engine, vectors, [names[label] for label in truth])


def test_uninformative_names_are_detected_and_cost_nothing(support, real_encoder):
    given, vectors, truth = support
    nameless = accuracy(Engine.build(given, encoder=real_encoder, use_names=False), vectors, truth)
    orders = [np.arange(22), *(np.random.default_rng(i).permutation(22) for i in range(10))]
    made = [opaque(support, real_encoder, order) for order in orders]
    in_order, score = made[0]
    assert in_order.index.state.name_weight.uninformative
    assert score > nameless - 0.01
    found = [score for engine, score in made if engine.index.state.name_weight.uninformative]
    # Of many numberings one in six seems to tell something by chance, and is not found out; even
    # then names that are all alike count little.
    assert len(found) > len(made) / 2
    assert min(found) > nameless - 0.01
    assert min(score for _, score in made) > nameless - 0.02
    assert max(engine.index.state.name_weight.weight for engine, _ in made) < 1


def test_names_that_tell_something_are_worth_more_than_an_example(support, real_encoder):
    given, vectors, truth = support
    named = Engine.build(given, encoder=real_encoder)
    name_weight = named.index.state.name_weight
    assert not name_weight.uninformative
    assert name_weight.t_statistic > 5
    assert name_weight.weight > 1
    nameless = Engine.build(given, encoder=real_encoder, use_names=False)
    assert accuracy(named, vectors, truth) > accuracy(nameless, vectors, truth) + 0.05
