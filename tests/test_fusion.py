import itertools

import numpy as np
import pytest

from textshot.errors import InvalidCategoriesError
from textshot.fusion import fuse


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
    fused = fuse(at(*keys))
    assert degrees_of(fused) == pytest.approx(mean, abs=1e-4)
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-6)
    assert (fused.dtype, fused.shape) == (np.float32, (2,))


def test_each_key_counts_as_one():
    three_to_one = np.array([3.0, 1.0]) / np.sqrt(10)
    np.testing.assert_allclose(fuse(at(0, 0, 0, 90)), three_to_one, atol=1e-6)


def test_one_key_is_itself_bit_for_bit():
    keys = at(33)
    keys *= np.float32(1.0001)  # even when it is not quite of length 1
    fused = fuse(keys)
    assert fused.tobytes() == keys[0].tobytes()
    assert not np.shares_memory(fused, keys)


def test_the_order_of_keys_changes_no_bit():
    keys = np.random.default_rng(0).normal(size=(6, 50)) * 10.0 ** np.arange(6)[:, None]
    keys = (keys / np.linalg.norm(keys, axis=1, keepdims=True)).astype(np.float32)
    orders = itertools.permutations(range(6))
    assert len({fuse(keys[list(order)]).tobytes() for order in orders}) == 1


def test_the_keys_are_left_as_they_are():
    keys = at(80, 20)
    fuse(keys)
    np.testing.assert_array_equal(keys, at(80, 20))


@pytest.mark.parametrize("keys", [(0, 180), (0, 90, 180, 270), (0, 120, 240)])
def test_keys_that_cancel_out_are_refused_with_their_number(keys):
    with pytest.raises(InvalidCategoriesError, match=f"the {len(keys)} keys .* cancel out"):
        fuse(at(*keys))


def test_nearly_opposite_keys_still_have_a_direction():
    assert degrees_of(fuse(at(0, 179))) == pytest.approx(89.5, abs=1e-3)
