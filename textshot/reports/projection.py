"""Vectors laid out in the plane, and room for the names there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray

WIDTH, HEIGHT = 1000.0, 680.0
_MARGIN = 24.0
_FEWEST = 5  # for neighbours to mean anything
_PERPLEXITY = 30.0
_DIMENSIONS = 50
_SIGN, _LINE, _GAP = 6.3, 14.0, 8.0  # of a label: a sign's width, its height, its distance
_DOT = 5.0

Plane = NDArray[np.float64]


def laid_out(vectors: FloatArray, seed: int = 0) -> Plane:
    """Return a place in a picture of WIDTH by HEIGHT for each vector, float64 (n, 2).

    By t-SNE (van der Maaten and Hinton 2008) on cosines, begun at the principal components: what
    is near in the plane was near before; distances between groups say little. The same vectors
    with the same seed get the same places on one machine.

    Args:
        vectors: float32 (n, dim), unit rows.
        seed: of t-SNE.
    """
    if len(vectors) < _FEWEST:
        return _fitted(_principal(vectors, 2))
    from sklearn.manifold import TSNE

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    start = _principal(vectors, _DIMENSIONS)
    # Of unit rows the Euclidean order is that of cosines, and it needs no square matrix of them.
    tsne = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
    return _fitted(np.asarray(tsne.fit_transform(start), np.float64))


def _principal(vectors: FloatArray, most: int) -> Plane:
    rows = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(rows.T @ rows if len(rows) > rows.shape[1] else rows, False)
    found = rows @ axes[:most].T
    return np.pad(found, ((0, 0), (0, max(0, 2 - found.shape[1]))))


def _fitted(places: Plane) -> Plane:
    """Scale both axes so that all is inside the picture; what has no extent is in its middle."""
    lowest, extent = places.min(axis=0), np.ptp(places, axis=0)
    room = np.array([WIDTH, HEIGHT]) - 2 * _MARGIN
    share = np.where(extent > 1e-9, (places - lowest) / np.where(extent > 1e-9, extent, 1.0), 0.5)
    return _MARGIN + share * room


@dataclass(frozen=True, slots=True)
class Label:
    """A name beside its point: where it begins, and whether others are in its way."""

    x: float
    y: float
    anchor: str
    crowded: bool


def labels(names: Sequence[str], places: Plane, order: Sequence[int]) -> list[Label]:
    """Return where each name is written: at the right, left, above or below, the first to fit.

    Args:
        names: of n points.
        places: float64 (n, 2).
        order: in which they choose, the most important first.
    """
    taken = [(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in places.tolist()]
    found: dict[int, Label] = {}
    for i in order:
        x, y = places[i]
        width = _SIGN * len(names[i])
        choices = [
            (x + _GAP, y + 4, "start", x + _GAP),
            (x - _GAP, y + 4, "end", x - _GAP - width),
            (x, y - _GAP, "middle", x - width / 2),
            (x, y + _GAP + 10, "middle", x - width / 2),
        ]
        for at, base, anchor, left in choices:
            box = (left, base - _LINE + 3, left + width, base + 3)
            if left >= 0 and box[2] <= WIDTH and not any(_meet(box, other) for other in taken):
                taken.append(box)
                found[i] = Label(round(at, 1), round(base, 1), anchor, False)
                break
        else:
            at, base, anchor, _ = choices[0 if x < WIDTH / 2 else 1]
            found[i] = Label(round(at, 1), round(base, 1), anchor, True)
    return [found[i] for i in range(len(names))]


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
