"""The estimator and the transformer inside scikit-learn's own tools, with columns of any kind."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from textshot import OneShotClassifier, TextshotEncoder, load_encoder
from textshot.errors import EncoderNotFoundError, InvalidTextsError

TEXTS = [
    "my parcel is late",
    "where is my late order",
    "the parcel is late again",
    "i want my money back",
    "refund my money please",
    "money back for my order",
]
LABELS = ["late"] * 3 + ["refund"] * 3
COLUMNS = {
    "list": lambda texts: texts,
    "numpy": np.array,
    "numpy objects": lambda texts: np.array(texts, dtype=object),
    "pandas": pd.Series,
    "pandas strings": lambda texts: pd.Series(texts, dtype="string"),
    "pandas arrow": lambda texts: pd.Series(texts, dtype="string[pyarrow]"),
    "pandas categories": lambda texts: pd.Series(texts, dtype="category"),
    "pandas frame": lambda texts: pd.DataFrame({"text": texts}),
    "polars": pl.Series,
    "polars frame": lambda texts: pl.DataFrame({"text": texts}),
    "arrow": pa.array,
    "arrow large": lambda texts: pa.array(texts, pa.large_string()),
    "arrow chunks": lambda texts: pa.chunked_array([texts[:2], texts[2:]]),
    "arrow table": lambda texts: pa.table({"text": texts}),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_of_any_kind_are_texts(kind):
    X = COLUMNS[kind](TEXTS)
    expected = OneShotClassifier("hashing").fit(TEXTS, LABELS).decision_function(TEXTS)
    found = OneShotClassifier("hashing").fit(X, LABELS).decision_function(X)
    np.testing.assert_array_equal(found, expected)
    vectors = TextshotEncoder("hashing").fit_transform(X)
    np.testing.assert_array_equal(vectors, load_encoder("hashing").encode(TEXTS))
    scores = cross_val_score(OneShotClassifier("hashing"), X, LABELS, cv=3)
    np.testing.assert_array_equal(
        scores, cross_val_score(OneShotClassifier("hashing"), TEXTS, LABELS, cv=3)
    )


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "numpy"])
def test_labels_may_be_a_column_too(kind):
    y = COLUMNS[kind](LABELS)
    found = OneShotClassifier("hashing").fit(TEXTS, y).predict(TEXTS)
    assert found.tolist() == OneShotClassifier("hashing").fit(TEXTS, LABELS).predict(TEXTS).tolist()


@pytest.mark.parametrize("column", [pd.Series, pl.Series, pa.array])
def test_a_missing_text_is_named(column):
    with pytest.raises(InvalidTextsError, match=r"text 1 is missing"):
        OneShotClassifier("hashing").fit(column(["parcel", None]), ["a", "b"])
    with pytest.raises(InvalidTextsError, match=r"text 1 is missing"):
        TextshotEncoder("hashing").fit_transform(column(["parcel", None]))


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, pa.table])
def test_two_columns_are_refused_by_their_names(table):
    with pytest.raises(InvalidTextsError, match=r"X has 2 columns \(id, text\), and texts are one"):
        OneShotClassifier("hashing").fit(table({"id": TEXTS, "text": TEXTS}), LABELS)


def test_the_classifier_behind_a_column_transformer():
    frame = pd.DataFrame({"id": range(6), "text": TEXTS})
    chosen = ColumnTransformer([("text", "passthrough", ["text"])])
    model = make_pipeline(chosen, OneShotClassifier("hashing")).fit(frame, LABELS)
    bare = OneShotClassifier("hashing").fit(TEXTS, LABELS)
    assert model.predict(frame).tolist() == bare.predict(TEXTS).tolist()


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_the_embedding_beside_other_features(frame):
    table = frame({"text": TEXTS, "hour": [1.0, 2.0, 3.0, 20.0, 21.0, 22.0]})
    features = ColumnTransformer(
        [("words", TextshotEncoder("hashing"), "text"), ("hour", StandardScaler(), ["hour"])]
    )
    model = make_pipeline(features, LogisticRegression()).fit(table, LABELS)
    assert model.predict(table).tolist() == LABELS
    names = model[0].get_feature_names_out()
    assert (names[0], names[-1]) == ("words__textshotencoder0", "hour__hour")
    assert len(names) == load_encoder("hashing").dim + 1


def test_embeddings_of_a_pipeline_are_what_a_precomputed_classifier_takes():
    model = make_pipeline(TextshotEncoder("hashing"), OneShotClassifier("precomputed"))
    bare = OneShotClassifier("hashing", use_names=False).fit(TEXTS, LABELS)
    np.testing.assert_allclose(
        model.fit(TEXTS, LABELS).decision_function(TEXTS), bare.decision_function(TEXTS), atol=1e-6
    )


def test_a_grid_over_key_attention_and_threshold():
    grid = {
        "key_attention": ["auto", "off"],
        "threshold": [None, "auto", 0.99],
        "use_names": [True, False],
    }
    search = GridSearchCV(OneShotClassifier(load_encoder("hashing")), grid, cv=3)
    search.fit(TEXTS, LABELS)
    assert len(search.cv_results_["params"]) == 12
    assert search.best_params_["threshold"] != 0.99  # nothing is that near: all would be unknown
    assert search.best_estimator_.key_attention == search.best_params_["key_attention"]
    assert search.predict(["my parcel"]).tolist() == ["late"]


def test_key_attention_reaches_the_engine_and_come_back_from_disk(tmp_path):
    for key_attention in ("auto", "off"):
        model = OneShotClassifier("hashing", key_attention=key_attention).fit(TEXTS, LABELS)
        assert (model.engine_.index.state.attention_share is None) == (key_attention == "off")
        model.save(tmp_path / key_attention)
        assert OneShotClassifier.load(tmp_path / key_attention).key_attention == key_attention
    with pytest.raises(
        InvalidTextsError, match=r"key_attention is 'max'; 'auto' or 'off' is needed"
    ):
        OneShotClassifier("hashing", key_attention="max").fit(TEXTS, LABELS)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_probabilities(method):
    model = CalibratedClassifierCV(
        OneShotClassifier("hashing", threshold=None), cv=3, method=method
    ).fit(TEXTS, LABELS)
    found = model.predict_proba(TEXTS)
    assert found.shape == (6, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert model.predict(TEXTS).tolist() == LABELS


def test_cross_validated_answers_may_be_unknown():
    found = cross_val_predict(OneShotClassifier("hashing", threshold=0.99), TEXTS, LABELS, cv=3)
    assert found.tolist() == ["unknown"] * 6


def test_it_is_shown_as_a_diagram_without_its_texts():
    model = make_pipeline(
        TextshotEncoder(load_encoder("hashing")), OneShotClassifier("precomputed")
    )
    for shown in (model._repr_html_(), model.fit(TEXTS, LABELS)._repr_html_()):
        assert "OneShotClassifier" in shown
        assert "HashingEncoder(&#x27;hashing&#x27;)" in shown
        assert not any(text in shown for text in TEXTS)
    assert repr(OneShotClassifier(load_encoder("hashing"))) == (
        "OneShotClassifier(encoder=HashingEncoder('hashing'))"
    )


def test_the_transformer_is_cloned_pickled_and_asked_before_fit():
    transformer = TextshotEncoder("hashing")
    with pytest.raises(NotFittedError, match=r"not fitted yet"):
        transformer.transform(TEXTS)
    fitted = clone(transformer).fit(TEXTS)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(TEXTS), fitted.transform(TEXTS))
    assert not hasattr(transformer, "encoder_")
    with pytest.raises(EncoderNotFoundError, match=r"nowhere"):
        TextshotEncoder("nowhere").fit(TEXTS)


def test_the_transformer_gives_frames_where_they_are_asked_for():
    frame = TextshotEncoder("hashing").set_output(transform="pandas").fit_transform(TEXTS)
    assert list(frame.columns[:2]) == ["textshotencoder0", "textshotencoder1"]
    assert frame.dtypes.unique().tolist() == [np.float32]


def test_the_real_encoder_embeds_as_the_library_does(real_encoder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = TextshotEncoder(real_encoder).fit_transform(TEXTS)
    np.testing.assert_array_equal(found, real_encoder.encode(TEXTS))
    assert repr(real_encoder).startswith("SentenceTransformerEncoder('")
