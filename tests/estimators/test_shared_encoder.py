"""Estimators that name the same encoder share it, and each text is encoded once."""

import pickle
import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from textshot import OneShotClassifier, TextshotEncoder
from textshot.encoders import FunctionEncoder, HashingEncoder, load_encoder
from textshot.estimators import shared
from textshot.estimators.shared import shared_encoder
from textshot.networks import Network

X = [f"my parcel {i} is late" for i in range(12)] + [f"money {i} back please" for i in range(12)]
Y = ["late parcel"] * 12 + ["refund"] * 12


class Counting(HashingEncoder):
    def __init__(self):
        super().__init__()
        self.texts = []

    def encode(self, texts, *, batch_size=32):
        self.texts += texts
        return super().encode(texts, batch_size=batch_size)


@pytest.fixture(autouse=True)
def _nothing_shared_yet(monkeypatch):
    monkeypatch.setattr(shared, "_shared", type(shared._shared)())


def test_a_grid_search_encodes_each_text_once():
    encoder = Counting()
    grid = {"threshold": [None, 0.2, 0.9], "use_names": [True, False]}
    found = GridSearchCV(OneShotClassifier(encoder, threshold=None), grid, cv=3).fit(X, Y)
    cross_val_score(clone(found.best_estimator_), X, Y, cv=4)
    probes = [t for t in encoder.texts if t.startswith("One probe")]  # of each index, never cached
    others = [t for t in encoder.texts if not t.startswith("One probe")]
    assert len(others) == len(set(others))
    assert len(probes) == 6 * 3 + 1 + 4
    assert set(X) <= set(others)


def test_estimators_of_one_name_share_one_encoder(monkeypatch):
    loads = []
    monkeypatch.setattr(
        "textshot.engine.encoder_identity.load_encoder",
        lambda name, **other: loads.append(name) or load_encoder(name, **other),
    )
    first = OneShotClassifier("hashing").fit(X, Y)
    second = clone(first).fit(X[::-1], Y[::-1])
    transformer = TextshotEncoder("hashing").fit(X)
    assert first.engine_.encoder is second.engine_.encoder is transformer.encoder_
    assert loads == ["hashing"]
    assert shared_encoder("hashing", "none") is not first.engine_.encoder  # without an adapter


def test_answers_are_those_of_an_encoder_without_a_cache():
    cached = OneShotClassifier(HashingEncoder()).fit(X, Y)
    again = OneShotClassifier(cached.encoder).fit(X, Y)
    plain = load_encoder("hashing").encode(X)
    np.testing.assert_array_equal(TextshotEncoder("hashing").fit_transform(X), plain)
    assert cached.classify(X) == again.classify(X)


def test_what_has_a_cache_or_a_table_is_taken_as_it_is():
    own = shared_encoder(HashingEncoder())
    assert shared_encoder(own) is own
    made = OneShotClassifier("precomputed", threshold=None).fit(np.eye(2), ["a", "b"])
    assert made.engine_.encoder.is_precomputed


def test_encoders_of_ones_own_share_nothing_but_themselves():
    one, other = (
        FunctionEncoder(lambda texts, k=k: np.eye(2)[[k] * len(texts)], name="same name")
        for k in (0, 1)
    )
    assert shared_encoder(one) is shared_encoder(one)
    assert shared_encoder(one) is not shared_encoder(other)
    assert shared_encoder(other).encode(["a"]).tolist() == [[0.0, 1.0]]


def test_only_a_few_encoders_and_texts_are_kept(monkeypatch):
    first = shared_encoder("hashing")
    for name in ("hashing-64", "hashing-128"):
        assert shared_encoder(name) is shared_encoder(name)
    assert len(shared._shared) == shared.MAX_ENCODERS
    assert shared_encoder("hashing") is not first
    monkeypatch.setattr(shared, "MAX_TEXTS", 3)
    small = shared_encoder("hashing-32")
    small.encode(X)
    assert len(small._memory) == 3


def test_a_folder_or_a_variable_that_changes_makes_another_encoder(tmp_path, monkeypatch):
    made = [object() for _ in range(3)]
    results = iter(HashingEncoder() for _ in made)
    monkeypatch.setattr(shared, "choose_encoder", lambda network, name: next(results))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_text("1")
    first = shared_encoder(str(folder))
    assert shared_encoder(str(folder)) is first
    (folder / "weights").write_text("22")
    second = shared_encoder(str(folder))
    assert second is not first
    monkeypatch.setenv("TEXTSHOT_PRECISION", "fp32")
    assert shared_encoder(str(folder)) is not second


def test_a_pickle_holds_no_vectors():
    made = OneShotClassifier("hashing").fit(X, Y)
    made.predict([f"text {i}" for i in range(2000)])
    assert len(pickle.dumps(made)) < 1e6 < 2000 * 256 * 4
    copy = pickle.loads(pickle.dumps(made))
    assert list(copy.predict(X)) == list(made.predict(X))


def test_threads_load_one_encoder():
    found = []

    def load():
        found.append(shared_encoder("hashing"))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_networks_that_are_not_trained_are_one_function(monkeypatch):
    def scores(network: Network | str, n_examples: int):
        X_, Y_ = X[:n_examples] + X[12 : 12 + n_examples], ["a"] * n_examples + ["b"] * n_examples
        made = OneShotClassifier("hashing", network=network, threshold=None).fit(X_, Y_)
        return made.decision_function(X)

    for n in (1, 3):
        for network in ("prototypical", "siamese"):
            np.testing.assert_allclose(scores(network, n), scores("matching", n), atol=1e-6)
    assert np.abs(scores("memory", 3) - scores("matching", 3)).max() > 0.01
    assert np.abs(scores("linear", 1) - scores("matching", 1)).max() > 0.01
