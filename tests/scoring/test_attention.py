import math
import statistics

import numpy as np
import pytest

from textshot._arrays import unit_rows
from textshot.errors import InvalidCategoriesError
from textshot.networks import DESCRIPTION, EXAMPLE, NAME, make_network
from textshot.networks.base import MAX_SCALE, MIN_SCALE, SCALE
from textshot.scoring import attention
from textshot.scoring.attention import Attention, attend, find_attention_share
from textshot.scoring.prototypes import category_prototypes, prototype


def soft(cosines, weights, scale):
    """Do as `attend` for one text and one category."""
    sums = sum(w * math.exp(scale * c) for c, w in zip(cosines, weights, strict=True))
    return math.log(sums / sum(weights)) / scale


# Attention by pencil.


@pytest.mark.parametrize("scale", [MIN_SCALE, SCALE, MAX_SCALE])
@pytest.mark.parametrize("weight", [0.05, 1.0, 9.0])
def test_the_attention_of_one_key_is_its_cosine(scale, weight):
    cosines = np.array([[0.3, -1.0, 1.0], [0.0, 0.5, -0.5]])
    found = attend(cosines, np.arange(3), np.full(3, weight), scale)
    np.testing.assert_allclose(found, cosines, atol=1e-12)


def test_equal_cosines_are_what_comes_out_whatever_the_weights():
    rows, weights = np.array([0, 0, 0, 1, 1]), np.array([1.0, 5.0, 0.2, 3.0, 7.0])
    found = attend(np.array([[0.4, 0.4, 0.4, -0.6, -0.6]]), rows, weights, SCALE)
    np.testing.assert_allclose(found, [[0.4, -0.6]], atol=1e-12)


def test_a_key_of_twice_the_weight_counts_as_two():
    twice = attend(np.array([[0.7, 0.2]]), np.zeros(2, int), np.array([1.0, 2.0]), SCALE)
    two = attend(np.array([[0.7, 0.2, 0.2]]), np.zeros(3, int), np.ones(3), SCALE)
    np.testing.assert_allclose(twice, two, atol=1e-12)
    assert twice[0, 0] == pytest.approx(math.log((math.exp(14) + 2 * math.exp(4)) / 3) / 20)


def test_a_key_without_weight_is_not_there():
    rows, cosines = np.array([0, 0, 0, 1]), np.array([[0.2, 1.0, 0.4, 0.1]])
    found = attend(cosines, rows, np.array([1.0, 0.0, 1.0, 1.0]), SCALE)
    left = attend(cosines[:, [0, 2, 3]], rows[[0, 2, 3]], np.ones(3), SCALE)
    np.testing.assert_allclose(found, left, atol=1e-12)


def test_the_best_key_can_be_without_weight_however_far_away_the_others_are():
    found = attend(np.array([[1.0, -1.0]]), np.zeros(2, int), np.array([0.0, 1.0]), MAX_SCALE)
    np.testing.assert_allclose(found, [[-1.0]], atol=1e-12)


@pytest.mark.parametrize("scale", [MIN_SCALE, SCALE, MAX_SCALE])
def test_attention_lies_between_the_mean_and_the_largest_cosine(scale):
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(6), [1, 2, 3, 5, 8, 13])
    cosines, weights = rng.uniform(-1, 1, (40, 32)), rng.uniform(0.1, 9, 32)
    found = attend(cosines, rows, weights, scale)
    assert found.shape == (40, 6)
    for row in range(6):
        mine = rows == row
        mean = np.average(cosines[:, mine], axis=1, weights=weights[mine])
        assert (found[:, row] >= mean - 1e-12).all()
        assert (found[:, row] <= cosines[:, mine].max(axis=1) + 1e-12).all()
        slowly = [soft(line, weights[mine], scale) for line in cosines[:, mine]]
        np.testing.assert_allclose(found[:, row], slowly, atol=1e-12)


def test_weights_for_each_text_are_those_of_its_row():
    rng = np.random.default_rng(1)
    rows = np.array([0, 0, 1, 1, 1, 2])
    cosines, weights = rng.uniform(-1, 1, (7, 6)), rng.uniform(0.1, 2, (7, 6))
    found = attend(cosines, rows, weights, SCALE)
    single = [attend(cosines[[i]], rows, weights[i], SCALE)[0] for i in range(7)]
    np.testing.assert_array_equal(found, single)


