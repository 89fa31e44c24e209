import math

import numpy as np
import pytest

from textshot._arrays import unit_rows
from textshot.networks import EXAMPLE, NAME
from textshot.scoring.name_weight import MIN_T_STATISTIC, NameWeight, estimate_name_weight


def episode_keys(names, examples):
    """Return keys, rows and kinds of categories with a name each, and examples (n, k, dim)."""
    keys, rows, kinds = [], [], []
    for row, (name, own) in enumerate(zip(names, examples, strict=True)):
        keys += [name, *own]
        rows += [row] * (1 + len(own))
        kinds += [NAME] + [EXAMPLE] * len(own)
    return unit_rows(np.array(keys)), np.array(rows), np.array(kinds)


def made(n_categories, n_shot, *, near=0.0, wide=1.0, dim=64, seed=0):
    """Make categories whose names share the share `near` of the direction of their examples."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_categories, dim))
    names = near * centres + rng.normal(size=centres.shape)
    examples = centres[:, None] + wide * rng.normal(size=(n_categories, n_shot, dim))
    return episode_keys(names, examples)


def in_loops(keys, rows, kinds):
    """Do as `weigh`, one cosine after the other."""
    categories = sorted(set(rows))
    name = {c: keys[(rows == c) & (kinds == NAME)][0].astype(float) for c in categories}
    texts = [(c, k.astype(float)) for c, k, kind in zip(rows, keys, kinds, strict=True) if kind]
    signal, noise, spread, like, unlike = {c: [] for c in categories}, [], [], [], []
    for i, (own, text) in enumerate(texts):
        others = [text @ name[c] for c in categories if c != own]
        signal[own].append(text @ name[own] - np.mean(others))
        noise.append(np.var(others, ddof=1))
        others = [text @ t for c, t in texts if c != own]
        spread.append(np.var(others, ddof=1))
        unlike.append(np.mean(others))
        like += [text @ t for j, (c, t) in enumerate(texts) if c == own and j != i]
    n, s = len(categories), np.mean([np.mean(each) for each in signal.values()])
    t = s / math.sqrt(np.mean(noise) / n)
    expected = 0.03 + 0.8 * max(s, 0)
    if like:
        known = 1 - n / len(texts)
        expected = known * max(np.mean(like) - np.mean(unlike), 1e-3) + (1 - known) * expected
    doubt = max(0, 1 - 1.5 / t**2) if t > 0 else 0
    floored = max(np.mean(noise), 0.4 * np.mean(spread))
    measured = np.clip(doubt * s / floored / (expected / np.mean(spread)), 0.05, 9)
    return math.exp((n * math.log(measured) + 8 * math.log(1 + 8 / n)) / (n + 8)), t


@pytest.mark.parametrize("n_shot", [1, 2, 5])
@pytest.mark.parametrize("near", [0.0, 0.3, 1.0, 3.0])
def test_the_weight_is_what_loops_find(n_shot, near):
    given = made(7, n_shot, near=near, seed=n_shot)
    found, (expected, evidence) = estimate_name_weight(*given), in_loops(*given)
    assert found.weight == pytest.approx(expected, abs=1e-3)
    assert found.t_statistic == pytest.approx(evidence, abs=1e-3)


def test_uninformative_names_hardly_count():
    found = estimate_name_weight(*made(40, 1, near=0.0))
    assert abs(found.t_statistic) < 3
    opaque = [estimate_name_weight(*made(40, 1, near=0.0, seed=seed)) for seed in range(50)]
    assert np.mean([w.uninformative for w in opaque]) > 0.8
    assert np.median([w.weight for w in opaque]) < 0.15


def test_names_that_are_all_alike_do_not_count_by_their_lack_of_noise():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(50):
        examples = rng.normal(size=(12, 1, 64))
        alike = np.ones(64) + 0.02 * rng.normal(size=(12, 64))
        found.append(estimate_name_weight(*episode_keys(alike, examples)).weight)
    assert max(found) < 1


def test_few_categories_with_an_example_among_many_are_no_few_categories():
    keys, rows, kinds = made(60, 1, near=1.0)
    known = (kinds == NAME) | (rows < 3)
    assert estimate_name_weight(keys[known], rows[known], kinds[known]).weight < 2
    assert estimate_name_weight(*(each[rows < 3] for each in (keys, rows, kinds))).weight > 2


def test_names_that_tell_much_count_much():
    found = estimate_name_weight(*made(40, 5, near=3.0, wide=3.0))
    assert found.t_statistic > 10
    assert found.weight > 2
    assert not found.uninformative


def test_the_better_the_names_the_more_they_count():
    weights = [
        estimate_name_weight(*made(30, 3, near=near)).weight for near in (0.0, 0.3, 1.0, 3.0)
    ]
    assert weights == sorted(weights)
    assert weights[0] < 0.3 < 1 < weights[-1]


def test_the_wider_the_categories_the_more_their_names_count():
    weights = [
        estimate_name_weight(*made(30, 3, near=1.0, wide=wide)).weight for wide in (0.5, 1.0, 2.0)
    ]
    assert weights == sorted(weights)


@pytest.mark.parametrize(("n", "expected"), [(2, 3.0), (1, 1.0)])
def test_of_one_or_two_categories_nothing_can_be_measured(n, expected):
    assert estimate_name_weight(*made(n, 3, near=1.0)) == NameWeight(expected)


def test_names_alone_leave_what_is_known_beforehand():
    names = unit_rows(np.random.default_rng(0).normal(size=(10, 8)))
    assert estimate_name_weight(names, np.arange(10), np.full(10, NAME)) == NameWeight(1.8)


def test_categories_without_a_name_or_an_example_do_not_count():
    keys, rows, kinds = made(8, 2, near=1.0)
    without = np.flatnonzero(~((rows == 3) & (kinds == NAME)) & ~((rows == 5) & (kinds == EXAMPLE)))
    alone = np.flatnonzero((rows != 3) & (rows != 5))
    _, renumbered = np.unique(rows[alone], return_inverse=True)
    expected = estimate_name_weight(keys[alone], renumbered, kinds[alone])
    found = estimate_name_weight(keys[without], rows[without], kinds[without])
    assert found.t_statistic == expected.t_statistic
    # One name more is known beforehand.
    assert found.weight == pytest.approx(expected.weight, rel=0.1)


def test_the_order_of_examples_does_not_show():
    keys, rows, kinds = made(12, 4, near=1.0)
    expected = estimate_name_weight(keys, rows, kinds)
    for seed in range(20):
        chances = np.random.default_rng(seed).random(len(rows))
        order = np.lexsort((chances, kinds, rows))
        assert estimate_name_weight(keys[order], rows[order], kinds[order]) == expected


def test_many_categories_are_looked_at_in_part():
    keys, rows, kinds = made(3000, 1, near=1.0, dim=16)
    found = estimate_name_weight(keys, rows, kinds)
    assert found == estimate_name_weight(keys, rows, kinds)
    assert found.t_statistic > MIN_T_STATISTIC


def test_a_category_with_many_examples_does_not_crowd_out_the_others():
    rng = np.random.default_rng(0)
    names = rng.normal(size=(4, 32))
    examples = [rng.normal(size=(n, 32)) for n in (1, 1, 1, 5000)]
    found = estimate_name_weight(*episode_keys(names, examples))
    assert abs(found.t_statistic) < 5
    assert 0 < found.weight < 3


def test_equal_names_and_equal_examples_are_borne():
    keys = unit_rows(np.ones((12, 4)))
    found = estimate_name_weight(
        keys, np.repeat(np.arange(4), 3), np.tile([NAME, EXAMPLE, EXAMPLE], 4)
    )
    assert math.isfinite(found.weight)
    assert found.uninformative
