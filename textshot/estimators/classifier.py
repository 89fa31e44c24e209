"""OneShotClassifier: a scikit-learn estimator over an Engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from textshot.encoders import DEFAULT_ENCODER, Encoder, PrecomputedEncoder, clean_texts
from textshot.encoders.base import ADAPTER_KEY
from textshot.engine import Engine
from textshot.engine.encoder_identity import NO_NETWORK
from textshot.errors import InvalidTextsError
from textshot.estimators.encoder import texts_of
from textshot.index import PLAIN, Index
from textshot.networks import Memory, Network, make_network
from textshot.types import UNKNOWN, Category, Prediction, Threshold, clean_name

PRECOMPUTED = "precomputed"


def _is_calibrated(classifier: OneShotClassifier) -> bool:
    """Tell scikit-learn whether there is a `predict_proba`: after `tune`, until classes change."""
    return hasattr(classifier, "engine_") and classifier.engine_.calibrated


class OneShotClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify texts from one example per class, or say "unknown".

    Args:
        encoder: an encoder, the name of one, None for the default; or "precomputed" when X holds
            embeddings of your own, shape (n, dim), instead of texts.
        network: a network, the name of one, or None, as for `Engine.build`.
        names: use class names as keys. Left out by itself where classes are not strings and with
            "precomputed", as names have no embeddings there.
        keys: how the texts of a class become one: "fused" or "auto", as for `Engine.build`.
        threshold: "auto" derives when to abstain from the classes; a cosine; None never abstains.

    Attributes:
        classes_: the classes, sorted, shape (n_classes,). In one that `partial_fit` was told of
            and that nothing stands for yet no text falls; its score is -1.
        engine_: the Engine that answers; its categories are the classes, as strings.

    `predict` says "unknown" where it abstains, which only string classes have room for: other
    classes need `threshold=None`. Probabilities are calibrated or not given at all
    (docs/adr/0011): there is a `predict_proba` after `tune`.
    """

    engine_: Engine
    classes_: NDArray[Any]

    def __init__(
        self,
        encoder: Encoder | str | None = None,
        *,
        network: Network | str | None = None,
        names: bool = True,
        keys: Literal["auto", "fused"] = "auto",
        threshold: Threshold = "auto",
    ) -> None:
        self.encoder = encoder
        self.network = network
        self.names = names
        self.keys = keys
        self.threshold = threshold

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from texts and their classes.

        Args:
            X: n texts (a list, an array, a column), or a mapping {class: [texts]} in which a class
                may have no text; with "precomputed", embeddings of shape (n, dim).
            y: n classes; None with a mapping.

        Raises:
            ValueError: lengths differ, values are missing, a class is called "unknown", classes
                that are not strings with abstaining on.
        """
        if isinstance(X, Mapping) and not hasattr(X, "tocsr"):  # a sparse array can be a dict
            return self._fit(self._checked_mapping(X, y), self.encoder)
        X = self._check_inputs(X, reset=True)
        y = self._checked_classes(X, y)
        texts, encoder = self._texts_of(X, 0)
        return self._fit(_by_class(texts, y), encoder)

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None) -> Self:
        """Learn more texts and their classes, one batch after another; nothing is forgotten.

        Texts become examples of their class, as those of `fit` are. With the memory network they
        are written as corrections are: of equal texts with two classes the last one holds.

        Args:
            X: n texts, or embeddings of shape (n, dim) with "precomputed".
            y: n classes; one that was not there before is added.
            classes: all classes, as scikit-learn has it; those without a text stand by their name.

        Raises:
            ValueError: as for `fit`.
        """
        first = not hasattr(self, "engine_")
        X = self._check_inputs(X, reset=first)
        y = self._checked_classes(X, y)
        told = [y] if classes is None else [y, _without_missing(column_or_1d(classes))]
        every = _union(*told, *([] if first else [self.classes_]))
        seen = 0 if first else sum(len(c.examples) for c in self.engine_.categories)
        texts, encoder = self._texts_of(X, seen)
        if first:
            engine = self._built({}, encoder, strings=self._check_room(every))
        else:
            engine = self.engine_
            if isinstance(encoder, Encoder) and encoder.is_precomputed:
                _check_dim(encoder, engine)
                engine.encoder = encoder
        _extend(engine, texts, y, every)
        self.engine_, self.classes_ = engine, every
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each text, or "unknown" where nothing is near enough."""
        predictions = self.classify(X, k=1)
        found = self.classes_[[self._code[p.matches[0].label] for p in predictions]]
        abstained = np.array([p.label is None for p in predictions], dtype=bool)
        return np.where(abstained, UNKNOWN, found) if abstained.any() else found

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the cosine with each class, (n, n_classes); of two, second minus first, (n,)."""
        check_is_fitted(self)
        X = self._check_inputs(X, reset=False)
        engine = self.engine_
        every = engine.score_vectors(X) if self._precomputed else engine.scores(X)
        rows = engine.index.state.rows
        scores = np.full((len(every), len(self.classes_)), -1.0)
        for column, name in enumerate(map(_name_of, self.classes_)):
            if name in rows:
                scores[:, column] = every[:, rows[name]]
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def tune(self, X: Any, y: Any) -> Self:
        """Find probabilities and the threshold from labelled texts, see `Engine.tune`.

        Args:
            X: n texts (not embeddings), others than those of `fit`.
            y: n classes; "unknown" or None for texts that fit none.
        """
        check_is_fitted(self)
        if self._precomputed:
            raise InvalidTextsError("tuning needs texts; an encoder of 'precomputed' has none")
        X = self._check_inputs(X, reset=False)
        known = {label: _name_of(label) for label in self.classes_.tolist()}
        truths = [
            None if label is None or label != label else known.get(label, str(label))
            for label in column_or_1d(y).tolist()
        ]
        self.engine_.tune(list(X), truths)
        return self

    @available_if(_is_calibrated)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, (n, n_classes), once `tune` has found them.

        A row adds up to one, or to one less the probability that the text fits no class.
        """
        X = self._check_inputs(X, reset=False)
        every, rows = self.engine_.probabilities(list(X)), self.engine_.index.state.rows
        found = np.zeros((len(every), len(self.classes_)))
        for column, name in enumerate(map(_name_of, self.classes_)):
            if name in rows:
                found[:, column] = every[:, rows[name]]
        return found

    def classify(self, X: Any, k: int = 3) -> list[Prediction]:
        """Return Predictions, with the keys that decided; labels are the classes as strings."""
        check_is_fitted(self)
        X = self._check_inputs(X, reset=False)
        if self._precomputed:
            return self.engine_.classify_vectors(X, k)
        return self.engine_.classify(X, k)

    def save(self, path: str | Path, *, overwrite: bool = False) -> int:
        """Write what was learnt to a folder, as an index; return its generation."""
        check_is_fitted(self)
        return self.engine_.save(path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path, *, encoder: Encoder | str | None = None) -> Self:
        """Return a fitted classifier from an index on disk; classes are its category names.

        Args:
            path: the folder.
            encoder: as in `Engine.load`; "precomputed" for an index that was saved by such a one.
        """
        given = encoder
        if encoder == PRECOMPUTED:
            given = _no_encoder(Index.load(path).dim)
        engine = Engine.load(path, encoder=given)
        settings = engine.decision
        loaded = cls(
            encoder,
            network=_as_parameter(engine),
            names=engine.info.use_names,
            keys=_keys_of(engine),
            threshold=settings.threshold if settings.method == "given" else "auto",
        )
        loaded.engine_, loaded.classes_ = engine, np.array(engine.index.labels)
        return loaded

    def __sklearn_tags__(self) -> Any:
        """Say what X may be: texts in one dimension, or with "precomputed" an array of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self._precomputed
        tags.input_tags.one_d_array = tags.input_tags.string = not self._precomputed
        return tags

    @property
    def _precomputed(self) -> bool:
        return isinstance(self.encoder, str) and self.encoder == PRECOMPUTED

    @property
    def _code(self) -> dict[str, int]:
        return {_name_of(c): code for code, c in enumerate(self.classes_)}

    def _fit(self, members: Mapping[Any, list[str]], encoder: Encoder | str | None) -> Self:
        strings = self._check_room(list(members))
        self.engine_ = self._built(members, encoder, strings=strings)
        self.classes_ = np.unique(np.asarray(list(members)))
        return self

    def _built(
        self, members: Mapping[Any, list[str]], encoder: Encoder | str | None, *, strings: bool
    ) -> Engine:
        return Engine.build(
            [Category(str(c), examples=[*texts]) for c, texts in members.items()],
            encoder=encoder,
            network=self.network,
            use_names=self.names and strings and not self._precomputed,
            key_attention=_KEY_ATTENTION.get(self.keys, self.keys),
            threshold=self.threshold,
        )

    def _check_room(self, classes: Sequence[Any] | NDArray[Any]) -> bool:
        """Tell whether the classes are strings; others leave no room for "unknown"."""
        strings = _are_strings(classes)
        if not strings and self.threshold is not None:
            raise InvalidTextsError(
                f"classes such as {classes[0]!r} are not strings, so predict could not say"
                f" {UNKNOWN!r} beside them. Set threshold=None, or give the classes as strings"
            )
        return strings

    def _checked_classes(self, X: Any, y: Any) -> NDArray[Any]:
        if y is None:
            raise ValueError(
                f"requires y to be passed, but the target y is None: {type(self).__name__} needs"
                " the class of each text, or a mapping {class: [texts]}"
            )
        checked = _without_missing(column_or_1d(y, warn=True))
        check_consistent_length(X, checked)
        check_classification_targets(checked)
        return checked

    def _texts_of(self, X: Any, seen: int) -> tuple[list[str], Encoder | str | None]:
        """Return texts and what encodes them; for embeddings, names of rows, never encoded."""
        if not self._precomputed:
            return X, self.encoder
        texts = [f"row {seen + i}" for i in range(len(X))]
        return texts, PrecomputedEncoder(texts, X, name=PRECOMPUTED)

    def _checked_mapping(self, X: Mapping[Any, Any], y: Any) -> dict[Any, list[str]]:
        if y is not None:
            raise InvalidTextsError("with a mapping {class: [texts]} the classes are in X: leave y")
        if self._precomputed or not X:
            raise InvalidTextsError("a mapping {class: [texts]} needs texts and one class at least")
        for label, texts in X.items():
            if isinstance(texts, str):
                raise InvalidTextsError(f"class {label!r} has a string; give a list: [{texts!r}]")
        return {label: clean_texts(texts) for label, texts in X.items()}

    def _check_inputs(self, X: Any, *, reset: bool) -> Any:
        if self._precomputed:
            return validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
        return texts_of(X)


def _name_of(label: Any) -> str:
    """Return the category's name of a class."""
    return clean_name(str(label))


