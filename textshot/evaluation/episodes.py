"""Accuracy of a network or a plain encoder on new categories, on the same samples for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.errors import InvalidTextsError
from textshot.evaluation.episode_sampler import EpisodeSampler, stream
from textshot.networks import DESCRIPTION, EXAMPLE, NAME, Network, Prototypical
from textshot.scoring.exemplars import scores
from textshot.scoring.prototypes import category_prototypes

_Z = 1.959964  # of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class EpisodeScore:
    """Mean accuracy over episodes, with its 95 % interval (normal)."""

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
        network: the network; None for the plain encoder (the mean of a category's keys).
        vectors: float32 (n, dim), unit embeddings of the texts.
        labels: int64 (n,), 0 to n_classes - 1.
        names: float32 (n_classes, dim), unit embeddings of the category names; None: not used.
        descriptions: those of descriptions; zeros where a category has none.
        n_way: categories of an episode.
        n_shot: examples of each; 0 with names or descriptions (zero-shot).
        n_query: texts of each to classify.
        n_episodes: two or more.
        seed: the same seed gives the same episodes, for every network.

    Raises:
        InvalidTextsError: the shapes differ, or there are too few categories or texts.
    """
    pool = _Pool(network, vectors, labels, names, descriptions, n_shot)
    if n_episodes < 2:
        raise InvalidTextsError(f"{n_episodes} episodes: an interval needs two or more")
    sampler = EpisodeSampler(labels, n_way=n_way, n_shot=n_shot, n_query=n_query, seed=seed)
    episodes = stream(sampler, 0, n_episodes)
    hits = [pool.answers(e.classes, e.support, e.query.ravel()) == e.truth for e in episodes]
    accuracies = np.array([hit.mean() for hit in hits])
    mean = float(accuracies.mean())
    half = _Z * float(accuracies.std(ddof=1)) / n_episodes**0.5
    interval = (max(0.0, mean - half), min(1.0, mean + half))
    return EpisodeScore(mean, interval, n_way, n_shot, n_episodes)


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
    """Return the recall of each category among all categories at once, float64 (draws, n_classes).

    In each sample `n_shot` texts of each category are its examples, and all other texts are
    queries. With `n_shot=0` only names and descriptions are keys, and all samples are the same.

    Other arguments and errors as in `evaluate_episodes`.
    """
    pool = _Pool(network, vectors, labels, names, descriptions, n_shot)
    recall = []
    for answers, truths in pool.draw(draws, seed):
        n = np.bincount(truths, minlength=pool.n_classes)
        hits = np.bincount(truths, weights=answers == truths, minlength=pool.n_classes)
        recall.append(hits / n)
    return np.array(recall, np.float64)


@dataclass(frozen=True, eq=False)
class _Pool:
    """The embeddings that episodes are drawn from."""

    network: Network | None
    vectors: FloatArray
    labels: IntArray
    names: FloatArray | None
    descriptions: FloatArray | None
    n_shot: int

    def __post_init__(self) -> None:
        vectors, labels = self.vectors, self.labels
        if vectors.ndim != 2 or labels.shape != vectors.shape[:1] or not len(labels):
            raise InvalidTextsError(
                f"vectors of shape {vectors.shape}, labels of shape {labels.shape}; (n, dim) and"
                " (n,) are needed"
            )
        if labels.min() < 0:
            raise InvalidTextsError(f"a label is {labels.min()}; they count from 0")
        shape = self.n_classes, vectors.shape[1]
        for what, rows in (("names", self.names), ("descriptions", self.descriptions)):
            if rows is not None and rows.shape != shape:
                raise InvalidTextsError(f"{what} of shape {rows.shape}; {shape} is needed")
        if not self.n_shot and self.names is None and self.descriptions is None:
            raise InvalidTextsError("no examples and no names: a category needs a key")

    @property
    def n_classes(self) -> int:
        return int(self.labels.max()) + 1

    def draw(self, draws: int, seed: int) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield answers and truths of all texts but the examples, for each sample of examples."""
        if draws < 1:
            raise InvalidTextsError(f"{draws} draws: one is needed at least")
        labels, n_shot = self.labels, self.n_shot
        counts = np.bincount(labels)
        if n_shot and counts.min() <= n_shot:
            raise InvalidTextsError(
                f"category number {counts.argmin()} has {counts.min()} texts; {n_shot} examples and"
                f" one query need {n_shot + 1}"
            )
        firsts = (np.cumsum(counts) - counts)[:, None] + np.arange(n_shot)
        for draw in range(draws):
            # Category by category, each in a random order: the first ones are the support.
            order = np.random.default_rng([seed, draw]).random(len(labels))
            support = np.lexsort((order, labels))[firsts]
            rest = np.setdiff1d(np.arange(len(labels)), support)
            yield self.answers(np.arange(self.n_classes), support, rest), labels[rest]

    def answers(self, classes: IntArray, support: IntArray, query: IntArray) -> IntArray:
        """Return the predicted way of each query, int64 (n,)."""
        # The cosine with the mean of the keys is an untrained prototypical network.
        network = Prototypical() if self.network is None else self.network
        keys, rows, kinds = self._keys(classes, support)
        vectors = category_prototypes(network, keys, rows, kinds)
        matrix = scores(network, self.vectors[query], vectors, keys, rows, kinds)
        return np.asarray(matrix.argmax(axis=1), np.int64)

    def _keys(self, classes: IntArray, support: IntArray) -> tuple[FloatArray, IntArray, IntArray]:
        """Return all keys (n_keys, dim), category by category, with their rows and kinds."""
        texts = (NAME, self.names), (DESCRIPTION, self.descriptions)
        parts = [(kind, v[classes][:, None]) for kind, v in texts if v is not None]
        parts.append((EXAMPLE, self.vectors[support]))
        keys = np.concatenate([part for _, part in parts], axis=1)
        kinds = np.concatenate([np.full(part.shape[:2], kind) for kind, part in parts], axis=1)
        rows = np.broadcast_to(np.arange(len(classes))[:, None], kinds.shape)
        present = keys.any(axis=2)  # a row of zeros is an absent description
        return keys[present], rows[present], kinds[present].astype(np.int64)
