import numpy as np
import pytest

from textshot.encoders.twins.batches import BUDGET, batches

PAD = 7


def rows_of(lengths):
    """Rows of these lengths; each number is found once only."""
    ends = np.cumsum(lengths)
    return [np.arange(end - n, end) + 100 for n, end in zip(lengths, ends, strict=True)]


def random_lengths(n, seed=3):
    rng = np.random.default_rng(seed)
    return np.clip(np.exp(rng.normal(2.7, 0.8, size=n)).astype(int), 1, 256)


@pytest.mark.parametrize("lengths", [[3], [5, 1, 9], [4] * 300, [0, 2, 0], random_lengths(500)])
def test_every_text_is_there_once(lengths):
    places = np.concatenate([places for places, _, _ in batches(rows_of(lengths), PAD)])
    assert sorted(places) == list(range(len(lengths)))


@pytest.mark.parametrize("budget", [1, 40, 512])
def test_the_budget_is_kept_but_for_a_text_that_is_longer(budget):
    for _, numbers, _ in batches(rows_of(random_lengths(500)), PAD, budget):
        assert numbers.size <= budget or len(numbers) == 1


def test_a_batch_takes_as_many_texts_as_there_is_room_for():
    shapes = [numbers.shape for _, numbers, _ in batches(rows_of([10] * 103), PAD, 512)]
    assert shapes == [(51, 10), (51, 10), (1, 10)]


def test_a_text_that_is_longer_than_the_budget_is_alone():
    found = list(batches(rows_of([3, 600, 700, 3]), PAD))
    assert [list(places) for places, _, _ in found] == [[2], [1], [0, 3]]
    assert found[0][1].shape == (1, 700)


def test_the_longest_come_first_and_equals_stay_in_order():
    found = list(batches(rows_of([2, 9, 2, 5, 9]), PAD, budget=18))
    assert [list(places) for places, _, _ in found] == [[1, 4], [3, 0, 2]]


def test_the_mask_is_one_where_a_token_is_and_the_rest_is_padding():
    rows = rows_of(random_lengths(200))
    for places, numbers, mask in batches(rows, PAD):
        assert numbers.dtype == mask.dtype == places.dtype == np.int64
        for place, line, seen in zip(places, numbers, mask, strict=True):
            n = len(rows[place])
            assert list(line[:n]) == list(rows[place])
            assert list(seen) == [1] * n + [0] * (len(line) - n)
            assert (line[n:] == PAD).all()


def test_no_texts_are_no_batches():
    assert list(batches([], PAD)) == []


def test_a_text_of_no_token_is_one_of_padding():
    [(places, numbers, mask)] = batches(rows_of([0]), PAD)
    assert (list(places), numbers.tolist(), mask.tolist()) == ([0], [[PAD]], [[0]])


def test_next_to_nothing_is_padding():
    # What batches cost: rows times the longest, over the tokens that are there.
    lengths = random_lengths(4096)
    cost = sum(numbers.size for _, numbers, _ in batches(rows_of(lengths), PAD))
    assert cost / lengths.sum() <= 1.05
    order = np.sort(lengths)[::-1]  # the same with a pencil
    start, by_hand = 0, 0
    while start < len(order):
        n = min(max(1, BUDGET // order[start]), len(order) - start)
        by_hand += n * order[start]
        start += n
    assert cost == by_hand
