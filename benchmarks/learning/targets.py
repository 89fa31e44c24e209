"""A set that an encoder was not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.data import draw_supports, load
from benchmarks.learning.cells import TARGETS
from benchmarks.learning.measure import Encode, Figures, spread_of
from textshot._arrays import FloatArray, IntArray
from textshot.networks import EXAMPLE, NAME, Network, Prototypical
from textshot.scoring.exemplars import scores
from textshot.scoring.prototypes import category_prototypes
from textshot.types import spoken_name

SUPPORTS = 10
SHOTS: Mapping[str, tuple[int, ...]] = {"banking77": (1, 2, 5), "hwu64": (1, 2, 5)}
"""More than one example only where SetFit is measured too."""


class Target:
    """A set that was not trained on: supports from its training split, the whole test split."""

    def __init__(self, data: Path, name: str) -> None:
        folder, label = TARGETS.get(name, (name, "label"))
        self.texts, labels = load(data, folder, "train", label=label)
        self.tests, truths = load(data, folder, "test", label=label)
        self.kinds = sorted(set(labels))
        places = {kind: i for i, kind in enumerate(self.kinds)}
        self.truths = np.array([places[truth] for truth in truths])
        self.draws = {
            n_shot: [self._rows(labels, n_shot, seed) for seed in range(SUPPORTS)]
            for n_shot in SHOTS.get(name, (1,))
        }

    def figures(self, network: Network | None, encode: Encode) -> Figures:
        """Return accuracies in % by "SHOTS-names" or "SHOTS-plain", one for each seed."""
        drawn = np.unique(np.concatenate([rows.ravel() for d in self.draws.values() for rows in d]))
        at = np.full(len(self.texts), -1, np.int64)
        at[drawn] = np.arange(len(drawn))
        examples = encode([self.texts[i] for i in drawn])
        tests, names = encode(self.tests), encode([spoken_name(kind) for kind in self.kinds])
        none = np.empty((len(self.kinds), 0, names.shape[1]), np.float32)
        used = Prototypical() if network is None else network

        def accuracy(named: FloatArray | None, shots: FloatArray) -> float:
            return 100 * float((nearest(used, tests, named, shots) == self.truths).mean())

        found: Figures = {"0-names": spread_of(np.array([accuracy(names, none)]))}
        for n_shot, draws in self.draws.items():
            for setting, named in (("names", names), ("plain", None)):
                each = [accuracy(named, examples[at[rows]]) for rows in draws]
                found[f"{n_shot}-{setting}"] = spread_of(np.array(each))
        return found

    def _rows(self, labels: list[str], n_shot: int, seed: int) -> IntArray:
        drawn = draw_supports(labels, n_shot, seed)
        return np.array([drawn[kind] for kind in self.kinds])


def nearest(
    network: Network, queries: FloatArray, names: FloatArray | None, examples: FloatArray
) -> IntArray:
    """Return the best category of each query, int64 (n,).

    Args:
        network: what scores.
        queries: (n, dim), unit rows.
        names: (n_categories, dim), or None.
        examples: (n_categories, n_shot, dim); n_shot may be 0.
    """
    parts = [] if names is None else [(NAME, names[:, None])]
    parts.append((EXAMPLE, examples))
    keys = np.concatenate([part for _, part in parts], axis=1)
    kinds = np.concatenate([np.full(part.shape[:2], kind) for kind, part in parts], axis=1).ravel()
    rows = np.repeat(np.arange(len(keys)), keys.shape[1])
    flat = keys.reshape(len(rows), -1)
    vectors = category_prototypes(network, flat, rows, kinds)
    found: IntArray = scores(network, queries, vectors, flat, rows, kinds).argmax(axis=1)
    return found
