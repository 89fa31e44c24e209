"""A run fits into its minutes: what is left out where time is short, by hand."""

import pytest

from textshot.training import TrainConfig
from textshot.training.budget import Measured, fitted

CONFIG = TrainConfig(minutes=2.0, eval_every=50)


def fit(left, *, step=2.0, validation=1.0, is_bf16=False, n_categories=100, config=CONFIG):
    return fitted(config, n_categories, Measured(left, step, validation, is_bf16))


def test_what_fits_stays_as_it_is():
    # 8 validations and 3 s at the end, 20 steps of 2.02 s: 51.4 s.
    assert fit(51.5) == (CONFIG, 20)
    config, steps = fit(51.3)
    assert (config.n_way, config.alphas) == (32, CONFIG.alphas)
    # 40.3 s for steps of two thirds of 2 s, and a fiftieth of a validation.
    assert steps == 29


def test_fewer_ways_come_before_fewer_interpolations():
    ways = [fit(left)[0].n_way for left in (60, 45, 35, 25, 19)]
    assert ways == [48, 32, 16, 16, 8]
    assert {fit(left)[0].alphas for left in (60, 45, 35, 25, 19)} == {CONFIG.alphas}
    config, steps = fit(16.5)
    assert (config.n_way, config.alphas) == (8, (0.5, 1.0))
    assert steps >= 20
    assert fit(15.5)[0].alphas == (0.5,)


def test_where_nothing_fits_the_number_of_steps_says_so():
    assert fit(8.0)[1] < 20


def test_the_last_validations_take_longer_in_float32():
    assert fit(51.5, is_bf16=True)[0].n_way < 48
    # Two of them, three times as long each: 4 s more.
    assert fit(55.5, is_bf16=True) == (CONFIG, 20)


def test_episodes_of_all_categories_are_counted_as_such():
    config, _ = fit(45, n_categories=20)
    assert config.n_way == 16


@pytest.mark.parametrize("alphas", [(1.0,), (0.5, 1.0)])
def test_interpolations_that_were_asked_for_are_not_added_to(alphas):
    config = TrainConfig(minutes=2.0, alphas=alphas)
    for left in range(5, 60):
        assert set(fit(left, config=config)[0].alphas) <= set(alphas)
