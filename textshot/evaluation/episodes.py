"""Accuracy on categories that the encoder or network was not trained on.

One function for every network and for a plain encoder, and the same draws for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.errors import InvalidTextsError
from textshot.evaluation.sampling import EpisodeSampler, stream
from textshot.networks import DESCRIPTION, EXAMPLE, NAME, Network, Prototypical
from textshot.scoring.exemplars import scores
from textshot.scoring.prototypes import category_prototypes

_Z = 1.959964  # of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class EpisodeScore:
    """Mean accuracy over episodes, with its 95 % interval (normal, over the episodes)."""

    mean: float
    interval: tuple[float, float]
    n_way: int
    n_shot: int
    n_episodes: int


def evaluate_episodes(
    network: Network | None,
    vectors: FloatArray,
    labels: IntArray,
    *,
    names: FloatArray | None = None,
    descriptions: FloatArray | None = None,
    n_way: int = 5,
    n_shot: int = 1,
    n_query: int = 5,
    n_episodes: int = 600,
    seed: int = 0,
) -> EpisodeScore:
    """Return the accuracy over seeded N-way K-shot episodes.

    Args:
        network: what scores; None is the plain encoder (the mean of a category's keys).
        vectors: float32 (n, dim), unit embeddings of the texts.
        labels: int64 (n,), 0 to n_classes - 1.
        names: float32 (n_classes, dim), unit embeddings of the category names; None: not used.
        descriptions: the same of descriptions; rows of zeros where a category has none.
        n_way: categories of an episode.
        n_shot: examples of each; 0 with names or descriptions (zero-shot).
        n_query: texts of each to be recognised.
        n_episodes: how many, two or more.
        seed: same seed, same episodes, whatever the network.

    Raises:
        InvalidTextsError: shapes that do not fit, or too few categories or texts.
    """
    pool = _Pool(network, vectors, labels, names, descriptions, n_shot)
    if n_episodes < 2:
        raise InvalidTextsError(f"{n_episodes} episodes: an interval needs two or more")
    sampler = EpisodeSampler(labels, n_way=n_way, n_shot=n_shot, n_query=n_query, seed=seed)
    found = np.array(
        [
            (pool.answers(e.classes, e.support, e.query.ravel()) == e.truth).mean()
            for e in stream(sampler, 0, n_episodes)
        ]
    )
    mean = float(found.mean())
    half = _Z * float(found.std(ddof=1)) / n_episodes**0.5
    interval = (max(0.0, mean - half), min(1.0, mean + half))
    return EpisodeScore(mean, interval, n_way, n_shot, n_episodes)


def full_way(
    network: Network | None,
    vectors: FloatArray,
    labels: IntArray,
    *,
    names: FloatArray | None = None,
    descriptions: FloatArray | None = None,
    n_shot: int = 1,
    examples: bool = True,
    draws: int = 20,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the accuracy of each draw with all categories at once, float64 (draws,).

    In each draw `n_shot` texts of each category are its examples, and every other text is to be
    recognised. With `examples=False` names and descriptions stand alone and every text is to be
    recognised: all draws are the same then.

    Other arguments and errors as in `evaluate_episodes`.
    """
    n_shot = n_shot if examples else 0
    pool = _Pool(network, vectors, labels, names, descriptions, n_shot)
    found = []
    for support, rest in _supports(pool, labels, n_shot, draws, seed):
        answers = pool.answers(np.arange(pool.n_classes), support, rest)
        found.append((answers == labels[rest]).mean())
        if not n_shot:
            return np.full(draws, found[0], np.float64)
    return np.array(found, np.float64)


def recalls(
    network: Network | None,
    vectors: FloatArray,
    labels: IntArray,
    *,
    names: FloatArray | None = None,
    descriptions: FloatArray | None = None,
    n_shot: int = 1,
    draws: int = 20,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return each category's share of texts that were recognised, float64 (draws, n_classes).

    The draws are those of `full_way`; other arguments and errors as there.
    """
    pool = _Pool(network, vectors, labels, names, descriptions, n_shot)
    found = []
    for support, rest in _supports(pool, labels, n_shot, draws, seed):
        truths = labels[rest]
        right = pool.answers(np.arange(pool.n_classes), support, rest) == truths
        n = np.bincount(truths, minlength=pool.n_classes)
        found.append(np.bincount(truths, weights=right, minlength=pool.n_classes) / n)
    return np.array(found, np.float64)


def _supports(
    pool: _Pool, labels: IntArray, n_shot: int, draws: int, seed: int
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the rows of each draw's supports, (n_classes, n_shot), and of its queries."""
    if draws < 1:
        raise InvalidTextsError(f"{draws} draws: one is needed at least")
    counts = np.bincount(labels)
    if n_shot and counts.min() <= n_shot:
        raise InvalidTextsError(
            f"category number {counts.argmin()} has {counts.min()} texts; {n_shot} examples and one"
            f" more to be recognised need {n_shot + 1}"
        )
    firsts = (np.cumsum(counts) - counts)[:, None] + np.arange(n_shot)
    for draw in range(draws):
        # Category by category, each in an order of chance: the first ones are the support.
        chances = np.random.default_rng([seed, draw]).random(len(labels))
        support = np.lexsort((chances, labels))[firsts]
        yield support, np.setdiff1d(np.arange(len(labels)), support)


class _Pool:
    """The embeddings that episodes are drawn from."""

    def __init__(
        self,
        network: Network | None,
        vectors: FloatArray,
        labels: IntArray,
        names: FloatArray | None,
        descriptions: FloatArray | None,
        n_shot: int,
    ) -> None:
        if vectors.ndim != 2 or labels.shape != vectors.shape[:1] or not len(labels):
            raise InvalidTextsError(
                f"vectors of shape {vectors.shape}, labels of shape {labels.shape}; (n, dim) and"
                " (n,) are needed"
            )
        if labels.min() < 0:
            raise InvalidTextsError(f"a label is {labels.min()}; they count from 0")
        # The mean of the keys and its cosine are prototypical networks as they come.
        self.network = Prototypical() if network is None else network
        self.vectors = vectors
        self.n_classes = int(labels.max()) + 1
        self.kinds = [(NAME, names), (DESCRIPTION, descriptions)]
        for what, each in (("names", names), ("descriptions", descriptions)):
            if each is not None and each.shape != (self.n_classes, vectors.shape[1]):
                raise InvalidTextsError(
                    f"{what} of shape {each.shape}; {(self.n_classes, vectors.shape[1])} is needed"
                )
        if not n_shot and names is None and descriptions is None:
            raise InvalidTextsError("no examples and no names: nothing stands for a category")

    def answers(self, classes: IntArray, support: IntArray, query: IntArray) -> IntArray:
        """Return the best way of each query, int64 (n,)."""
        keys, rows, kinds = self._keys(classes, support)
        vectors = category_prototypes(self.network, keys, rows, kinds)
        found = scores(self.network, self.vectors[query], vectors, keys, rows, kinds)
        return np.asarray(found.argmax(axis=1), np.int64)

    def _keys(self, classes: IntArray, support: IntArray) -> tuple[FloatArray, IntArray, IntArray]:
        """Return all keys (n_keys, dim), category by category, with their rows and kinds."""
        parts = [(kind, each[classes][:, None]) for kind, each in self.kinds if each is not None]
        parts.append((EXAMPLE, self.vectors[support]))
        keys = np.concatenate([part for _, part in parts], axis=1)
        kinds = np.concatenate([np.full(part.shape[:2], kind) for kind, part in parts], axis=1)
        rows = np.broadcast_to(np.arange(len(classes))[:, None], kinds.shape)
        there = keys.any(axis=2)  # a row of zeros is a description that is not there
        return keys[there], rows[there], kinds[there].astype(np.int64)
