"""Engine: encoder + index + decision. Nothing else computes a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from textshot.arrays import FloatArray, IntArray, unit_rows
from textshot.background import BACKGROUND
from textshot.decision import derive, is_known
from textshot.encoders import Encoder, PrecomputedEncoder, clean_texts, load_encoder
from textshot.errors import (
    EncoderMismatchError,
    InvalidCategoriesError,
    InvalidTextsError,
)
from textshot.index import EncoderIdentity, Index, State
from textshot.records import (
    Category,
    DecisionSettings,
    Example,
    KeyKind,
    Match,
    Prediction,
    category_dict,
)

Threshold = float | None | Literal["auto"]
"""A cosine; None: always answer; "auto": derived from the categories."""

PROBE = "One probe: naïve café, 3 × 14 °C, 日本, and the invoice of 2 May was paid twice?"
PROBE_TOLERANCE = 1e-4
"""How far the probe's cosine with its stored vector may be from 1. See docs/adr/0006."""

_CHUNK = 512


class Engine:
    """Classifies texts: encoder + index + decision.

    Reading (`classify`) is safe from several threads, also beside a change.
    """

    def __init__(self, encoder: Encoder, index: Index) -> None:
        """Put an encoder and an index together; `build` and `load` are the usual ways."""
        if encoder.dim != index.dim:
            raise EncoderMismatchError(
                f"the encoder {encoder.name!r} has {encoder.dim} dimensions, the index"
                f" {index.dim}"
            )
        self.encoder = encoder
        self.index = index

    @classmethod
    def build(
        cls,
        categories: Iterable[Category],
        *,
        encoder: Encoder | str | None = None,
        names: bool = True,
        threshold: Threshold = "auto",
        private: bool = False,
        advance: Callable[[int], None] = lambda done: None,
    ) -> Engine:
        """Make an engine from categories.

        Args:
            categories: zero examples (name and description only), one or several each.
            encoder: an encoder, the name of one, or None for the default.
            names: use category names as keys; False where they say nothing ("c17").
            threshold: see `Threshold`.
            private: leave texts out of what `save` writes.
            advance: called with the number of keys encoded since the last call.

        Raises:
            InvalidCategoriesError: a name twice, or a category with nothing to stand for it.
            EncoderNotFoundError: no such encoder can be reached from here.
        """
        found = tuple(category_dict(categories).values())
        loaded = load_encoder(encoder) if encoder is None or isinstance(encoder, str) else encoder
        engine = cls(loaded, Index(loaded.dim, names=names))
        engine._record(_given(threshold), private)
        engine.add(found, advance=advance)
        return engine

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories, sorted by name."""
        return self.index.categories

    @property
    def decision(self) -> DecisionSettings:
        """When this engine abstains, and how that was found out."""
        return _decision(self.index.state)

    def classify(
        self,
        texts: Sequence[str],
        k: int = 3,
        *,
        threshold: Threshold = "auto",
        batch_size: int = 32,
    ) -> list[Prediction]:
        """Return one prediction for each text, in their order.

        The answer for a text does not depend on the others. A text without any letter, digit or
        sign (empty, blanks) is unknown, unless abstaining is off.

        Args:
            texts: a list of strings; a bare string is a TypeError.
            k: how many matches each prediction carries.
            threshold: "auto" takes the engine's own; a cosine overrides it; None always answers.
            batch_size: texts encoded together; memory, not answers, depends on it.
        """
        cleaned = clean_texts(texts)
        found: list[Prediction] = []
        state = self.index.state
        for start in range(0, len(cleaned), _CHUNK):
            part = cleaned[start : start + _CHUNK]
            vectors = self.encoder.encode(part, batch_size=batch_size)
            blank = np.array([not text.strip() for text in part], dtype=bool)
            found += _predict(state, vectors, k, threshold, blank)
        return found

    def classify_vectors(
        self, vectors: ArrayLike, k: int = 3, *, threshold: Threshold = "auto"
    ) -> list[Prediction]:
        """Do as `classify` for embeddings of your own, (n, dim), of the same encoder."""
        queries = unit_rows(vectors)
        if queries.shape[1] != self.index.dim:
            raise InvalidTextsError(
                f"vectors have {queries.shape[1]} dimensions, the index has {self.index.dim}"
            )
        nothing_blank = np.zeros(len(queries), dtype=bool)
        return _predict(self.index.state, queries, k, threshold, nothing_blank)

    def scores(self, texts: Sequence[str]) -> FloatArray:
        """Return the cosine of each text with each category, float32 (n_texts, n_categories).

        Columns are in the order of `index.labels`.
        """
        state = self.index.state
        queries = self.encoder.encode(clean_texts(texts))
        return np.asarray(
            queries.astype(np.float64) @ state.vectors.T.astype(np.float64), np.float32
        )

    def add(
        self,
        categories: Iterable[Category],
        *,
        advance: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Add new categories; the keys of the others stay as they are."""
        new = tuple(category_dict(categories).values())
        texts = [key.text for c in new for key in c.keys(names=self.index.names)]
        self.index.add(new, self._encode(texts, advance))
        self._derive()

    def replace(self, category: Category) -> None:
        """Put `category` in the place of the one of that name."""
        texts = [key.text for key in category.keys(names=self.index.names)]
        self.index.replace(category, self._encode(texts))
        self._derive()

    def remove(self, *names: str) -> None:
        """Remove categories."""
        self.index.remove(names)
        self._derive()

    def rename(self, old: str, new: str) -> None:
        """Give a category another name."""
        key = Category(new).keys()[0]
        vector = self._encode([key.text])[0] if self.index.names else None
        self.index.rename(old, new, vector)
        self._derive()

    def merge(self, names: Sequence[str], into: str) -> None:
        """Move the examples of `names` into the category `into`, which keeps its own name."""
        self.index.merge(names, into)
        self._derive()

    def add_example(self, label: str, text: str, *, source: str = "example") -> None:
        """Add one example to a category."""
        if not text.strip():
            raise InvalidCategoriesError(f"the example for {label!r} is empty")
        self.index.entry(label)
        self.index.add_example(label, Example(text, source), self._encode([text])[0])
        self._derive()

    def remove_example(self, label: str, text: str) -> None:
        """Remove one example of a category, by its text."""
        self.index.remove_example(label, text)
        self._derive()

    def correct(self, text: str, label: str) -> None:
        """Learn that `text` belongs to `label`: one more example, marked as a correction."""
        self.add_example(label, text, source="correction")

    def set_threshold(self, threshold: Threshold) -> None:
        """Change when to abstain; "auto" derives it again from the categories."""
        self._record(_given(threshold), self.index.state.private)
        self._derive()

    def save(
        self,
        path: str | Path,
        *,
        private: bool | None = None,
        overwrite: bool = False,
        purge: bool = False,
    ) -> int:
        """Write the index to a folder, atomically; see `Index.save`. The encoder is not copied."""
        return self.index.save(path, private=private, overwrite=overwrite, purge=purge)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        encoder: Encoder | str | None = None,
        device: str | None = None,
    ) -> Engine:
        """Load an index and the encoder that it was made with.

        Args:
            path: the folder.
            encoder: None loads what the index names; an encoder or a name must be the same one.
            device: where to encode, for an encoder that is loaded here; None: the best there is.

        Raises:
            IndexNotFoundError, IndexFormatError: no index there, or damaged.
            EncoderMismatchError: another encoder than the one the index was made with.
        """
        index = Index.load(path)
        identity = index.state.encoder
        if identity is None:
            raise EncoderMismatchError(f"{path} does not say which encoder made it")
        loaded = (
            _load_again(encoder, identity, device) if isinstance(encoder, str | None) else encoder
        )
        _check_identity(loaded, identity, str(path))
        return cls(loaded, index)

    def _record(self, decision: DecisionSettings | None, private: bool) -> None:
        identity = self.index.state.encoder or EncoderIdentity(
            self.encoder.fingerprint, self.encoder.spec, _probe(self.encoder)
        )
        self.index.settle(encoder=identity, decision=decision, private=private)

    def _derive(self) -> None:
        """Derive the threshold again after a change, unless it was given."""
        state = self.index.state
        decision = state.decision
        if decision is not None and decision.method == "given":
            new = replace(decision, stale=False, n_way=len(state.entries))
        else:
            supports, rows = _supports(state)
            background = self._background() if len(state.entries) < 5 else None
            new = derive(supports, rows, state.vectors, background)
        self._record(new, state.private)

    def _background(self) -> FloatArray | None:
        # A table of own vectors has none for our sentences.
        if isinstance(self.encoder, PrecomputedEncoder):
            return None
        return self.encoder.encode(BACKGROUND)

    def _encode(
        self, texts: Sequence[str | None], advance: Callable[[int], None] = lambda done: None
    ) -> FloatArray:
        given = [text for text in texts if text is not None]
        if len(given) < len(texts):
            raise InvalidCategoriesError("a category of a private index has no texts to encode")
        cleaned, found = clean_texts(given), [np.empty((0, self.index.dim), np.float32)]
        for start in range(0, len(cleaned), _CHUNK):
            found.append(self.encoder.encode(cleaned[start : start + _CHUNK]))
            advance(len(found[-1]))
        return np.concatenate(found)


