"""Texts that fit no class, and the thresholds of classes, in scikit-learn's terms."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from textshot import OneShotClassifier
from textshot.encoders import HashingEncoder
from textshot.errors import InvalidTextsError
from textshot.testing import toy_categories

X = ["my parcel is late", "i want my money back", "the weather is nice", "who won the match"]
FITS = ["late parcel", "refund"]
NEAR = ["the weather is nice today", "who won the match today"]


@pytest.fixture
def engine_texts():
    def texts(classifier):
        return [example.text for example in classifier.engine_.out_of_scope]

    return texts


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda y: np.array(y, object), pd.Series])
@pytest.mark.parametrize("word", ["unknown", " Unknown"])
def test_rows_called_unknown_are_out_of_scope(engine_texts, kind, word):
    made = OneShotClassifier(HashingEncoder(), threshold=0.2).fit(X, kind([*FITS, word, "unknown"]))
    assert list(made.classes_) == FITS
    assert engine_texts(made) == X[2:]
    assert list(made.predict([*NEAR, X[0]])) == ["unknown", "unknown", "late parcel"]


@pytest.mark.parametrize("kind", [list, tuple, lambda y: np.array(y, object)])
def test_none_is_unknown_and_the_y_that_was_given_stays(engine_texts, kind):
    y = kind([*FITS, None, None])
    made = OneShotClassifier(HashingEncoder(), threshold=0.2).fit(X, y)
    assert engine_texts(made) == X[2:]
    assert list(y) == [*FITS, None, None]
    assert made.score([*NEAR, X[0]], [None, "unknown", "late parcel"]) == 1.0
    assert made.score(NEAR, ["refund", None]) == 0.5


def test_a_mapping_and_partial_fit_take_them_too(engine_texts):
    made = OneShotClassifier(HashingEncoder(), threshold=0.2)
    made.fit({"late parcel": X[:1], None: X[2:3], "refund": X[1:2], "unknown": X[3:]})
    assert list(made.classes_) == FITS
    assert engine_texts(made) == X[2:]
    parts = OneShotClassifier(HashingEncoder(), threshold=0.2)
    parts.partial_fit(X[:1], FITS[:1], classes=FITS).partial_fit(X[1:3], ["refund", None])
    parts.partial_fit(X[3:], ["unknown"])
    assert list(parts.classes_) == FITS
    assert engine_texts(parts) == X[2:]
    np.testing.assert_allclose(
        parts.decision_function(NEAR), made.decision_function(NEAR), atol=1e-6
    )


def test_embeddings_out_of_scope_are_learned():
    vectors = np.eye(4)[:, :4]
    made = OneShotClassifier("precomputed", threshold=0.2).fit(vectors, [*FITS, None, "unknown"])
    assert list(made.predict(vectors)) == [*FITS, "unknown", "unknown"]


@pytest.mark.parametrize("missing", [float("nan"), pd.NA, pd.NaT])
def test_other_missing_values_are_refused_with_what_to_write(missing):
    message = r"class 1 of y is missing .* Drop the row, or write 'unknown' if the text fits no"
    with pytest.raises(InvalidTextsError, match=message):
        OneShotClassifier(HashingEncoder()).fit(X[:3], ["a", missing, None])


def test_a_class_may_have_a_threshold_of_its_own():
    made = OneShotClassifier(HashingEncoder(), threshold=0.2, thresholds={" refund ": 0.99})
    made.fit(X[:2], FITS)
    assert {c.name: c.threshold for c in made.engine_.categories} == {
        "late parcel": None,
        "refund": 0.99,
    }
    assert list(made.predict(["my parcel is late, please", "i want my money back, please"])) == [
        "late parcel",
        "unknown",
    ]
    parts = clone(made).partial_fit(X[:1], FITS[:1]).partial_fit(X[1:2], FITS[1:])
    assert parts.engine_.category("refund").threshold == 0.99
    assert pickle.loads(pickle.dumps(made)).get_params()["thresholds"] == {" refund ": 0.99}


def test_thresholds_of_what_is_no_class_are_refused():
    made = OneShotClassifier(HashingEncoder(), thresholds={"refunds": 0.5, "refund": 0.4})
    with pytest.raises(InvalidTextsError, match="thresholds has 'refunds', and the 2 classes do"):
        made.fit(X[:2], FITS)


def test_the_rate_of_unknown_is_that_of_the_engine():
    texts = {c.name: [e.text for e in c.examples] for c in toy_categories()}
    made = [OneShotClassifier(HashingEncoder(), unknown_rate=r).fit(texts) for r in (0.9, 0.1)]
    strict, lax = (classifier.engine_.decision for classifier in made)
    assert (strict.rate, lax.rate) == (0.9, 0.1)
    assert strict.threshold > lax.threshold
