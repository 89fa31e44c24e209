"""What learning costs as the data grows: seconds of a step, and of preparing the texts."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.data import SPLITS, load
from benchmarks.learning.cells import COST_ROWS, Cell
from benchmarks.learning.fit import Place, fit, versions
from textshot import load_encoder
from textshot._arrays import IntArray
from textshot.evaluation.episode_sampler import Episode, EpisodeSampler
from textshot.training import TrainConfig
from textshot.training.corpus import Corpus, Splits, split_categories
from textshot.training.corpus_preparation import prepare_corpus

Rows = list[tuple[str | None, str | None, str]]

SETS = ("banking77", "clinc150")
REPEATS = 3
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
"""Words, since digits do not make two texts different (`prepare_corpus`)."""


def texts_cell(cell: Cell, place: Place) -> dict[str, Any]:
    """Time the steps on a number of texts; what is held out is the same for all of them."""
    splits = split_categories(prepare_corpus(all_rows(place))[0], shares=0.1)
    train = spread_out(splits.train, cell.size)
    splits = Splits(train, splits.valid, splits.test)
    folder = place.work / "encoders" / cell.name
    body = fit(
        load_encoder(adapter=None, long_texts="cut", device="cpu"),
        splits,
        place.config(cell),
        folder,
    )
    return {"n_texts": len(train), "n_categories": len(train.names), **body}


def preparation_cell(cell: Cell, place: Place) -> dict[str, Any]:
    """Time reading rows into a corpus, and the sampler's first episode, at several sizes."""
    rows, config = all_rows(place), TrainConfig()
    found: dict[str, dict[str, float]] = {}
    for size in COST_ROWS[:1] if place.trial else COST_ROWS:
        corpus, reading = best(partial(prepare_corpus, grown(rows, size)))
        labels = corpus[0].labels
        _, sampling = best(partial(first_episode, labels, config))
        found[str(size)] = {"texts": len(labels), "corpus": reading, "sampler": sampling}
    return {"preparation": found, "repeats": REPEATS, "versions": versions()}


def first_episode(labels: IntArray, config: TrainConfig) -> Episode:
    """Return an episode from a new sampler, which sorts the texts by category for it."""
    n_way, n_shot, n_query = config.n_way, config.n_shot, config.n_query
    return EpisodeSampler(labels, n_way=n_way, n_shot=n_shot, n_query=n_query).episode(0)


def all_rows(place: Place) -> Rows:
    """Return the rows of both sets; categories of one name in both become one."""
    found: Rows = []
    for name in SETS:
        for split in SPLITS[name]:
            pairs = zip(*load(place.data, name, split), strict=True)
            found += [(text, label, f"{name} {split} {i}") for i, (text, label) in enumerate(pairs)]
    return found


def grown(rows: Rows, size: int) -> Rows:
    """Return `size` rows in an order of chance; copies of a text end in different number words."""
    order = np.random.default_rng(0).permutation(len(rows))
    found: Rows = []
    for i in range(size):
        copy, (text, label, place) = i // len(rows), rows[order[i % len(rows)]]
        found.append((f"{text} {NUMBERS[copy - 1]}" if copy else text, label, place))
    return found


def spread_out(corpus: Corpus, size: int) -> Corpus:
    """Return `size` texts, as many of each category as of the others as far as there are."""
    order = np.random.default_rng(0).permutation(len(corpus))
    by_category = order[np.argsort(corpus.labels[order], kind="stable")]
    counts = corpus.counts
    rank = np.arange(len(corpus)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = np.sort(by_category[np.argsort(rank, kind="stable")[:size]])
    return Corpus(
        texts=tuple(corpus.texts[i] for i in kept), labels=corpus.labels[kept], names=corpus.names
    )


def best(make: Callable[[], Any]) -> tuple[Any, float]:
    """Return what `make` makes, and the fewest seconds that it took."""
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        made = make()
        seconds.append(time.perf_counter() - begun)
    return made, min(seconds)