def _given(threshold: Threshold) -> DecisionSettings | None:
    """Return the settings that a user asked for; None where they are to be derived."""
    if isinstance(threshold, str):
        _only_auto(threshold)
        return None
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise InvalidTextsError(f"threshold is {threshold}; a cosine lies in -1 to 1")
    value = None if threshold is None else float(threshold)
    return DecisionSettings(value, "given", n_way=0, n_scores=0)


def _only_auto(threshold: str) -> None:
    if threshold != "auto":
        raise InvalidTextsError(f"threshold is {threshold!r}; a cosine, None or 'auto' is needed")


def _decision(state: State) -> DecisionSettings:
    return state.decision or DecisionSettings(None, "none: not derived", 0, 0, stale=True)


def _thresholds(state: State, best: IntArray, threshold: Threshold) -> FloatArray | None:
    """Return what each best row has to reach, float32 (n,); None for "always answer"."""
    if not isinstance(threshold, str):
        given = _given(threshold)
        value = given.threshold if given else None
        return None if value is None else np.full(len(best), value, np.float32)
    _only_auto(threshold)
    value = _decision(state).threshold
    own = [entry.category.threshold for entry in state.entries]
    if value is None and not any(t is not None for t in own):
        return None
    shared = -1.0 if value is None else value
    each = np.array([shared if t is None else t for t in own], np.float32)
    return each[best]


