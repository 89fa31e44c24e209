import itertools

import numpy as np
import pytest

from textshot._arrays import unit_rows
from textshot.networks import EXAMPLE, NAME, NETWORKS, make_network
from textshot.scoring.exemplars import (
    SCORE_TOLERANCE,
    Exemplars,
    apply_exemplars,
    scores,
    select_exemplars,
)
from textshot.scoring.prototypes import category_prototypes


def at(*degrees):
    angles = np.radians(np.asarray(degrees, np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def cos(degrees):
    return np.cos(np.radians(degrees))


KEYS = at(0, 40, 90, 180)
ROWS = np.array([0, 0, 1, 2])
KINDS = np.array([NAME, EXAMPLE, NAME, NAME])


def scored(network, queries, **given):
    vectors = category_prototypes(network, KEYS, ROWS, KINDS)
    return scores(network, queries, vectors, KEYS, ROWS, KINDS, **given)


@pytest.mark.parametrize("name", ["matching", "prototypical", "siamese"])
def test_a_score_is_the_cosine_with_the_category(name):
    found = scored(make_network(name), at(30))
    np.testing.assert_allclose(found, [[cos(10), cos(60), cos(150)]], atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("name", NETWORKS)
def test_the_score_of_a_query_depends_on_no_other_query(name):
    rng = np.random.default_rng(0)
    network, queries = make_network(name), unit_rows(rng.normal(size=(50, 2)))
    every = scored(network, queries)
    single = np.concatenate([scored(network, queries[i : i + 1]) for i in range(50)])
    np.testing.assert_allclose(every, single, atol=1e-6)
    assert every.max() <= 1 + 1e-6


# Exemplars.


def exemplars(*degrees, rows, correction_order=None):
    order = (
        np.zeros(len(rows), np.int64) if correction_order is None else np.array(correction_order)
    )
    return Exemplars(at(*degrees), np.array(rows), order)


def test_a_slot_speaks_for_its_like_and_is_silent_about_the_rest():
    found = scored(make_network("matching"), at(100, 60), exemplars=exemplars(100, rows=[2]))
    np.testing.assert_allclose(found[0], [cos(80), cos(10), 1], atol=1e-6)
    # Its own vector says more about the second: 1 - 2 (1 - cos 40) against cos 120.
    far = max(1 - 2 * (1 - cos(40)), cos(120))
    np.testing.assert_allclose(found[1], [cos(40), cos(30), far], atol=1e-6)


def test_slots_change_no_category_without_one_and_never_lower_a_score():
    rng = np.random.default_rng(0)
    queries, before = unit_rows(rng.normal(size=(99, 5))), rng.uniform(-1, 1, (99, 4))
    some = Exemplars(unit_rows(rng.normal(size=(6, 5))), np.array([3, 1, 1, 3, 1, 3]), np.arange(6))
    after = apply_exemplars(before.astype(np.float32), queries, some, 2.0)
    for row in range(4):
        own = some.vectors[some.rows == row]
        best = np.max([before[:, row], *(1 - 2 * (1 - queries @ v) for v in own)], axis=0)
        np.testing.assert_allclose(after[:, row], best, atol=2 * SCORE_TOLERANCE)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_of_equal_slots_the_newest_written_wins(order):
    correction_order = [5, 9, 7]
    chosen = exemplars(
        *[100] * 3, rows=[i for i in order], correction_order=[correction_order[i] for i in order]
    )
    found = scored(make_network("matching"), at(100), exemplars=chosen)
    assert found[0].argmax() == 1
    assert found.max() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(found, 1, atol=SCORE_TOLERANCE)


def test_a_slot_that_was_written_wins_over_a_category_that_equals_the_text():
    given = exemplars(90, rows=[2], correction_order=[1])
    assert scored(make_network("matching"), at(90), exemplars=given)[0].argmax() == 2
    given = exemplars(
        90, rows=[2], correction_order=[0]
    )  # not written since the start: the order of rows
    assert scored(make_network("matching"), at(90), exemplars=given)[0].argmax() == 1


def test_a_tie_below_the_best_score_is_left_alone():
    given = exemplars(150, 150, rows=[0, 1], correction_order=[1, 2])
    found = scored(make_network("matching"), at(175), exemplars=given)
    assert found[0].argmax() == 2
    assert found[0, 0] == found[0, 1]


def test_an_older_slot_of_the_same_category_does_not_make_it_newer():
    # Category 1 was written last, but with another text: its equal exemplar is the older one.
    given = exemplars(100, 100, 270, rows=[1, 2, 1], correction_order=[1, 2, 3])
    assert scored(make_network("matching"), at(100), exemplars=given)[0].argmax() == 2


def test_with_slots_leaves_its_arguments_as_they_are():
    before = np.zeros((1, 3), np.float32)
    apply_exemplars(before, at(90), exemplars(90, 90, rows=[0, 1], correction_order=[1, 2]), 2.0)
    assert not before.any()


# Which keys are exemplars.


def test_corrections_are_slots_in_every_network():
    corrected, correction_order = np.array([False, True, False, True]), np.array([0, 4, 0, 2])
    for name in set(NETWORKS) - {"memory"}:
        found = select_exemplars(make_network(name), KEYS, ROWS, KINDS, correction_order, corrected)
        assert found.vectors.tobytes() == KEYS[[1, 3]].tobytes()
        assert (found.rows.tolist(), found.correction_order.tolist()) == ([0, 2], [4, 2])
        assert select_exemplars(make_network(name), KEYS, ROWS, KINDS) is None
    assert corrected.tolist() == [False, True, False, True]


def test_every_example_is_a_slot_of_a_memory():
    found = select_exemplars(make_network("memory"), KEYS, ROWS, KINDS)
    assert (found.rows.tolist(), found.correction_order.tolist()) == ([0], [0])
    corrected = np.array([False, False, False, True])
    both = select_exemplars(make_network("memory"), KEYS, ROWS, KINDS, None, corrected)
    assert both.rows.tolist() == [0, 2]
    assert select_exemplars(make_network("memory"), KEYS, ROWS, np.zeros(4, np.int64)) is None


@pytest.mark.parametrize("decay", [1.0, 3.0])
def test_a_memory_reads_its_examples_with_the_decay_that_it_learned(decay):
    network = make_network("memory").with_parameters({"log_scale": [3.0], "decay": [decay]})
    found = scored(network, at(50))[0, 0]
    assert found == pytest.approx(max(cos(30), 1 - decay * (1 - cos(10))), abs=1e-6)
