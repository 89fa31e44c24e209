"""How good an encoder and its network are: on held-out categories, and on another set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray
from textshot.encoders import Encoder
from textshot.evaluation import evaluate_episodes, recalls
from textshot.networks import Network
from textshot.training.corpus import Corpus
from textshot.types import spoken_name

DRAWS, EPISODES = 20, 600

Encode = Callable[[Sequence[str]], FloatArray]
Figures = dict[str, dict[str, object]]


def remembered(encoder: Encoder, work: Path) -> Encode:
    """Return an encoder's `encode` that keeps what it made in a folder."""

    def encode(texts: Sequence[str]) -> FloatArray:
        found = hashlib.sha256(encoder.fingerprint.encode())
        for text in texts:
            found.update(text.encode("utf-8", "surrogatepass") + b"\0")
        path = work / "vectors" / f"{found.hexdigest()[:32]}.npy"
        if path.exists():
            kept: FloatArray = np.load(path)
            return kept
        path.parent.mkdir(parents=True, exist_ok=True)
        rows, aside = encoder.encode(texts), path.with_suffix(".aside")
        with aside.open("wb") as file:
            np.save(file, rows)
        aside.replace(path)
        return rows

    return encode


def of_set(encode: Encode, corpus: Corpus) -> Encode:
    """Return an `encode` for the texts and names of a set, all of which go through it once."""
    known = list(dict.fromkeys([*corpus.texts, *(spoken_name(name) for name in corpus.names)]))
    whole, at = encode(known), {text: row for row, text in enumerate(known)}
    return lambda texts: whole[[at[text] for text in texts]]


def on_categories(network: Network | None, encode: Encode, corpus: Corpus) -> Figures:
    """Return accuracies in % on all categories of a corpus, and on 5-way episodes without names.

    Args:
        network: what scores; None is the plain encoder.
        encode: texts to unit rows.
        corpus: categories that were not trained on.
    """
    vectors, names = encode(corpus.texts), encode([spoken_name(name) for name in corpus.names])
    found: Figures = {}
    for setting, named, examples in (
        ("example + name", names, True),
        ("example", None, True),
        ("name", names, False),
    ):
        recall = recalls(
            network, vectors, corpus.labels, names=named, n_shot=int(examples), draws=DRAWS
        )
        n_queries = corpus.counts - int(examples)
        draws = recall @ n_queries / n_queries.sum()
        found[setting] = spread_of(100 * (draws if examples else draws[:1]))
    for n_shot in (1, 5):
        score = evaluate_episodes(
            network, vectors, corpus.labels, n_shot=n_shot, n_episodes=EPISODES
        )
        low, high = score.interval
        found[f"5-way {n_shot}-shot"] = {
            "mean": 100 * score.mean,
            "interval": [100 * low, 100 * high],
        }
    return found


def spread_of(draws: NDArray[np.float64]) -> dict[str, object]:
    """Return the mean, the standard deviation and the draws themselves."""
    std = float(draws.std(ddof=1)) if len(draws) > 1 else 0.0
    return {"mean": float(draws.mean()), "std": std, "draws": draws.tolist()}
