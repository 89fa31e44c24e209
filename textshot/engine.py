"""Engine: encoder + network + index + decision. Nothing else computes a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot.adaptation import FEWEST_TEXTS, LEAST_KNOWN, adapt, sample_texts
from textshot.arrays import FloatArray, unit_rows
from textshot.background import BACKGROUND
from textshot.decision import ENOUGH_CATEGORIES, GIVEN, TUNED, derive
from textshot.encoders import (
    Encoder,
    PrecomputedEncoder,
    Reading,
    clean_texts,
    load_encoder,
)
from textshot.errors import (
    EncoderError,
    EncoderMismatchError,
    InvalidCategoriesError,
    InvalidTextsError,
)
from textshot.identity import LazyEncoder, check_identity, load_again, probe
from textshot.index import PLAIN, EncoderIdentity, Index
from textshot.networks import Network, make_network, network_beside
from textshot.prediction import (
    at_rate,
    category_probabilities,
    decision_of,
    given,
    predict,
    score,
    scorer,
    supports,
    tuned_settings,
)
from textshot.records import (
    CORRECTION,
    HALF,
    Adaptation,
    Category,
    DecisionSettings,
    Example,
    Prediction,
    Threshold,
    category_dict,
    clean_name,
)

_CHUNK = 512


class Engine:
    """Classifies texts: encoder + network + index + decision.

    Reading (`classify`) is safe from several threads, also beside a change.
    """

    def __init__(self, encoder: Encoder, index: Index) -> None:
        """Put an encoder and an index together; `build` and `load` are the usual ways."""
        if encoder.dim != index.dim:
            raise EncoderMismatchError(
                f"the encoder {encoder.name!r} has {encoder.dim} dimensions, the index {index.dim}"
            )
        self.encoder = encoder
        self.index = index

    @classmethod
    def build(
        cls,
        categories: Iterable[Category],
        *,
        encoder: Encoder | str | None = None,
        network: Network | str | None = None,
        names: bool = True,
        threshold: Threshold = "auto",
        unknown_rate: float = HALF,
        private: bool = False,
        advance: Callable[[int], None] = lambda done: None,
    ) -> Engine:
        """Make an engine from categories.

        Args:
            categories: zero examples (name and description only), one or several each.
            encoder: an encoder, the name of one, or None for the default.
            network: how texts are scored against categories: a network, the name of one
                ("matching", "prototypical", "siamese", "memory", "linear"), or None for the one
                that was trained with the encoder, and without such a one the cosine with the mean
                of a category's keys. A name is the trained one too, where that has this name.
            names: use category names as keys, each weighed by what it is worth beside an example
                (`textshot.weighing`); False leaves them out.
            threshold: see `Threshold`.
            unknown_rate: of an "auto" threshold: the share of texts that fit no category which
                shall come out as unknown, as far as the categories tell.
            private: leave texts out of what `save` writes.
            advance: called with the number of keys encoded since the last call.

        Raises:
            InvalidCategoriesError: a name twice, or a category with nothing to stand for it.
            EncoderNotFoundError: no such encoder can be reached from here.
            InvalidTextsError: no such network, or one that was learned for other dimensions.
        """
        found = tuple(category_dict(categories).values())
        loaded = load_encoder(encoder) if encoder is None or isinstance(encoder, str) else encoder
        chosen = _network_for(network, loaded)
        engine = cls(loaded, Index(loaded.dim, names=names, network=chosen, weighed=True))
        engine._record(given(threshold) or at_rate(unknown_rate), private)
        engine.add(found, advance=advance)
        return engine

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories, sorted by name."""
        return self.index.categories

    @property
    def network(self) -> Network:
        """How texts are scored against categories."""
        return self.index.state.network

    @property
    def decision(self) -> DecisionSettings:
        """When this engine abstains, and how that was found out."""
        return decision_of(self.index.state)

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

        The answer for a text does not depend on the others, unless `adapt` is asked for. A text
        without any letter, digit or sign (empty, blanks) is unknown, unless abstaining is off.

        Args:
            texts: a list of strings; a bare string is a TypeError.
            k: how many matches each prediction carries.
            threshold: "auto" takes the engine's own; a cosine overrides it; None always answers.
            batch_size: texts encoded together; memory, not answers, depends on it.
            adapt: let the categories move towards these texts first, see `adapted`.
        """
        cleaned = clean_texts(texts)
        if adapt:
            moved = self.adapted(cleaned)
            return moved.classify(cleaned, k, threshold=threshold, batch_size=batch_size)
        found: list[Prediction] = []
        state = self.index.state
        for start in range(0, len(cleaned), _CHUNK):
            part = cleaned[start : start + _CHUNK]
            vectors = self.encoder.encode(part, batch_size=batch_size)
            blank = np.array([not text.strip() for text in part], dtype=bool)
            found += predict(state, vectors, k, threshold, blank)
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
        return predict(self.index.state, queries, k, threshold, nothing_blank)

    def adapted(self, texts: Iterable[str], *, seed: int = 0) -> Engine:
        """Return an engine whose categories have moved towards unlabelled texts (`adaptation`).

        Up to 5,000 different texts are looked at, chosen by the hash of each and the seed: neither
        their order nor how often one occurs makes a difference. The threshold is derived again.
        The new engine is for one run: it cannot be changed or saved, and this one stays as it is.
        `index.state.adaptation` says to how many texts it adapted, or why it kept its hands off:
        fewer than 50 different texts, or less than a tenth of them reach the threshold.

        Raises:
            InvalidTextsError: a network that does not compare texts with category vectors alone.
        """
        sample = sample_texts(texts, seed=seed)
        state, vectors = self.index.state, self._encode(sample)
        network = state.network
        if network.joint or network.examples_are_slots or not state.plainly_read:
            raise InvalidTextsError(
                f"the {network.name} network (settings: {dict(network.settings)}) reads more than"
                " one vector of a category, so there is none to move. Index with --network matching"
                " to adapt"
            )
        reason = self._why_not(vectors)
        moved = state.vectors
        if not reason:
            n_keys = np.bincount(state.key_rows, minlength=len(state.entries))
            moved = adapt(state.vectors, n_keys, vectors)
        engine = Engine(self.encoder, self.index.moved(moved, Adaptation(len(sample), reason)))
        if not reason:
            engine._derive()
        return engine

    def _why_not(self, texts: FloatArray) -> str:
        """Return why categories are not moved towards these vectors, "" where they are."""
        if len(self.index) < 2:
            return "there are fewer than two categories"
        if len(texts) < FEWEST_TEXTS:
            return f"{len(texts)} different texts are too few ({FEWEST_TEXTS} are needed)"
        known = np.mean([p.label is not None for p in self.classify_vectors(texts, k=1)])
        if known < LEAST_KNOWN:
            return f"only {100 * known:.0f} % of the texts are near any category"
        return ""

    def scores(self, texts: Sequence[str]) -> FloatArray:
        """Return the score of each text with each category, float32 (n_texts, n_categories).

        Columns are in the order of `index.labels`.
        """
        return self.scores_of_vectors(self._encode(clean_texts(texts)))

    def scores_of_vectors(self, vectors: ArrayLike) -> FloatArray:
        """Do as `scores` for embeddings of your own, (n, dim), of the same encoder."""
        return score(self.index.state, unit_rows(vectors))

    def reading(self, texts: Sequence[str]) -> Reading:
        """Tell how many texts the encoder does not read to their end, and how familiar they are.

        An encoder that cannot tell gives no more than their number.
        """
        read = getattr(self.encoder, "reading", None)
        found: Reading = Reading(len(texts)) if read is None else read(texts)
        return found

    @property
    def calibrated(self) -> bool:
        """Whether predictions have a probability: it was tuned, and nothing changed since."""
        return self.decision.temperature is not None and not self.decision.stale

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of each category, float64 (n_texts, n_categories).

        Columns are in the order of `index.labels`. A row adds up to one, or to one less the
        probability that the text fits none where `tune` saw such texts.

        Raises:
            InvalidTextsError: the engine is not calibrated, see `tune`.
        """
        found = category_probabilities(self.index.state, self._encode(clean_texts(texts)))
        if found is None:
            raise InvalidTextsError(
                "the scores of this index are not calibrated, so there are no probabilities. Tune"
                " it on 30 labelled texts or more: textshot tune, Engine.tune"
            )
        return found

    def add(
        self,
        categories: Iterable[Category],
        *,
        advance: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Add new categories; the keys of the others stay as they are."""
        new = tuple(category_dict(categories).values())
        _check_examples(new)
        texts = [key.text for c in new for key in c.keys(names=self.index.names)]
        self.index.add(new, self._encode(texts, advance))
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
        self._learn(texts, labels, source)

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

    def correct(self, text: str, label: str) -> Prediction:
        """Learn that `text` belongs to `label`, and return the answer for it from now on.

        It is one more example, marked as a correction: the category moves towards it, and this
        text itself, and what is all but the same, gets this label from the next answer on. Where
        the text is an example of another category it stays there; the newest correction holds.
        """
        return self.correct_all([text], [label])[0]

    def correct_all(self, texts: Sequence[str], labels: Sequence[str]) -> list[Prediction]:
        """Do as `correct` for many texts, as one change; later ones are newer."""
        with self.index.changing:
            vectors = self._learn(texts, labels, CORRECTION)
            state, blank = self.index.state, np.zeros(len(vectors), dtype=bool)
        return predict(state, vectors, 3, "auto", blank)

    def set_threshold(self, threshold: Threshold, *, unknown_rate: float = HALF) -> None:
        """Change when to abstain; "auto" derives it again from the categories, at this rate.

        What `tune` found out is forgotten.
        """
        self._record(given(threshold) or at_rate(unknown_rate), self.index.state.private)
        self._derive()

    def tune(
        self,
        texts: Sequence[str],
        truths: Sequence[str | None],
        *,
        unknown_rate: float | None = None,
    ) -> DecisionSettings:
        """Find probabilities and a threshold from labelled texts; return what is now in force.

        From 30 texts on that fit a category, predictions have a `probability` (`fit_odds`). From
        10 on that fit none, "unknown" is one of its outcomes, and the threshold is the one with
        the best mean of two shares: fitting texts answered rightly, others not answered; or, with
        `unknown_rate`, the one that this share of the others stays below. With fewer the threshold
        stays what it was. Both hold for these categories: after a change of them the threshold
        stays, and probabilities are None until it is tuned again. Tune on other texts than the
        categories' own examples, and evaluate on others again.

        Args:
            texts: n texts.
            truths: n category names; None, "" or "unknown" for "fits no category".
            unknown_rate: 0 to 1.

        Raises:
            InvalidTextsError: lengths differ, fewer than 30 texts that fit a category, or a truth
                that is no category.
        """
        scores = self.scores(texts)
        with self.index.changing:
            state = self.index.state
            tuned = tuned_settings(state, scores, truths, unknown_rate)
            self._record(tuned, state.private)
        return tuned

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
        lazy: bool = False,
    ) -> Engine:
        """Load an index and the encoder that it was made with.

        Args:
            path: the folder.
            encoder: None loads what the index names; an encoder or a name must be the same one.
            device: where to encode, for an encoder that is loaded here; None: the best there is.
            lazy: load and check the encoder when something has to be encoded, not now.

        Raises:
            IndexNotFoundError, IndexFormatError: no index there, or damaged.
            EncoderMismatchError: another encoder than the one the index was made with.
        """
        index = Index.load(path)
        identity = index.state.encoder
        if identity is None:
            raise EncoderMismatchError(f"{path} does not say which encoder made it")

        def load() -> Encoder:
            if encoder is None or isinstance(encoder, str):
                loaded = load_again(encoder, identity, device)
            else:
                loaded = encoder
            check_identity(loaded, identity, str(path))
            return loaded

        return cls(LazyEncoder(identity, index.dim, load) if lazy else load(), index)

    def _learn(self, texts: Sequence[str], labels: Sequence[str], source: str) -> FloatArray:
        """Add one example for each text to its category; return their vectors (n, dim)."""
        cleaned = clean_texts(texts)
        if isinstance(labels, str) or len(cleaned) != len(labels):
            number = "one string" if isinstance(labels, str) else len(labels)
            raise InvalidTextsError(f"{len(cleaned)} texts but {number} as labels: give one each")
        for label, text in zip(labels, cleaned, strict=True):
            category = self.index.entry(label).category
            _check_examples([replace(category, examples=(Example(text, source),))])
        vectors = self._encode(cleaned)
        if not cleaned:
            return vectors
        with self.index.changing:
            there = (e.written for c in self.categories for e in c.examples)
            newest = max(there, default=0)
            examples = [
                Example(text, source, newest + i if source == CORRECTION else 0)
                for i, text in enumerate(cleaned, start=1)
            ]
            self.index.add_examples(list(zip(labels, examples, strict=True)), vectors)
            self._derive()
        return vectors

    def _record(self, decision: DecisionSettings | None, private: bool) -> None:
        identity = self.index.state.encoder or EncoderIdentity(
            self.encoder.fingerprint, self.encoder.spec, probe(self.encoder)
        )
        self.index.settle(encoder=identity, decision=decision, private=private)

    def _derive(self) -> None:
        """Derive the threshold again after a change, unless it was given."""
        with self.index.changing:
            state = self.index.state
            decision = state.decision
            if decision is not None and decision.method == GIVEN:
                new = replace(decision, stale=False, n_way=len(state.entries))
            elif decision is not None and decision.method == TUNED:
                new = replace(decision, stale=True)  # in force, but made for what was there before
            else:
                rows, owners = supports(state)
                few = len(state.entries) < ENOUGH_CATEGORIES
                try:
                    background = self._background if few else None
                    new = derive(
                        rows,
                        owners,
                        scorer(state),
                        len(state.entries),
                        background,
                        rate=decision.rate if decision else HALF,
                    )
                except EncoderError:  # of a lazy one: what was asked for shall not depend on it
                    new = replace(decision_of(state), stale=True)
            self._record(new, state.private)

    @cached_property
    def _background(self) -> FloatArray | None:
        # A table of own vectors has none for our sentences.
        if isinstance(self.encoder, PrecomputedEncoder):
            return None
        return self.encoder.encode(BACKGROUND)

    def _encode(
        self, texts: Sequence[str | None], advance: Callable[[int], None] = lambda done: None
    ) -> FloatArray:
        there = [text for text in texts if text is not None]
        if len(there) < len(texts):
            raise InvalidCategoriesError("a category of a private index has no texts to encode")
        cleaned, found = clean_texts(there), [np.empty((0, self.index.dim), np.float32)]
        for start in range(0, len(cleaned), _CHUNK):
            found.append(self.encoder.encode(cleaned[start : start + _CHUNK]))
            advance(len(found[-1]))
        return np.concatenate(found)


def _network_for(given: Network | str | None, encoder: Encoder) -> Network:
    """Return the network that was asked for; of an encoder's own name, the one trained with it."""
    folder = getattr(encoder, "folder", None)
    beside = None if folder is None or isinstance(given, Network) else network_beside(folder)
    if given is None:
        chosen = PLAIN if beside is None else beside
    elif isinstance(given, Network):
        chosen = given
    else:
        chosen = beside if beside is not None and beside.name == given else make_network(given)
    return chosen


def _check_examples(categories: Iterable[Category]) -> None:
    for category in categories:
        for example in category.examples:
            if isinstance(example.text, str) and not example.text.strip():
                raise InvalidCategoriesError(
                    f"category {category.name!r} has an empty example. Leave it out"
                )
