"""The learning half of an engine: edits of its categories, examples and threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from textshot._characters import clean_name, is_blank
from textshot.encoders import clean_labels, clean_texts, clean_truths
from textshot.engine import editing, example_editing, leave_out
from textshot.engine.decision import requested_settings, settings_at_rate, tuned_settings
from textshot.engine.encoder_identity import identify
from textshot.engine.predict import predict, score
from textshot.engine.predictor import Predictor
from textshot.engine.unreadable import (
    check_not_empty,
    key_texts,
    warn_of_examples,
    warn_of_unlearned,
)
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.index import State
from textshot.index.entries import text_hash
from textshot.types import (
    DEFAULT_REJECTION_RATE,
    Category,
    DecisionSettings,
    Example,
    Prediction,
    Threshold,
    category_dict,
)


class Editor(Predictor):
    """A predictor that learns categories, examples and corrections.

    Each edit encodes what is new, makes the next state of the index with a pure function
    (`editing`, `example_editing`), derives the threshold again and commits both in one step:
    readers see the state before it or after it. Edits in several threads follow each other.
    """

    def add(
        self,
        categories: Iterable[Category],
        *,
        allow_similar: bool = False,
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Add new categories; the keys of the others stay as they are.

        A name that differs from another one only in case, blanks or form needs `allow_similar`.
        """
        new = list(category_dict(categories).values())
        vectors = self._encode(self._key_texts(new), on_progress)
        self._edit(
            lambda state: editing.add_categories(state, new, vectors, allow_similar=allow_similar)
        )

    def replace(self, category: Category) -> None:
        """Replace the category of that name."""
        vectors = self._encode(self._key_texts([category]))
        self._edit(lambda state: editing.replace_category(state, category, vectors))

    def remove(self, *names: str) -> None:
        """Remove categories; needs no encoder."""
        self._edit(lambda state: editing.remove_categories(state, names))

    def rename(self, old: str, new: str, *, allow_similar: bool = False) -> None:
        """Give a category another name; `allow_similar` as for `add`."""
        key = Category(new).keys()[0]
        state = self.index.state
        if clean_name(new) == state.entry(old).category.name:
            raise InvalidCategoriesError(f"category {old!r} has that name already")
        vector = self._encode([key.text or new])[0] if state.use_names else None
        self._edit(
            lambda state: editing.rename_category(
                state, old, new, vector, allow_similar=allow_similar
            )
        )

    def merge(self, names: Sequence[str], into: str) -> None:
        """Move the examples of `names` into the category `into`, which keeps its own name."""
        self._edit(lambda state: editing.merge_categories(state, names, into))

    def add_example(self, label: str, text: str, *, source: str = "example") -> None:
        """Add one example to a category."""
        self.add_examples([text], [label], source=source)

    def add_examples(
        self, texts: Sequence[str], labels: Sequence[str], *, source: str = "example"
    ) -> None:
        """Add examples to existing categories, `texts[i]` to `labels[i]`, as one edit."""
        cleaned = clean_texts(texts)
        names = clean_labels(labels, len(cleaned))
        self._check_labelled(cleaned, names)
        warn_of_examples(self.encoder, cleaned, names)
        vectors = self._encode(cleaned)
        self._edit(lambda s: example_editing.label_texts(s, cleaned, names, vectors, source))

    def remove_example(self, label: str, text: str) -> None:
        """Remove one example of a category, by its text."""
        self._edit(lambda state: example_editing.remove_example(state, label, text))

    def replace_example(self, label: str, old: str, new: str) -> None:
        """Replace one example of a category by another text."""
        [text] = clean_texts([new])
        self._check_labelled([text], [label])
        warn_of_examples(self.encoder, [text], [label])
        [vector] = self._encode([text])
        example = Example(text)
        self._edit(lambda s: example_editing.replace_example(s, label, old, example, vector))

    def correct(self, text: str, label: str | None) -> Prediction:
        """Learn that `text` belongs to `label`, and return the answer for it from now on.

        It is one more example, marked as a correction: the category moves towards it, and this
        text itself, and what is all but the same, gets this label from the next answer on. Where
        the text is an example of another category it stays there; the newest correction holds.
        None, or "unknown", says that it fits no category, see `add_out_of_scope`. A text that says
        nothing to the encoder (`unreadable`) stays unknown, and is not learned.
        """
        return self.correct_all([text], [label])[0]

    def correct_all(self, texts: Sequence[str], labels: Sequence[str | None]) -> list[Prediction]:
        """Do as `correct` for many texts, as one edit; later ones are newer."""
        cleaned = clean_texts(texts)
        truths = clean_truths(labels, len(cleaned), "labels")
        self._check_labelled(cleaned, truths)
        vectors, blank = self._encode(cleaned), self.encoder.unreadable(cleaned)
        warn_of_unlearned(self.encoder, int(blank.sum()), len(blank))
        kept = np.flatnonzero(~blank)
        learned, names = [cleaned[i] for i in kept], [truths[i] for i in kept]
        state = self._edit(lambda s: example_editing.label_texts(s, learned, names, vectors[kept]))
        return predict(state, vectors, 3, "auto", blank)

    def add_out_of_scope(self, texts: Sequence[str], *, source: str = "example") -> None:
        """Add texts that fit no category: "none of these".

        From then on what is clearly nearer to one of them than to its best category is unknown
        (`textshot.scoring.threshold.OOS_MARGIN`). Each counts alone: such texts have nothing in
        common. Abstaining that is switched off stays so. Texts that say nothing to the encoder are
        unknown in any case, and not learned.

        Raises:
            InvalidTextsError: an empty text.
        """
        cleaned = list(dict.fromkeys(clean_texts(texts)))
        self._check_labelled(cleaned, [None] * len(cleaned))
        blank = self.encoder.unreadable(cleaned)
        warn_of_unlearned(self.encoder, int(blank.sum()), len(blank))
        unique = list(compress(cleaned, ~blank))
        vectors = self._encode(unique)
        examples = [Example(text, source) for text in unique]
        self._edit(lambda state: example_editing.add_out_of_scope(state, examples, vectors))

    def remove_out_of_scope(self, text: str) -> None:
        """Forget a text that was known to fit no category.

        Raises:
            InvalidTextsError: it is not known to fit none.
        """
        [cleaned] = clean_texts([text])
        # A private index keeps no texts: there the vector tells.
        vectors = self._encode([cleaned]) if self.index.state.private else None
        self._edit(lambda state: example_editing.forget_out_of_scope(state, cleaned, vectors))

    def set_threshold(
        self, threshold: Threshold, *, unknown_rate: float = DEFAULT_REJECTION_RATE
    ) -> None:
        """Change when to abstain; "auto" derives it again from the categories, at this rate.

        A calibration by `tune` is dropped.
        """
        requested = requested_settings(threshold) or settings_at_rate(unknown_rate)
        self._edit(lambda state: editing.with_decision(state, requested, self._background))

    def tune(
        self,
        texts: Sequence[str],
        truths: Sequence[str | None],
        *,
        unknown_rate: float | None = None,
    ) -> DecisionSettings:
        """Calibrate probabilities and the threshold on labelled texts; return the new settings.

        From 30 in-scope texts on, predictions have a `probability` (`fit_calibration`). From 10
        out-of-scope texts on, "unknown" is one of its outcomes, and the threshold is the one with
        the best mean of two shares: in-scope texts answered rightly, others rejected; or, with
        `unknown_rate`, the one that rejects this share of the others. With fewer of them, and
        where abstaining was switched off, the threshold stays. An edit of the categories keeps a
        tuned threshold and drops the probabilities. Tune on other texts than the examples, and
        evaluate on others again: texts that stand for a category are left out here, because
        their scores say nothing about other texts.

        Args:
            texts: n texts.
            truths: n category names; None, "" or "unknown" for "fits no category".
            unknown_rate: 0 to 1.

        Raises:
            InvalidTextsError: lengths differ, fewer than 30 in-scope texts, a truth that is no
                category, or a rate with fewer than 10 out-of-scope texts.
        """
        cleaned = clean_texts(texts)
        parsed = clean_truths(truths, len(cleaned))
        hashes = [text_hash(text) for text in cleaned]
        vectors, blank = self._encode(cleaned), self.encoder.unreadable(cleaned)

        def tuned(state: State) -> State:
            learned = leave_out.learned_hashes(state)
            kept = [i for i, each in enumerate(hashes) if each not in learned and not blank[i]]
            settings = tuned_settings(
                state,
                score(state, vectors[kept]),
                [parsed[i] for i in kept],
                unknown_rate,
                n_learned=sum(each in learned for each in hashes),
            )
            calibrated = frozenset(hashes[i] for i in kept)
            return state.updated(decision=settings, calibrated=calibrated)

        self._edit(tuned)
        return self.decision

    def has_learned(self, texts: Sequence[str], *, calibrated: bool = True) -> NDArray[np.bool_]:
        """Tell which texts the index learned, or was calibrated on; bool (n,).

        It knows them by their hashes, also in a private index; texts that differ in case and blanks
        only are the same.

        Args:
            texts: n texts.
            calibrated: count those that it was calibrated on by `tune`.
        """
        state = self.index.state
        known = leave_out.learned_hashes(state)
        known |= state.calibrated if calibrated else frozenset()
        return np.array([text_hash(text) in known for text in clean_texts(texts)], dtype=bool)

    def classify_held_out(
        self, texts: Sequence[str], k: int = 1, *, threshold: Threshold = "auto"
    ) -> list[Prediction]:
        """Return for each text the answer of an index that did not learn it.

        With it the accuracy can be measured on the very texts that the index learned: ten times, a
        tenth of them is left out and answered by the others (`leave_out.predict_held_out`).
        """
        cleaned = clean_texts(texts)
        vectors, blank = self._encode(cleaned), self.encoder.unreadable(cleaned)
        state = self.index.state

        def derive(reduced: State) -> State:
            return editing.with_decision(reduced, reduced.decision, self._background)

        return leave_out.predict_held_out(state, cleaned, vectors, blank, derive, k, threshold)

    def _edit(self, edit: Callable[[State], State]) -> State:
        """Commit the state that an edit makes of the present one, with its threshold; return it."""
        with self.index.lock:
            before = self.index.state
            after = edit(before)
            if after is before:
                return before
            if after.entries is not before.entries:
                after = editing.with_decision(after, after.decision, self._background)
            if after.encoder is None:
                after = after.updated(encoder=identify(self.encoder))
            self.index.commit(after)
            return after

    def _key_texts(self, categories: Sequence[Category]) -> list[str]:
        return key_texts(self.encoder, categories, use_names=self.index.state.use_names)

    def _check_labelled(self, texts: Sequence[str], labels: Sequence[str | None]) -> None:
        """Refuse what cannot become an example, before anything is encoded."""
        state = self.index.state
        for text, label in zip(texts, labels, strict=True):
            if label is not None:
                check_not_empty([replace(state.entry(label).category, examples=(Example(text),))])
        unfit = [text for text, label in zip(texts, labels, strict=True) if label is None]
        if empty := sum(map(is_blank, unfit)):
            raise InvalidTextsError(
                f"{empty} of {len(unfit)} out-of-scope texts are empty. Leave them out; such a text"
                " is unknown by itself"
            )
