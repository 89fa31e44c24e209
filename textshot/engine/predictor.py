"""The reading half of an engine: an encoder and an index that answer for texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import compress
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot._arrays import FloatArray
from textshot.encoders import Encoder, TruncationStats, clean_stream, clean_texts
from textshot.encoders.base import check_encoder
from textshot.encoders.general_texts import GENERAL_TEXTS
from textshot.engine import predict
from textshot.engine.check import Finding, check_index
from textshot.engine.decision import decision_of
from textshot.engine.editing import adapt_prototypes, check_adaptable
from textshot.engine.explain import Explanation, explain
from textshot.engine.results import (
    EngineInfo,
    PredictionArrays,
    blank_mask,
    concatenate,
    describe,
    engine_info,
    unique,
)
from textshot.engine.suggest import suggest
from textshot.errors import EncoderMismatchError, InvalidTextsError
from textshot.index import Index
from textshot.networks import Network
from textshot.scoring.transduction import sample_texts
from textshot.types import Category, DecisionSettings, Example, Prediction, Threshold

WINDOW = 4096
"""Texts that an encoder gets at once: the more, the more of them are of one length."""

CHUNK = 512
"""Texts that are scored at once, and keys that are encoded between two calls of `on_progress`."""


class Predictor:
    """Answers for texts: encoder + network + index + decision. Safe from several threads.

    A call sees one state of the index from its beginning to its end, whatever is committed
    meanwhile; for several calls take a `snapshot`.
    """

    def __init__(self, encoder: Encoder, index: Index) -> None:
        """Put an encoder and an index together; `Engine.build` and `Engine.load` do so too."""
        if check_encoder(encoder).dim != index.dim:
            raise EncoderMismatchError(
                f"the encoder {encoder.name!r} has {encoder.dim} dimensions, the index {index.dim}"
            )
        self.encoder = encoder
        self.index = index

    def __repr__(self) -> str:
        """Show what it classifies into, with what, and when it abstains."""
        return f"<{type(self).__name__}: {describe(self.index.state, self.encoder.name)}>"

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories, sorted by name."""
        return self.index.categories

    def category(self, name: str) -> Category:
        """Return a category; InvalidCategoriesError names the nearest where there is none."""
        return self.index.state.entry(name).category

    def find_name(self, name: str) -> str | None:
        """Return the name of a category, from one that may differ in case, blanks or form."""
        return self.index.state.find_name(name)

    @property
    def out_of_scope(self) -> tuple[Example, ...]:
        """The texts that are known to fit no category."""
        known = self.index.state.out_of_scope
        return () if known is None else known.examples

    @property
    def network(self) -> Network:
        """How texts are scored against categories."""
        return self.index.state.network

    @property
    def decision(self) -> DecisionSettings:
        """When it abstains, and how that was derived."""
        return decision_of(self.index.state)

    @property
    def calibrated(self) -> bool:
        """Whether predictions have a probability: it was tuned, and nothing changed since."""
        return self.decision.temperature is not None and not self.decision.stale

    @property
    def info(self) -> EngineInfo:
        """What it is made of at this moment."""
        return engine_info(self.index)

    def snapshot(self) -> Self:
        """Return an engine over the present state, which edits of this one do not reach."""
        return type(self)(self.encoder, Index(self.index.state, generation=self.index.generation))

    def classify(
        self,
        texts: Sequence[str],
        k: int = 3,
        *,
        threshold: Threshold = "auto",
        batch_size: int = 32,
        adapt: bool = False,
    ) -> list[Prediction]:
        """Return one prediction for each text, in their order.

        The answer for a text does not depend on the others, except with `adapt`. A text that says
        nothing (see `unreadable`) is unknown, unless abstaining is off.

        Args:
            texts: a list of strings; a bare string is a TypeError.
            k: how many matches each prediction carries.
            threshold: "auto" takes the engine's own; a cosine overrides it; None always answers.
            batch_size: texts encoded together; memory, not answers, depends on it.
            adapt: adapt the categories to these texts first, see `adapted`.
        """
        cleaned = clean_texts(texts)
        if adapt:
            adapted = self.adapted(cleaned)
            return adapted.classify(cleaned, k, threshold=threshold, batch_size=batch_size)
        state, different = self.index.state, list(dict.fromkeys(cleaned))
        predictions: list[Prediction] = []
        for vectors, blank in self._batches(different, batch_size):
            predictions += predict.predict(state, vectors, k, threshold, blank)
        by_text = dict(zip(different, predictions, strict=True))
        return [by_text[text] for text in cleaned]

    def classify_vectors(
        self,
        vectors: ArrayLike,
        k: int = 3,
        *,
        threshold: Threshold = "auto",
        blank: NDArray[np.bool_] | None = None,
    ) -> list[Prediction]:
        """Do as `classify` for embeddings of your own, (n, dim).

        `blank`, bool (n,), tells which are of texts that say nothing, see `unreadable`.
        """
        state = self.index.state
        queries = state.queries(vectors)
        return predict.predict(state, queries, k, threshold, blank_mask(blank, len(queries)))

    def predict_arrays(
        self, texts: Sequence[str], k: int = 1, *, threshold: Threshold = "auto"
    ) -> PredictionArrays:
        """Do as `classify`, and return arrays: for many texts, without the keys that decided."""
        state, (different, rows) = self.index.state, unique(clean_texts(texts))
        parts = [
            predict.answer(state, vectors, k, threshold, blank)
            for vectors, blank in self._batches(different, 32)
        ]
        if not parts:
            return self.predict_vectors(np.empty((0, state.dim)), k, threshold=threshold)
        return concatenate(parts).take(rows)

    def predict_vectors(
        self,
        vectors: ArrayLike,
        k: int = 1,
        *,
        threshold: Threshold = "auto",
        blank: NDArray[np.bool_] | None = None,
    ) -> PredictionArrays:
        """Do as `predict_arrays` for embeddings of your own, see `classify_vectors`."""
        state = self.index.state
        queries = state.queries(vectors)
        return predict.answer(state, queries, k, threshold, blank_mask(blank, len(queries)))

    def scores(self, texts: Sequence[str]) -> FloatArray:
        """Return the score of each text with each category, float32 (n_texts, n_categories).

        Columns are in the order of `info.labels`.
        """
        return self.score_vectors(self._encode(clean_texts(texts)))

    def score_vectors(self, vectors: ArrayLike) -> FloatArray:
        """Do as `scores` for embeddings of your own, (n, dim), of the same encoder."""
        state = self.index.state
        return predict.score(state, state.queries(vectors))

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of each category, float64 (n_texts, n_categories).

        Columns are in the order of `info.labels`. A row adds up to one, or to one less the
        probability that the text fits none where `tune` saw such texts; of a text that says nothing
        it is zeros, unless abstaining is off.

        Raises:
            InvalidTextsError: the engine is not calibrated, see `tune`.
        """
        state, cleaned = self.index.state, clean_texts(texts)
        queries, blank = self._encode(cleaned), self.encoder.unreadable(cleaned)
        return predict.category_probabilities(state, queries, blank)

    def unreadable(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which texts say nothing to the encoder, bool (n,); see `Encoder.unreadable`."""
        return self.encoder.unreadable(clean_texts(texts))

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Tell how many texts the encoder truncates, and how many of their words it knows."""
        texts, stats = clean_texts(texts), self.encoder.truncation_stats
        parts = (stats(texts[start : start + WINDOW]) for start in range(0, len(texts), WINDOW))
        return replace(
            sum(parts, TruncationStats()), n_unreadable=int(self.unreadable(texts).sum())
        )

    def explain(self, text: str, k: int = 3, *, threshold: Threshold = "auto") -> Explanation:
        """Explain the answer for a text: the keys that decided, and what each word contributes.

        Arguments as for `classify`; InvalidTextsError where k is below 2.
        """
        if k < 2:
            raise InvalidTextsError(f"k is {k}; at least 2 is needed, the best and the runner-up")
        return explain(self.index.state, self.encoder, clean_texts([text])[0], k, threshold)

    def check(self) -> list[Finding]:
        """Return what will cost accuracy in these categories, as far as their keys tell.

        Overlaps, examples nearer to another category, uninformative names, truncated texts; each
        with its remedy.
        """
        return check_index(self.index.state, self.encoder)

    def suggest(self, texts: Iterable[str], n: int = 10, *, seed: int = 0) -> list[str]:
        """Return the n texts whose labels would help most, the most helpful first.

        Args:
            texts: without labels; of more than 5,000 different ones a sample is taken.
            n: how many.
            seed: of that sample.

        Raises:
            TypeError: a single string in place of a list.
            InvalidTextsError: n is below 1.
        """
        encode, unreadable = self._encode, self.encoder.unreadable
        return suggest(self.index.state, encode, unreadable, clean_stream(texts), n, int(seed))

    def adapted(self, texts: Iterable[str], *, seed: int = 0) -> Self:
        """Return an engine whose prototypes are adapted to unlabelled texts (transductive).

        A sample of up to 5,000 different texts is taken by the hash of each and the seed, whatever
        their order. The threshold moves too, see `adapt_prototypes`; there are no probabilities.
        The new engine is for one run: it cannot be edited or saved. Its `info.adaptation` tells to
        how many texts it adapted, or why it did not.

        Raises:
            TypeError: a single string in place of a list.
            InvalidTextsError: a network that compares texts with more than prototypes.
        """
        check_adaptable(self.network)
        sample = sample_texts(clean_stream(texts), seed=int(seed))
        vectors = self._encode(list(compress(sample, ~self.encoder.unreadable(sample))))
        # The state is read after encoding, so that a change in the meantime counts.
        adapted = adapt_prototypes(self.index.state, vectors, self._background)
        return type(self)(self.encoder, Index(adapted, generation=self.index.generation))

    def _batches(
        self, texts: Sequence[str], batch_size: int
    ) -> Iterator[tuple[FloatArray, NDArray[np.bool_]]]:
        """Yield the vectors of a few texts at a time, and which of these say nothing."""
        for start in range(0, len(texts), WINDOW):
            window = texts[start : start + WINDOW]
            vectors = self.encoder.encode(window, batch_size=batch_size)
            blank = self.encoder.unreadable(window)
            for i in range(0, len(window), CHUNK):  # a network's scores are of every category
                yield vectors[i : i + CHUNK], blank[i : i + CHUNK]

    def _encode(
        self, texts: Sequence[str], on_progress: Callable[[int], None] = lambda done: None
    ) -> FloatArray:
        """Return unit rows, float32 (n, dim)."""
        cleaned, parts = clean_texts(texts), [np.empty((0, self.index.dim), np.float32)]
        for start in range(0, len(cleaned), CHUNK):
            parts.append(self.encoder.encode(cleaned[start : start + CHUNK]))
            on_progress(len(parts[-1]))
        return np.concatenate(parts)

    def _background(self) -> FloatArray | None:
        return self._general_vectors

    @cached_property
    def _general_vectors(self) -> FloatArray | None:  # precomputed vectors have no such sentences
        return None if self.encoder.is_precomputed else self.encoder.encode(GENERAL_TEXTS)
