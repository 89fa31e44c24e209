"""TextshotEncoder: the embedding alone, as a scikit-learn transformer; and columns of texts."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d

from textshot._arrays import FloatArray
from textshot.encoders import Encoder, clean_texts, load_encoder
from textshot.errors import InvalidTextsError


class TextshotEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn texts into unit vectors, to put beside other features or under other estimators.

    Args:
        encoder: an encoder, the name of one, or None for the default, as for `load_encoder`.

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
        given = self.encoder
        self.encoder_ = load_encoder(given) if given is None or isinstance(given, str) else given
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
        rows: FloatArray = self.encoder_.encode(texts_of(X))
        return rows

    def __sklearn_tags__(self) -> Any:
        """Say that X is one column of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def texts_of(X: Any) -> list[str]:
    """Return the texts of a list, an array, or one column of pandas, Polars or Arrow.

    Raises:
        TypeError: a single string.
        InvalidTextsError: several columns, or a text that is missing or no string.
    """
    if isinstance(X, str):
        raise TypeError(f"X is a string; give a list: [{X!r}]")
    column = np.asarray(X, dtype=object)
    if column.ndim == 2 and column.shape[1] != 1:
        names = getattr(X, "column_names", getattr(X, "columns", ()))
        shown = f" ({', '.join(map(str, names))})" if len(names) else ""
        raise InvalidTextsError(
            f"X has {column.shape[1]} columns{shown}, and texts are one. Choose it: X['text'], or"
            " a ColumnTransformer with the name of the column"
        )
    return clean_texts(column_or_1d(column, warn=False))
