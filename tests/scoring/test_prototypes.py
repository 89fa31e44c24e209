import itertools

import numpy as np
import pytest

from textshot._arrays import unit_rows
from textshot.errors import InvalidCategoriesError
from textshot.networks import DESCRIPTION, EXAMPLE, NAME, make_network
from textshot.scoring.prototypes import (
    category_prototypes,
    correction_influence,
    prototype,
)


def at(*degrees):
    angles = np.radians(np.asarray(degrees, np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def degrees_of(vector):
    x, y = vector.astype(np.float64)
    return float(np.degrees(np.arctan2(y, x)))


@pytest.mark.parametrize(
    ("keys", "mean"),
    [((0, 90), 45), ((0, 20), 10), ((350, 10), 0), ((0, 0, 90), 26.565051), ((0, 45, 90), 45)],
)
def test_keys_are_fused_into_the_mean_of_their_directions(keys, mean):
    fused = prototype(at(*keys))
    assert degrees_of(fused) == pytest.approx(mean, abs=1e-4)
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-6)
    assert (fused.dtype, fused.shape) == (np.float32, (2,))


def test_each_key_counts_as_one():
    three_to_one = np.array([3.0, 1.0]) / np.sqrt(10)
    np.testing.assert_allclose(prototype(at(0, 0, 0, 90)), three_to_one, atol=1e-6)


def test_one_key_is_itself_bit_for_bit():
    keys = at(33)
    keys *= np.float32(1.0001)  # even when it is not quite of length 1
    fused = prototype(keys)
    assert fused.tobytes() == keys[0].tobytes()
    assert not np.shares_memory(fused, keys)


def test_the_order_of_keys_changes_no_bit():
    keys = np.random.default_rng(0).normal(size=(6, 50)) * 10.0 ** np.arange(6)[:, None]
    keys = (keys / np.linalg.norm(keys, axis=1, keepdims=True)).astype(np.float32)
    orders = itertools.permutations(range(6))
    assert len({prototype(keys[list(order)]).tobytes() for order in orders}) == 1


def test_the_keys_are_left_as_they_are():
    keys = at(80, 20)
    prototype(keys)
    np.testing.assert_array_equal(keys, at(80, 20))


@pytest.mark.parametrize("keys", [(0, 180), (0, 90, 180, 270), (0, 120, 240)])
def test_keys_that_cancel_out_are_refused_with_their_number(keys):
    with pytest.raises(InvalidCategoriesError, match=f"the {len(keys)} keys .* cancel out"):
        prototype(at(*keys))


def test_nearly_opposite_keys_still_have_a_direction():
    assert degrees_of(prototype(at(0, 179))) == pytest.approx(89.5, abs=1e-3)


# Weights.


def test_a_key_of_twice_the_weight_counts_as_two():
    fused = prototype(at(0, 90), np.array([2, 1], np.float32))
    assert degrees_of(fused) == pytest.approx(degrees_of(prototype(at(0, 0, 90))), abs=1e-4)


def test_equal_weights_are_no_weights():
    keys = at(10, 20, 50)
    np.testing.assert_allclose(
        prototype(keys, np.full(3, 0.7, np.float32)), prototype(keys), atol=1e-6
    )


def test_the_order_of_weighted_keys_changes_no_bit():
    rng = np.random.default_rng(0)
    keys, weights = unit_rows(rng.normal(size=(5, 30))), rng.random(5).astype(np.float32)
    orders = map(list, itertools.permutations(range(5)))
    assert len({prototype(keys[order], weights[order]).tobytes() for order in orders}) == 1


def test_weights_decide_whether_keys_cancel_out():
    assert degrees_of(prototype(at(0, 180), np.array([2, 1], np.float32))) == pytest.approx(
        0, abs=1e-4
    )
    with pytest.raises(InvalidCategoriesError, match="cancel out"):
        prototype(at(0, 0, 180), np.array([1, 1, 2], np.float32))


# Many categories at once.


def many(counts, dim, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(len(counts)), counts)
    kinds = np.concatenate([np.minimum(np.arange(n), EXAMPLE) for n in counts])
    # Texts have something in common, so that no keys cancel out.
    return unit_rows(rng.normal(size=(len(rows), dim)) + 1), rows, kinds


@pytest.mark.parametrize("dim", [2, 3, 33, 384])
@pytest.mark.parametrize("bias", [(0.0, 0.0, 0.0), (0.5, -0.2, 0.1)])
def test_category_vectors_are_bit_for_bit_those_of_fuse(dim, bias):
    keys, rows, kinds = many(np.random.default_rng(1).integers(1, 12, 60), dim)
    network = make_network("matching").with_parameters({"log_scale": [3.0], "kind_bias": bias})
    weights = network.key_weights(kinds)
    found = category_prototypes(network, keys, rows, kinds)
    for row in range(60):
        some = None if weights is None else weights[rows == row]
        assert found[row].tobytes() == prototype(keys[rows == row], some).tobytes()


def test_category_vectors_weigh_keys_by_their_kind():
    keys, rows = at(0, 90, 0, 90), np.array([0, 0, 1, 1])
    kinds = np.array([NAME, EXAMPLE, DESCRIPTION, EXAMPLE])
    bias = np.log([3, 1, 1])
    network = make_network("matching").with_parameters({"log_scale": [3.0], "kind_bias": bias})
    first, second = category_prototypes(network, keys, rows, kinds)
    assert degrees_of(first) == pytest.approx(np.degrees(np.arctan2(1, 3)), abs=1e-4)
    assert degrees_of(second) == pytest.approx(45, abs=1e-4)


def test_category_vectors_are_those_of_a_network_that_looks_at_all_of_them():
    keys, rows, kinds = many([2, 2, 3], 6)
    plain = category_prototypes(make_network("matching"), keys, rows, kinds)
    joint = make_network("matching", context="attention")
    numbers = {**joint.initial_parameters(6, 1), "support_gate": np.ones(1, np.float32)}
    together = category_prototypes(joint.with_parameters(numbers), keys, rows, kinds)
    assert np.abs(together - plain).max() > 1e-3
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_one_category_whose_keys_cancel_out_is_refused():
    keys, rows = at(0, 20, 0, 180), np.array([0, 0, 1, 1])
    with pytest.raises(InvalidCategoriesError, match="the 2 keys of a category"):
        category_prototypes(make_network("matching"), keys, rows, np.full(4, EXAMPLE))


def test_a_correction_weighs_half():
    """(1, 0) + half of (0, 1)."""
    matching = make_network("matching")
    kinds, rows = np.array([EXAMPLE, EXAMPLE]), np.array([0, 0])
    keys, corrected = at(0, 90), np.array([False, True])
    [vector] = category_prototypes(matching, keys, rows, kinds, corrected=corrected)
    np.testing.assert_allclose(vector, np.array([2, 1]) / np.sqrt(5), atol=1e-6)


@pytest.mark.parametrize(("n", "influence"), [(0, 0), (1, 1 / 51), (50, 0.5), (450, 0.9)])
def test_corrections_move_what_is_estimated_little_by_little(n, influence):
    assert correction_influence(n) == pytest.approx(influence)
