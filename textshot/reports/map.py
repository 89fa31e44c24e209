"""The map of an index: categories, examples and texts in the plane, as one page."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray
from textshot.encoders import clean_stream
from textshot.engine import Engine
from textshot.engine.results import key_vectors, prototype_vectors
from textshot.errors import InvalidTextsError
from textshot.reports.page import cut, render
from textshot.scoring.transduction import sample_texts
from textshot.types import UNKNOWN, KeyKind, Prediction

MAX_TEXTS = 5000
"""Of more different texts, or of more examples, a sample is drawn: the plane would be full."""

MAX_CATEGORIES = 20_000
"""The layout of more would take too long."""

WIDTH, HEIGHT = 1000.0, 680.0
_MARGIN = 24.0
_MIN_NEIGHBOURS = 5
_PERPLEXITY = 30.0
_DIMENSIONS = 50
_GOLDEN_ANGLE = 137.508  # degrees: hues of any number of categories differ
_CHAR_WIDTH, _LINE_HEIGHT, _NAME_GAP = 6.3, 14.0, 8.0
_MAX_TEXT_CHARS = 500

Plane = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """A text or an example in the plane.

    Attributes:
        x, y: Its position.
        row: The row of its category; -1: unknown.
        title: The category, as people read it.
        text: The text, cut to a length that can be shown.
    """

    x: float
    y: float
    row: int
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class CategoryPoint:
    """A category in the plane; `n_texts` have it as answer.

    `anchor`: "start", the name is at the right of the point; "end", at its left; "", neither side
    has room.
    """

    name: str
    x: float
    y: float
    hue: int
    n_texts: int
    anchor: str


def index_map(
    engine: Engine, texts: Iterable[str] = (), *, index: str, source: str = "", seed: int = 0
) -> str:
    """Return the page; on one machine, the same input gives the same page.

    Args:
        engine: An engine with at least one category.
        texts: Texts to show with their answers; of more than MAX_TEXTS different ones, a sample.
        index: The path of the index, for the title.
        source: The path of the texts, for the title.
        seed: The random seed of the sample and of the layout.

    Raises:
        InvalidTextsError: There is no category, or more than MAX_CATEGORIES.
    """
    labels = engine.index.labels
    if not labels:
        raise InvalidTextsError("the index has no categories: there is nothing to show")
    if len(labels) > MAX_CATEGORIES:
        raise InvalidTextsError(
            f"the index has {len(labels):,} categories; a map shows at most {MAX_CATEGORIES:,}."
            " Make an index of those that you want to see"
        )
    sample = sample_texts(clean_stream(texts), MAX_TEXTS, seed)
    vectors = np.empty((0, engine.index.dim), np.float32)
    if sample:
        vectors = engine.encoder.encode(sample)
    answers = engine.classify_vectors(vectors, 1)
    prototypes, (examples, kept) = prototype_vectors(engine.index), _examples(engine)
    step = max(1, -(-len(examples) // MAX_TEXTS))
    plane = layout(np.concatenate([prototypes, kept[::step], vectors]), seed).round(1)
    parts = np.split(plane, [len(labels), len(labels) + len(kept[::step])])
    return render(
        __package__,
        "map.html.j2",
        index=index,
        source=source,
        categories=_categories(labels, parts[0], answers),
        examples=[
            Point(x, y, row, f"example of {labels[row]}", cut(text, _MAX_TEXT_CHARS))
            for (x, y), (row, text) in zip(parts[1].tolist(), examples[::step], strict=True)
        ],
        points=_points(labels, parts[2], sample, answers),
        n_examples=len(examples),
        n_unknown=sum(answer.label is None for answer in answers),
        width=WIDTH,
        height=HEIGHT,
        unknown=UNKNOWN,
        **_script(),
    )


def layout(vectors: FloatArray, seed: int = 0) -> Plane:
    """Return a position within WIDTH by HEIGHT for each vector, float64 (n, 2).

    t-SNE (van der Maaten and Hinton 2008) on cosines, initialised with the principal components.
    Neighbours in the plane are neighbours for the encoder; distances between groups mean little.

    Args:
        vectors: float32 (n, dim), unit rows.
        seed: The random seed of t-SNE.
    """
    if len(vectors) < _MIN_NEIGHBOURS:
        return _scaled(_principal(vectors, 2))
    from sklearn.manifold import TSNE

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    # For unit rows, the order of Euclidean distances is that of cosines, without their matrix.
    tsne = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
    plane = tsne.fit_transform(_principal(vectors, _DIMENSIONS))
    return _scaled(np.asarray(plane, np.float64))


def _principal(vectors: FloatArray, n_components: int) -> Plane:
    rows = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(rows.T @ rows if len(rows) > rows.shape[1] else rows, False)
    components = rows @ axes[:n_components].T
    return np.pad(components, ((0, 0), (0, max(0, 2 - components.shape[1]))))


def _scaled(plane: Plane) -> Plane:
    """Scale both axes to the picture; an axis without extent is in its middle."""
    lowest, extent = plane.min(axis=0), np.ptp(plane, axis=0)
    inner = np.array([WIDTH, HEIGHT]) - 2 * _MARGIN
    share = np.where(extent > 1e-9, (plane - lowest) / np.where(extent > 1e-9, extent, 1.0), 0.5)
    return _MARGIN + share * inner


def name_anchors(names: Sequence[str], plane: Plane, order: Sequence[int]) -> dict[int, str]:
    """Return the side of its point at which each name fits without covering an earlier name.

    "start" is the right side, "end" the left one; a name that fits at neither is left out.

    Args:
        names: n names.
        plane: float64 (n, 2), their points.
        order: The order of the names, the most important first.
    """
    boxes: list[tuple[float, float, float]] = []  # left, right, baseline
    anchors: dict[int, str] = {}
    for i in order:
        (x, base), width = plane[i], _CHAR_WIDTH * len(names[i])
        for anchor, left in (("start", x + _NAME_GAP), ("end", x - _NAME_GAP - width)):
            right = left + width
            overlaps = any(
                left < r and le < right and abs(base - b) < _LINE_HEIGHT for le, r, b in boxes
            )
            if left >= 0 and right <= WIDTH and not overlaps:
                boxes.append((left, right, base))
                anchors[i] = anchor
                break
    return anchors


def _examples(engine: Engine) -> tuple[list[tuple[int, str]], FloatArray]:
    """Return the examples with the rows of their categories, and their vectors."""
    keys, rows, vectors = key_vectors(engine.index)
    chosen = [i for i, key in enumerate(keys) if key.kind is KeyKind.EXAMPLE]
    return [(int(rows[i]), keys[i].text or "(private)") for i in chosen], vectors[chosen]


def _categories(
    names: Sequence[str], plane: Plane, answers: Sequence[Prediction]
) -> list[CategoryPoint]:
    counts = Counter(answer.label for answer in answers)
    order = sorted(range(len(names)), key=lambda i: (-counts[names[i]], names[i]))
    anchors = name_anchors(names, plane, order)
    return [
        CategoryPoint(name, x, y, round(i * _GOLDEN_ANGLE) % 360, counts[name], anchors.get(i, ""))
        for i, (name, (x, y)) in enumerate(zip(names, plane.tolist(), strict=True))
    ]


def _points(
    names: Sequence[str], plane: Plane, texts: Sequence[str], answers: Sequence[Prediction]
) -> list[Point]:
    rows = {name: i for i, name in enumerate(names)}
    points = []
    for (x, y), text, answer in zip(plane.tolist(), texts, answers, strict=True):
        label = answer.label or f"{UNKNOWN}, nearest {answer.matches[0].label}"
        row = -1 if answer.label is None else rows[answer.label]
        title = f"{label}  {answer.score:.2f}"
        points.append(Point(x, y, row, title, cut(text, _MAX_TEXT_CHARS)))
    return points


def _script() -> dict[str, Any]:
    """Return the page's script, and the hash that makes a browser accept it."""
    from markupsafe import Markup

    source = files(__package__).joinpath("map.js").read_text(encoding="utf-8")
    digest = b64encode(sha256(source.encode("utf-8")).digest()).decode("ascii")
    return {"script": Markup(source), "script_hash": f"sha256-{digest}"}  # our own file
