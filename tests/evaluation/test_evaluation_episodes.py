"""Accuracy in episodes and with all categories at once, on vectors that can be checked by hand."""

from __future__ import annotations

import time

import numpy as np
import pytest

from textshot._arrays import unit_rows
from textshot.errors import InvalidTextsError
from textshot.evaluation import evaluate_episodes, recalls
from textshot.evaluation.episode_sampler import EpisodeSampler, stream
from textshot.evaluation.episodes import EpisodeScore
from textshot.networks import NETWORKS, Prototypical, make_network


def at(*degrees):
    radians = np.radians(degrees)
    return unit_rows(np.stack([np.cos(radians), np.sin(radians)], axis=1))


def clouds(n_classes, n, dim=32, noise=1.0, seed=0):
    """Return n texts around the centre of each category, their labels, and the centres."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, dim))
    labels = rng.permutation(np.repeat(np.arange(n_classes), n))
    vectors = unit_rows(centres[labels] + noise * rng.normal(size=(len(labels), dim)))
    return vectors, labels, unit_rows(centres)


def full_way_accuracy(network, vectors, labels, *, n_shot=1, **options):
    """Return the accuracy of each draw: the mean recall, weighted by the number of queries."""
    found = recalls(network, vectors, labels, n_shot=n_shot, **options)
    n_queries = np.bincount(labels) - n_shot
    return found @ n_queries / n_queries.sum()


def test_separate_categories_are_always_recognised():
    vectors, labels = at(0, 2, 4, 90, 92, 94, 180, 182, 184), np.repeat([0, 1, 2], 3)
    found = evaluate_episodes(None, vectors, labels, n_way=3, n_query=2, n_episodes=10)
    assert found == EpisodeScore(1.0, (1.0, 1.0), 3, 1, 10)
    assert full_way_accuracy(None, vectors, labels, draws=4).tolist() == [1.0] * 4


def test_full_way_accuracy_by_hand():
    # East: 0 and 60, north: 90 and 100. One example each, the other text is the query.
    # Examples (0, 90): 60 is north: wrong, 100 right. (0, 100): 60 is north, 90 right.
    # (60, 90): 0 right, 100 right. (60, 100): 0 right, 90 is east (30) or north (10): right.
    vectors, labels = at(0, 60, 90, 100), np.array([0, 0, 1, 1])
    found = full_way_accuracy(None, vectors, labels, draws=40, seed=1)
    assert set(found.tolist()) == {0.5, 1.0}
    # With the names at 0 and 90: examples (0, 90): 60 wrong. (0, 100): 60 north at 95: wrong.
    # (60, 90): east at 30: all right. (60, 100): east at 30, north at 95: all right.
    named = full_way_accuracy(None, vectors, labels, names=at(0, 90), draws=40, seed=1)
    assert named.tolist() == found.tolist()


def test_names_alone_give_the_same_accuracy_in_each_draw():
    vectors, labels = at(0, 60, 90, 100), np.array([0, 0, 1, 1])
    found = full_way_accuracy(None, vectors, labels, names=at(0, 90), n_shot=0, draws=3)
    assert found.tolist() == [0.75] * 3  # 60 is called north
    assert full_way_accuracy(
        None, vectors, labels, names=at(0, 90), n_shot=0, draws=1
    ).tolist() == [0.75]
    zero = evaluate_episodes(
        None, vectors, labels, names=at(0, 90), n_way=2, n_shot=0, n_query=2, n_episodes=3
    )
    assert zero.mean == 0.75


def test_descriptions_count_where_there_are_any():
    vectors, labels = at(0, 60, 90, 100), np.array([0, 0, 1, 1])
    some = at(60, 0)
    some[1] = 0.0  # north has none
    # East at 31, north at 90: 60 is just nearer to east, its description helped.
    half = full_way_accuracy(
        None, vectors, labels, names=at(0, 90), descriptions=at(62, 90), n_shot=0, draws=1
    )
    assert half.tolist() == [1.0]
    lonely = full_way_accuracy(
        None, vectors, labels, names=at(4, 90), descriptions=some, n_shot=0, draws=1
    )
    assert lonely.tolist() == [1.0]  # east at 32


def plain_full_way(vectors, labels, names, n_shot, draw, seed):
    """Recompute one draw with loops."""
    chances = np.random.default_rng([seed, draw]).random(len(labels))
    support = []
    for c in range(labels.max() + 1):
        rows = np.flatnonzero(labels == c)
        support.append(rows[np.argsort(chances[rows])][:n_shot])
    taken = set(np.concatenate(support).tolist())
    right = []
    for i in set(range(len(labels))) - taken:
        cosines = []
        for c, rows in enumerate(support):
            mean = np.mean([*vectors[rows], names[c]], axis=0)
            cosines.append(vectors[i] @ mean / np.linalg.norm(mean))
        right.append(np.argmax(cosines) == labels[i])
    return np.mean(right)


@pytest.mark.parametrize("n_shot", [1, 2, 5])
def test_full_way_is_what_loops_give(n_shot):
    vectors, labels, names = clouds(7, 9, dim=6)
    found = full_way_accuracy(None, vectors, labels, names=names, n_shot=n_shot, draws=5, seed=3)
    expected = [plain_full_way(vectors, labels, names, n_shot, d, 3) for d in range(5)]
    assert found == pytest.approx(expected)
    assert len(set(expected)) > 1


def test_episodes_are_what_loops_give_with_their_interval():
    vectors, labels, names = clouds(8, 10, dim=6, noise=1.5)
    found = evaluate_episodes(
        None, vectors, labels, names=names, n_way=4, n_shot=2, n_query=3, n_episodes=30, seed=2
    )
    each = []
    sampler = EpisodeSampler(labels, n_way=4, n_shot=2, n_query=3, seed=2)
    for e in stream(sampler, 0, 30):
        means = vectors[e.support].sum(axis=1) + names[e.classes]
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        best = (vectors[e.query] @ means.T).argmax(axis=2)
        each.append((best == np.arange(4)[:, None]).mean())
    assert found.mean == pytest.approx(np.mean(each))
    half = 1.959964 * np.std(each, ddof=1) / np.sqrt(30)
    assert found.interval == pytest.approx((np.mean(each) - half, np.mean(each) + half))
    assert (found.n_way, found.n_shot, found.n_episodes) == (4, 2, 30)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_network_goes_through_the_same_function(name):
    vectors, labels, names = clouds(6, 6, noise=0.5)
    network = make_network(name)
    assert full_way_accuracy(network, vectors, labels, names=names, draws=2).mean() > 0.9
    assert full_way_accuracy(network, vectors, labels, names=names, n_shot=0, draws=1)[0] > 0.9
    assert evaluate_episodes(network, vectors, labels, n_episodes=5).mean > 0.8


def test_the_plain_encoder_is_the_prototypical_network_as_it_comes():
    vectors, labels, names = clouds(6, 6, noise=2.0)
    settings = {"names": names, "draws": 4}
    plain = full_way_accuracy(None, vectors, labels, **settings)
    assert plain.tolist() == full_way_accuracy(Prototypical(), vectors, labels, **settings).tolist()


def test_the_same_seed_gives_the_same_draws():
    vectors, labels, _ = clouds(6, 6, noise=2.0)
    one, other = (full_way_accuracy(None, vectors, labels, seed=s) for s in (0, 1))
    assert one.tolist() == full_way_accuracy(None, vectors, labels, seed=0).tolist()
    assert one.tolist() != other.tolist()
    assert one[:5].tolist() == full_way_accuracy(None, vectors, labels, draws=5).tolist()


def test_twenty_draws_are_fast():
    vectors, labels, names = clouds(27, 38, dim=384)
    full_way_accuracy(None, vectors, labels, names=names, draws=1)
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        full_way_accuracy(None, vectors, labels, names=names)
        best = min(best, time.process_time() - start)
    assert best < 30


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.array([0, 1])}, r"vectors of shape \(4, 2\), labels of shape \(2,\)"),
        ({"labels": np.array([0, 0, 1, -1])}, "a label is -1"),
        ({"names": at(0)}, r"names of shape \(1, 2\); \(2, 2\) is needed"),
        ({"descriptions": at(0, 1, 2)}, r"descriptions of shape \(3, 2\)"),
        ({"n_shot": 2}, r"category number 0 has 2 texts; 2 examples .* need 3"),
        ({"n_shot": 0}, "no examples and no names"),
        ({"draws": 0}, "0 draws"),
    ],
)
def test_full_way_refuses_what_it_cannot_draw(change, message):
    fine = {"vectors": at(0, 10, 90, 80), "labels": np.array([0, 0, 1, 1])}
    with pytest.raises(InvalidTextsError, match=message):
        full_way_accuracy(None, **{**fine, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_way": 3}, "3 ways, but there are 2 categories"),
        ({"n_query": 2}, "need 3 texts of each category"),
        ({"n_episodes": 1}, "1 episodes: an interval needs two"),
    ],
)
def test_episodes_that_cannot_be_drawn_are_refused(change, message):
    fine = {"n_way": 2, "n_shot": 1, "n_query": 1, "n_episodes": 3}
    vectors, labels = at(0, 10, 90, 80), np.array([0, 0, 1, 1])
    evaluate_episodes(None, vectors, labels, **fine)
    with pytest.raises(InvalidTextsError, match=message):
        evaluate_episodes(None, vectors, labels, **{**fine, **change})
