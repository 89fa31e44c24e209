"""The calibrated half of the classifier: probabilities, once it was tuned."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from textshot.encoders import Encoder
from textshot.engine import Engine
from textshot.errors import InvalidTextsError
from textshot.estimators.conversion import in_class_order, texts_of, truths_of

PRECOMPUTED = "precomputed"


def _is_calibrated(classifier: CalibrationMixin) -> bool:
    """Return whether there is a `predict_proba`: after `tune`, until the classes change."""
    return hasattr(classifier, "engine_") and classifier.engine_.calibrated


class CalibrationMixin:
    """`tune`, and what there is after it. For a classifier of an `encoder`, of texts."""

    encoder: Encoder | str | None
    engine_: Engine
    classes_: NDArray[Any]

    def tune(self, X: Any, y: Any) -> Self:
        """Calibrate probabilities and the threshold on labelled texts, see `Engine.tune`.

        Args:
            X: n texts (not embeddings), others than those of `fit`.
            y: n classes; "unknown" or None for texts out of scope.
        """
        check_is_fitted(self)
        if self._precomputed:
            raise InvalidTextsError("tuning needs texts; an encoder of 'precomputed' has none")
        self.engine_.tune(texts_of(X), truths_of(y, self.classes_))
        return self

    @available_if(_is_calibrated)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, (n, n_classes), given that one of them fits.

        Each row sums to one; `predict_unknown_proba` gives the probability that no class fits.
        Available after `tune`.
        """
        joint = self._joint_probabilities(X)
        total = joint.sum(axis=1, keepdims=True)
        uniform = np.full_like(joint, 1 / joint.shape[1])
        return np.asarray(np.divide(joint, total, out=uniform, where=total > 0))

    @available_if(_is_calibrated)  # type: ignore[untyped-decorator]
    def predict_unknown_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability that no class fits, float64 (n,).

        Zero where `tune` saw no text out of scope. Available after `tune`.
        """
        fits: NDArray[np.float64] = self._joint_probabilities(X).sum(axis=1)
        return np.clip(1.0 - fits, 0.0, 1.0)

    def _joint_probabilities(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, (n, n_classes), less than one in all."""
        joint = self.engine_.probabilities(texts_of(X))
        return in_class_order(joint, self.engine_.info.labels, self.classes_, 0.0)

    @property
    def _precomputed(self) -> bool:
        return isinstance(self.encoder, str) and self.encoder == PRECOMPUTED
