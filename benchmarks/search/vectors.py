"""Many category vectors that are spread as real ones are, and real texts as queries."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.data import load
from textshot._arrays import FloatArray, unit_rows
from textshot.encoders import Encoder

SETS, TEXTS, QUERIES = ("banking77", "clinc150"), 2000, 512
"""Of each set so many training texts are encoded, and so many test texts."""

NOISE = 0.5
"""The expected length of the noise, where a text's vector has length 1: a cosine of 0.89 to it."""

_BLOCK = 1_000


def encode(data: Path, encoder: Encoder, seeds: Path) -> None:
    """Write the vectors that others are drawn around, and queries, to a file of NumPy."""
    rng, found = np.random.default_rng(0), {}
    for name, split, most in (("texts", "train", TEXTS), ("queries", "test", QUERIES)):
        texts = [load(data, one, split)[0] for one in SETS]
        some = [str(t) for each in texts for t in rng.permutation(each)[:most]]
        found[name] = encoder.encode(some)
    found["queries"] = rng.permutation(found["queries"])
    seeds.parent.mkdir(parents=True, exist_ok=True)
    aside = seeds.with_suffix(".aside.npz")
    np.savez(aside, **found)
    aside.replace(seeds)


def read(seeds: Path, size: int) -> tuple[FloatArray, FloatArray]:
    """Return category vectors (size, dim) and queries (n, dim), unit rows.

    Each category is a text's vector with Gaussian noise. Those of a smaller size are the first of
    a larger one.
    """
    with np.load(seeds) as found:
        texts, queries = found["texts"], found["queries"]
    vectors = np.empty((size, texts.shape[1]), np.float32)
    for start in range(0, size, _BLOCK):
        rng = np.random.default_rng([0, start])
        around = texts[rng.integers(len(texts), size=_BLOCK)]
        noise = rng.standard_normal(around.shape, dtype=np.float32)
        rows = unit_rows(around + NOISE / np.sqrt(texts.shape[1]) * noise)
        vectors[start : start + _BLOCK] = rows[: size - start]
    return vectors, unit_rows(queries)
