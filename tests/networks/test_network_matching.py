import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from network_episodes import (
    added,
    cross_entropy,
    dot,
    episode_prototypes,
    leaves,
    make_views,
    of_use,
    softmax,
    times,
    unit,
    used,
)

from textshot.errors import InvalidTextsError
from textshot.networks import DESCRIPTION, EXAMPLE, NAME, make_network
from textshot.scoring.exemplars import scores
from textshot.scoring.prototypes import category_prototypes

ALL = (NAME, DESCRIPTION, EXAMPLE)
VARIANTS = [
    {},
    {"context": "lstm"},
    {"context": "attention"},
    {"context": "lstm", "steps": 2},
]


def ids(settings):
    return "-".join(map(str, settings.values())) or "plain"


# The same by loops.


def product(matrix, row):
    return [dot(line, row) for line in matrix]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def cell(gates, memory):
    dim = len(memory)
    into, keep, new, out = (gates[i * dim : (i + 1) * dim] for i in range(4))
    kept = [
        sigmoid(f) * m + sigmoid(i) * math.tanh(n)
        for f, m, i, n in zip(keep, memory, into, new, strict=True)
    ]
    return [sigmoid(o) * math.tanh(c) for o, c in zip(out, kept, strict=True)], kept


def lstm(n, way, rows):
    hidden = memory = [0.0] * len(rows[0])
    found = {}
    for i in range(len(rows)) if way == "forward" else reversed(range(len(rows))):
        gates = added(
            product(n[f"{way}_input"], rows[i]),
            product(n[f"{way}_state"], hidden),
            n[f"{way}_bias"],
        )
        hidden, memory = cell(gates, memory)
        found[i] = hidden
    return [found[i] for i in range(len(rows))]


def read(query, rows, scale):
    weights = softmax([scale * dot(query, row) for row in rows])
    return added(*(times(w, row) for w, row in zip(weights, rows, strict=True)))


def attention(n, side, query, rows, scale):
    asked = product(n[f"{side}_q"], query)
    weights = softmax([scale * dot(asked, product(n[f"{side}_k"], row)) for row in rows])
    values = [product(n[f"{side}_v"], row) for row in rows]
    return added(*(times(w, v) for w, v in zip(weights, values, strict=True)))


def support_in_context(kind, n, rows, scale):
    gate = n["support_gate"][0]
    if kind == "lstm":
        both = zip(rows, lstm(n, "forward", rows), lstm(n, "backward", rows), strict=True)
        return [unit(added(row, times(gate, f), times(gate, b))) for row, f, b in both]
    return [unit(added(r, times(gate, attention(n, "support", r, rows, scale)))) for r in rows]


def query_in_context(kind, n, query, rows, scale, steps):
    gate = n["query_gate"][0]
    if kind == "attention":
        return unit(added(query, times(gate, attention(n, "query", query, rows, scale))))
    hidden, memory = query, [0.0] * len(query)
    for _ in range(steps):
        state = [*hidden, *read(hidden, rows, scale)]
        gates = added(
            product(n["read_input"], query), product(n["read_state"], state), n["read_bias"]
        )
        out, memory = cell(gates, memory)
        hidden = unit(added(query, times(gate, out)))
    return hidden


def by_loops(network, parameters, views, parts=ALL):
    n = {name: t.detach().numpy() for name, t in parameters.items()}
    scale, bias = math.exp(n["log_scale"][0]), n["kind_bias"]
    queries = views.query.tolist()
    rows = episode_prototypes(views, parts, bias)
    if network.context != "none":
        rows = support_in_context(network.context, n, rows, scale)
        context = network.context, n
        queries = [query_in_context(*context, q, rows, scale, network.steps) for q in queries]
    return [[scale * dot(q, row) for row in rows] for q in queries]


@pytest.mark.parametrize("settings", VARIANTS, ids=ids)
@pytest.mark.parametrize("descriptions", [False, True])
def test_logits_and_loss_equal_plain_loops(settings, descriptions):
    network, views = make_network("matching", **settings), make_views(descriptions=descriptions)
    parameters, truth = leaves(network, 5), views.truth.tolist()
    expected = by_loops(network, parameters, views)
    found = network.logits(parameters, views).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    parts = [(1.0, ALL), (0.5, (NAME, DESCRIPTION)), (0.5, (EXAMPLE,))]
    loss = sum(
        w * cross_entropy(by_loops(network, parameters, views, kinds), truth) for w, kinds in parts
    )
    assert network.loss(parameters, views).item() == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize("settings", VARIANTS, ids=ids)
@pytest.mark.parametrize("kind", [{"n_shot": 0}, {"names": False}])
def test_with_one_sort_of_keys_the_loss_is_theirs(settings, kind):
    network, views = make_network("matching", **settings), make_views(**kind)
    parameters = leaves(network, 5)
    expected = by_loops(network, parameters, views)
    np.testing.assert_allclose(network.logits(parameters, views).detach(), expected, atol=1e-6)
    loss = cross_entropy(expected, views.truth.tolist())
    assert network.loss(parameters, views).item() == pytest.approx(loss, abs=1e-6)


