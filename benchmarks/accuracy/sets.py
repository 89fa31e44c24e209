"""The sets of the benchmark of accuracy, their draws, and streams made of their tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.data import load
from textshot import Category
from textshot._arrays import IntArray
from textshot.encoders import Encoder, PrecomputedEncoder
from textshot.types import spoken_name

SETS: Mapping[str, tuple[str, str, str]] = {
    "banking77": ("banking77", "label", "clinc150"),
    "hwu64": ("hwu64", "label", "banking77"),
    "clinc150": ("clinc150", "label", "banking77"),
    "massive_intent_en": ("massive_intent_en", "label", "banking77"),
    "trec": ("trec", "label", "hwu64"),
    "trec-fine": ("trec", "label_fine", "hwu64"),
    "ag_news": ("ag_news", "label", "trec"),
    "20newsgroups": ("20newsgroups", "label", "hwu64"),
    "sib200-eng": ("sib200/eng_Latn", "label", "banking77"),
}
"""The folder, the field of the label, and the set whose tests are out of its scope."""

OPEN: Mapping[str, tuple[str, str]] = {
    "clinc150": ("clinc150", "oos_test"),
    "banking77_oos-near": ("banking77_oos", "id_oos_test"),
    "banking77_oos-far": ("banking77_oos", "ood_oos_test"),
    "clinc_banking_oos-near": ("clinc_banking_oos", "id_oos_test"),
    "clinc_banking_oos-far": ("clinc_banking_oos", "ood_oos_test"),
}
"""The folder of the fitting texts, and the split of those that fit no category."""

SHOTS, DRAWS = (1, 2, 3, 5, 10), 30
COVERAGES = tuple(round(0.05 * i, 2) for i in range(1, 21))
"""Shares of the tests that are answered, the surest first."""
OUT_OF_SCOPE_SHARE = 0.3


class Set:
    """Texts of a training split to draw examples from, and all tests.

    Args:
        data: the folder with the sets.
        folder: of this one.
        label: the field of the label.
        extra: more tests, that fit no category.
    """

    def __init__(self, data: Path, folder: str, label: str, extra: Sequence[str] = ()) -> None:
        self.texts, self.labels = load(data, folder, "train", label=label)
        self.tests, truths = load(data, folder, "test", label=label)
        self.kinds = sorted(set(self.labels))
        places = {kind: i for i, kind in enumerate(self.kinds)}
        self.truths: IntArray = np.array([places.get(truth, -1) for truth in truths])
        self.extra = list(extra)
        self._rows = {kind: np.flatnonzero(np.array(self.labels) == kind) for kind in self.kinds}

    def draw(self, n_shot: int, seed: int) -> list[list[str]]:
        """Return the examples of each category; all there are, where these are fewer.

        The first ones of a draw are those of the same draw with fewer examples.
        """
        rng = np.random.default_rng(seed)
        orders = [rng.permutation(self._rows[kind]) for kind in self.kinds]
        return [[self.texts[i] for i in order[:n_shot]] for order in orders]

    def others(self, n_shot: int, seed: int, n: int) -> tuple[list[str], list[str]]:
        """Return n training texts that are no examples of a draw, and their labels."""
        drawn = {text for found in self.draw(n_shot, seed) for text in found}
        rows = [i for i, text in enumerate(self.texts) if text not in drawn]
        chosen = np.random.default_rng([seed, 1]).choice(rows, min(n, len(rows)), replace=False)
        return [self.texts[i] for i in chosen], [self.labels[i] for i in chosen]

    def categories(self, examples: Sequence[Sequence[str]]) -> list[Category]:
        """Return the categories of a draw."""
        return [
            Category(k, examples=[*found]) for k, found in zip(self.kinds, examples, strict=True)
        ]

    def table(self, encoder: Encoder, shots: Sequence[int], draws: int) -> PrecomputedEncoder:
        """Encode every text that a cell will ask about, each once."""
        names = [spoken_name(kind) for kind in self.kinds]
        drawn = [t for seed in range(draws) for found in self.draw(max(shots), seed) for t in found]
        texts = list(dict.fromkeys([*names, *drawn, *self.tests, *self.extra]))
        return PrecomputedEncoder(texts, encoder.encode(texts), name=encoder.fingerprint)


def zipf(truths: IntArray, n_categories: int, seed: int) -> IntArray:
    """Return half of the tests, the r-th category 1/r as frequent as the first one."""
    rng = np.random.default_rng(seed)
    shares = rng.permutation(1.0 / np.arange(1, n_categories + 1))
    counts = np.bincount(truths[truths >= 0], minlength=n_categories)
    chances = np.where(truths >= 0, shares[truths] / np.maximum(counts[truths], 1), 0.0)
    rows: IntArray = rng.choice(
        len(truths), len(truths) // 2, replace=False, p=chances / chances.sum()
    )
    return rows


def out_of_scope(data: Path, name: str, n: int, seed: int) -> list[str]:
    """Return out-of-scope texts: OUT_OF_SCOPE_SHARE of all, beside `n` in-scope ones."""
    other = SETS[name][2]
    texts = load(data, SETS[other][0], "test", label=SETS[other][1])[0]
    wanted = min(len(texts), round(n * OUT_OF_SCOPE_SHARE / (1 - OUT_OF_SCOPE_SHARE)))
    rows = np.random.default_rng(seed).choice(len(texts), wanted, replace=False)
    return [texts[i] for i in rows]
