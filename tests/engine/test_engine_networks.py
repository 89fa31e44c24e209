"""Every network in an Engine: searched, scored, saved and changed as one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from edits import EditedIndex

from textshot import Category, Engine
from textshot.engine import predict as predicting
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.index import Index
from textshot.networks import NETWORKS, Linear, Matching, Memory, Prototypical, make_network
from textshot.networks.store import save_network
from textshot.testing import HashingEncoder, toy_categories

ENCODER = HashingEncoder(32)
TEXTS = [
    *("where is my parcel", "I want my money", "log in", "Saturday", "the moon", "apply", ""),
    *(f"parcel {i} money {i * 7} log in" for i in range(20)),
]


def learned(network, seed=0):
    """A network with parameters that are not those it starts from."""
    rng = np.random.default_rng(seed)
    parameters = {
        name: start + 0.2 * rng.standard_normal(start.shape)
        for name, start in network.initial_parameters(ENCODER.dim, 4, seed).items()
    }
    return network.with_parameters(
        {**parameters, "log_scale": np.array([1.7])}
    )  # soft enough to see


MADE = {
    **{name: make_network(name) for name in NETWORKS},
    "learned": learned(Matching()),
    "learned attention": learned(Matching(context="attention")),
    "learned lstm": learned(Matching(context="lstm", steps=2)),
    "learned memory": learned(Memory()),
    "learned prototypes": learned(Prototypical()),
}


@pytest.fixture(params=MADE)
def network(request):
    return MADE[request.param]


def categories():
    more = Category(
        "late parcel", examples=["my parcel has not come yet", "it is overdue", "still nothing"]
    )
    described = Category("spare parts", description="Orders of single parts.", examples=["a screw"])
    return [*(c for c in toy_categories() if c.name != "late parcel"), more, described]


def build(network, **options):
    return Engine.build(categories(), encoder=ENCODER, network=network, **options)


def test_faiss_is_numpy(network, monkeypatch):
    answers = []
    for search in ("faiss", "numpy"):
        monkeypatch.setenv("TEXTSHOT_SEARCH", search)
        answers.append(build(network).classify(TEXTS, k=6))
    assert answers[0] == answers[1]


def test_answers_are_the_scores_in_order(network):
    engine = build(network, threshold=None)
    scores = engine.scores(TEXTS)
    assert scores.shape == (len(TEXTS), 6)
    assert np.abs(scores).max() <= 1 + 1e-6
    for row, found in zip(scores, engine.classify(TEXTS, k=6), strict=True):
        order = np.argsort(-row, kind="stable")
        np.testing.assert_allclose([m.score for m in found.matches], row[order], atol=1e-6)
        by_label = dict(zip(engine.index.labels, row, strict=True))
        assert found.score == pytest.approx(by_label[found.label], abs=1e-6)
        assert found.margin == pytest.approx(row[order[0]] - row[order[1]], abs=1e-6)


def test_batches_and_neighbours_change_no_answer(network, monkeypatch):
    engine = build(network)
    together = engine.classify(TEXTS)
    assert together == engine.classify(TEXTS[::-1])[::-1]
    assert together == [engine.classify([text])[0] for text in TEXTS]
    monkeypatch.setattr(predicting, "_BUDGET", 40)  # three queries at once
    assert together == engine.classify(TEXTS)
    assert engine.scores(TEXTS).shape == (len(TEXTS), 6)


def test_the_threshold_is_the_median_of_its_own_scores_without_the_own_category(network):
    engine = build(network)
    supports = [(c.name, e.text) for c in categories() for e in c.examples]
    scores = engine.scores([text for _, text in supports])
    for row, (name, _) in zip(scores, supports, strict=True):
        row[engine.index.state.rows[name]] = -np.inf
    assert engine.decision.threshold == pytest.approx(np.median(scores.max(axis=1)), abs=1e-6)
    assert engine.decision.method == "leave-one-category-out median"


@pytest.mark.parametrize("private", [False, True])
def test_saved_is_loaded(network, tmp_path, private, contents_of):
    engine = build(network, private=private)
    engine.correct("the parcel is at the moon", "spare parts")
    engine.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index")
    assert contents_of(loaded) == contents_of(engine)
    assert loaded.network.name == network.name
    assert loaded.network.settings == network.settings
    assert {n: a.tobytes() for n, a in loaded.network.parameters.items()} == {
        n: a.tobytes() for n, a in network.parameters.items()
    }
    if not private:
        assert loaded.classify(TEXTS, k=6) == engine.classify(TEXTS, k=6)
    assert loaded.scores(TEXTS).tobytes() == engine.scores(TEXTS).tobytes()
    again = tmp_path / "again"
    loaded.save(again)
    names = {p.name for p in (tmp_path / "index").iterdir()}
    assert {p.name for p in again.iterdir()} == names


@pytest.fixture
def contents_of():
    def values(engine):
        state = engine.index.state
        vectors = state.vectors.tobytes(), state.key_vectors.tobytes()
        return *vectors, state.name_weight, state.decision, state.labels

    return values


def test_a_changed_engine_is_one_that_was_built_so(network, tmp_path, contents_of):
    engine = build(network)
    engine.add([Category("gift wrapping", examples=["wrap it"])])
    engine.add_example("gift wrapping", "as a present")
    engine.remove("job application")
    engine.rename("spare parts", "single parts")
    engine.correct("the parcel is at the moon", "opening hours")
    again = Engine.build(engine.categories, encoder=ENCODER, network=network)
    assert contents_of(engine) == contents_of(again)
    engine.save(tmp_path / "index")
    assert contents_of(Engine.load(tmp_path / "index")) == contents_of(again)


def test_changes_leave_the_keys_of_the_others_bit_for_bit(network):
    engine = build(network)
    before = {e.category.name: e.vectors.tobytes() for e in engine.index.state.entries}
    engine.add([Category("gift wrapping", examples=["wrap it"])])
    after = {e.category.name: e.vectors.tobytes() for e in engine.index.state.entries}
    assert {name: after[name] for name in before} == before


def test_vectors_of_a_joint_network_depend_on_all_categories():
    for network in (Linear(), MADE["learned attention"]):
        engine = build(network)
        before = engine.index.state.entry("login problem").prototype.copy()
        engine.add([Category("gift wrapping", examples=["wrap it"])])
        assert not np.array_equal(engine.index.state.entry("login problem").prototype, before)
        engine.remove("gift wrapping")
        np.testing.assert_array_equal(engine.index.state.entry("login problem").prototype, before)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_categories_are_enough_for_every_network(network, n, tmp_path):
    engine = Engine.build(toy_categories()[:n], encoder=ENCODER, network=network)
    assert engine.scores(TEXTS).shape == (len(TEXTS), n)
    engine.save(tmp_path / "index")
    assert Engine.load(tmp_path / "index").classify(TEXTS) == engine.classify(TEXTS)
    engine.remove(*engine.index.labels)
    assert engine.classify(["money"])[0].label is None


def test_a_match_names_the_nearest_key(network):
    [found] = build(network, threshold=None).classify(["it is overdue"])
    keys = {m.label: m.key.text for m in found.matches}
    assert keys["late parcel"] == "it is overdue"


def test_the_plain_network_is_searched_and_makes_no_matrix(monkeypatch):
    def refuse(*_):
        raise AssertionError("a full matrix")

    monkeypatch.setattr(predicting, "scores_of", refuse)
    for network in (None, "prototypical", "siamese", "linear", MADE["learned attention"]):
        engine = build(network)
        assert len(engine.classify(TEXTS)) == len(TEXTS)
        engine.add_example("late parcel", "slow")
    with pytest.raises(AssertionError, match="a full matrix"):
        build("memory")


# Which network


class Trained(HashingEncoder):
    """An encoder that lies in a folder, as one that was trained does."""

    def __init__(self, folder):
        super().__init__(32)
        self.folder = folder


def test_the_network_beside_the_encoder_is_taken(tmp_path):
    network = learned(Prototypical())
    save_network(tmp_path, network, {})
    encoder = Trained(tmp_path)
    beside = Engine.build(toy_categories(), encoder=encoder).network
    named = Engine.build(toy_categories(), encoder=encoder, network="prototypical").network
    for found in (beside, named):
        assert found.name == "prototypical"
        assert found.parameters["log_scale"].tobytes() == network.parameters["log_scale"].tobytes()
    other = Engine.build(toy_categories(), encoder=encoder, network="siamese").network
    assert (other.name, dict(other.parameters)) == ("siamese", {})
    own = Matching(steps=4)
    assert Engine.build(toy_categories(), encoder=encoder, network=own).network is own


def test_without_one_it_is_plain_matching(tmp_path):
    for encoder in (ENCODER, Trained(tmp_path)):
        network = Engine.build(toy_categories(), encoder=encoder).network
        assert (network.name, network.settings) == ("matching", Matching().settings)
        assert not network.parameters


@dataclass(frozen=True, eq=False)
class Own(Prototypical):
    """A network of somebody's own."""


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("transformer", "network 'transformer' is not known; choose matching, prototypical"),
        (Own(), "Own is no network that an index can keep"),
        (
            Matching(context="attention").with_parameters(
                Matching(context="attention").initial_parameters(16, 2, 0)
            ),
            r"support_q of the matching network is float32 \(16, 16\); with vectors of 32",
        ),
        (
            replace(Memory(), parameters={"decay": np.ones(1, np.float32)}),
            r"has the parameters \['decay",
        ),
        (
            replace(Prototypical(), parameters={"log_scale": np.full(1, np.nan, np.float32)}),
            "log_scale of the prototypical network is not finite",
        ),
        (replace(Prototypical(), parameters={"log_scale": np.ones(1)}), "is float64"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(network, message):
    with pytest.raises(InvalidTextsError, match=message):
        build(network)


# What lies on the disk


def manifest_of(folder):
    import json

    return json.loads((folder / "index.json").read_bytes())


@pytest.mark.parametrize("network", [None, "matching", Matching()])
@pytest.mark.parametrize(("names", "requires"), [(True, ["fusion"]), (False, [])])
def test_the_plain_network_leaves_no_trace(tmp_path, network, names, requires):
    build(network, use_names=names).save(tmp_path / "index")
    manifest = manifest_of(tmp_path / "index")
    assert manifest["requires"] == requires  # of the names that are weighed
    assert "network" not in manifest
    assert set(manifest["files"]) == {"vectors", "categories"}


def test_any_other_is_required_of_the_reader(tmp_path):
    build("siamese").save(tmp_path / "siamese")
    manifest = manifest_of(tmp_path / "siamese")
    assert manifest["requires"] == ["fusion", "network"]
    assert manifest["network"] == {
        "name": "siamese",
        "settings": {"loss_kind": "contrastive", "margin": 0.3},
    }
    assert set(manifest["files"]) == {"vectors", "categories"}
    build(MADE["learned"]).save(tmp_path / "learned")
    manifest = manifest_of(tmp_path / "learned")
    assert manifest["requires"] == ["fusion", "network"]
    assert set(manifest["files"]) == {"vectors", "categories", "network"}
    build("siamese", use_names=False).save(tmp_path / "nameless")
    assert manifest_of(tmp_path / "nameless")["requires"] == ["network"]


def test_a_failed_change_of_a_network_changes_nothing():
    engine = build(MADE["learned attention"])
    before = engine.index.state
    with pytest.raises(InvalidCategoriesError, match="is there already"):
        engine.add([Category("late parcel")])
    assert engine.index.state is before


def test_an_index_alone_keeps_its_network(tmp_path):
    index = EditedIndex(2, network=Matching(steps=4))
    index.add([Category("east"), Category("north")], np.eye(2))
    index.save(tmp_path / "index")
    assert Index.load(tmp_path / "index").state.network.settings["steps"] == 4


@pytest.mark.parametrize("k", [1, 3, 8, 9, 50])
def test_the_best_few_are_those_of_a_stable_sort(k):
    scores = np.random.default_rng(0).integers(0, 20, (100, 50)).astype(np.float32)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(predicting._top(scores, k), expected)
