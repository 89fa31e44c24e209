import math

import numpy as np
import pytest
import torch
from network_episodes import added, cross_entropy, dot, episode_prototypes, leaves, make_views, unit

from textshot.errors import InvalidTextsError
from textshot.networks import EpisodeEmbeddings, make_network


def start(views):
    """Return the exemplars at the start: [way, row, whether it is a single example]."""
    exemplars = [[way, row, False] for way, row in enumerate(episode_prototypes(views))]
    examples = enumerate(views.support.tolist())
    return exemplars + [[way, row, True] for way, rows in examples for row in rows]


def score(query, exemplar, decay):
    cosine = dot(query, exemplar[1])
    return 1 - decay * (1 - cosine) if exemplar[2] else cosine


def per_way(query, exemplars, decay, n_way):
    return [max(score(query, s, decay) for s in exemplars if s[0] == way) for way in range(n_way)]


def loss_by_loops(views, scale, decay, margin):
    exemplars, terms, n_way = start(views), [], len(views.classes)
    for query, way in zip(views.query.tolist(), views.truth.tolist(), strict=True):
        right = max(dot(query, s[1]) for s in exemplars if s[0] == way)
        wrong = max(dot(query, s[1]) for s in exemplars if s[0] != way)
        logits = [scale * s for s in per_way(query, exemplars, decay, n_way)]
        terms.append(max(0.0, wrong - right + margin) + cross_entropy([logits], [way]))
        nearest = max(exemplars, key=lambda s: score(query, s, decay))
        if nearest[0] == way:
            nearest[1] = unit(added(nearest[1], query))
        else:
            exemplars.append([way, query, True])
    return math.fsum(terms) / len(terms), len(exemplars)


@pytest.mark.parametrize("kind", [{}, {"n_shot": 0}, {"names": False}, {"n_query": 20}], ids=str)
def test_logits_and_loss_equal_plain_loops(kind):
    network, views = make_network("memory", margin=0.2), make_views(**kind)
    parameters = leaves(network, 5)
    scale, decay = math.exp(parameters["log_scale"].item()), parameters["decay"].item()
    expected = [
        [scale * s for s in per_way(q, start(views), decay, 4)] for q in views.query.tolist()
    ]
    np.testing.assert_allclose(network.logits(parameters, views).detach(), expected, atol=1e-6)
    loss, n_exemplars = loss_by_loops(views, scale, decay, 0.2)
    assert network.loss(parameters, views).item() == pytest.approx(loss, abs=1e-6)
    assert n_exemplars > len(start(views))  # some were wrong, and got exemplars of their own


def test_a_query_that_was_written_is_known_from_then_on():
    network = make_network("memory")
    parameters = {"log_scale": torch.tensor([3.0]), "decay": torch.tensor([2.0])}
    names = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    odd = torch.tensor([0.8, 0.0, 0.6])  # looks like the first way, belongs to the second

    def loss(*queries):
        truth = torch.ones(len(queries), dtype=torch.int64)
        views = EpisodeEmbeddings(
            names[:, None][:, :0], torch.stack(queries), truth, torch.arange(2), names
        )
        return network.loss(parameters, views).item()

    first, second = loss(odd), 2 * loss(odd, odd) - loss(odd)
    assert first > 10
    assert second < 0.1


def test_of_equally_near_slots_the_last_written_moves():
    network = make_network("memory", margin=0.0)
    parameters = {"log_scale": torch.tensor([3.0]), "decay": torch.tensor([2.0])}
    names = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    odd = torch.tensor([0.8, 0.0, 0.6])
    truth = torch.tensor([1, 0, 0])  # the same text is corrected, then corrected back
    views = EpisodeEmbeddings(
        names[:, None][:, :0], odd.expand(3, 3), truth, torch.arange(2), names
    )
    # Before the third both ways have an exemplar that equals it: log 2 and no margin to make up.
    both = 3 * network.loss(parameters, views).item()
    two = EpisodeEmbeddings(views.support, odd.expand(2, 3), truth[:2], views.classes, names)
    assert both - 2 * network.loss(parameters, two).item() == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize(("decay", "used"), [(2.5, 2.5), (0.0, 1.0), (99.0, 8.0)])
def test_the_decay_stays_within_its_bounds_on_both_sides(decay, used):
    network, views = make_network("memory"), make_views()
    parameters = {"log_scale": torch.tensor([3.0]), "decay": torch.tensor([decay])}
    learned = network.with_parameters({k: t.numpy() for k, t in parameters.items()})
    assert learned.decay == pytest.approx(used)
    query = views.query[0].tolist()
    expected = per_way(query, start(views), used, 4)
    found = network.logits(parameters, views)[0] / math.exp(3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_other_networks_take_the_decay_as_it_comes():
    assert make_network("matching").decay == make_network("memory").decay == 2


def test_a_margin_that_no_cosine_can_have_is_refused():
    with pytest.raises(InvalidTextsError, match=r"margin is -0\.1"):
        make_network("memory", margin=-0.1)
