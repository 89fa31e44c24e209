"""Rows of tokens that are fitted to texts, so that their means come near the reference's vectors.

A ridge regression in two steps: one matrix for all rows, then a change of each row. Pure arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textshot._arrays import FloatArray, IntArray
from textshot.encoders.compiled.means import means

FEWEST, MOST = 100, 5000
"""Texts that are needed, and how many are looked at: their products are a matrix of this size."""

_PENALTIES = (0.03, 0.1, 0.3)  # for changing a row
_MAP_PENALTY = 1e-4  # for the matrix, of the size of what it maps
_HELD_OUT = 0.1


def fit_rows(
    table: FloatArray, numbers: Sequence[IntArray], vectors: FloatArray
) -> tuple[FloatArray, float]:
    """Fit the rows of tokens to texts.

    Args:
        table: float32 (n_tokens, d), as distilled.
        numbers: for each of n texts int64 (m,), its tokens.
        vectors: float32 (n, dim), those of the reference, unit rows.

    Returns:
        float32 (n_tokens, dim) in the space of the reference, and the mean cosine of a tenth of the
        texts, held out to choose the penalty, with their vectors.
    """
    order = np.random.default_rng(0).permutation(len(numbers))
    n_out = max(1, round(_HELD_OUT * len(order)))
    out, fit = order[:n_out], order[n_out:]
    fitted, held_out = [numbers[i] for i in fit], [numbers[i] for i in out]
    # Vectors are made unit afterwards, so each text may have a scale of its own: with this one
    # means of few and of many tokens are of one length.
    rows = means(table, fitted)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scales = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)  # no token: 0
    scales /= max(float(scales.mean()), 1e-12)
    matrix = _map(rows * scales, vectors[fit])
    mapped, gaps = table @ matrix, vectors[fit] - (rows * scales) @ matrix
    used, bags = _bags(fitted)
    bags *= scales
    products = bags @ bags.T
    best, best_cosine = mapped, _cosine(mapped, held_out, vectors[out])
    for penalty in _PENALTIES:
        eased = products + np.float32(penalty) * np.eye(len(fit), dtype=np.float32)
        changed = mapped.copy()
        changed[used] += bags.T @ np.linalg.solve(eased, gaps)
        cosine = _cosine(changed, held_out, vectors[out])
        if cosine > best_cosine:
            best, best_cosine = changed, cosine
    return best, best_cosine


def _map(rows: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return the matrix float32 (d, dim) that takes rows (n, d) nearest to vectors (n, dim)."""
    exact = rows.astype(np.float64)
    squares = exact.T @ exact
    squares += np.eye(len(squares)) * (_MAP_PENALTY * np.trace(squares) + 1e-12)
    return np.linalg.solve(squares, exact.T @ vectors).astype(np.float32)


def _bags(numbers: Sequence[IntArray]) -> tuple[IntArray, FloatArray]:
    """Return the tokens that occur, and of each text how large a share each is: (n, n_used)."""
    used, columns = np.unique(np.concatenate(numbers), return_inverse=True)
    lengths = np.array([len(row) for row in numbers])
    found = np.zeros((len(numbers), len(used)), np.float32)
    rows = np.repeat(np.arange(len(numbers)), lengths)
    np.add.at(found, (rows, columns), np.repeat(1 / np.maximum(lengths, 1), lengths))
    return used, found


def _cosine(table: FloatArray, numbers: Sequence[IntArray], vectors: FloatArray) -> float:
    rows = means(table, numbers)
    lengths = np.maximum(np.linalg.norm(rows, axis=1), 1e-12)
    return float(((rows * vectors).sum(axis=1) / lengths).mean())