def _are_strings(classes: Sequence[Any] | NDArray[Any]) -> bool:
    return all(isinstance(c, str) for c in classes)


def _by_class(texts: list[str], y: NDArray[Any]) -> dict[Any, list[str]]:
    return {c: [texts[i] for i in np.flatnonzero(y == c)] for c in np.unique(y)}


def _extend(engine: Engine, texts: list[str], y: NDArray[Any], classes: NDArray[Any]) -> None:
    """Add texts to an engine: new classes first, then what is new of those there."""
    blank = [i for i, text in enumerate(texts) if not text.strip()]
    if blank:
        raise InvalidTextsError(f"text {blank[0]} is empty. Leave it out")
    remembers, there = isinstance(engine.network, Memory), set(engine.index.labels)
    members = _by_class(texts, y)
    new = {c: members.get(c, []) for c in classes if _name_of(c) not in there}
    if remembers:  # all are written one after another, but a category needs something to stand for
        new = {c: [] if engine.info.use_names else some[:1] for c, some in new.items()}
    standing = {c: some for c, some in new.items() if some or engine.info.use_names}
    if standing:
        engine.add([Category(str(c), examples=[*some]) for c, some in standing.items()])
    rest = [i for i, c in enumerate(y) if remembers or c not in new]
    learn = engine.correct_all if remembers else engine.add_examples
    learn([texts[i] for i in rest], [str(y[i]) for i in rest])


