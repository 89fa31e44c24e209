from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textshot.errors import InvalidTextsError
from textshot.evaluation.episode_sampler import (
    Episode,
    EpisodeSampler,
    class_neighbours,
    sample_episodes,
    stream,
)

SMALL = Episode(np.array([7, 3]), np.array([[0], [10]]), np.array([[1, 2], [11, 12]]))


def shuffled(*counts, seed=0):
    """Return labels with `counts[i]` texts of category i, in an order of chance."""
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


def same(one, other):
    return all(
        np.array_equal(getattr(one, part), getattr(other, part))
        for part in ("classes", "support", "query")
    )


@st.composite
def samplers(draw):
    n_way, n_shot, n_query = (
        draw(st.integers(2, 5)),
        draw(st.integers(0, 3)),
        draw(st.integers(1, 3)),
    )
    need = n_shot + n_query
    counts = draw(st.lists(st.integers(need, need + 4), min_size=n_way, max_size=9))
    labels = shuffled(*counts, seed=draw(st.integers(0, 9)))
    n = len(counts)
    hard = draw(st.sampled_from([0.0, 0.5, 1.0]))
    centres = np.random.default_rng(1).normal(size=(n, 3))
    return EpisodeSampler(
        labels, n_way=n_way, n_shot=n_shot, n_query=n_query, seed=draw(st.integers(0, 2**32)),
        hard=hard, neighbours=class_neighbours(centres, 4) if hard else None,
        domains=draw(st.sampled_from([None, np.arange(n) * 2 // n])) if n >= 4 else None,
    )  # fmt: skip


@given(samplers(), st.integers(0, 10**6))
@settings(deadline=None)
def test_every_episode_keeps_the_promises(sampler, step):
    e = sampler.episode(step)
    texts = np.concatenate([e.support, e.query], axis=1)
    assert 2 <= len(e.classes) <= sampler.n_way
    assert len(set(e.classes.tolist())) == len(e.classes)
    assert len(set(texts.ravel().tolist())) == texts.size  # support and query share nothing
    assert (sampler.labels[texts] == e.classes[:, None]).all()
    assert e.query.shape[1] == sampler.n_query
    assert texts.shape[1] <= sampler.n_shot + sampler.n_query
    if sampler.domains is not None:
        assert len(set(sampler.domains[e.classes].tolist())) == 1
    assert {a.dtype for a in (e.classes, e.support, e.query)} == {np.dtype(np.int64)}
    assert same(e, sampler.episode(step))


def test_a_resumed_run_draws_the_same():
    labels = shuffled(*[6] * 10)
    straight = list(stream(EpisodeSampler(labels, n_way=4, seed=5), 0, 20))
    resumed = EpisodeSampler(labels, n_way=4, seed=5)
    for step in reversed(range(20)):  # in any order
        assert same(resumed.episode(step), straight[step])
    assert all(
        same(a, b) for a, b in zip(islice(stream(resumed, 7), 5), straight[7:], strict=False)
    )
    other = EpisodeSampler(labels, n_way=4, seed=6)
    assert not any(same(other.episode(step), straight[step]) for step in range(20))


def test_every_category_is_as_likely_however_many_texts_it_has():
    sampler = EpisodeSampler(shuffled(2, 500, 2, 50, 3, 7), n_way=2)
    drawn = np.bincount(np.concatenate([e.classes for e in stream(sampler, 0, 1500)]))
    assert (np.abs(drawn - 500) < 75).all()  # four standard deviations


def test_truth_names_the_way_of_each_query():
    assert SMALL.truth.tolist() == [0, 0, 1, 1]


def test_hard_episodes_are_of_neighbours():
    # Ten groups of four categories; within a group they are near each other.
    centres = np.repeat(np.eye(10), 4, axis=0) + 0.1 * np.random.default_rng(0).random((40, 10))
    near = class_neighbours(centres, 3)
    assert (near // 4 == np.arange(40)[:, None] // 4).all()
    labels = shuffled(*[3] * 40)
    hard = EpisodeSampler(labels, n_way=8, hard=0.375, neighbours=near)
    for e in stream(hard, 0, 50):
        assert np.bincount(e.classes // 4).max() >= 4  # the anchor and three of its group
        assert len(e.classes) == 8
    first = {
        int(np.bincount(e.classes // 4).argmax() == e.classes[0] // 4) for e in stream(hard, 0, 50)
    }
    assert first == {0, 1}  # the anchor has no place of its own
    everyone = EpisodeSampler(labels, n_way=4, hard=1.0, neighbours=near)
    assert all(len(set(e.classes // 4)) == 1 for e in stream(everyone, 0, 50))


def test_a_domain_is_drawn_by_the_root_of_its_categories():
    domains = np.repeat([5, 9, 2], [16, 4, 4])
    sampler = EpisodeSampler(shuffled(*[2] * 24), n_way=6, domains=domains)
    found = list(stream(sampler, 0, 1200))
    drawn = np.bincount([domains[e.classes[0]] for e in found], minlength=10)
    assert abs(drawn[5] - 600) < 70  # 4 of 4 + 2 + 2
    assert abs(drawn[9] - 300) < 60
    assert {len(e.classes) for e in found if domains[e.classes[0]] == 5} == {6}
    assert {len(e.classes) for e in found if domains[e.classes[0]] != 5} == {4}


def test_neighbours_come_nearest_first_and_never_oneself():
    angles = np.radians([0.0, 10.0, 30.0, 180.0])
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert class_neighbours(centres, 2).tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert class_neighbours(centres, 9).shape == (4, 3)


def test_neighbours_of_many_categories_are_the_same_in_blocks():
    centres = np.random.default_rng(0).normal(size=(1500, 8))
    unit = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    found = class_neighbours(centres, 3)
    expected = -np.sort(-cosines, axis=1)[:, :3]
    assert np.allclose(np.take_along_axis(cosines, found, axis=1), expected, atol=1e-6)


def test_labels_may_be_names():
    labels = ["late", "early", "late", "lost", "early", "lost"]
    found = list(sample_episodes(labels, 2, 1, 1, seed=1, n_episodes=5))
    assert len(found) == 5
    names = sorted(set(labels))
    for e in found:
        for way, rows in zip(e.classes, np.hstack([e.support, e.query]), strict=True):
            assert {labels[row] for row in rows} == {names[way]}
    endless = sample_episodes(labels, 2, 1, 1, seed=1)
    assert all(same(a, b) for a, b in zip(endless, found, strict=False))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_way": 4}, "4 ways, but there are 3 categories"),
        ({"n_way": 1}, "1 ways: two at least"),
        ({"n_shot": 2, "n_query": 2}, r"need 4 texts .* 1 of 3 categories .*\(number 1\)"),
        ({"n_query": 0}, "1 shots and 0 queries"),
        ({"n_shot": -1}, "-1 shots"),
        ({"hard": 0.5}, "needs neighbours"),
        ({"hard": 2.0}, "0 to 1"),
        ({"hard": 0.5, "neighbours": np.zeros((2, 1), int)}, "neighbours for 2 categories"),
        ({"domains": np.array([0, 0, 1])}, "a domain has one category"),
        ({"labels": np.array([0.0, 1.0])}, "integers"),
        ({"labels": np.array([], int)}, "integers"),
        ({"labels": np.array([0, -1])}, "a label is -1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong, message):
    fine = {"labels": np.repeat(np.arange(3), [4, 3, 4]), "n_way": 2}
    EpisodeSampler(**fine)
    with pytest.raises(InvalidTextsError, match=message):
        EpisodeSampler(**{**fine, **wrong})


def seconds(n):
    labels = np.random.default_rng(0).permutation(np.arange(n) % 50)
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        EpisodeSampler(labels, n_way=5).episode(0)
        best = min(best, time.process_time() - start)
    return best


def test_preparation_is_linear_in_the_texts():
    assert seconds(400_000) < 8 * seconds(100_000) + 0.01
