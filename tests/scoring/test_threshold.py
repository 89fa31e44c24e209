import math

import numpy as np
import pytest

from textshot.scoring.threshold import (
    MIN_CATEGORIES,
    derive,
    is_in_scope,
    leave_one_category_out,
    threshold_for_rate,
)


def at(*degrees):
    angles = np.radians(np.asarray(degrees, np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def cos(degrees):
    return pytest.approx(math.cos(math.radians(degrees)), abs=1e-6)


def cosines(vectors):
    """What a plain network scores by, and how many categories there are."""
    return lambda queries: queries @ vectors.T, len(vectors)


def each(vectors):
    """One support for each category: its own vector."""
    return vectors, np.arange(len(vectors)), *cosines(vectors)


# Leaving a category out


def test_each_support_is_scored_against_the_nearest_category_but_its_own():
    scores = leave_one_category_out(*each(at(0, 20, 90)))
    assert scores.tolist() == [cos(20), cos(20), cos(70)]
    assert scores.dtype == np.float32


def test_several_supports_leave_out_the_same_category():
    scores = leave_one_category_out(at(-10, 10, 85), np.array([0, 0, 1]), *cosines(at(0, 90)))
    assert scores.tolist() == [cos(100), cos(80), cos(85)]


@pytest.mark.parametrize("n", [0, 1])
def test_one_category_leaves_nothing_to_compare_with(n):
    assert leave_one_category_out(*each(at(*range(n)))).shape == (0,)


def test_scores_are_cosines_even_of_equal_rows():
    rows = np.random.default_rng(0).normal(size=(500, 1, 64))
    rows = (rows / np.linalg.norm(rows, axis=2, keepdims=True)).astype(np.float32)
    best = [leave_one_category_out(*each(np.repeat(row, 2, axis=0))).max() for row in rows]
    assert max(best) == 1
    assert max(derive(*each(np.repeat(row, 5, axis=0))).threshold for row in rows) == 1


def many(n, seed=0):
    rng = np.random.default_rng(seed)
    return (
        at(*rng.uniform(0, 360, n)),
        rng.integers(0, 6, n),
        *cosines(at(0, 20, 90, 180, 200, 300)),
    )


def test_up_to_a_thousand_supports_are_all_used():
    assert len(leave_one_category_out(*many(1000))) == 1000


def test_of_more_than_a_thousand_supports_a_seeded_sample_is_taken():
    supports, rows, *scored = many(1500)
    first = leave_one_category_out(supports, rows, *scored, seed=1)
    assert len(first) == 1000
    np.testing.assert_array_equal(first, leave_one_category_out(supports, rows, *scored, seed=1))
    other = leave_one_category_out(supports, rows, *scored, seed=2)
    assert not np.array_equal(first, other)
    whole = [leave_one_category_out(supports[[i]], rows[[i]], *scored)[0] for i in range(1500)]
    assert np.abs(first[:, None] - np.array(whole)).min(axis=1).max() < 1e-6


def test_a_few_supports_are_scored_at_a_time_where_there_are_many_categories(monkeypatch):
    supports, rows, score, n_way = many(1000)
    whole = leave_one_category_out(supports, rows, score, n_way)
    monkeypatch.setattr("textshot.scoring.threshold._BLOCK", 42)
    sizes = []

    def counted(queries):
        sizes.append(len(queries))
        return score(queries)

    found = leave_one_category_out(supports, rows, counted, n_way)
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-6)
    assert sizes == [7] * 142 + [6]


def test_a_derived_threshold_is_the_same_each_time():
    assert derive(*many(1500)) == derive(*many(1500))
    assert derive(*many(1500)).n_scores == 1000
    assert derive(*many(1500), seed=1) != derive(*many(1500), seed=2)


# The threshold

FIVE = at(0, 20, 90, 180, 270)  # their nearest others are 20, 20, 70, 90 and 90 degrees away


def test_with_enough_categories_the_median_of_the_scores_is_the_threshold():
    found = derive(*each(FIVE))
    assert len(FIVE) == MIN_CATEGORIES
    assert found.threshold == cos(70)
    assert (found.method, found.n_way, found.n_scores) == ("leave-one-category-out median", 5, 5)
    assert not found.guess
    assert not found.stale


def test_with_enough_categories_the_background_says_nothing():
    assert derive(*each(FIVE), at(0, 1, 2)) == derive(*each(FIVE))


# 21 unrelated sentences: 19 at 90 degrees, one at 60 and one at 20. The 95 % quantile is the last
# but one.
BACKGROUND = at(*[90] * 19, 60, 20)


def test_with_few_categories_it_is_what_unrelated_sentences_stay_below_and_a_guess():
    found = derive(*each(at(0)), BACKGROUND)
    assert found.threshold == cos(60)
    assert (found.method, found.n_way, found.n_scores) == ("background sentences, 95 %", 1, 21)
    assert found.guess


def test_an_unrelated_sentence_counts_with_its_nearest_category():
    assert derive(*each(at(0, 270)), BACKGROUND).threshold == cos(60)
    assert derive(*each(at(0, 100)), BACKGROUND).threshold == cos(10)


def test_with_few_categories_that_are_near_each_other_their_median_is_the_threshold():
    found = derive(*each(at(0, -20)), BACKGROUND)
    assert found.threshold == cos(20)
    assert found.guess


def test_four_categories_are_few_and_five_are_enough():
    assert derive(*each(FIVE[:4]), BACKGROUND).guess
    assert not derive(*each(FIVE), BACKGROUND).guess


@pytest.mark.parametrize("n", [0, 1, 4])
def test_few_categories_without_background_always_answer(n):
    found = derive(*each(at(*range(n))))
    assert (found.threshold, found.guess) == (None, True)
    assert found.method == "none: too few categories"
    assert (found.n_way, found.n_scores) == (n, 0 if n < 2 else n)


def test_no_categories_have_no_threshold():
    found = derive(*each(np.empty((0, 2), np.float32)), BACKGROUND)
    assert (found.threshold, found.n_way) == (None, 0)


# The rejection rate


def n_rejected(scores, rate):
    return int((scores < np.float32(threshold_for_rate(scores, rate))).sum())


@pytest.mark.parametrize("n", [1, 2, 7, 10, 100])
def test_a_rate_rejects_that_share_of_the_scores(n):
    scores = np.random.default_rng(0).permutation(np.linspace(0.1, 0.99, n)).astype(np.float32)
    for rejected in range(n + 1):
        assert n_rejected(scores, rejected / n) == rejected


def test_a_rate_between_two_scores_rejects_the_nearest_number_and_of_a_half_the_lower():
    scores = np.linspace(0.1, 0.9, 5).astype(np.float32)
    rates = (0.09, 0.1, 0.11, 0.29, 0.31, 0.69, 0.71, 0.91)
    assert [n_rejected(scores, rate) for rate in rates] == [0, 0, 1, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("n", [1, 2, 5, 6, 21])
def test_half_of_the_scores_are_as_many_as_their_median_rejects(n):
    scores = np.linspace(-0.5, 0.9, n).astype(np.float32)
    assert n_rejected(scores, 0.5) == (scores < np.median(scores)).sum()


def test_the_threshold_of_a_rate_is_the_lowest_one():
    scores = np.array([0.5, 0.25, 0.75, 0.25], np.float32)
    assert threshold_for_rate(scores, 0.0) == -1.0
    assert threshold_for_rate(scores, 0.75) == np.nextafter(np.float32(0.5), np.float32(2))
    assert n_rejected(scores, 0.25) == 2  # equal scores are rejected together
    assert (
        threshold_for_rate(np.ones(4, np.float32), 1.0) == 1.0
    )  # and no threshold is higher than a cosine


# Known or not


def test_a_score_that_reaches_its_threshold_is_known():
    scores = np.array([0.5, 0.4999, 0.9, 0.1], np.float32)
    thresholds = np.array([0.5, 0.5, 0.95, -1], np.float32)
    assert is_in_scope(scores, thresholds).tolist() == [True, False, False, True]


def test_without_thresholds_all_is_known():
    assert is_in_scope(np.array([-1.0, 0.0], np.float32), None).tolist() == [True, True]
    assert is_in_scope(np.empty(0, np.float32), None).dtype == bool
