"""What the adapter is trained on, and how. docs/adr/0013 says what was tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.data import load_corpus, mix, without_domains
from textshot.training import TrainConfig
from textshot.training.corpus import Corpus, Splits

SETS = (
    "banking77",
    "hwu64",
    "clinc150",
    "massive_intent_en",
    "fewrel_val",
    "sib200/eng_Latn",
)
"""Those whose licences allow to hand on what was learned from them, with attribution."""

SENTENCES = ("mr", "subj")
"""Two categories say little in an episode; these lend texts whose vectors shall stay."""

CONFIG = TrainConfig(steps=250, n_way=96, layers=2, lr=5e-5, alphas=(1.0,), guard=False)
MAX_TEXTS, MAX_KEPT = 100, 400
VALID_SHARE = 0.1
"""Of the categories; they decide after which step to stop. Whether it is any good is said by the
sets that were left out: a tenth of seven topics can tell nothing."""

_MONEY = {"clinc150": ("banking", "credit_cards")}


@dataclass(frozen=True)
class Left:
    """What an adapter is not trained on, and the sets that are measured with it.

    Attributes:
        targets: cells of `benchmarks.accuracy`.
        sets: left out.
        domains: of other sets, left out too, as they are about the same.
    """

    targets: tuple[str, ...]
    sets: tuple[str, ...] = ()
    domains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


SHIPPED = "general-1"
ADAPTERS: Mapping[str, Left] = {
    SHIPPED: Left(("trec", "trec-fine", "ag_news", "20newsgroups")),
    "without-banking77": Left(
        (
            "banking77",
            "open-banking77_oos-near",
            "open-banking77_oos-far",
            "open-clinc_banking_oos-near",
            "open-clinc_banking_oos-far",
        ),
        ("banking77",),
        _MONEY,
    ),
    # massive_intent_en shares its origin with hwu64.
    "without-hwu64": Left(("hwu64", "massive_intent_en"), ("hwu64", "massive_intent_en")),
    # Two of its domains overlap banking77.
    "without-clinc150": Left(("clinc150", "open-clinc150"), ("clinc150", "banking77")),
    "without-sib200": Left(("sib200-eng",), ("sib200/eng_Latn",)),
}
"""The one that ships saw none of its targets; each of the others stands for it on the rest."""


def splits_of(data: Path, left: Left) -> Splits:
    """Return the mixture, a domain for each set."""
    return mix(
        [(name, _corpus(data, name, left)) for name in SETS if name not in left.sets],
        valid=VALID_SHARE,
    )


def kept_texts(data: Path, left: Left) -> list[str]:
    """Return texts that shall stay where they are: sentences, and documents joined of them."""
    found = []
    for name in (*SENTENCES, *(name for name in SETS if name not in left.sets)):
        rng, texts = np.random.default_rng(0), _corpus(data, name, left).texts
        rows = rng.choice(len(texts), min(MAX_KEPT, len(texts)), replace=False)
        found += [texts[row] for row in rows]
        for _ in range(MAX_KEPT // 2):
            some = rng.choice(len(texts), rng.integers(4, 13), replace=False)
            found.append(". ".join(texts[row] for row in some))
    return found


def _corpus(data: Path, name: str, left: Left) -> Corpus:
    corpus = load_corpus(data, name, max_per_category=MAX_KEPT if name in SENTENCES else MAX_TEXTS)
    if name in left.domains:
        corpus = without_domains(data, corpus, name, left.domains[name])
    return corpus
