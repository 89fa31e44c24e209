"""Engine: encoder + network + index + decision. OutOfScope else computes a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot._arrays import FloatArray
from textshot.encoders import (
    Encoder,
    TruncationStats,
    clean_texts,
    load_encoder,
)
from textshot.encoders.base import ADAPTER_KEY, check_encoder
from textshot.engine.check import check_categories, check_texts
from textshot.engine.decision import at_rate, decision_of, given
from textshot.engine.editing import CHUNK, Changes
from textshot.engine.encoder_identity import LazyEncoder, check_identity, load_again
from textshot.engine.explain import Explanation, explain
from textshot.engine.findings import Finding
from textshot.engine.predict import (
    PredictionArrays,
    answer,
    category_probabilities,
    joined,
    predict,
    score,
)
from textshot.engine.suggest import suggest
from textshot.errors import (
    EncoderMismatchError,
    InvalidTextsError,
)
from textshot.index import PLAIN, EncoderIdentity, Index, State
from textshot.networks import Network, load_network, make_network
from textshot.scoring.name_weight import NameWeight
from textshot.scoring.threshold import TUNED
from textshot.scoring.transduction import MIN_IN_SCOPE_RATE, MIN_TEXTS, adapt, sample_texts
from textshot.types import (
    DEFAULT_REJECTION_RATE,
    Adaptation,
    Category,
    DecisionSettings,
    Example,
    Prediction,
    Threshold,
    category_dict,
)

WINDOW = 4096
"""Texts that an encoder is given at once: the more, the more of them are of one length."""

NO_NETWORK = "none"
"""The name that leaves out all that was trained, for `Engine.build`."""


@dataclass(frozen=True, eq=False)
class EngineInfo:
    """What an engine is made of at one moment.

    Attributes:
        labels: category names, sorted; rows of `PredictionArrays` and columns of `scores`.
        n_keys: how many names, descriptions and examples stand for them.
        dim: number of dimensions.
        generation: of the index, as it was loaded or saved; 0: never saved.
        private: whether texts are left out of what is saved.
        use_names: whether names are keys.
        network: how texts are scored against categories.
        name_weight: what a name is worth beside an example; None: as much.
        attention_share: how much of a score is the attention of all keys; None: never looked for.
        decision: when the engine abstains.
        encoder: what made the vectors.
        n_out_of_scope: how many texts are known to fit no category.
        adaptation: to how many texts the categories were adapted; None: they were not.
    """

    labels: tuple[str, ...]
    n_keys: int
    dim: int
    generation: int
    private: bool
    use_names: bool
    network: Network
    name_weight: NameWeight | None
    attention_share: float | None
    decision: DecisionSettings
    encoder: EncoderIdentity | None
    n_out_of_scope: int
    adaptation: Adaptation | None


class Engine(Changes):
    """Classifies texts: encoder + network + index + decision.

    Reading (`classify`) is safe from several threads, also beside a change.
    """

    def __init__(self, encoder: Encoder, index: Index) -> None:
        """Put an encoder and an index together; `build` and `load` are the usual ways."""
        if check_encoder(encoder).dim != index.dim:
            raise EncoderMismatchError(
                f"the encoder {encoder.name!r} has {encoder.dim} dimensions, the index {index.dim}"
            )
        self.encoder = encoder
        self.index = index

    @classmethod
    def build(
        cls,
        categories: Iterable[Category] | Mapping[str, Sequence[str]],
        *,
        encoder: Encoder | str | None = None,
        network: Network | str | None = None,
        use_names: bool = True,
        key_attention: Literal["auto", "off"] = "auto",
        threshold: Threshold = "auto",
        unknown_rate: float = DEFAULT_REJECTION_RATE,
        private: bool = False,
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> Engine:
        """Make an engine from categories.

        Args:
            categories: zero examples (name and description only), one or several each; or the
                texts of each category by its name.
            encoder: an encoder, the name of one, or None for the default.
            network: how texts are scored against categories: a network, the name of one
                ("matching", "prototypical", "siamese", "memory", "linear"), or None for the one
                that was trained with the encoder, and without such a one the cosine with the mean
                of a category's keys. A name is the trained one too, where that has this name.
                "none" leaves out all that was trained: the adapter of the default encoder too.
            use_names: use names as keys, each weighed by what it is worth beside an example
                (`textshot.scoring.name_weight`); False leaves them out.
            key_attention: "off": one vector stands for a category. "auto": where there are many
                examples, and scoring each of them is better, they have a part in every score
                (`textshot.scoring.attention`).
            threshold: see `Threshold`.
            unknown_rate: of an "auto" threshold: the share of texts that fit no category which
                shall come out as unknown, as far as the categories tell.
            private: leave texts out of what `save` writes.
            on_progress: called with the number of keys encoded since the last call.

        Raises:
            InvalidCategoriesError: a name twice, or a category with nothing to stand for it.
            EncoderNotFoundError: no such encoder can be reached from here.
            InvalidTextsError: no such network, or one that was learned for other dimensions.
        """
        if isinstance(categories, Mapping):
            categories = [Category(name, examples=texts) for name, texts in categories.items()]
        unique = tuple(category_dict(categories).values())
        loaded = _encoder_for(network, encoder)
        chosen = PLAIN if network == NO_NETWORK else _network_for(network, loaded)
        engine = cls(
            loaded,
            Index(
                loaded.dim,
                names=use_names,
                network=chosen,
                weighed=True,
                attentive=_is_auto(key_attention),
            ),
        )
        engine._record(given(threshold) or at_rate(unknown_rate), private)
        engine.add(unique, on_progress=on_progress)
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

    @property
    def info(self) -> EngineInfo:
        """What this engine is made of at this moment."""
        state = self.index.state
        return EngineInfo(
            labels=state.labels,
            n_keys=sum(len(entry.keys) for entry in state.entries),
            dim=state.dim,
            generation=self.index.generation,
            private=state.private,
            use_names=state.names,
            network=state.network,
            name_weight=state.name_weight,
            attention_share=state.attention_share,
            decision=decision_of(state),
            encoder=state.encoder,
            n_out_of_scope=len(state.out_of_scope.examples) if state.out_of_scope else 0,
            adaptation=state.adaptation,
        )

    @property
    def out_of_scope(self) -> tuple[Example, ...]:
        """The texts that are known to fit no category."""
        state = self.index.state
        return () if state.out_of_scope is None else state.out_of_scope.examples

    def snapshot(self) -> Engine:
        """Return an engine over what this one holds now; changes of this one do not reach it."""
        return Engine(self.encoder, Index.of_state(self.index.state, self.index.generation))

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
        different = list(dict.fromkeys(cleaned))
        found: list[Prediction] = []
        for vectors, blank in self._windows(different, batch_size):
            found += predict(self.index.state, vectors, k, threshold, blank)
        if len(different) == len(cleaned):
            return found
        answers = dict(zip(different, found, strict=True))
        return [answers[text] for text in cleaned]

    def predict_arrays(
        self, texts: Sequence[str], k: int = 1, *, threshold: Threshold = "auto"
    ) -> PredictionArrays:
        """Do as `classify`, and return arrays: for many texts, and without the keys that decided.

        Args:
            texts: a list of n strings.
            k: how many categories of each text.
            threshold: as for `classify`.
        """
        cleaned, state = clean_texts(texts), self.index.state
        places = {text: i for i, text in enumerate(dict.fromkeys(cleaned))}
        parts = [
            answer(state, vectors, k, threshold, blank)
            for vectors, blank in self._windows(list(places), 32)
        ] or [answer(state, np.empty((0, state.dim), np.float32), k, threshold, np.empty(0, bool))]
        return joined(parts).taken(np.array([places[text] for text in cleaned], np.int64))

    def _windows(
        self, texts: Sequence[str], batch_size: int
    ) -> Iterator[tuple[FloatArray, NDArray[np.bool_]]]:
        """Yield the vectors of a few texts at a time, and which of these say nothing."""
        for start in range(0, len(texts), WINDOW):
            part = texts[start : start + WINDOW]
            vectors = self.encoder.encode(part, batch_size=batch_size)
            blank = np.array([not text.strip() for text in part], dtype=bool)
            for i in range(0, len(part), CHUNK):  # a network's scores are of every category
                yield vectors[i : i + CHUNK], blank[i : i + CHUNK]

    def classify_vectors(
        self,
        vectors: ArrayLike,
        k: int = 3,
        *,
        threshold: Threshold = "auto",
        blank: NDArray[np.bool_] | None = None,
    ) -> list[Prediction]:
        """Do as `classify` for embeddings of your own, (n, dim), of the same encoder.

        `blank`, bool (n,), says which of them are of a text without content: unknown.
        """
        state = self.index.state
        queries = state.queries(vectors)
        return predict(state, queries, k, threshold, _mask(blank, len(queries)))

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
        return answer(state, queries, k, threshold, _mask(blank, len(queries)))

    def explain(self, text: str, k: int = 3, *, threshold: Threshold = "auto") -> Explanation:
        """Say why a text gets its answer: the keys that decided, and what each word did.

        Args:
            text: one text.
            k: how many matches its prediction carries, 2 at least.
            threshold: as for `classify`.

        Raises:
            InvalidTextsError: the text is none, or k is below 2.
        """
        if k < 2:
            raise InvalidTextsError(f"k is {k}; at least 2 is needed, the best and the runner-up")
        [cleaned] = clean_texts([text])
        return explain(self.index.state, self._encode, cleaned, k, threshold)

    def check(self) -> list[Finding]:
        """Return what will go wrong with these categories, as far as their keys tell.

        Categories that overlap, examples nearer to another category, names that say nothing, texts
        that the encoder does not read to their end or was not made for; each with its remedy.
        """
        return [
            *check_categories(self.index.state),
            *check_texts(self.index.state, self.truncation_stats),
        ]

    def suggest(self, texts: Iterable[str], n: int = 10, *, seed: int = 0) -> list[str]:
        """Return the n texts of which a label would help most, the most helpful first.

        Args:
            texts: without labels; of more than 5,000 different ones some are looked at.
            n: how many.
            seed: of the choice of those.

        Raises:
            TypeError: a single string in place of a list.
            InvalidTextsError: n is below 1.
        """
        if isinstance(texts, str):
            raise TypeError("texts is one str; give a list")
        cleaned = (clean_texts([text])[0] for text in texts)
        return suggest(self.index.state, self._encode, cleaned, n, int(seed))

    def adapted(self, texts: Iterable[str], *, seed: int = 0) -> Engine:
        """Return an engine whose categories have moved towards unlabelled texts (`adaptation`).

        Up to 5,000 different texts are looked at, chosen by the hash of each and the seed: neither
        their order nor how often one occurs makes a difference. A derived threshold is derived
        again, a tuned one moves as far as the derived one does, a given one stays; probabilities
        were tuned for other vectors and are None. The new engine is for one run: its categories
        cannot be changed, it cannot be saved, and this one stays as it is.
        `index.state.adaptation` says to how many texts it adapted, or why it kept its hands off:
        fewer than 50 different texts, or less than a tenth of them reach the threshold.

        Raises:
            TypeError: a single string in place of a list.
            InvalidTextsError: a network that does not compare texts with category vectors alone.
        """
        if isinstance(texts, str):
            raise TypeError("texts is one str; give a list")
        network = self.network
        if not network.nearest_prototype:
            raise InvalidTextsError(
                f"the {network.name} network (settings: {dict(network.settings)}) reads more than"
                " one vector of a category, so there is none to move. Index with --network matching"
                " to adapt"
            )
        sample = sample_texts((clean_texts([text])[0] for text in texts), seed=int(seed))
        vectors, state = self._encode(sample), self.index.state
        adaptation = Adaptation(len(sample), _why_not(state, vectors))
        moved = state.with_prototypes(state.vectors, adaptation)
        if not adaptation.reason:
            n_keys = np.bincount(state.key_rows, minlength=len(state.entries))
            moved = state.with_prototypes(adapt(state.vectors, n_keys, vectors), adaptation)
            moved = replace(moved, decision=self._after_moving(state, moved))
        return Engine(self.encoder, Index.of_state(moved, self.index.generation))

    def _after_moving(self, before: State, after: State) -> DecisionSettings:
        """Return when to abstain with moved vectors."""
        decision = decision_of(before)
        if decision.method != TUNED or decision.threshold is None:
            return self._settled(decision, after)
        first, second = (
            self._derived(s, DEFAULT_REJECTION_RATE).threshold for s in (before, after)
        )
        shift = 0.0 if first is None or second is None else second - first
        threshold = min(max(decision.threshold + shift, -1.0), 1.0)
        return replace(decision, threshold=threshold, stale=True)

    def scores(self, texts: Sequence[str]) -> FloatArray:
        """Return the score of each text with each category, float32 (n_texts, n_categories).

        Columns are in the order of `index.labels`.
        """
        return self.score_vectors(self._encode(clean_texts(texts)))

    def score_vectors(self, vectors: ArrayLike) -> FloatArray:
        """Do as `scores` for embeddings of your own, (n, dim), of the same encoder."""
        state = self.index.state
        return score(state, state.queries(vectors))

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Tell how many texts the encoder does not read to their end, and how familiar they are.

        An encoder that cannot tell gives no more than their number.
        """
        count = self.encoder.truncation_stats
        parts = (count(texts[start : start + WINDOW]) for start in range(0, len(texts), WINDOW))
        return sum(parts, TruncationStats())

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
        backend: str = "auto",
        precision: str = "auto",
        lazy: bool = False,
    ) -> Engine:
        """Load an index and the encoder that it was made with.

        Args:
            path: the folder.
            encoder: None loads what the index names; an encoder or a name must be the same one.
            device: where to encode, for an encoder that is loaded here; None: the best there is.
            backend: what runs it, see `load_encoder`.
            precision: of what runs it.
            lazy: load and check the encoder when something has to be encoded, not now.

        Raises:
            IndexNotFoundError, IndexFormatError: no index there, or damaged.
            EncoderMismatchError: another encoder than the one the index was made with.
        """
        index = Index.load(path)
        identity = index.state.encoder
        if identity is None:
            raise EncoderMismatchError(f"{path} does not say which encoder made it")
        # No closure: a lazy engine can be pickled.
        load = partial(_encoder_of, identity, str(path), encoder, device, backend, precision)
        return cls(LazyEncoder(identity, index.dim, load) if lazy else load(), index)


