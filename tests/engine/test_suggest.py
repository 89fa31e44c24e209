"""Which texts to label: picks by hand, and the greedy choice against all others tried."""

from itertools import combinations

import numpy as np
import pytest

from textshot import Category, Engine
from textshot.engine.suggest import MAX_TEXTS, most_helpful
from textshot.errors import InvalidTextsError


def worth(vectors, doubts, covered, picks):
    nearest = np.maximum(covered, (vectors @ vectors[list(picks)].T).max(axis=1))
    return float(doubts @ (nearest - covered))


def unit(rng, n, dim=5):
    rows = rng.normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_each_pick_is_the_one_that_adds_most(seed):
    rng = np.random.default_rng(seed)
    vectors, doubts = unit(rng, 1200), rng.random(1200, np.float32)
    covered = np.maximum(0, (vectors @ unit(rng, 3).T).max(axis=1))
    picks, so_far = most_helpful(vectors, doubts, covered, 6), []
    for pick in picks:
        each = [worth(vectors, doubts, covered, [*so_far, i]) for i in range(0, 1200, 7)]
        so_far.append(pick)
        assert worth(vectors, doubts, covered, so_far) >= max(each) - 1e-3


def test_greedy_is_near_the_best_choice_of_all():
    rng = np.random.default_rng(0)
    vectors, doubts, covered = unit(rng, 14), rng.random(14, np.float32), np.zeros(14, np.float32)
    best = max(worth(vectors, doubts, covered, p) for p in combinations(range(14), 3))
    assert worth(vectors, doubts, covered, most_helpful(vectors, doubts, covered, 3)) >= 0.63 * best


def test_a_crowd_in_doubt_comes_first_and_once(compass):
    engine = Engine.build([Category("east"), Category("west")], encoder=compass)
    crowd = ["88", "89", "91", "92"]  # between the two
    picks = engine.suggest([*crowd, "1", "2", "178", "270"], n=2)
    assert picks[0] in crowd
    assert picks[1] == "270"


def test_what_is_labelled_already_is_not_asked_again(compass):
    engine = Engine.build(
        [Category("east", examples=["20"]), Category("west", examples=["100"])], encoder=compass
    )
    engine.correct("95", "unknown")
    assert engine.suggest(["20", "100", "95", " ", "60", "60"], n=5) == ["60"]


def test_the_order_of_the_pool_makes_no_difference(compass):
    engine = Engine.build([Category("east"), Category("west")], encoder=compass)
    texts = [str(i) for i in range(0, 360, 7)]
    assert engine.suggest(texts, 5) == engine.suggest([*reversed(texts), *texts[:9]], 5)


def test_a_large_pool_is_sampled_by_the_seed(compass):
    engine = Engine.build([Category("east"), Category("west")], encoder=compass)
    texts = (str(i / 100) for i in range(2 * MAX_TEXTS))
    first = engine.suggest(texts, 3)
    again = engine.suggest([str(i / 100) for i in range(2 * MAX_TEXTS)], 3, seed=0)
    assert first == again
    assert len(set(first)) == 3


def test_an_index_without_categories_asks_for_what_is_typical(compass):
    engine = Engine.build([Category("east")], encoder=compass)
    engine.remove("east")
    assert engine.suggest(["10", "12", "14", "200"], 2) == ["12", "200"]


def test_nothing_to_pick_from(compass):
    engine = Engine.build([Category("east"), Category("west")], encoder=compass)
    assert engine.suggest([], 5) == []
    with pytest.raises(InvalidTextsError, match=r"n is 0; at least 1 is needed"):
        engine.suggest(["a"], 0)
    with pytest.raises(TypeError, match=r"texts is one str; give a list"):
        engine.suggest("a text")
