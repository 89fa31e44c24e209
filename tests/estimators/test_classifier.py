"""OneShotClassifier: what an Engine answers, in the manner of scikit-learn."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from textshot import Category, Engine, FunctionEncoder, OneShotClassifier
from textshot.errors import (
    EncoderMismatchError,
    EncoderNotFoundError,
    InvalidCategoriesError,
    InvalidTextsError,
)
from textshot.testing import HashingEncoder, toy_categories

CATEGORIES = {c.name: [e.text for e in c.examples] for c in toy_categories()}
X = [text for texts in CATEGORIES.values() for text in texts]
Y = [name for name, texts in CATEGORIES.items() for _ in texts]
QUERIES = ["my parcel", "log in please", "money back", "the weather", "apply for the job", ""]


@pytest.fixture
def classifier():
    return OneShotClassifier(HashingEncoder()).fit(X, Y)


def test_it_answers_as_an_engine_of_the_same_categories(classifier):
    engine = Engine.build(toy_categories(), encoder=HashingEncoder())
    assert classifier.classify(QUERIES, k=2) == engine.classify(QUERIES, k=2)
    expected = [p.label or "unknown" for p in engine.classify(QUERIES)]
    assert list(classifier.predict(QUERIES)) == expected
    assert "unknown" in expected


def test_a_mapping_is_the_same_as_texts_and_their_classes(classifier):
    mapped = OneShotClassifier(HashingEncoder()).fit(CATEGORIES)
    assert mapped.classify(QUERIES) == classifier.classify(QUERIES)
    assert list(mapped.classes_) == list(classifier.classes_) == sorted(CATEGORIES)


def test_an_iterator_is_read_once_and_is_as_good_as_a_list(classifier):
    found = OneShotClassifier(HashingEncoder()).fit((text for text in X), (label for label in Y))
    assert found.classify(QUERIES) == classifier.classify(QUERIES)
    assert found.classify(text for text in QUERIES) == classifier.classify(QUERIES)


def test_what_is_no_list_of_texts_is_refused_as_X(classifier):
    for X_ in ({"text": QUERIES}, 7, None):
        with pytest.raises(TypeError, match=r"X is a dict; give a list|not iterable"):
            classifier.predict(X_)


def test_the_order_of_texts_changes_nothing(classifier):
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = OneShotClassifier(HashingEncoder()).fit(np.array(X)[order], np.array(Y)[order])
    assert shuffled.classify(QUERIES) == classifier.classify(QUERIES)


def test_a_class_without_texts_is_its_name(compass):
    found = OneShotClassifier(compass, threshold=None).fit({"east": [], "90": ["100"]})
    assert list(found.predict(["10", "80"])) == ["east", "90"]
    # Of two classes a name counts as three examples: "90" lies a quarter of the way to 100 degrees.
    north = 3 * np.array([0, 1]) + [np.cos(np.radians(100)), np.sin(np.radians(100))]
    x, y = north / np.linalg.norm(north)
    np.testing.assert_allclose(found.decision_function(["0", "90"]), [1 - x, 0 - y], atol=1e-6)


@pytest.mark.parametrize("n_classes", [1, 2, 3, 4])
def test_shapes_are_those_of_scikit_learn(compass, n_classes):
    names = ["0", "90", "180", "270"][:n_classes]
    fitted = OneShotClassifier(compass, threshold=None).fit({n: [] for n in names})
    texts = ["10", "100", "190", "280", "10"]
    assert fitted.predict(texts).shape == (5,)
    scores = fitted.decision_function(texts)
    assert scores.dtype == np.float64
    if n_classes == 2:
        assert scores.shape == (5,)
        assert list(fitted.classes_[(scores > 0).astype(int)]) == list(fitted.predict(texts))
    else:
        assert scores.shape == (5, n_classes)
        assert list(fitted.classes_[scores.argmax(axis=1)]) == list(fitted.predict(texts))
    column = list(fitted.classes_).index("0")
    if n_classes != 2:
        assert scores[0, column] == pytest.approx(np.cos(np.radians(10)), abs=1e-6)


def test_columns_of_the_scores_are_in_the_order_of_classes():
    # As strings 10 comes before 9, as numbers behind it.
    vectors = np.eye(3)
    fitted = OneShotClassifier("precomputed", threshold=None).fit(vectors, [9, 10, 100])
    assert list(fitted.classes_) == [9, 10, 100]
    np.testing.assert_array_equal(fitted.decision_function(vectors), np.eye(3))
    assert list(fitted.predict(vectors)) == [9, 10, 100]


def test_predict_says_unknown_where_nothing_is_near(compass):
    fitted = OneShotClassifier(compass, threshold=0.9).fit({"east": [], "north": []})
    found = fitted.predict(["10", "45", "200"])
    assert list(found) == ["east", "unknown", "unknown"]
    assert found.dtype.kind == "U"
    assert list(fitted.predict(["45"])) == ["unknown"]
    assert list(fitted.predict(["1"])) == ["east"]


@pytest.mark.parametrize("classes", [[1, 2], [1.0, 2.0], [True, False]])
def test_other_classes_than_strings_have_no_room_for_unknown(compass, classes):
    with pytest.raises(InvalidTextsError, match=r"are not strings.*Set threshold=None"):
        OneShotClassifier(compass).fit(["0", "90"], classes)
    fitted = OneShotClassifier(compass, threshold=None).fit(["0", "90"], classes)
    assert list(fitted.predict(["10", "80"])) == classes
    assert fitted.predict(["10"]).dtype == np.array(classes).dtype


def test_names_of_numbers_are_not_keys(compass):
    fitted = OneShotClassifier(compass, threshold=None).fit(["0", "90"], [180, 270])
    assert not fitted.engine_.info.use_names
    np.testing.assert_allclose(fitted.decision_function(["0"]), [-1], atol=1e-6)


COLUMNS = {
    "list": list,
    "tuple": tuple,
    "array of objects": lambda texts: np.array(texts, dtype=object),
    "array of strings": np.array,
    "column of an array": lambda texts: np.array(texts, dtype=object)[:, None],
    "Series": pd.Series,
    "Series with another index": lambda texts: pd.Series(texts, index=range(9, 9 + len(texts))),
    "Series of objects": lambda texts: pd.Series(texts, dtype=object),
    "DataFrame of one column": lambda texts: pd.DataFrame({"text": texts}),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_any_kind_is_texts(classifier, kind):
    column = COLUMNS[kind]
    fitted = OneShotClassifier(HashingEncoder()).fit(column(X), Y)
    assert fitted.classify(column(QUERIES)) == classifier.classify(QUERIES)
    assert list(fitted.predict(column(QUERIES))) == list(classifier.predict(QUERIES))
    np.testing.assert_array_equal(
        fitted.decision_function(column(QUERIES)), classifier.decision_function(QUERIES)
    )


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, pd.Categorical])
def test_classes_come_in_a_column_of_any_kind(classifier, kind):
    fitted = OneShotClassifier(HashingEncoder()).fit(X, kind(Y))
    assert list(fitted.predict(QUERIES)) == list(classifier.predict(QUERIES))


@pytest.mark.parametrize(
    ("texts", "classes", "error", "message"),
    [
        (["a", "b"], ["x"], ValueError, "inconsistent numbers of samples"),
        (["a", None], ["x", "y"], InvalidTextsError, r"text 1 is missing \(None\)"),
        (["a", float("nan")], ["x", "y"], InvalidTextsError, r"text 1 is missing \(nan\)"),
        (["a", 3], ["x", "y"], InvalidTextsError, "text 1 is of type int"),
        (["a", ""], ["x", "y"], InvalidCategoriesError, "category 'y' has an empty example"),
        (["a", "b"], [7, None], InvalidTextsError, r"class 1 of y is missing \(None\)"),
        (["a", "b"], [None, None], InvalidTextsError, "there is no class: all texts are 'unknown'"),
        (["a", "b"], [None, "Unknown "], InvalidTextsError, "there is no class"),
        (["a", "b"], ["x", float("nan")], InvalidTextsError, r"class 1 of y is missing \(nan\)"),
        (["a", "b"], ("x", pd.NA), InvalidTextsError, r"class 1 of y is missing \(<NA>\)"),
        (["a", "b"], ["x", 7], InvalidTextsError, "not 'x' and, at 1 of y, 7 together"),
        (["a", "b"], [7, "x"], InvalidTextsError, "not 7 and, at 1 of y, 'x' together"),
        ({7: ["a"], None: ["b"]}, None, InvalidTextsError, r"class 1 of X is missing \(None\)"),
        ({"unknown": ["b"]}, None, InvalidTextsError, "there is no class"),
        ({"x": ["a"], float("nan"): ["b"]}, None, InvalidTextsError, "class 1 of X is missing"),
        ({"x": ["a"], 7: ["b"]}, None, InvalidTextsError, "not 'x' and, at 1 of X, 7 together"),
        ({("x", "y"): ["a"]}, None, InvalidTextsError, "is a tuple; a string or a number"),
        (["a", "b"], pd.Series([pd.NA, "x"]), InvalidTextsError, "class 0 of y is missing"),
        (["a", "b"], pd.Series(["x", None]), InvalidTextsError, "class 1 of y is missing"),
        (["a", "b"], [0.5, 0.25], ValueError, "label type: continuous"),
        (["a", "b"], ["x", ""], InvalidCategoriesError, "empty name"),
        (["a", "b"], None, ValueError, "requires y to be passed.*or a mapping"),
        ([["a", "b"]], ["x"], ValueError, "texts are one"),
        ("a", ["x"], TypeError, r"X is a string; give a list: \['a'\]"),
        ({}, None, InvalidTextsError, "one class at least"),
        ({"x": ["a"]}, ["x"], InvalidTextsError, "the classes are in X: leave y"),
        ({"x": "a"}, None, InvalidTextsError, r"class 'x' has a string; give a list: \['a'\]"),
        ({"x": ["a", None]}, None, InvalidTextsError, "text 1 is missing"),
        ({1: ["a"]}, None, InvalidTextsError, "are not strings"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_with_the_reason(texts, classes, error, message):
    with pytest.raises(error, match=message):
        OneShotClassifier(HashingEncoder()).fit(texts, classes)


def test_what_cannot_be_classified_is_refused(classifier):
    for method in (classifier.predict, classifier.classify, classifier.decision_function):
        with pytest.raises(TypeError, match="X is a string"):
            method("money")
        with pytest.raises(InvalidTextsError, match="text 1 is missing"):
            method(["money", None])
        with pytest.raises(ValueError, match="texts are one"):
            method([["money", "parcel"]])
    assert classifier.predict([]).shape == (0,)


def test_unfitted_it_says_so(tmp_path):
    unfitted = OneShotClassifier()
    for method in (unfitted.predict, unfitted.classify, unfitted.decision_function):
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            method(["money"])
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        unfitted.save(tmp_path / "index")


def test_there_are_no_probabilities_that_nobody_calibrated(classifier):
    assert not hasattr(classifier, "predict_proba")
    assert {p.probability for p in classifier.classify(QUERIES)} == {None}


def test_tuned_it_has_probabilities_until_its_classes_change():
    classifier = OneShotClassifier("hashing").fit(
        {"money": ["money back"], "parcel": ["my parcel"]}
    )
    texts = [f"{w} number {i}" for w in ("money back", "my parcel", "rain wind") for i in range(30)]
    truths = ["money"] * 30 + ["parcel"] * 30 + ["unknown"] * 30
    assert classifier.tune(texts, truths) is classifier
    found = classifier.predict_proba(["money back", "wind and rain"])
    assert found.shape == (2, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found[0].argmax() == 0
    unknown = classifier.predict_unknown_proba(["money back", "wind and rain"])
    assert (unknown.dtype, unknown.shape) == (np.float64, (2,))
    assert unknown[0] < unknown[1]
    expected = [p.probability for p in classifier.classify(["money back"])]
    assert found[0].max() * (1 - unknown[0]) == pytest.approx(expected[0])
    classifier.partial_fit(["opening hours"], ["hours"])
    assert not hasattr(classifier, "predict_proba")
    assert not hasattr(classifier, "predict_unknown_proba")


def test_who_never_abstains_keeps_classes_of_any_type_when_tuned():
    classifier = OneShotClassifier("hashing", threshold=None, use_names=False)
    classifier.fit(["money back", "my parcel"], [0, 1])
    texts = [f"{w} number {i}" for w in ("money back", "my parcel", "rain wind") for i in range(30)]
    classifier.tune(texts, np.repeat([0.0, 1.0, np.nan], 30))  # other numbers, the same classes
    assert classifier.predict(["rain wind", "money back"]).dtype == np.int64
    assert classifier.predict_proba(["money back"]).argmax() == 0


def test_embeddings_cannot_be_tuned():
    classifier = OneShotClassifier("precomputed").fit(np.eye(2), ["a", "b"])
    with pytest.raises(InvalidTextsError, match="tuning needs texts"):
        classifier.tune(np.eye(2), ["a", "b"])


@pytest.mark.parametrize("encoder", [None, "hashing", "precomputed", HashingEncoder()])
def test_parameters_are_kept_as_given_and_cloned(encoder):
    made = OneShotClassifier(encoder, use_names=False, threshold=0.5)
    assert made.get_params() == {
        "allow_similar": False,
        "encoder": encoder,
        "key_attention": "auto",
        "use_names": False,
        "network": None,
        "threshold": 0.5,
        "thresholds": None,
        "unknown_rate": 0.5,
    }
    copied = clone(made)
    assert isinstance(copied.encoder, type(encoder))
    assert (copied.use_names, copied.threshold) == (False, 0.5)
    assert made.set_params(threshold=None).threshold is None
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        made.set_params(nonsense=1)


def test_a_clone_with_an_encoder_is_the_same_when_fitted(classifier):
    assert list(clone(classifier).fit(X, Y).predict(QUERIES)) == list(classifier.predict(QUERIES))
    named = clone(OneShotClassifier("hashing")).fit(X, Y)
    assert named.classify(QUERIES) == classifier.classify(QUERIES)


def test_an_encoder_that_is_not_there_is_an_error_of_fit_and_not_before():
    made = OneShotClassifier("./nowhere")
    with pytest.raises(EncoderNotFoundError, match=r"there is no encoder '\./nowhere'"):
        made.fit(X, Y)


def test_fitting_again_forgets(compass):
    fitted = OneShotClassifier(compass, threshold=None).fit({"east": [], "north": []})
    fitted.fit({"south": [], "west": []})
    assert list(fitted.classes_) == ["south", "west"]
    assert list(fitted.predict(["10"])) == ["south"]


def lower(texts):
    return [text.lower() for text in texts]


def test_it_works_in_a_pipeline(classifier):
    pipeline = Pipeline(
        [("lower", FunctionTransformer(lower)), ("classify", OneShotClassifier("hashing"))]
    )
    pipeline.fit(X, Y)
    assert list(pipeline.predict(lower(QUERIES))) == list(classifier.predict(lower(QUERIES)))
    assert pipeline.score(X, Y) == 1.0


@pytest.fixture
def many():
    """Ten texts for each class, that share a word or two with its name."""
    words = {"refund": "money back refund", "parcel": "my parcel late", "login": "password login"}
    texts = [f"{word} {i}" for word in words.values() for i in range(10)]
    return texts, [name for name in words for _ in range(10)]


def test_cross_validation_works(many):
    texts, classes = many
    scores = cross_val_score(OneShotClassifier(HashingEncoder(), threshold=None), texts, classes)
    assert list(scores) == [1.0] * 5
    pandas = cross_val_score(OneShotClassifier("hashing"), pd.Series(texts), pd.Series(classes))
    assert list(pandas) == [1.0] * 5


def test_a_grid_search_finds_threshold_and_names(many):
    texts, classes = many
    grid = {"threshold": ["auto", None, 0.999], "use_names": [True, False]}
    search = GridSearchCV(OneShotClassifier(HashingEncoder()), grid, cv=2).fit(texts, classes)
    by_threshold = dict(
        zip(
            [(p["threshold"], p["use_names"]) for p in search.cv_results_["params"]],
            search.cv_results_["mean_test_score"],
            strict=True,
        )
    )
    assert by_threshold[(None, True)] == 1.0
    assert by_threshold[(0.999, True)] == 0.0  # it always abstains
    assert search.best_params_["threshold"] != 0.999
    assert search.predict(["where is my parcel"]) == ["parcel"]


@pytest.mark.parametrize("how", ["pickle", "joblib"])
def test_a_pickled_one_answers_the_same(classifier, tmp_path, how):
    if how == "pickle":
        again = pickle.loads(pickle.dumps(classifier))
    else:
        joblib.dump(classifier, tmp_path / "model")
        again = joblib.load(tmp_path / "model")
    assert again.classify(QUERIES) == classifier.classify(QUERIES)
    assert list(again.predict(QUERIES)) == list(classifier.predict(QUERIES))


def test_saved_it_is_an_index_for_everybody(classifier, tmp_path):
    assert classifier.save(tmp_path / "index") == 1
    assert Engine.load(tmp_path / "index").classify(QUERIES) == classifier.classify(QUERIES)
    loaded = OneShotClassifier.load(tmp_path / "index")
    assert loaded.classify(QUERIES) == classifier.classify(QUERIES)
    assert list(loaded.predict(QUERIES)) == list(classifier.predict(QUERIES))
    np.testing.assert_array_equal(
        loaded.decision_function(QUERIES), classifier.decision_function(QUERIES)
    )
    assert classifier.save(tmp_path / "index", overwrite=True) == 2


@pytest.mark.parametrize("threshold", ["auto", None, 0.5])
def test_loaded_it_has_the_parameters_that_made_it(tmp_path, threshold):
    made = OneShotClassifier("hashing", use_names=False, threshold=threshold).fit(X, Y)
    made.save(tmp_path / "index")
    loaded = OneShotClassifier.load(tmp_path / "index", encoder="hashing")
    assert loaded.get_params() == made.get_params()
    assert clone(loaded).fit(X, Y).classify(QUERIES) == made.classify(QUERIES)


def test_any_index_can_be_a_classifier(tmp_path, compass):
    engine = Engine.build([Category("east", description="10"), Category("north")], encoder=compass)
    engine.save(tmp_path / "index")
    loaded = OneShotClassifier.load(tmp_path / "index", encoder=compass)
    assert loaded.classify(["5", "80"]) == engine.classify(["5", "80"])
    other = FunctionEncoder(compass.encode, name="another")
    with pytest.raises(EncoderMismatchError, match="was made with encoder 'own:compass'"):
        OneShotClassifier.load(tmp_path / "index", encoder=other)


def test_vectors_of_ones_own_take_the_place_of_texts(classifier):
    encode = HashingEncoder().encode
    own = OneShotClassifier("precomputed", threshold=0.3).fit(encode(X), Y)
    plain = OneShotClassifier(HashingEncoder(), threshold=0.3, use_names=False).fit(X, Y)
    texts = [text for text in QUERIES if text]  # of a blank text a vector says nothing
    assert list(own.predict(encode(texts))) == list(plain.predict(texts))
    np.testing.assert_allclose(
        own.decision_function(encode(texts) * 7), plain.decision_function(texts), atol=1e-6
    )
    [found] = own.classify(encode(["my parcel"]), k=1)
    assert found.matches[0].key.text == "row 1"  # the row of the training data that decided


def test_vectors_given_are_not_changed():
    given = np.array([[3.0, 4.0], [0.0, 2.0]])
    kept = given.copy()
    fitted = OneShotClassifier("precomputed", threshold=None).fit(given, ["a", "b"])
    fitted.decision_function(given)
    fitted.predict(given)
    np.testing.assert_array_equal(given, kept)


def test_vectors_of_ones_own_can_be_saved_and_loaded(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(12, 5))
    made = OneShotClassifier("precomputed", threshold=0.2).fit(vectors, list("abcdef") * 2)
    made.save(tmp_path / "index")
    loaded = OneShotClassifier.load(tmp_path / "index", encoder="precomputed")
    assert list(loaded.predict(vectors)) == list(made.predict(vectors))
    np.testing.assert_array_equal(
        loaded.decision_function(vectors), made.decision_function(vectors)
    )
    assert loaded.get_params() == made.get_params() | {"use_names": False}


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[0.0, 0.0], [1.0, 0.0]], "vector 0 is all zeros and has no direction"),
        ([[np.nan, 0.0], [1.0, 0.0]], "contains NaN"),
        ([[1.0], [1.0, 0.0]], "inhomogeneous"),
        (["a", "b"], "Expected 2D array|could not convert"),
    ],
)
def test_vectors_without_direction_are_refused(vectors, message):
    with pytest.raises(ValueError, match=message):
        OneShotClassifier("precomputed", threshold=None).fit(vectors, ["a", "b"])


def test_vectors_of_other_dimensions_are_refused():
    fitted = OneShotClassifier("precomputed", threshold=None).fit(np.eye(2), ["a", "b"])
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 2"):
        fitted.predict(np.eye(3))
    with pytest.raises(InvalidTextsError, match="needs texts"):
        OneShotClassifier("precomputed").fit({"a": ["b"]})
