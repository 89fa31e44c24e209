"""scikit-learn's own estimator checks on OneShotClassifier, and which of them do not apply.

With "precomputed" X is an array of numbers, so the whole set runs. With texts scikit-learn skips
every check but one by itself, as all its data are numbers; the checks below that do not depend on
the data, or that can be given texts, run here by name.
"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from textshot import OneShotClassifier
from textshot.testing import HashingEncoder

SKIPPED = {
    "check_estimators_dtypes": (
        "its integer data holds a row of zeros, and a vector of zeros has no direction: that is an"
        " error with the number of the row, as a cosine with it means nothing"
    ),
}
"""The checks that fail with "precomputed", each with its reason. Array API input is off in
scikit-learn itself unless SCIPY_ARRAY_API is set, and skipped there."""

ON_TEXTS = [
    checks.check_do_not_raise_errors_in_init_or_set_params,
    checks.check_estimator_cloneable,
    checks.check_estimator_repr,
    checks.check_estimator_tags_renamed,
    checks.check_get_params_invariance,
    checks.check_mixin_order,
    checks.check_no_attributes_set_in_init,
    checks.check_parameters_default_constructible,
    checks.check_set_params,
    checks.check_valid_tag_types,
]
"""The checks that make sense on texts as they stand: all that need no data."""

DATA = "its data are random numbers; the same promise on texts is a test here or in test_classifier"
SKIPPED_ON_TEXTS = {
    "check_classifier_data_not_an_array": DATA,
    "check_classifiers_classes": DATA,
    "check_classifiers_one_label": DATA,
    "check_classifiers_regression_target": DATA,
    "check_classifiers_train": DATA,
    "check_dict_unchanged": DATA,
    "check_dont_overwrite_parameters": DATA,
    "check_estimators_fit_returns_self": DATA,
    "check_estimators_overwrite_params": DATA,
    "check_estimators_pickle": DATA,
    "check_estimators_unfitted": DATA,
    "check_fit_check_is_fitted": DATA,
    "check_fit_idempotent": DATA,
    "check_fit_score_takes_y": DATA,
    "check_fit2d_1sample": DATA,
    "check_methods_sample_order_invariance": DATA,
    "check_methods_subset_invariance": DATA,
    "check_pipeline_consistency": DATA,
    "check_readonly_memmap_input": DATA,
    "check_requires_y_none": DATA,
    "check_supervised_y_2d": DATA,
    "check_supervised_y_no_nan": DATA,
    "check_array_api_input": "texts are no array API input",
    "check_classifiers_one_label_sample_weights": "there are no sample weights",
    "check_complex_data": "texts are not numbers",
    "check_decision_proba_consistency": "there are no probabilities",
    "check_dtype_object": "an array of objects that are strings is what texts come in",
    "check_estimator_sparse_array": "texts are not numbers",
    "check_estimator_sparse_matrix": "texts are not numbers",
    "check_estimator_sparse_tag": "texts are not numbers",
    "check_estimators_dtypes": "texts are not numbers",
    "check_estimators_empty_data_messages": "texts have no features",
    "check_estimators_nan_inf": "texts are not numbers",
    "check_estimators_partial_fit_n_features": "texts have no features",
    "check_f_contiguous_array_estimator": "texts have one dimension",
    "check_fit1d": "one dimension is what texts have",
    "check_fit2d_1feature": "texts have no features",
    "check_fit2d_predict1d": "one dimension is what texts have",
    "check_n_features_in": "texts have no features",
    "check_n_features_in_after_fitting": "texts have no features",
    "check_non_transformer_estimators_n_iter": "there are no iterations",
    "check_positive_only_tag_during_fit": "texts are not numbers",
}


@parametrize_with_checks(
    [OneShotClassifier("precomputed", threshold=None)],
    expected_failed_checks=lambda estimator: SKIPPED,
    xfail_strict=True,
)
def test_scikit_learn_is_content(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", ON_TEXTS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("threshold", ["auto", None])
def test_scikit_learn_is_content_with_texts(check, threshold):
    check("OneShotClassifier", OneShotClassifier(HashingEncoder(), threshold=threshold))


def test_every_check_of_scikit_learn_runs_on_texts_or_is_listed():
    every = checks._yield_all_checks(OneShotClassifier("precomputed"), legacy=True)
    names = {checks._check_name(check) for check in every} | {"check_estimator_cloneable"}
    run = {check.__name__ for check in ON_TEXTS}
    assert names - run == set(SKIPPED_ON_TEXTS)


TEXTS = [f"{word} number {i}" for i in range(6) for word in ("parcel", "refund", "login")]
CLASSES = ["late", "money", "account"] * 6


@pytest.fixture
def classifier():
    return OneShotClassifier(HashingEncoder(), threshold=None)


def test_on_texts_fit_returns_self_and_sets_no_parameter(classifier):
    before = dict(vars(classifier))
    assert classifier.fit(TEXTS, CLASSES) is classifier
    assert {name: vars(classifier)[name] for name in before} == before
    assert set(vars(classifier)) - set(before) == {"engine_", "classes_"}


def test_on_texts_predicting_changes_nothing(classifier):
    classifier.fit(TEXTS, CLASSES)
    before = dict(vars(classifier))
    classifier.predict(TEXTS)
    classifier.decision_function(TEXTS)
    assert vars(classifier) == before


def test_on_texts_fitting_twice_is_fitting_once(classifier):
    first = classifier.fit(TEXTS, CLASSES).decision_function(TEXTS)
    np.testing.assert_array_equal(classifier.fit(TEXTS, CLASSES).decision_function(TEXTS), first)


@pytest.mark.parametrize("method", ["predict", "decision_function"])
def test_on_texts_order_and_neighbours_do_not_matter(classifier, method):
    answer = getattr(classifier.fit(TEXTS, CLASSES), method)
    whole = answer(TEXTS)
    order = np.random.default_rng(0).permutation(len(TEXTS))
    np.testing.assert_array_equal(answer(np.array(TEXTS)[order]), whole[order])
    alone = np.concatenate([answer([text]) for text in TEXTS])
    if method == "predict":
        np.testing.assert_array_equal(alone, whole)
    else:
        np.testing.assert_allclose(alone, whole, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2])
def test_on_texts_one_sample_or_one_class_is_enough(classifier, n):
    classifier.fit(TEXTS[:n], ["late"] * n)
    assert list(classifier.predict(TEXTS)) == ["late"] * len(TEXTS)
    assert classifier.score(TEXTS[:n], ["late"] * n) == 1.0


def test_on_texts_a_column_of_classes_is_taken_with_a_warning(classifier):
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        classifier.fit(TEXTS, np.array(CLASSES)[:, None])
    assert list(classifier.predict(TEXTS)) == CLASSES


def test_on_texts_read_only_input_is_enough(classifier):
    texts = np.array(TEXTS, dtype=object)
    texts.flags.writeable = False
    assert list(classifier.fit(texts, CLASSES).predict(texts)) == CLASSES
