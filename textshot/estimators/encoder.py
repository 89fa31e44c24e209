"""TextshotEncoder: sentence embeddings as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from textshot._arrays import FloatArray
from textshot.encoders import Encoder
from textshot.estimators.conversion import texts_of
from textshot.estimators.shared import shared_encoder


class TextshotEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn texts into unit vectors, to put beside other features or under other estimators.

    Args:
        encoder: an encoder, the name of one, or None for the default, as for `load_encoder`. It is
            shared within a process, see `OneShotClassifier`.

    Attributes:
        encoder_: the encoder that embeds.
    """

    encoder_: Encoder

    def __init__(self, encoder: Encoder | str | None = None) -> None:
        self.encoder = encoder

    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the encoder; nothing is learned from the texts.

        Raises:
            EncoderNotFoundError: no such encoder can be reached from here.
        """
        texts_of(X)
        self.encoder_ = shared_encoder(self.encoder)
        self._n_features_out = self.encoder_.dim
        return self

    def transform(self, X: Any) -> FloatArray:
        """Return the vector of each text, float32 (n, dim), of length one.

        Args:
            X: n texts: a list, an array, or a column of pandas, Polars or Arrow.

        Raises:
            InvalidTextsError: a text is missing or no string.
        """
        check_is_fitted(self)
        return self.encoder_.encode(texts_of(X))

    def __sklearn_tags__(self) -> Any:
        """Say that X is one column of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags
