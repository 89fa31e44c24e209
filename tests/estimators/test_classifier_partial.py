"""OneShotClassifier: learning batch after batch, and with every network."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from textshot import Engine, OneShotClassifier
from textshot.encoders import load_encoder
from textshot.errors import InvalidTextsError
from textshot.networks import NETWORKS, Matching, Prototypical
from textshot.testing import HashingEncoder, toy_categories

X = [e.text for c in toy_categories() for e in c.examples]
Y = [c.name for c in toy_categories()]
MORE = ["the courier is slow", "the kettle is broken", "cancel my order"]
MORE_Y = ["late parcel", "complaint", "refund request"]
QUERIES = ["my parcel", "log in please", "money back", "the weather", "kettle", ""]


def make(network=None, **options):
    return OneShotClassifier(HashingEncoder(), network=network, **options)


@pytest.fixture(params=NETWORKS)
def network(request):
    return request.param


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("network", ["matching", "prototypical", "siamese", "linear"])
def test_batch_after_batch_is_all_at_once(network, names):
    once = make(network, use_names=names).fit(X + MORE, Y + MORE_Y)
    found = make(network, use_names=names)
    for texts, classes in ((X[:2], Y[:2]), (X[2:], Y[2:]), (MORE, MORE_Y)):
        assert found.partial_fit(texts, classes) is found
    assert list(found.classes_) == list(once.classes_)
    assert found.engine_.decision == once.engine_.decision
    assert found.classify(QUERIES) == once.classify(QUERIES)
    np.testing.assert_array_equal(found.decision_function(QUERIES), once.decision_function(QUERIES))


@pytest.mark.parametrize("names", [True, False])
def test_after_fit_it_goes_on(network, names):
    found = make(network, use_names=names).fit(X, Y)
    found.partial_fit(MORE, MORE_Y)
    assert list(found.classes_) == sorted({*Y, *MORE_Y})
    assert list(found.predict(["the kettle is broken"])) == ["complaint"]
    assert found.decision_function(QUERIES).shape == (len(QUERIES), 6)
    found.fit(X, Y)  # and fit forgets
    assert list(found.classes_) == sorted(Y)


@pytest.mark.parametrize("names", [True, False])
def test_the_memory_network_remembers_the_last_of_equal_texts(names):
    found = make("memory", use_names=names)
    found.partial_fit(["where is it", *X], ["complaint", *Y])
    for label in ("late parcel", "complaint", "late parcel", "new one"):
        found.partial_fit(["where is it"], [label])
        assert list(found.predict(["where is it"])) == [label]
    written = [e.correction_order for c in found.engine_.categories for e in c.examples]
    assert min(written) > 0
    assert len(set(written)) == len(written)


def test_others_take_equal_texts_as_examples_of_both():
    found = make("matching", use_names=False).partial_fit(["a", "a"], ["x", "y"])
    found.partial_fit(["a"], ["y"])
    assert [e.correction_order for c in found.engine_.categories for e in c.examples] == [0, 0]
    assert found.decision_function(["a"]) == [0.0]


def test_classes_that_come_later_can_be_told_at_first():
    found = make().partial_fit(X[:1], Y[:1], classes=[*Y, "complaint"])
    assert list(found.classes_) == sorted([*Y, "complaint"])
    assert list(found.predict(["I have a complaint"])) == ["complaint"]  # by its name
    opaque = make(use_names=False, threshold=None)
    opaque.partial_fit(X[:1], Y[:1], classes=[*Y, "complaint"])
    assert list(opaque.predict(QUERIES)) == Y[:1] * len(QUERIES)
    scores = opaque.decision_function(QUERIES)
    assert scores.shape == (len(QUERIES), 6)
    assert (np.delete(scores, list(opaque.classes_).index(Y[0]), axis=1) == -1).all()
    opaque.partial_fit(X[1:], Y[1:])
    assert list(opaque.predict(X)) == Y
    assert list(opaque.partial_fit(MORE[:1], MORE_Y[:1], classes=["z"]).classes_)[-1] == "z"


def test_classes_that_are_numbers_stay_numbers():
    found = make(threshold=None).partial_fit(["money", "parcel"], [10, 9])
    found.partial_fit(["login", "money"], [100, 10])
    assert list(found.classes_) == [9, 10, 100]
    assert list(found.predict(["parcel", "login", "money"])) == [9, 100, 10]
    assert not found.engine_.info.use_names
    with pytest.raises(InvalidTextsError, match=r"classes of one kind are needed, and not 'a'"):
        found.partial_fit(["x"], ["a"])
    assert list(found.predict(["parcel", "login", "money"])) == [9, 100, 10]


def test_vectors_of_ones_own_are_learnt_batch_after_batch(network):
    vectors = np.random.default_rng(0).standard_normal((12, 8))
    classes = list("abcd") * 3
    found = OneShotClassifier("precomputed", network=network, threshold=None)
    for start in range(0, 12, 4):
        found.partial_fit(vectors[start : start + 4], classes[start : start + 4])
    once = OneShotClassifier("precomputed", network=network, threshold=None).fit(vectors, classes)
    np.testing.assert_allclose(
        found.decision_function(vectors), once.decision_function(vectors), atol=1e-6
    )
    rows = [e.text for c in found.engine_.categories for e in c.examples]
    assert sorted(rows, key=lambda row: int(row[4:])) == [f"row {i}" for i in range(12)]
    with pytest.raises(ValueError, match=r"X has 7 features, but .* is expecting 8"):
        found.partial_fit(vectors[:, 1:], classes)


def test_loaded_vectors_of_other_dimensions_are_refused(tmp_path):
    made = OneShotClassifier("precomputed", threshold=None).fit(np.eye(4), list("abcd"))
    made.save(tmp_path / "index")
    loaded = OneShotClassifier.load(tmp_path / "index", encoder="precomputed")
    with pytest.raises(
        InvalidTextsError, match="X has 3 features, but the classifier was fitted with 4"
    ):
        loaded.partial_fit(np.eye(3), list("abc"))
    loaded.partial_fit(np.eye(4)[:1], ["b"])
    assert len(loaded.engine_.index.state.entry("b").keys) == 2


@pytest.mark.parametrize(
    ("texts", "classes", "error", "message"),
    [
        (["a", "b"], ["x"], ValueError, "inconsistent numbers of samples"),
        (["a", None], ["x", "y"], InvalidTextsError, "text 1 is missing"),
        (["a", " "], ["x", "y"], InvalidTextsError, "text 1 is empty. Leave it out"),
        (["a"], None, ValueError, "requires y to be passed"),
        (["a", "b"], ["x", float("nan")], InvalidTextsError, "class 1 of y is missing"),
        (["a"], [1], InvalidTextsError, "are not strings, so predict could not say|of one kind"),
        ("a", ["x"], TypeError, "X is a string"),
    ],
)
@pytest.mark.parametrize("fitted", [False, True])
def test_what_cannot_be_learnt_is_refused_and_changes_nothing(
    fitted, texts, classes, error, message
):
    found = make().fit(X, Y) if fitted else make()
    before = found.engine_.index.state if fitted else None
    with pytest.raises(error, match=message):
        found.partial_fit(texts, classes)
    if fitted:
        assert found.engine_.index.state is before
        assert list(found.classes_) == sorted(Y)
    else:
        with pytest.raises(NotFittedError):
            found.predict(["a"])


def test_the_network_is_that_of_the_engine(network, tmp_path):
    found = make(network).fit(X, Y)
    expected = Engine.build(toy_categories(), encoder=HashingEncoder(), network=network)
    assert found.engine_.network.name == network
    assert found.classify(QUERIES) == expected.classify(QUERIES)
    assert clone(found).fit(X, Y).classify(QUERIES) == found.classify(QUERIES)
    assert pickle.loads(pickle.dumps(found)).classify(QUERIES) == found.classify(QUERIES)
    found.save(tmp_path / "index")
    loaded = OneShotClassifier.load(tmp_path / "index")
    assert loaded.classify(QUERIES) == found.classify(QUERIES)
    assert loaded.network == (None if network == "matching" else network)
    assert list(loaded.partial_fit(MORE, MORE_Y).predict(MORE[1:2])) == ["complaint"]


def test_a_network_object_can_be_given_cloned_and_loaded(tmp_path):
    learned = Prototypical().with_parameters({"log_scale": np.ones(1)})
    for network in (Matching(steps=4), learned):
        found = clone(make(network)).fit(X, Y)
        found.save(tmp_path / network.name)
        loaded = OneShotClassifier.load(tmp_path / network.name)
        assert loaded.network.settings == network.settings
        assert loaded.network.parameters.keys() == network.parameters.keys()
        assert loaded.classify(QUERIES) == found.classify(QUERIES)


def test_fitted_again_a_classifier_without_the_adapter_stays_without(tmp_path, real_encoder):
    bare = load_encoder(adapter=None, device="cpu")
    plain = OneShotClassifier(network="none").fit(X, Y)
    plain.save(tmp_path / "plain")
    loaded = OneShotClassifier.load(tmp_path / "plain")
    assert loaded.network == "none"
    again = clone(loaded).fit(X, Y)
    assert again.engine_.encoder.fingerprint == bare.fingerprint
    assert again.classify(QUERIES) == plain.classify(QUERIES)
    OneShotClassifier().fit(X, Y).save(tmp_path / "adapted")
    adapted = clone(OneShotClassifier.load(tmp_path / "adapted")).fit(X, Y)
    assert adapted.network is None
    assert adapted.engine_.encoder.fingerprint == real_encoder.fingerprint != bare.fingerprint


def test_a_network_that_is_not_there_is_an_error_of_fit_and_not_before():
    made = make("deep")
    with pytest.raises(InvalidTextsError, match="network 'deep' is not known"):
        made.fit(X, Y)
