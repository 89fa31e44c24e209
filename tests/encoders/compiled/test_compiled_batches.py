import threading

import numpy as np
import pytest

from textshot.encoders.compiled.tokens import batches, padded_length, prefetch

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
    places = np.concatenate([places for places, _, _ in batches(rows_of(lengths), PAD, None)])
    assert sorted(places) == list(range(len(lengths)))


@pytest.mark.parametrize("budget", [1, 40, 512])
def test_the_budget_is_kept_but_for_a_text_that_is_longer(budget):
    for _, numbers, _ in batches(rows_of(random_lengths(500)), PAD, None, budget):
        assert numbers.size <= budget or len(numbers) == 1


def test_a_batch_takes_as_many_texts_as_there_is_room_for():
    shapes = [numbers.shape for _, numbers, _ in batches(rows_of([10] * 103), PAD, None, 512)]
    assert shapes == [(51, 10), (51, 10), (1, 10)]


def test_a_text_that_is_longer_than_the_budget_is_alone():
    found = list(batches(rows_of([3, 608, 704, 3]), PAD, None))
    assert [list(places) for places, _, _ in found] == [[2], [1], [0, 3]]
    assert found[0][1].shape == (1, 704)


def test_the_longest_come_first_and_equals_stay_in_order():
    found = list(batches(rows_of([2, 9, 2, 5, 9]), PAD, None, max_tokens=18))
    assert [list(places) for places, _, _ in found] == [[1, 4], [3], [0, 2]]


def test_the_mask_is_one_where_a_token_is_and_the_rest_is_padding():
    rows = rows_of(random_lengths(200))
    for places, numbers, mask in batches(rows, PAD, None):
        assert numbers.dtype == mask.dtype == places.dtype == np.int64
        for place, line, seen in zip(places, numbers, mask, strict=True):
            n = len(rows[place])
            assert list(line[:n]) == list(rows[place])
            assert list(seen) == [1] * n + [0] * (len(line) - n)
            assert (line[n:] == PAD).all()


def test_no_texts_are_no_batches():
    assert list(batches([], PAD, None)) == []


def test_a_text_of_no_token_is_one_of_padding():
    [(places, numbers, mask)] = batches(rows_of([0]), PAD, None)
    assert (list(places), numbers.tolist(), mask.tolist()) == ([0], [[PAD]], [[0]])


def test_next_to_nothing_is_padding():
    # What batches cost: rows times the longest, over the tokens that are there.
    lengths = random_lengths(4096)
    cost = sum(numbers.size for _, numbers, _ in batches(rows_of(lengths), PAD, None))
    assert cost / lengths.sum() <= 1.05


@pytest.mark.parametrize(
    ("length", "limit", "expected"),
    [
        *[(0, None, 1), (1, None, 1), (31, None, 31), (32, None, 32), (33, None, 34)],
        *[(63, None, 64), (64, None, 64), (65, None, 68), (127, None, 128), (129, None, 136)],
        *[(250, 252, 252), (256, 256, 256), (500, 512, 512), (33, 33, 33)],
    ],
)
def test_how_far_a_text_is_filled_up(length, limit, expected):
    assert padded_length(np.array([length]), limit).tolist() == [expected]


def test_how_far_a_text_is_filled_up_does_not_depend_on_the_others():
    lengths = random_lengths(300)
    of = {}
    for rows in (rows_of(lengths), rows_of(lengths[::-1]), *(rows_of([n]) for n in lengths)):
        for places, numbers, _ in batches(rows, PAD, 250):
            for place in places:
                of.setdefault(len(rows[place]), set()).add(numbers.shape[1])
    assert all(len(found) == 1 for found in of.values())


def test_what_is_filled_up_is_a_sixteenth_at_most():
    lengths = np.arange(1, 5000)
    assert (padded_length(lengths, None) <= lengths * 17 / 16).all()
    assert (padded_length(lengths, None) >= lengths).all()


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_every_part_is_prepared_once_and_in_order(n):
    asked = []

    def doubled(part):
        asked.append(part)
        return 2 * part

    assert list(prefetch(doubled, range(n))) == [2 * part for part in range(n)]
    assert asked == list(range(n))


def test_the_next_part_is_prepared_while_one_is_used():
    begun = [threading.Event() for _ in range(3)]

    def prepare(part):
        begun[part].set()
        return part

    for part in prefetch(prepare, range(3)):
        assert part == 2 or begun[part + 1].wait(60)


def test_a_single_part_takes_no_thread():
    [thread] = prefetch(lambda _: threading.current_thread(), ["one"])
    assert thread is threading.current_thread()


def test_an_error_of_a_later_part_comes_in_its_turn():
    found = prefetch(lambda part: 1 // part, [1, 0, 1])
    assert next(found) == 1
    with pytest.raises(ZeroDivisionError, match="by zero"):
        next(found)
