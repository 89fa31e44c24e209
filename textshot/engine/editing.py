"""What changes an engine: categories, examples, corrections, and when it abstains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from textshot._arrays import FloatArray
from textshot.encoders import Encoder, clean_texts
from textshot.encoders.general_texts import GENERAL_TEXTS
from textshot.engine.decision import at_rate, decision_of, given, tuned_settings
from textshot.engine.encoder_identity import probe
from textshot.engine.predict import predict, score, scorer, supports
from textshot.errors import EncoderError, InvalidCategoriesError, InvalidTextsError
from textshot.index import EncoderIdentity, Index, State
from textshot.scoring.threshold import GIVEN, MIN_CATEGORIES, TUNED, derive
from textshot.types import (
    CORRECTION,
    DEFAULT_REJECTION_RATE,
    Category,
    DecisionSettings,
    Example,
    Prediction,
    Threshold,
    category_dict,
    clean_name,
    parse_truth,
)

CHUNK = 512
"""Texts that are encoded at once, so that progress can be told and memory stays small."""


class Changes:
    """The half of an Engine that changes it; each change derives the threshold again.

    A change is one step to readers: they see the categories before it or after it.
    """

    encoder: Encoder
    index: Index

    def add(
        self,
        categories: Iterable[Category],
        *,
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Add new categories; the keys of the others stay as they are."""
        new = tuple(category_dict(categories).values())
        _check_examples(new)
        texts = [key.text for c in new for key in c.keys(names=self.index.names)]
        self.index.add(new, self._encode(texts, on_progress))
        self._derive()

    def replace(self, category: Category) -> None:
        """Put `category` in the place of the one of that name."""
        _check_examples([category])
        texts = [key.text for key in category.keys(names=self.index.names)]
        self.index.replace(category, self._encode(texts))
        self._derive()

    def remove(self, *names: str) -> None:
        """Remove categories; needs no encoder."""
        self.index.remove(names)
        self._derive()

    def rename(self, old: str, new: str) -> None:
        """Give a category another name."""
        key = Category(new).keys()[0]
        if clean_name(new) == self.index.entry(old).category.name:
            raise InvalidCategoriesError(f"category {old!r} has that name already")
        vector = self._encode([key.text])[0] if self.index.names else None
        self.index.rename(old, new, vector)
        self._derive()

    def merge(self, names: Sequence[str], into: str) -> None:
        """Move the examples of `names` into the category `into`, which keeps its own name."""
        self.index.merge(names, into)
        self._derive()

    def add_example(self, label: str, text: str, *, source: str = "example") -> None:
        """Add one example to a category."""
        self.add_examples([text], [label], source=source)

    def add_examples(
        self, texts: Sequence[str], labels: Sequence[str], *, source: str = "example"
    ) -> None:
        """Add examples to categories that are there, `texts[i]` to `labels[i]`, as one change."""
        cleaned = clean_texts(texts)
        self._count(texts, labels)
        self._check_new(cleaned, labels)
        vectors = self._encode(cleaned)
        with self.index.changing:
            scratch = Index.of_state(self.index.state)
            self._learn(list(zip(cleaned, labels, strict=True)), vectors, scratch, source)
            self._settle_in(scratch)

    def remove_example(self, label: str, text: str) -> None:
        """Remove one example of a category, by its text."""
        self.index.remove_example(label, text)
        self._derive()

    def replace_example(self, label: str, old: str, new: str) -> None:
        """Put another text in the place of one example of a category."""
        example = Example(clean_texts([new])[0])
        _check_examples([replace(self.index.entry(label).category, examples=(example,))])
        self.index.replace_example(label, old, example, self._encode([new])[0])
        self._derive()

    def correct(self, text: str, label: str | None) -> Prediction:
        """Learn that `text` belongs to `label`, and return the answer for it from now on.

        It is one more example, marked as a correction: the category moves towards it, and this
        text itself, and what is all but the same, gets this label from the next answer on. Where
        the text is an example of another category it stays there; the newest correction holds.
        None, or "unknown", says that it fits no category, see `add_out_of_scope`.
        """
        return self.correct_all([text], [label])[0]

    def correct_all(self, texts: Sequence[str], labels: Sequence[str | None]) -> list[Prediction]:
        """Do as `correct` for many texts, as one change; later ones are newer."""
        cleaned, truths = clean_texts(texts), self._truths(texts, labels)
        self._check_new(cleaned, truths)
        vectors = self._encode(cleaned)
        last = {text: i for i, text in enumerate(cleaned)}.values()
        named = [i for i, truth in enumerate(truths) if truth is not None]
        none = [i for i in last if truths[i] is None]
        with self.index.changing:
            scratch = Index.of_state(self.index.state)  # so that readers see it before or after
            self._learn([(cleaned[i], truths[i] or "") for i in named], vectors[named], scratch)
            scratch.add_out_of_scope([Example(cleaned[i], CORRECTION) for i in none], vectors[none])
            state = self._settle_in(scratch)
        return predict(state, vectors, 3, "auto", np.zeros(len(cleaned), dtype=bool))

    def add_out_of_scope(self, texts: Sequence[str], *, source: str = "example") -> None:
        """Add texts that fit no category: "none of these".

        From then on what is clearly nearer to one of them than to its best category is unknown
        (`textshot.scoring.threshold.OOS_MARGIN`). They are read one by one: texts that fit nothing
        have nothing in common. Abstaining that is switched off stays so.

        Raises:
            InvalidTextsError: an empty text.
        """
        different = list(dict.fromkeys(clean_texts(texts)))
        self._check_new(different, [None] * len(different))
        examples = [Example(text, source) for text in different]
        self.index.add_out_of_scope(examples, self._encode(different))

    def remove_out_of_scope(self, text: str) -> None:
        """Forget a text that was known to fit no category."""
        [cleaned] = clean_texts([text])
        with self.index.changing:
            before = self.index.state.out_of_scope
            self.index.remove_out_of_scope([cleaned])
            if before and self.index.state.out_of_scope is before and self.index.state.private:
                self.index.remove_out_of_scope(
                    [], self._encode([cleaned])
                )  # texts are not kept there
            if self.index.state.out_of_scope is before:
                raise InvalidTextsError(
                    "this is none of the texts that are known to fit no category"
                    f" ({len(before.examples) if before else 0} of them)"
                )

    def set_threshold(
        self, threshold: Threshold, *, unknown_rate: float = DEFAULT_REJECTION_RATE
    ) -> None:
        """Change when to abstain; "auto" derives it again from the categories, at this rate.

        What `tune` found out is forgotten.
        """
        asked = given(threshold) or at_rate(unknown_rate)
        with self.index.changing:
            state = self.index.state
            self._record(self._settled(asked, state), state.private)

    def tune(
        self,
        texts: Sequence[str],
        truths: Sequence[str | None],
        *,
        unknown_rate: float | None = None,
    ) -> DecisionSettings:
        """Find probabilities and a threshold from labelled texts; return what is now in force.

        From 30 texts on that fit a category, predictions have a `probability` (`fit_calibration`).
        From 10 on that fit none, "unknown" is one of its outcomes, and the threshold is the one
        with the best mean of two shares: fitting texts answered rightly, others not answered; or,
        with `unknown_rate`, the one that this share of the others stays below. With fewer of them,
        and where abstaining was switched off, the threshold stays as it is. Both hold for these
        categories: after a change of them a tuned threshold stays, and probabilities are None
        until it is tuned again. Tune on other texts than the categories' own examples, and
        evaluate on others again.

        Args:
            texts: n texts.
            truths: n category names; None, "" or "unknown" for "fits no category".
            unknown_rate: 0 to 1.

        Raises:
            InvalidTextsError: lengths differ, fewer than 30 texts that fit a category, a truth
                that is no category, or a rate with fewer than 10 texts that fit none.
        """
        vectors = self._encode(clean_texts(texts))
        with self.index.changing:
            state = self.index.state
            tuned = tuned_settings(state, score(state, vectors), truths, unknown_rate)
            self._record(tuned, state.private)
        return tuned

    def _truths(self, texts: Sequence[str], labels: Sequence[str | None]) -> list[str | None]:
        self._count(texts, labels)
        return [parse_truth(label) for label in labels]

    @staticmethod
    def _count(texts: Sequence[str], labels: Sequence[str | None]) -> None:
        if isinstance(labels, str) or len(texts) != len(labels):
            number = "one string" if isinstance(labels, str) else len(labels)
            raise InvalidTextsError(f"{len(texts)} texts but {number} as labels: give one each")

    def _check_new(self, texts: Sequence[str], truths: Sequence[str | None]) -> None:
        """Refuse what cannot become an example, before anything is encoded."""
        for text, truth in zip(texts, truths, strict=True):
            if truth is not None:
                category = self.index.entry(truth).category
                _check_examples([replace(category, examples=(Example(text),))])
        none = [text for text, truth in zip(texts, truths, strict=True) if truth is None]
        if empty := sum(not text.strip() for text in none):
            raise InvalidTextsError(
                f"{empty} of {len(none)} texts that fit nothing are empty. Leave them out; such a"
                " text is unknown by itself"
            )

    def _learn(
        self,
        pairs: Sequence[tuple[str, str]],
        vectors: FloatArray,
        index: Index,
        source: str = CORRECTION,
    ) -> None:
        """Add an example for each text and label, with its vector, to an index."""
        there = (e.correction_order for c in index.categories for e in c.examples)
        newest = max(there, default=0)
        examples = [
            (label, Example(text, source, newest + i if source == CORRECTION else 0))
            for i, (text, label) in enumerate(pairs, start=1)
        ]
        if examples:
            index.add_examples(examples, vectors)
            index.remove_out_of_scope([text for text, _ in pairs], vectors)

    def _settle_in(self, scratch: Index) -> State:
        """Put what a scratch index has become in place."""
        changed = scratch.state.entries is not self.index.state.entries
        self.index.take(scratch.state)
        if changed:
            self._derive()
        return self.index.state

    def _record(self, decision: DecisionSettings | None, private: bool) -> None:
        identity = self.index.state.encoder or EncoderIdentity(
            self.encoder.fingerprint, self.encoder.spec, probe(self.encoder)
        )
        self.index.settle(encoder=identity, decision=decision, private=private)

    def _derive(self) -> None:
        """Settle when to abstain again after a change, unless it was given or tuned."""
        with self.index.changing:
            state = self.index.state
            self._record(self._settled(state.decision, state), state.private)

    def _settled(self, asked: DecisionSettings | None, state: State) -> DecisionSettings:
        """Return when `state` abstains by what was asked for; probabilities end here."""
        if asked is not None and asked.method == GIVEN:
            gone: dict[str, Any] = {"temperature": None, "unknown": None, "n_texts": 0}
            return replace(asked, stale=False, n_way=len(state.entries), **gone)
        if asked is not None and asked.method == TUNED:
            return replace(asked, stale=True)  # in force, but made for what was there before
        rate = DEFAULT_REJECTION_RATE if asked is None else asked.rate
        try:
            return self._derived(state, rate)
        except EncoderError:  # of a lazy one: what was asked for shall not depend on it
            return replace(decision_of(state), stale=True, rate=rate)

    def _derived(self, state: State, rate: float) -> DecisionSettings:
        """Derive the threshold from the categories."""
        rows, owners = supports(state)
        background = self._background if len(state.entries) < MIN_CATEGORIES else None
        return derive(rows, owners, scorer(state), len(state.entries), background, rate=rate)

    @cached_property
    def _background(self) -> FloatArray | None:
        # A table of own vectors has none for our sentences.
        if self.encoder.is_precomputed:
            return None
        return self.encoder.encode(GENERAL_TEXTS)

    def _encode(
        self, texts: Sequence[str | None], on_progress: Callable[[int], None] = lambda done: None
    ) -> FloatArray:
        there = [text for text in texts if text is not None]
        if len(there) < len(texts):
            raise InvalidCategoriesError("a category of a private index has no texts to encode")
        cleaned, found = clean_texts(there), [np.empty((0, self.index.dim), np.float32)]
        for start in range(0, len(cleaned), CHUNK):
            found.append(self.encoder.encode(cleaned[start : start + CHUNK]))
            on_progress(len(found[-1]))
        return np.concatenate(found)


def _check_examples(categories: Iterable[Category]) -> None:
    for category in categories:
        for example in category.examples:
            if isinstance(example.text, str) and not example.text.strip():
                raise InvalidCategoriesError(
                    f"category {category.name!r} has an empty example. Leave it out"
                )