# A part of every score.


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("scale", [MIN_SCALE, SCALE])
def test_mixed_is_what_loops_find(share, scale):
    rng = np.random.default_rng(2)
    rows = np.array([0, 0, 1, 2, 2, 2])
    keys, queries = unit_rows(rng.normal(size=(6, 5))), unit_rows(rng.normal(size=(9, 5)))
    scores, weights = rng.uniform(-1, 1, (9, 3)).astype(np.float32), rng.uniform(0.1, 3, 6)
    found = Attention(share, weights, scale).mix(scores, queries, keys, rows)
    assert (found.dtype, found.shape) == (np.float32, (9, 3))
    for i, query in enumerate(queries):
        for row in range(3):
            cosines = [float(query @ key) for key in keys[rows == row]]
            expected = (1 - share) * scores[i, row]
            expected += share * soft(cosines, weights[rows == row], scale)
            assert found[i, row] == pytest.approx(expected, abs=1e-6)


# The share that is found.


def made(n_categories=6, n_shot=30, *, clusters=1, wide=0.5, dim=16, seed=0, names=True):
    """Make categories of clusters far apart, with names that tell nothing: keys, rows, kinds."""
    rng = np.random.default_rng(seed)
    centres = unit_rows(rng.normal(size=(n_categories * clusters, dim)))
    centres = centres.reshape(n_categories, clusters, dim)[:, np.arange(n_shot) % clusters]
    keys = centres + wide * rng.normal(size=centres.shape) / math.sqrt(dim)
    kinds = [NAME] * names + [EXAMPLE] * n_shot
    if names:
        keys = np.concatenate([rng.normal(size=(n_categories, 1, dim)), keys], axis=1)
    rows = np.repeat(np.arange(n_categories), len(kinds))
    return unit_rows(keys.reshape(-1, dim)), rows, np.tile(kinds, n_categories)


def share_of(keys, rows, kinds, weights=None, scale=SCALE):
    given = np.ones(len(keys)) if weights is None else weights
    return find_attention_share(keys, rows, kinds, Attention(1.0, given, scale))


# A text at 0 degrees: 0.707 from the one vector, at 45, and 1 - log(2) / 20 from the keys; half of
# each is 0.836, a quarter and three quarters 0.772. Against the cosine of `other`.
@pytest.mark.parametrize(("other", "share"), [(225, 0), (48, 0.25), (42, 0.25), (35, 0.5), (30, 0)])
def test_the_share_is_the_smallest_one_that_reads_best(other, share):
    degrees = np.radians([0] * 40 + [90] * 40 + [other] * 40)
    keys = np.stack([np.cos(degrees), np.sin(degrees)], axis=1).astype(np.float32)
    assert share_of(keys, np.repeat([0, 1], [80, 40]), np.full(120, EXAMPLE)) == share


@pytest.mark.parametrize("seed", range(5))
def test_categories_of_two_things_get_a_share_and_fresh_texts_are_read_better(seed):
    keys, rows, kinds = made(8, 60, clusters=2, wide=1.2, seed=seed, names=False)
    known = np.arange(len(keys)) % 60 < 30
    texts, truths = keys[~known], rows[~known]
    keys, rows, kinds = keys[known], rows[known], kinds[known]
    share = share_of(keys, rows, kinds)
    assert share > 0
    fused = texts @ category_prototypes(make_network("matching"), keys, rows, kinds).T
    mixed = Attention(share, np.ones(len(keys))).mix(fused, texts, keys, rows)
    before, after = (np.mean(scores.argmax(axis=1) == truths) for scores in (fused, mixed))
    assert after > before + 0.03


@pytest.mark.parametrize("seed", range(5))
def test_categories_that_are_one_thing_stay_as_they_are(seed):
    assert share_of(*made(8, 60, seed=seed)) == 0


def test_too_few_examples_do_not_weigh_names():
    keys, rows, kinds = made(4, 25, clusters=2, dim=3, seed=1)
    assert share_of(keys, rows, kinds) > 0
    assert share_of(keys[:-1], rows[:-1], kinds[:-1]) == 0


def test_names_and_descriptions_are_no_examples():
    keys, rows, kinds = made(4, 25, clusters=2, dim=3, seed=1)
    some = np.where((kinds == EXAMPLE) & (np.arange(len(keys)) % 26 == 1), DESCRIPTION, kinds)
    assert share_of(keys, rows, some) == 0


def test_categories_of_fewer_than_four_examples_do_not_weigh_names():
    fine, few = made(30, 4, clusters=2, wide=0.2), made(50, 3, clusters=2, wide=0.2)
    assert share_of(*fine) > 0
    assert np.sum(few[2] == EXAMPLE) > np.sum(fine[2] == EXAMPLE)
    assert share_of(*few) == 0


def test_more_keys_than_can_be_read_in_time_have_no_say(monkeypatch):
    given = made(clusters=2)
    monkeypatch.setattr(attention, "MAX_KEYS", len(given[0]))
    assert share_of(*given) > 0
    monkeypatch.setattr(attention, "MAX_KEYS", len(given[0]) - 1)
    assert share_of(*given) == 0


