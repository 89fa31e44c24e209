import math

import numpy as np
import pytest
from network_episodes import (
    cross_entropy,
    dot,
    episode_prototypes,
    leaves,
    make_views,
    of_use,
    unit,
    used,
)

from textshot._arrays import unit_rows
from textshot.errors import InvalidTextsError
from textshot.networks import make_network
from textshot.scoring.prototypes import category_prototypes


@pytest.mark.parametrize("kind", [{}, {"n_shot": 0}, {"names": False}], ids=str)
def test_logits_and_loss_equal_plain_loops(kind):
    network, views = make_network("linear"), make_views(**kind)
    parameters = leaves(network, 5)
    scale = math.exp(parameters["log_scale"].item())
    expected = [
        [scale * dot(q, p) for p in episode_prototypes(views)] for q in views.query.tolist()
    ]
    np.testing.assert_allclose(network.logits(parameters, views).detach(), expected, atol=1e-6)
    classes = views.classes.tolist()
    texts = [(row, classes[w]) for row, w in zip(views.query.tolist(), views.truth, strict=True)]
    texts += [(r, c) for rows, c in zip(views.support.tolist(), classes, strict=True) for r in rows]
    head = [unit(row) for row in parameters["head"].tolist()]
    logits = [[scale * dot(text, row) for row in head] for text, _ in texts]
    loss = cross_entropy(logits, [c for _, c in texts])
    assert network.loss(parameters, views).item() == pytest.approx(loss, abs=1e-6)


def test_the_head_is_small_seeded_and_thrown_away_after_learning():
    network = make_network("linear")
    start = network.initial_parameters(5, 7, seed=3)
    assert start["head"].shape == (7, 5)
    assert np.abs(start["head"]).max() < 0.2
    assert not np.array_equal(start["head"], network.initial_parameters(5, 7, seed=4)["head"])
    assert set(network.with_parameters(start).parameters) == {"log_scale"}


def regression(keys, rows, n, c):
    """The head that gradient descent finds, in double precision."""
    head, truth = np.zeros((n, keys.shape[1])), np.eye(n)[rows]
    for _ in range(20_000):
        logits = keys @ head.T
        chances = np.exp(logits - logits.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        head -= 0.02 * ((chances - truth).T @ keys + head / c)
    return head / np.linalg.norm(head, axis=1, keepdims=True)


@pytest.mark.parametrize("n_way", [2, 3, 6])
def test_in_use_the_head_is_a_logistic_regression_on_all_keys(n_way):
    views = make_views(n_way=n_way, dim=6)
    keys, rows, kinds, queries = of_use(views)
    network = make_network("linear", c=10.0)
    vectors = category_prototypes(network, keys, rows, kinds)
    head = regression(keys.astype(np.float64), rows, n_way, 10.0)
    np.testing.assert_allclose(vectors, head, atol=2e-3)
    np.testing.assert_allclose(used(network, views), queries @ vectors.T, atol=1e-6)


def test_one_key_per_category_is_enough_and_no_warning():
    keys = unit_rows(np.random.default_rng(0).normal(size=(40, 8)))
    rows, kinds = np.arange(40), np.full(40, 2)
    network = make_network("linear")
    vectors = category_prototypes(network, keys, rows, kinds)
    assert ((keys @ vectors.T).argmax(1) == rows).all()
    assert vectors.tobytes() == category_prototypes(network, keys, rows, kinds).tobytes()
    assert network.contextual


def test_one_category_is_its_fused_vector():
    keys = unit_rows([[1, 0, 0], [0, 1, 0]])
    rows, kinds = np.zeros(2, np.int64), np.array([0, 2])
    vectors = category_prototypes(make_network("linear"), keys, rows, kinds)
    np.testing.assert_allclose(vectors, unit_rows([[1, 1, 0]]), atol=1e-6)


def test_categories_with_the_same_keys_stay_at_their_fused_vector():
    keys = unit_rows([[1, 0, 0], [1, 0, 0]])
    vectors = category_prototypes(make_network("linear"), keys, np.arange(2), np.full(2, 2))
    np.testing.assert_allclose(vectors, keys, atol=1e-6)


@pytest.mark.parametrize("c", [0.0, -1.0, math.inf, math.nan])
def test_a_strength_that_cannot_be_is_refused(c):
    with pytest.raises(InvalidTextsError, match="c is"):
        make_network("linear", c=c)
