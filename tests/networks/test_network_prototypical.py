import math

import numpy as np
import pytest
from network_episodes import cross_entropy, dot, episode_prototypes, leaves, make_views

from textshot.networks import make_network


@pytest.mark.parametrize(
    "kind",
    [{}, {"n_shot": 5}, {"n_shot": 0}, {"names": False}, {"descriptions": True}],
    ids=str,
)
def test_logits_and_loss_equal_plain_loops(kind):
    network, views = make_network("prototypical"), make_views(**kind)
    parameters = leaves(network, 5)
    scale = math.exp(parameters["log_scale"].item())
    expected = [
        [scale * dot(q, p) for p in episode_prototypes(views)] for q in views.query.tolist()
    ]
    np.testing.assert_allclose(network.logits(parameters, views).detach(), expected, atol=1e-6)
    loss = cross_entropy(expected, views.truth.tolist())
    assert network.loss(parameters, views).item() == pytest.approx(loss, abs=1e-6)


def test_the_cosine_has_the_softmax_of_the_squared_distance():
    views = make_views()
    parameters = leaves(make_network("prototypical"), 5)
    scale = math.exp(parameters["log_scale"].item())
    centres = np.array(episode_prototypes(views))
    distances = ((views.query.numpy()[:, None] - centres[None]) ** 2).sum(-1)
    loss = cross_entropy(-scale / 2 * distances, views.truth.tolist())
    found = make_network("prototypical").loss(parameters, views)
    assert found.item() == pytest.approx(loss, abs=1e-6)