def test_the_lstm_is_the_one_of_torch():
    network, views = make_network("matching", context="lstm"), make_views(n_shot=1, names=False)
    parameters = leaves(network, 5)
    rows = views.support[:, 0]
    theirs = torch.nn.LSTM(5, 5, bidirectional=True).double()
    with torch.no_grad():
        for way, end in (("forward", ""), ("backward", "_reverse")):
            getattr(theirs, f"weight_ih_l0{end}").copy_(parameters[f"{way}_input"])
            getattr(theirs, f"weight_hh_l0{end}").copy_(parameters[f"{way}_state"])
            getattr(theirs, f"bias_ih_l0{end}").copy_(parameters[f"{way}_bias"])
            getattr(theirs, f"bias_hh_l0{end}").zero_()
        both = theirs(rows)[0]
        found = rows + parameters["support_gate"] * (both[:, :5] + both[:, 5:])
    found = found / found.norm(dim=1, keepdim=True)
    n = {name: t.detach().numpy() for name, t in parameters.items()}
    expected = support_in_context("lstm", n, rows.tolist(), math.exp(n["log_scale"][0]))
    np.testing.assert_allclose(found, expected, atol=1e-9)


# Order.


def in_order(views, order):
    turned = torch.tensor(order).argsort()
    return replace(
        views,
        support=views.support[order],
        names=views.names[order],
        classes=views.classes[order],
        truth=turned[views.truth],
    )


@pytest.mark.parametrize("settings", VARIANTS, ids=ids)
def test_the_order_of_the_support_matters_to_the_lstm_only(settings):
    network, views, order = make_network("matching", **settings), make_views(dim=8), [2, 0, 3, 1]
    parameters = leaves(network, 8)
    first = network.logits(parameters, views).detach()[:, order]
    second = network.logits(parameters, in_order(views, order)).detach()
    learned = network.with_parameters({k: t.detach().numpy() for k, t in parameters.items()})
    pairs = [
        (first, second),
        (used(learned, views)[:, order], used(learned, in_order(views, order))),
    ]
    for a, b in pairs:
        apart = float(np.abs(np.asarray(a) - np.asarray(b)).max())
        assert apart > 1e-3 if settings.get("context") == "lstm" else apart < 1e-5


@pytest.mark.parametrize("context", ["lstm", "attention"])
def test_at_the_start_a_context_changes_nothing(context):
    network, views = make_network("matching", context=context), make_views(dim=6)
    start = {k: torch.tensor(a).double() for k, a in network.initial_parameters(6, 3).items()}
    plain = make_network("matching")
    here, there = network.logits(start, views), plain.logits(start, views)
    torch.testing.assert_close(here, there, rtol=0, atol=1e-5)
    assert network.contextual
    assert not plain.contextual


# Keys of several kinds.


def test_each_kind_of_key_has_a_weight_of_its_own():
    views = make_views()
    keys, rows, kinds, queries = of_use(views)
    bias = np.array([1.0, 0.0, -0.5], np.float32)
    network = make_network("matching").with_parameters({"log_scale": [3.0], "kind_bias": bias})
    weights = np.exp(bias.astype(np.float64))[kinds]
    np.testing.assert_allclose(network.key_weights(kinds), weights, rtol=1e-6)
    expected = [dot(queries[0], p) for p in episode_prototypes(views, bias=bias)]
    vectors = category_prototypes(network, keys, rows, kinds)
    found = scores(network, queries, vectors, keys, rows, kinds)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


@pytest.mark.parametrize("parameters", [{}, {"log_scale": [3.0], "kind_bias": [0.0, 0.0, 0.0]}])
def test_as_it_comes_each_key_counts_as_one(parameters):
    network = make_network("matching").with_parameters(parameters)
    assert network.key_weights(np.array([0, 1, 2])) is None


@pytest.mark.parametrize(("log_scale", "scale"), [(0.0, 5), (9.0, 60), (3.0, math.exp(3))])
def test_the_scale_stays_within_its_bounds_and_can_learn_its_way_back(log_scale, scale):
    network, views = make_network("matching"), make_views()
    log_scale = torch.tensor([log_scale], dtype=torch.float64, requires_grad=True)
    parameters = {"log_scale": log_scale, "kind_bias": torch.zeros(3, dtype=torch.float64)}
    expected = [
        [scale * dot(q, p) for p in episode_prototypes(views)] for q in views.query.tolist()
    ]
    np.testing.assert_allclose(network.logits(parameters, views).detach(), expected, atol=1e-6)
    network.loss(parameters, views).backward()
    assert parameters["log_scale"].grad.abs() > 0


# Settings.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"context": "gru"}, "context is 'gru'; .* none, lstm, attention"),
        ({"steps": 0}, "steps is 0; 1 to 32"),
        ({"steps": 33}, "steps is 33; 1 to 32"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InvalidTextsError, match=message):
        make_network("matching", **settings)
