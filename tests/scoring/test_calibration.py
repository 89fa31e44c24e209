"""Probabilities and the threshold from labelled texts."""

import numpy as np
import pytest

from textshot.scoring.calibration import Calibration, best_threshold, fit_calibration, probabilities


def drawn(n, n_categories, scale, none=None, seed=0):
    """Draw scores, and truths as likely as softmax(scale * score) says."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.2, 0.15, (n, n_categories)).astype(np.float32)
    logits = scale * scores.astype(np.float64)
    if none is not None:
        logits = np.concatenate([logits, np.full((n, 1), scale * none)], axis=1)
    calibration = np.exp(logits)
    shares = calibration / calibration.sum(axis=1, keepdims=True)
    truths = np.array([rng.choice(len(row), p=row) for row in shares])
    return scores, np.where(truths == n_categories, -1, truths)


def test_the_temperature_that_made_the_truths_is_found():
    found = fit_calibration(*drawn(20_000, 8, scale=15.0))
    assert found.unknown is None
    assert 1 / found.temperature == pytest.approx(15, rel=0.05)


def test_the_score_of_fitting_none_is_estimated_too():
    found = fit_calibration(*drawn(20_000, 8, scale=15.0, none=0.4))
    assert 1 / found.temperature == pytest.approx(15, rel=0.05)
    assert found.unknown == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("none", [None, 0.4])
def test_no_other_odds_are_likelier(none):
    scores, truths = drawn(400, 6, scale=12.0, none=none, seed=1)
    outcome = np.where(truths < 0, 6, truths)

    def likelihood(calibration):
        shares = probabilities(scores, calibration)
        whole = np.concatenate([shares, 1 - shares.sum(axis=1, keepdims=True)], axis=1)
        return np.log(whole[np.arange(400), outcome]).mean()

    found = fit_calibration(scores, truths)
    best = likelihood(found)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert likelihood(Calibration(found.temperature * factor, found.unknown)) < best
        if none is not None:
            assert likelihood(Calibration(found.temperature, found.unknown * factor)) < best


def test_probabilities_by_pencil():
    scores = np.log(np.array([[1.0, 2.0, 5.0]], np.float32))
    np.testing.assert_allclose(
        probabilities(scores, Calibration(1.0)), [[1 / 8, 2 / 8, 5 / 8]], atol=1e-6
    )
    with_none = probabilities(scores, Calibration(1.0, unknown=float(np.log(2.0))))
    np.testing.assert_allclose(with_none, [[0.1, 0.2, 0.5]], atol=1e-6)


def test_truths_that_every_score_foresees_give_a_finite_temperature():
    scores = np.eye(4, dtype=np.float32)[np.tile(np.arange(4), 20)]
    found = fit_calibration(scores, np.tile(np.arange(4), 20))
    assert 0 < found.temperature < 0.1
    assert 0.999 < probabilities(scores, found).max() <= 1


def test_truths_that_no_score_foresees_give_a_flat_guess():
    scores, _ = drawn(3000, 4, scale=1.0)
    truths = np.random.default_rng(1).integers(0, 4, 3000)
    shares = probabilities(scores, fit_calibration(scores, truths))
    np.testing.assert_allclose(shares, 0.25, atol=0.1)


@pytest.mark.parametrize("seed", range(6))
def test_scores_that_mislead_end_at_the_bound_and_the_rest_is_the_likeliest(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.2, 0.2, (300, 6)).astype(np.float32)
    truths = scores.argmin(axis=1)  # the least likely one is always the truth
    truths[rng.random(300) < 0.2] = -1
    found = fit_calibration(scores, truths)
    assert 1 / found.temperature == pytest.approx(1e-3)
    # Then every category is as likely as the others, and "none" as often as it was.
    none = 1 - probabilities(scores, found).sum(axis=1)
    np.testing.assert_allclose(none, (truths < 0).mean(), atol=0.01)


def test_the_threshold_by_pencil():
    best = np.array([0.9, 0.8, 0.5, 0.3], np.float32)
    right = np.array([True, True, False, True])
    foreign = np.array([0.2, 0.6], np.float32)
    # At 0.7: two of four answered rightly, both others rejected: 0.5 + 1. At 0.25: 0.75 + 0.5.
    assert best_threshold(best, right, foreign) == pytest.approx(0.7)
    # With one foreign text more, at 0.85, it is 0.5 + 2/3 at 0.7, and 0.25 + 1 at 0.875.
    more = np.append(foreign, np.float32(0.85))
    assert best_threshold(best, right, more) == pytest.approx(0.875)


def test_without_a_right_answer_everything_is_rejected():
    best, none = np.array([0.5, 0.6], np.float32), np.array([False, False])
    assert best_threshold(best, none, np.array([0.55], np.float32)) > 0.55