def _check_dim(encoder: Encoder, engine: Engine) -> None:
    if encoder.dim != engine.index.dim:
        raise InvalidTextsError(
            f"X has {encoder.dim} features, but what was learnt has {engine.index.dim}"
        )


def _union(*classes: NDArray[Any]) -> NDArray[Any]:
    """Return the classes of several arrays, sorted; those of two kinds do not go together."""
    some = [array for array in classes if len(array)]
    if len({"strings" if _are_strings(array) else array.dtype.kind for array in some}) > 1:
        shown = ", ".join(repr(array.tolist()[0]) for array in some)
        raise InvalidTextsError(f"classes of one kind are needed, and not {shown} together")
    return np.unique(np.concatenate(classes))


def _as_parameter(engine: Engine) -> Network | str | None:
    """Return what brings the network of an engine back as a parameter: None for the plain one."""
    network, spec = engine.network, engine.encoder.spec
    if network.parameters or network.settings != make_network(network.name).settings:
        return network
    if network.name != PLAIN.name:
        return network.name
    # The default encoder would come with its adapter, and an index made without it stays without.
    bare = spec["name"] == DEFAULT_ENCODER and spec.get(ADAPTER_KEY) is None
    return NO_NETWORK if bare else None


_KEY_ATTENTION: dict[str, Any] = {"fused": "off"}


def _keys_of(engine: Engine) -> Literal["auto", "fused"]:
    reads_one_by_one = engine.index.state.attention_share is not None
    return "auto" if reads_one_by_one or not engine.network.nearest_prototype else "fused"


def _without_missing(y: NDArray[Any]) -> NDArray[Any]:
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    for i, label in enumerate(y if y.dtype == object else ()):
        if not isinstance(label, str) and str(label) in ("None", "nan", "<NA>", "NaT"):
            raise InvalidTextsError(f"class {i} of y is missing ({label}). Drop the row")
    return y


def _no_encoder(dim: int) -> PrecomputedEncoder:
    """Return what stands for the encoder of vectors that come from outside: it knows no text."""
    return PrecomputedEncoder([""], np.eye(1, dim), name=PRECOMPUTED)