def _predict(
    state: State, queries: FloatArray, k: int, threshold: Threshold, blank: np.ndarray
) -> list[Prediction]:
    """Search, decide, and put the arrays into records."""
    if k < 1:
        raise InvalidTextsError(f"k is {k}; at least 1 is needed")
    if not state.entries:
        nothing = Prediction(None, (), -1.0, None, 0.0, None, ())
        return [nothing] * len(queries)
    scores, rows = state.search.search(queries, max(k, 2))
    limits = _thresholds(state, rows[:, 0], threshold)
    known = is_known(scores[:, 0], limits)
    if limits is not None:
        known &= ~blank
    runner_up = scores[:, 1] if scores.shape[1] > 1 else np.full(len(scores), -1.0, np.float32)
    margins = scores[:, 0] - runner_up
    found: list[Prediction] = []
    for i, query in enumerate(queries):
        matches = tuple(
            Match(state.labels[row], float(score), state.entries[row].nearest_key(query))
            for score, row in zip(scores[i, :k], rows[i, :k], strict=True)
        )
        label = matches[0].label if known[i] else None
        found.append(
            Prediction(
                label=label,
                labels=() if label is None else (label,),
                score=matches[0].score,
                probability=None,
                margin=float(margins[i]),
                threshold=None if limits is None else float(limits[i]),
                matches=matches,
            )
        )
    return found


def _supports(state: State) -> tuple[FloatArray, IntArray]:
    """Return what stands in for a user's texts: a category's examples, else its other keys."""
    rows, vectors = [], []
    for row, entry in enumerate(state.entries):
        examples = [i for i, key in enumerate(entry.keys) if key.kind is KeyKind.EXAMPLE]
        chosen = entry.vectors[examples] if examples else entry.vectors
        vectors.append(chosen)
        rows += [row] * len(chosen)
    if not vectors:
        return np.empty((0, state.dim), np.float32), np.empty(0, np.int64)
    return np.concatenate(vectors), np.asarray(rows, np.int64)


def _probe(encoder: Encoder) -> FloatArray | None:
    if isinstance(encoder, PrecomputedEncoder):
        return None
    return encoder.encode([PROBE])[0]


def _load_again(name: str | None, identity: EncoderIdentity, device: str | None) -> Encoder:
    """Load the encoder that an index names, or the one of another name with the same options."""
    spec = identity.spec
    if identity.fingerprint.startswith("own-"):
        raise EncoderMismatchError(
            f"the index was made with your own embeddings {spec.get('name')!r}: give that encoder"
            " (Engine.load(path, encoder=...)); it cannot be loaded by name"
        )
    revision, prompt, most = spec.get("revision"), spec.get("prompt"), spec.get("max_length")
    return load_encoder(
        name or str(spec.get("name")),
        # Another place has no revisions of ours; the fingerprint is checked either way.
        revision=None if name or revision is None else str(revision),
        prompt=str(prompt or ""),
        max_length=None if most is None else int(most),
        device=device,
    )


def _check_identity(encoder: Encoder, identity: EncoderIdentity, where: str) -> None:
    if encoder.fingerprint != identity.fingerprint:
        raise EncoderMismatchError(
            f"{where} was made with encoder {identity.spec.get('name')!r} (fingerprint"
            f" {identity.fingerprint}), and {encoder.source} has fingerprint"
            f" {encoder.fingerprint}: their vectors cannot be compared. Load the right encoder,"
            " or build the index again with this one"
        )
    now = _probe(encoder)
    if identity.probe is None or now is None:
        return
    if now.shape != identity.probe.shape or not float(now @ identity.probe) >= 1 - PROBE_TOLERANCE:
        raise EncoderMismatchError(
            f"{where}: the encoder {encoder.source} has the right fingerprint but embeds the"
            " probe text differently. Check the versions of its libraries, or build the index"
            " again"
        )
