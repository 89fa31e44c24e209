"""OneShotClassifier: a scikit-learn estimator over an Engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from textshot.encoders import Encoder, PrecomputedEncoder
from textshot.engine import Engine
from textshot.errors import InvalidTextsError
from textshot.estimators.calibration import PRECOMPUTED, CalibrationMixin
from textshot.estimators.conversion import (
    by_class,
    check_any,
    check_classes,
    check_thresholds,
    classes_of,
    extend,
    fold,
    in_class_order,
    in_scope,
    name_of,
    network_parameter,
    texts_by_class,
    texts_of,
    thresholds_by_name,
    union,
)
from textshot.estimators.shared import shared_encoder
from textshot.index import Index
from textshot.networks import Network
from textshot.types import DEFAULT_REJECTION_RATE, UNKNOWN, Category, Prediction, Threshold


class OneShotClassifier(CalibrationMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify texts from one example per class, or say "unknown".

    Args:
        encoder: an encoder, the name of one, None for the default; or "precomputed" when X holds
            embeddings, shape (n, dim), instead of texts.
        network: a network, the name of one, or None, as for `Engine.build`. As long as they are not
            trained, "matching", "prototypical" and "siamese" are one function, whatever the
            number of examples: in a grid one of them is enough.
        use_names: use class names as keys; ignored where classes are not strings, and with
            "precomputed".
        key_attention: "auto" or "off", as for `Engine.build`.
        threshold: "auto" derives when to abstain from the classes; a cosine; None never abstains.
        thresholds: cosines of single classes, in the place of the common one.
        unknown_rate: share of out-of-scope texts to reject, for "auto".
        allow_similar: allow classes that differ only in case, blanks or form.

    Attributes:
        classes_: the classes, sorted, shape (n_classes,). A class without a key yet (from the
            `classes` of `partial_fit`) is never predicted; its score is -1.
        engine_: the Engine that answers; its categories are the classes, as strings.

    Estimators of a process that name the same encoder share it, with the vectors of up to 50,000
    texts, so that a search or a cross-validation encodes each text once.

    `predict` says "unknown" where it abstains, which only string classes have room for: other
    classes need `threshold=None`. A class "unknown" or None marks a text that fits none of them.
    Probabilities are calibrated or not given at all (docs/adr/0011): there is a `predict_proba`
    after `tune`.
    """

    engine_: Engine
    classes_: NDArray[Any]

    def __init__(
        self,
        encoder: Encoder | str | None = None,
        *,
        network: Network | str | None = None,
        use_names: bool = True,
        key_attention: Literal["auto", "off"] = "auto",
        threshold: Threshold = "auto",
        thresholds: Mapping[Any, float] | None = None,
        unknown_rate: float = DEFAULT_REJECTION_RATE,
        allow_similar: bool = False,
    ) -> None:
        self.encoder = encoder
        self.network = network
        self.use_names = use_names
        self.key_attention = key_attention
        self.threshold = threshold
        self.thresholds = thresholds
        self.unknown_rate = unknown_rate
        self.allow_similar = allow_similar

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from texts and their classes.

        Args:
            X: n texts (a list, an array, a column), or a mapping {class: [texts]} in which a class
                may have no text; with "precomputed", embeddings of shape (n, dim).
            y: n classes, "unknown" or None for texts that fit none; None with a mapping.

        Raises:
            ValueError: lengths differ, values are missing, no class, thresholds of other classes,
                classes that are not strings with abstaining on.
        """
        if isinstance(X, Mapping) and not hasattr(X, "tocsr"):  # a sparse array can be a dict
            if self._precomputed:
                raise InvalidTextsError("a mapping {class: [texts]} needs texts, not embeddings")
            return self._fit(*texts_by_class(X, y), self.encoder)
        X = self._check_inputs(X, reset=True)
        y = fold(self._checked_classes(X, y))
        texts, encoder = self._texts_of(X, 0)
        return self._fit(*by_class(texts, y), encoder)

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None) -> Self:
        """Add texts and their classes to what is fitted.

        Texts become examples of their class, as in `fit`; with the memory network, corrections:
        of equal texts with two classes the last one wins.

        Args:
            X: n texts, or embeddings of shape (n, dim) with "precomputed".
            y: n classes; new ones are added; "unknown" or None for texts that fit none.
            classes: all classes, as scikit-learn has it; the key of one without a text is its name.

        Raises:
            ValueError: as for `fit`.
        """
        first = not hasattr(self, "engine_")
        X = self._check_inputs(X, reset=first)
        y = self._checked_classes(X, y)
        batch = [y] if classes is None else [y, classes_of(classes)]
        known = [] if first else [self.classes_]
        all_classes = np.unique(in_scope(fold(union(*batch, *known), *known)))
        y = fold(y, all_classes)
        n_seen = 0 if first else sum(len(c.examples) for c in self.engine_.categories)
        texts, encoder = self._texts_of(X, n_seen)
        if first:
            check_any(all_classes)
            engine = self._built({}, encoder, strings=check_classes(all_classes, self.threshold))
        else:
            engine = self.engine_
            if isinstance(encoder, Encoder) and encoder.is_precomputed:
                if encoder.dim != engine.info.dim:
                    raise InvalidTextsError(
                        f"X has {encoder.dim} features, but the classifier was fitted with"
                        f" {engine.info.dim}"
                    )
                engine.encoder = encoder
        thresholds = thresholds_by_name(self.thresholds)
        extend(engine, texts, y, all_classes, thresholds, allow_similar=self.allow_similar)
        self.engine_, self.classes_ = engine, all_classes
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each text, or "unknown" where none is near enough."""
        predictions = self.classify(X, k=1)
        codes = {name_of(c): code for code, c in enumerate(self.classes_)}
        best = self.classes_[[codes[p.matches[0].label] for p in predictions]]
        abstained = np.array([p.label is None for p in predictions], dtype=bool)
        return np.where(abstained, UNKNOWN, best) if abstained.any() else best

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the cosine with each class, (n, n_classes); of two, second minus first, (n,)."""
        check_is_fitted(self)
        X = self._check_inputs(X, reset=False)
        engine = self.engine_
        matrix = engine.score_vectors(X) if self._precomputed else engine.scores(X)
        scores = in_class_order(matrix, engine.info.labels, self.classes_, -1.0)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def classify(self, X: Any, k: int = 3) -> list[Prediction]:
        """Return Predictions, with the keys that decided; labels are the classes as strings."""
        check_is_fitted(self)
        X = self._check_inputs(X, reset=False)
        if self._precomputed:
            return self.engine_.classify_vectors(X, k)
        return self.engine_.classify(X, k)

    def save(self, path: str | Path, *, overwrite: bool = False) -> int:
        """Write the fitted classifier to a folder, as an index; return its generation."""
        check_is_fitted(self)
        return self.engine_.save(path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path, *, encoder: Encoder | str | None = None) -> Self:
        """Return a fitted classifier from an index on disk; classes are its category names.

        Args:
            path: the folder.
            encoder: as in `Engine.load`; "precomputed" for an index that was saved by such a one.
        """
        if encoder == PRECOMPUTED:  # one that encodes no text
            unit = np.eye(1, Index.load(path).dim)
            engine = Engine.load(path, encoder=PrecomputedEncoder([""], unit, name=PRECOMPUTED))
        else:
            engine = Engine.load(path, encoder=encoder)
        settings = engine.decision
        has_attention = engine.info.attention_share is not None
        attends = has_attention or not engine.network.nearest_prototype
        loaded = cls(
            encoder,
            network=network_parameter(engine),
            use_names=engine.info.use_names,
            key_attention="auto" if attends else "off",
            threshold=settings.threshold if settings.method == "given" else "auto",
        )
        loaded.engine_, loaded.classes_ = engine, np.array(engine.info.labels)
        return loaded

    def __sklearn_tags__(self) -> Any:
        """Accept texts in one dimension, or an array with "precomputed"."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self._precomputed
        tags.input_tags.one_d_array = tags.input_tags.string = not self._precomputed
        return tags

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; a text of the class "unknown" or None is right as "unknown"."""
        return float(super().score(X, classes_of(y), sample_weight))

    def _fit(
        self,
        members: Mapping[Any, list[str]],
        out_of_scope: Sequence[str],
        encoder: Encoder | str | None,
    ) -> Self:
        check_any(list(members))
        strings = check_classes(list(members), self.threshold)
        check_thresholds(self.thresholds, list(members))
        self.engine_ = self._built(members, encoder, strings=strings)
        if out_of_scope:
            self.engine_.add_out_of_scope(out_of_scope)
        self.classes_ = np.unique(np.asarray(list(members)))
        return self

    def _built(
        self, members: Mapping[Any, list[str]], encoder: Encoder | str | None, *, strings: bool
    ) -> Engine:
        thresholds = thresholds_by_name(self.thresholds)
        return Engine.build(
            [
                Category(str(c), examples=[*texts], threshold=thresholds.get(name_of(c)))
                for c, texts in members.items()
            ],
            encoder=shared_encoder(encoder, self.network),
            network=self.network,
            use_names=self.use_names and strings and not self._precomputed,
            key_attention=self.key_attention,
            threshold=self.threshold,
            unknown_rate=self.unknown_rate,
            allow_similar=self.allow_similar,
        )

    def _checked_classes(self, X: Any, y: Any) -> NDArray[Any]:
        if y is None:
            raise ValueError(
                f"requires y to be passed, but the target y is None: {type(self).__name__} needs"
                " the class of each text, or a mapping {class: [texts]}"
            )
        checked = classes_of(y)
        check_consistent_length(X, checked)
        check_classification_targets(checked)
        return checked

    def _texts_of(self, X: Any, seen: int) -> tuple[list[str], Encoder | str | None]:
        """Return texts and what encodes them; for embeddings, names of rows, never encoded."""
        if not self._precomputed:
            return X, self.encoder
        texts = [f"row {seen + i}" for i in range(len(X))]
        return texts, PrecomputedEncoder(texts, X, name=PRECOMPUTED)

    def _check_inputs(self, X: Any, *, reset: bool) -> Any:
        if self._precomputed:
            return validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
        return texts_of(X)