def _mask(blank: NDArray[np.bool_] | None, n: int) -> NDArray[np.bool_]:
    if blank is None:
        return np.zeros(n, dtype=bool)
    if blank.shape != (n,):
        raise InvalidTextsError(f"blank has shape {blank.shape}; ({n},) is needed")
    return blank


def _encoder_of(
    identity: EncoderIdentity,
    where: str,
    given: Encoder | str | None,
    device: str | None,
    backend: str,
    precision: str,
) -> Encoder:
    """Return the encoder that the index at `where` was made with, checked."""
    if given is None or isinstance(given, str):
        given = load_again(given, identity, device, backend, precision)
    check_identity(check_encoder(given), identity, where)
    return given


def _encoder_for(network: Network | str | None, given: Encoder | str | None) -> Encoder:
    plain = network == NO_NETWORK
    if given is None or isinstance(given, str):
        return load_encoder(given, adapter=None) if plain else load_encoder(given)
    if plain and check_encoder(given).spec.get(ADAPTER_KEY) is not None:
        raise InvalidTextsError(
            f"network {NO_NETWORK!r} with an encoder that has the adapter"
            f" {given.spec[ADAPTER_KEY]!r}: load the encoder with adapter=None"
        )
    return given


def _network_for(given: Network | str | None, encoder: Encoder) -> Network:
    """Return the network that was asked for; of an encoder's own name, the one trained with it."""
    folder = encoder.folder
    beside = None if folder is None or isinstance(given, Network) else load_network(folder)
    if given is None:
        chosen = PLAIN if beside is None else beside
    elif isinstance(given, Network):
        chosen = given
    else:
        chosen = beside if beside is not None and beside.name == given else make_network(given)
    return chosen


def _is_auto(key_attention: str) -> bool:
    if key_attention not in ("auto", "off"):
        raise InvalidTextsError(f"key_attention is {key_attention!r}; 'auto' or 'off' is needed")
    return key_attention == "auto"


def _why_not(state: State, texts: FloatArray) -> str:
    """Return why categories are not moved towards these vectors, "" where they are."""
    if len(state.entries) < 2:
        return "there are fewer than two categories"
    if len(texts) < MIN_TEXTS:
        return f"{len(texts)} different texts are too few ({MIN_TEXTS} are needed)"
    answers = predict(state, texts, 1, "auto", np.zeros(len(texts), dtype=bool))
    known = np.mean([p.label is not None for p in answers])
    if known < MIN_IN_SCOPE_RATE:
        return f"only {100 * known:.0f} % of the texts are near any category"
    return ""