def test_one_category_has_nothing_to_be_told_from():
    assert share_of(*made(1, 150, clusters=2)) == 0


def test_nothing_there_has_no_share():
    none = np.empty(0, np.int64)
    assert share_of(np.empty((0, 4), np.float32), none, none) == 0


def test_equal_keys_and_keys_that_cancel_out_are_borne():
    assert share_of(np.full((120, 4), 0.5, np.float32), *made(4, 30, names=False)[1:]) == 0
    axes = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]], np.float32)
    rows = np.repeat(np.arange(20), 5)
    with pytest.raises(InvalidCategoriesError, match="cancel out"):
        prototype(axes[:4])  # what is left of a category without its last example
    assert share_of(np.tile(axes, (20, 1)), rows, np.full(100, EXAMPLE)) in (0, 0.25, 0.5)


def in_loops(keys, rows, kinds, weights, scale):
    """Do as `find_attention_share`, one example left out after the other."""
    right, whole = [], {}
    for i, own in enumerate(rows):
        if kinds[i] != EXAMPLE or np.sum((rows == own) & (kinds == EXAMPLE)) < 4:
            continue
        fused, read = [], []
        for row in range(rows.max() + 1):
            left = [j for j in np.flatnonzero(rows == row) if j != i]
            if row == own or row not in whole:
                whole[row] = prototype(keys[left], weights[left].astype(np.float32))
            fused.append(float(keys[i] @ whole[row]))
            read.append(soft((keys[left] @ keys[i]).tolist(), weights[left].tolist(), scale))
        del whole[own]
        mixed = [(1 - s) * np.array(fused) + s * np.array(read) for s in (0, 0.25, 0.5)]
        right.append([float(scores.argmax() == own) for scores in mixed])
    if len(right) < 100:
        return 0
    none, *others = zip(*right, strict=True)
    best = max(others, key=sum)  # the first of equal ones
    gains = [a - b for a, b in zip(best, none, strict=True)]
    if sum(gains) / len(gains) <= statistics.pstdev(gains) / math.sqrt(len(gains)):
        return 0
    return (0.25, 0.5)[others.index(best)]


def at_random(seed):
    """Make categories of two clusters and of different sizes, with keys of all kinds."""
    rng = np.random.default_rng(seed)
    keys, rows, kinds = made(12, 24, clusters=2, wide=rng.uniform(1, 2), dim=6, seed=seed)
    kept = np.arange(len(keys)) % 25 < rng.integers(3, 26, 12)[rows]
    keys, rows, kinds = keys[kept], rows[kept], kinds[kept]
    kinds = np.where((kinds == EXAMPLE) & (rng.random(len(keys)) < 0.05), DESCRIPTION, kinds)
    weights = rng.uniform(0.1, 4, 3)[kinds]
    return keys, rows, kinds, weights, rng.uniform(5, 40)


def test_the_share_is_what_loops_find():
    found = []
    for seed in range(24):
        given = at_random(seed)
        found.append(share_of(*given))
        assert found[-1] == in_loops(*given), seed
    assert {0, 0.25, 0.5} == set(found)


def test_the_share_does_not_depend_on_how_many_are_looked_at_in_one_go(monkeypatch):
    expected = [share_of(*at_random(seed)) for seed in range(10)]
    monkeypatch.setattr(attention, "_BLOCK", 1000)
    assert [share_of(*at_random(seed)) for seed in range(10)] == expected
    monkeypatch.setattr(attention, "_BLOCK", 1)
    assert share_of(*at_random(0)) == expected[0]


def sparse(keys):
    """Leave three numbers of each row: most begin with the same ones, as those of few words do."""
    least = np.sort(np.abs(keys), axis=1)[:, [-3]]
    return unit_rows(np.where(np.abs(keys) < least, 0, keys))


def in_another_order(rows, kinds, seed):
    return np.lexsort((np.random.default_rng(seed).random(len(rows)), kinds, rows))


@pytest.mark.parametrize("most", [1000, 100])
@pytest.mark.parametrize("form", [np.asarray, sparse])
def test_the_order_of_examples_does_not_show(monkeypatch, form, most):
    monkeypatch.setattr(attention, "_MAX_EVALUATED", most)
    shares = set()
    for seed in range(8):
        keys, rows, kinds = made(5, 30, clusters=2, wide=1.8, dim=24, seed=seed)
        keys = form(keys)
        expected = share_of(keys, rows, kinds)
        shares.add(expected)
        for again in range(10):
            order = in_another_order(rows, kinds, again)
            assert share_of(keys[order], rows[order], kinds[order]) == expected
    assert len(shares) > 1  # other examples would have another share
