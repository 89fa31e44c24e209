"""The map of an index: categories, examples and texts in the plane, as one page."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

import numpy as np

from textshot.encoders import clean_texts
from textshot.engine import Engine
from textshot.engine.predict import predict
from textshot.errors import InvalidTextsError
from textshot.reports.page import render
from textshot.reports.projection import HEIGHT, WIDTH, Label, labels, laid_out
from textshot.scoring.transduction import sample_texts
from textshot.types import UNKNOWN, KeyKind, Prediction

MOST_TEXTS = 5000
"""More different texts than that, or examples, are sampled: the plane would be full."""

MOST_CATEGORIES = 20_000
"""Beyond that laying them out takes longer than anybody waits."""

_TEMPLATE, _SCRIPT = "map.html.j2", "map.js"
_GOLDEN = 137.508  # degrees: hues of any number of categories keep apart
_TEXT = 500  # signs of a text that are shown


@dataclass(frozen=True, slots=True)
class Point:
    """A text or an example in the plane.

    Attributes:
        x, y: its place.
        row: of its category; -1 where it has none.
        head: what is said of it.
        text: what it says, cut to a length that can be shown.
    """

    x: float
    y: float
    row: int
    head: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """A category in the plane, with its name's place, its colour and how many texts it got."""

    name: str
    x: float
    y: float
    label: Label
    hue: int
    n_texts: int


def index_map(
    engine: Engine, texts: Iterable[str] = (), *, index: str, source: str = "", seed: int = 0
) -> str:
    """Return the page: the same for the same index, texts and seed, on one machine.

    Args:
        engine: one category at least.
        texts: to be shown with their answers; of more than `MOST_TEXTS` different ones some, by
            the hash of each and the seed.
        index: where the index is.
        source: where the texts come from.
        seed: of the choice of texts, and of the layout.

    Raises:
        InvalidTextsError: there is no category, or more than `MOST_CATEGORIES`.
    """
    state = engine.index.state
    if not state.entries:
        raise InvalidTextsError("the index has no categories: there is nothing to show")
    if len(state.entries) > MOST_CATEGORIES:
        raise InvalidTextsError(
            f"the index has {len(state.entries):,} categories, and a map {MOST_CATEGORIES:,} at"
            " most. Make an index of those that you want to look at"
        )
    shown = sample_texts((clean_texts([t])[0] for t in texts), MOST_TEXTS, seed)
    vectors = engine.encoder.encode(shown) if shown else np.empty((0, state.dim), np.float32)
    answers = predict(state, vectors, 1, "auto", np.zeros(len(shown), bool))
    examples = [
        (row, "" if key.text is None else key.text, vector)
        for row, entry in enumerate(state.entries)
        for key, vector in zip(entry.keys, entry.vectors, strict=True)
        if key.kind is KeyKind.EXAMPLE
    ]
    n_examples = len(examples)
    examples = examples[:: max(1, -(-n_examples // MOST_TEXTS))]
    prototypes = np.stack([entry.prototype for entry in state.entries])
    kept = np.array([v for _, _, v in examples], np.float32).reshape(-1, state.dim)
    plane = laid_out(np.concatenate([prototypes, kept, vectors]), seed).round(1)
    parts = np.split(plane, [len(prototypes), len(prototypes) + len(kept)])
    return render(
        __package__,
        _TEMPLATE,
        index=index,
        source=source,
        places=_places(state.labels, parts[0], answers),
        examples=[
            Point(x, y, row, f"example of {state.labels[row]}", _cut(text) or "(private)")
            for (x, y), (row, text, _) in zip(parts[1].tolist(), examples, strict=True)
        ],
        points=_points(state.labels, parts[2].tolist(), shown, answers),
        n_examples=n_examples,
        n_unknown=sum(a.label is None for a in answers),
        width=WIDTH,
        height=HEIGHT,
        unknown=UNKNOWN,
        **_script(),
    )


def _script() -> dict[str, object]:
    """Return the page's script, and the hash by which a browser knows that it is the page's own."""
    from markupsafe import Markup

    source = files(__package__).joinpath(_SCRIPT).read_text(encoding="utf-8")
    digest = b64encode(sha256(source.encode("utf-8")).digest()).decode("ascii")
    return {"script": Markup(source), "script_hash": f"sha256-{digest}"}  # our own file


def _places(names: Sequence[str], plane: np.ndarray, answers: Sequence[Prediction]) -> list[Place]:
    counts = Counter(answer.label for answer in answers)
    order = sorted(range(len(names)), key=lambda i: (-counts[names[i]], names[i]))
    written = labels(names, plane, order)
    return [
        Place(name, x, y, written[i], round(i * _GOLDEN) % 360, counts[name])
        for i, (name, (x, y)) in enumerate(zip(names, plane.tolist(), strict=True))
    ]


def _points(
    names: Sequence[str],
    plane: Sequence[Sequence[float]],
    texts: Sequence[str],
    answers: Sequence[Prediction],
) -> list[Point]:
    rows = {name: i for i, name in enumerate(names)}
    found = []
    for (x, y), text, answer in zip(plane, texts, answers, strict=True):
        known = answer.label is not None
        said = answer.label if known else f"{UNKNOWN}, nearest {answer.matches[0].label}"
        head = f"{said}  {answer.score:.2f}"
        found.append(Point(x, y, rows[answer.label] if answer.label else -1, head, _cut(text)))
    return found


def _cut(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= _TEXT else f"{said[: _TEXT - 1]}…"
