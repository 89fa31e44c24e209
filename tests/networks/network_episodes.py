"""Episodes for the tests of networks, and what they compute by plain loops, in double precision."""

from __future__ import annotations

import math

import numpy as np
import torch

from textshot._arrays import unit_rows
from textshot.networks import DESCRIPTION, EXAMPLE, NAME, EpisodeEmbeddings
from textshot.scoring.exemplars import scores
from textshot.scoring.prototypes import category_prototypes

# Loops.


def dot(a, b):
    return math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def unit(a):
    length = math.sqrt(dot(a, a))
    return [float(x) / length for x in a]


def added(*rows):
    return [math.fsum(values) for values in zip(*rows, strict=True)]


def times(factor, row):
    return [float(factor) * float(x) for x in row]


def softmax(values):
    near = [math.exp(v - max(values)) for v in values]
    return [v / math.fsum(near) for v in near]


def cross_entropy(logits, truth):
    each = [-math.log(softmax(row)[t]) for row, t in zip(logits, truth, strict=True)]
    return math.fsum(each) / len(each)


def episode_keys(views, parts=(NAME, DESCRIPTION, EXAMPLE)):
    """Return [(kind, row), ...] for each way."""
    found = []
    for way in range(len(views.classes)):
        keys = []
        if NAME in parts and views.names is not None:
            keys.append((NAME, views.names[way].tolist()))
        if DESCRIPTION in parts and views.descriptions is not None:
            row = views.descriptions[way].tolist()
            keys += [(DESCRIPTION, row)] if any(row) else []
        if EXAMPLE in parts:
            keys += [(EXAMPLE, row.tolist()) for row in views.support[way]]
        found.append(keys)
    return found


def episode_prototypes(views, parts=(NAME, DESCRIPTION, EXAMPLE), bias=(0.0, 0.0, 0.0)):
    return [
        unit(added(*(times(math.exp(bias[kind]), row) for kind, row in keys)))
        for keys in episode_keys(views, parts)
    ]


# Episodes.


def make_views(
    n_way=4,
    n_shot=2,
    n_query=6,
    dim=5,
    *,
    seed=0,
    names=True,
    descriptions=False,
    second_view=False,
):
    """Return random unit rows in double precision; the last way has no description."""
    generator = torch.Generator().manual_seed(seed)

    def rows(*shape):
        found = torch.randn(*shape, dim, generator=generator, dtype=torch.float64)
        # Not all around the sphere: texts have more in common than that.
        found = found + 0.5
        return torch.nn.functional.normalize(found, dim=-1)

    found = EpisodeEmbeddings(
        support=rows(n_way, n_shot),
        query=rows(n_query),
        truth=torch.arange(n_query) % n_way,
        classes=torch.arange(n_way) * 2 + 1,
        names=rows(n_way) if names else None,
        descriptions=rows(n_way) if descriptions else None,
        second_view=rows(n_query) if second_view else None,
    )
    if found.descriptions is not None:
        found.descriptions[-1] = 0
    return found


def leaves(network, dim, seed=0, n_classes=9):
    """Return the network's parameters off their start, as double precision leaves."""
    rng = np.random.default_rng(seed)
    return {
        name: torch.tensor(array + 0.3 * rng.normal(size=array.shape), requires_grad=True)
        for name, array in network.initial_parameters(dim, n_classes, seed).items()
    }


def of_use(views):
    """Return keys, rows, kinds and queries of an episode as the NumPy side takes them."""
    flat = [(way, kind, row) for way, keys in enumerate(episode_keys(views)) for kind, row in keys]
    return (
        np.array([row for _, _, row in flat], np.float32),
        np.array([way for way, _, _ in flat], np.int64),
        np.array([kind for _, kind, _ in flat], np.int64),
        views.query.numpy().astype(np.float32),
    )


def used(network, views):
    """Return what the NumPy side scores, (n_query, n_way)."""
    keys, rows, kinds, queries = of_use(views)
    vectors = category_prototypes(network, keys, rows, kinds)
    return scores(network, queries, vectors, keys, rows, kinds)


# A task with known structure.

SIGNAL, NOISE, DIM, SEEN, UNSEEN = 8, 16, 12, 40, 20


class Task:
    """Categories are points in a few dimensions, drowned by noise three times as large."""

    def __init__(self, seed=0):
        self._rng = np.random.default_rng(seed)
        self.centres = unit_rows(self._rng.normal(size=(SEEN + UNSEEN, SIGNAL)))

    def texts(self, classes):
        near = self.centres[classes] + 0.1 * self._rng.normal(size=(*np.shape(classes), SIGNAL))
        noise = 3 * self._rng.normal(size=(*np.shape(classes), NOISE))
        return torch.tensor(np.concatenate([near, noise], -1), dtype=torch.float32)

    def episode(self, encode, n_way, n_query, *, seen):
        pool = np.arange(SEEN) if seen else np.arange(SEEN, SEEN + UNSEEN)
        classes = self._rng.choice(pool, n_way, replace=False)
        truth = np.repeat(np.arange(n_way), n_query)
        queries = self.texts(classes[truth])
        return EpisodeEmbeddings(
            support=encode(self.texts(classes[:, None])),
            query=encode(queries),
            truth=torch.tensor(truth),
            classes=torch.tensor(classes),
            names=encode(self.texts(classes)),
            second_view=encode(queries),
        )


def learn(network, *, n_way=8, n_query=4, steps=300, seed=0):
    """Return the accuracy on unseen categories before and after learning, and what was learned."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    task = Task(seed)
    layer = torch.nn.Linear(SIGNAL + NOISE, DIM, bias=False)
    parameters = {
        name: torch.tensor(array, requires_grad=True)
        for name, array in network.initial_parameters(DIM, SEEN, seed).items()
    }

    def encode(texts):
        return torch.nn.functional.normalize(layer(texts), dim=-1)

    def accuracy():
        now = network.with_parameters({name: t.detach().numpy() for name, t in parameters.items()})
        with torch.no_grad():
            episodes = [task.episode(encode, 5, 5, seen=False) for _ in range(40)]
        right = [used(now, e).argmax(1) == e.truth.numpy() for e in episodes]
        return float(np.mean(right)), now

    before, _ = accuracy()
    groups = [{"params": layer.parameters()}, {"params": parameters.values(), "lr": 0.003}]
    optimizer = torch.optim.AdamW(groups, lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        network.loss(parameters, task.episode(encode, n_way, n_query, seen=True)).backward()
        optimizer.step()
    after, learned = accuracy()
    return before, after, learned
