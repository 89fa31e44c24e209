"""Each network learns a small task with known structure, and scores with NumPy what it learned."""

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from network_episodes import learn, leaves, make_views, used

from textshot.errors import InvalidTextsError
from textshot.networks import NETWORKS, make_network

EVERY = [
    ("matching", {}),
    ("matching", {"context": "attention"}),
    ("matching", {"context": "lstm"}),
    ("prototypical", {}),
    ("siamese", {}),
    ("siamese", {"loss_kind": "triplet"}),
    ("memory", {}),
    ("linear", {}),
]
HOW = {
    "memory": {"n_query": 1},
    "lstm": {"n_way": 5, "n_query": 8},
}
LEARNING = [(name, settings) for name, settings in EVERY if len(settings) < 2]

SAME = [(name, settings) for name, settings in EVERY if name != "linear"]
"""The head of the linear network is made when it is used: test_network_linear.py."""


def named(case):
    return "-".join([case[0], *map(str, case[1].values())])


@pytest.mark.parametrize(("name", "settings"), LEARNING, ids=map(named, LEARNING))
def test_accuracy_on_unseen_categories_rises_from_chance(name, settings):
    how = HOW.get(name) or next((HOW[s] for s in settings.values() if s in HOW), {})
    before, after, learned = learn(make_network(name, **settings), **how)
    assert before < 0.3  # five ways
    assert after > 0.95
    assert set(learned.parameters) == set(learned.parameter_shapes(12))


@pytest.mark.parametrize(("name", "settings"), EVERY, ids=map(named, EVERY))
def test_every_number_and_the_encoder_get_gradients(name, settings):
    network, views = make_network(name, **settings), make_views(dim=6, descriptions=True)
    views.query.requires_grad_()
    views.support.requires_grad_()
    parameters = leaves(network, 6)
    network.loss(parameters, views).backward()
    for number in [*parameters.values(), views.query]:
        assert torch.isfinite(number.grad).all()
        assert number.grad.abs().max() > 0
    assert views.support.grad is not None


@pytest.mark.parametrize(("name", "settings"), EVERY, ids=map(named, EVERY))
def test_under_autocast_scores_keep_single_precision(name, settings):
    network, exact = make_network(name, **settings), make_views(dim=6, second_view=True)
    views = replace(exact, **halved(exact, torch.float32))
    parameters = {k: t.detach().float() for k, t in leaves(network, 6).items()}
    plain = network.logits(parameters, views), network.loss(parameters, views)
    with torch.autocast("cpu", torch.bfloat16):
        under = network.logits(parameters, views), network.loss(parameters, views)
        narrow = network.loss(parameters, replace(views, **halved(views, torch.bfloat16)))
    for a, b in zip(plain, under, strict=True):
        assert b.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)
    assert narrow.dtype == torch.float32


def halved(views, dtype):
    found = {field.name: getattr(views, field.name) for field in fields(views)}
    return {n: t.to(dtype) for n, t in found.items() if t is not None and t.is_floating_point()}


@pytest.mark.parametrize(("name", "settings"), SAME, ids=map(named, SAME))
@pytest.mark.parametrize("kind", ["usual", "names only", "opaque names", "descriptions"])
def test_numpy_scores_what_torch_learns(name, settings, kind):
    views = {
        "usual": lambda: make_views(dim=7),
        "names only": lambda: make_views(dim=7, n_shot=0),
        "opaque names": lambda: make_views(dim=7, names=False),
        "descriptions": lambda: make_views(dim=7, descriptions=True),
    }[kind]()
    network = make_network(name, **settings)
    parameters = leaves(network, 7)
    learned = network.with_parameters({k: t.detach().numpy() for k, t in parameters.items()})
    logits = network.logits(parameters, views).detach().numpy()
    scale = np.exp(parameters["log_scale"].item()) if "log_scale" in parameters else 20
    np.testing.assert_allclose(used(learned, views), logits / scale, atol=1e-5)


@pytest.mark.parametrize(("name", "settings"), EVERY, ids=map(named, EVERY))
def test_before_learning_numpy_scores_from_the_documented_start(name, settings):
    network, views = make_network(name, **settings), make_views(dim=7)
    start = network.with_parameters(network.initial_parameters(7, 9))
    np.testing.assert_allclose(used(network, views), used(start, views), atol=1e-6)
    again = network.initial_parameters(7, 9)
    assert all(np.array_equal(a, again[k]) for k, a in network.initial_parameters(7, 9).items())
    assert {k: a.shape for k, a in start.parameters.items()} == network.parameter_shapes(7)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_episode_where_nothing_stands_for_a_way_is_refused(name):
    network, views = make_network(name), make_views(n_shot=0, names=False)
    with pytest.raises(InvalidTextsError, match="without an example, a name or a description"):
        network.logits(leaves(network, 5), views)
    bare = make_views(n_shot=0, names=False, descriptions=True)  # one way has no description
    with pytest.raises(InvalidTextsError, match="without an example, a name or a description"):
        network.logits(leaves(network, 5), bare)


def test_importing_and_using_networks_takes_no_torch():
    code = (
        "import sys, numpy as np; from textshot.networks import make_network;"
        "from textshot.scoring.prototypes import category_prototypes;"
        "from textshot.scoring.exemplars import scores;"
        "keys = np.eye(4, dtype=np.float32); rows = np.arange(4); kinds = np.full(4, 2)\n"
        "for name in ('matching', 'memory', 'siamese'):\n"
        "    network = make_network(name)\n"
        "    vectors = category_prototypes(network, keys, rows, kinds)\n"
        "    scores(network, keys, vectors, keys, rows, kinds)\n"
        "print([m for m in ('torch', 'sklearn', 'faiss') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
