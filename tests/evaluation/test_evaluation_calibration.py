import numpy as np
import pytest

from textshot.errors import InvalidTextsError
from textshot.evaluation import brier_score, calibration_error, risk_coverage


def test_the_calibration_error_by_pencil():
    # One bin (14/15 to 1) of three: 0.95 on average, two of three right. One bin of one.
    said, right = [0.95, 0.94, 0.96, 0.1], [True, True, False, False]
    expected = (3 * abs(0.95 - 2 / 3) + 0.1) / 4
    assert calibration_error(said, right) == pytest.approx(expected)
    assert calibration_error([1.0, 0.0], [True, False]) == 0
    assert calibration_error([1.0, 0.0], [False, True]) == 1


def test_honest_probabilities_have_a_small_error():
    rng = np.random.default_rng(0)
    said = rng.random(50_000)
    assert calibration_error(said, rng.random(50_000) < said) < 0.01
    assert calibration_error(said, rng.random(50_000) < said**2) > 0.1


def test_the_brier_score_by_pencil():
    assert brier_score([1.0, 0.5, 0.2], [True, False, False]) == pytest.approx(0.29 / 3)


def test_risk_and_coverage_by_pencil():
    found = risk_coverage([0.9, 0.2, 0.7, 0.8], [True, False, True, False])
    np.testing.assert_allclose(found, [0, 1 / 2, 1 / 3, 1 / 2])


def test_equally_sure_answers_count_as_their_mean_in_any_order():
    said, right = np.array([0.5, 0.5, 0.9]), np.array([True, False, True])
    np.testing.assert_allclose(risk_coverage(said, right), [0, 1 / 4, 1 / 3])
    np.testing.assert_allclose(risk_coverage(said[[1, 0, 2]], right[[1, 0, 2]]), [0, 1 / 4, 1 / 3])


@pytest.mark.parametrize(
    ("said", "right", "match"),
    [
        ([], [], "one at least, are needed"),
        ([0.5], [True, False], r"shape \(1,\), right of shape \(2,\)"),
        ([1.5], [True], "outside 0 to 1"),
        ([float("nan")], [True], "or not a number"),
    ],
)
def test_what_cannot_be_judged_is_refused(said, right, match):
    for function in (calibration_error, brier_score, risk_coverage):
        with pytest.raises(InvalidTextsError, match=match):
            function(said, right)
