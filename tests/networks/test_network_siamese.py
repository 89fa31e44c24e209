import math

import numpy as np
import pytest
from network_episodes import dot, episode_keys, episode_prototypes, make_views

from textshot.errors import InvalidTextsError
from textshot.networks import make_network

KINDS = [
    {},
    {"second_view": True},
    {"n_shot": 0, "second_view": True},
    {"names": False},
    {"n_shot": 1},
]
KINDS += [{"descriptions": True, "second_view": True}]


def others_of(views, i):
    """Return the cosines of query i with what is the same, and with what is not."""
    query, way = views.query[i].tolist(), int(views.truth[i])
    same, apart = [], []
    for other, keys in enumerate(episode_keys(views)):
        (same if other == way else apart).extend(dot(query, row) for _, row in keys)
    if views.second_view is not None:
        same.append(dot(query, views.second_view[i].tolist()))
    return same, apart


def mean(values):
    return math.fsum(values) / len(values)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_contrastive_loss_equals_plain_loops(kind):
    network, views = make_network("siamese", margin=0.4), make_views(**kind)
    pairs = [others_of(views, i) for i in range(len(views.query))]
    same = mean([1 - c for near, _ in pairs for c in near])
    apart = mean([max(0.0, c - 0.4) for _, far in pairs for c in far])
    assert network.loss({}, views).item() == pytest.approx((same + apart) / 2, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_triplet_loss_equals_plain_loops(kind):
    network = make_network("siamese", loss_kind="triplet", margin=0.2)
    views = make_views(**kind)
    pairs = [others_of(views, i) for i in range(len(views.query))]
    each = [max(0.0, (1 - c) - (1 - max(far)) + 0.2) for near, far in pairs for c in near]
    assert network.loss({}, views).item() == pytest.approx(mean(each), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_logits_are_twenty_cosines_with_the_prototypes(kind):
    views = make_views(**kind)
    expected = [[20 * dot(q, p) for p in episode_prototypes(views)] for q in views.query.tolist()]
    np.testing.assert_allclose(make_network("siamese").logits({}, views), expected, atol=1e-6)


def test_one_example_brings_positives_that_say_something():
    views = make_views(n_shot=1, second_view=True)
    assert all(len(others_of(views, i)[0]) == 3 for i in range(len(views.query)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"loss_kind": "quad"}, "loss_kind is 'quad'"), ({"margin": 1.5}, "margin is 1.5")],
)
def test_settings_that_do_not_exist_are_refused(settings, message):
    with pytest.raises(InvalidTextsError, match=message):
        make_network("siamese", **settings)
