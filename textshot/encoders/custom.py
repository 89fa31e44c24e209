"""Encoders of your own: a function that embeds texts, or vectors made beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import FloatArray, unit_rows
from textshot.encoders.base import Encoder
from textshot.encoders.texts import clean_texts
from textshot.errors import EncoderError

_TOLERANCE = 1e-5  # two calls of one model differ by less, through their neighbours in a batch


class FunctionEncoder(Encoder):
    """Any function from a list of texts to an array, as an encoder.

    Args:
        function: takes a list of n strings, gives numbers of shape (n, dim); called once here
            to learn dim, and then with at most `batch_size` texts.
        name: what makes the vectors, with version and prompt: two encoders of one name and dim
            count as the same.

    Raises:
        EncoderError: an empty name, or a result of the wrong shape.
    """

    def __init__(self, function: Callable[[list[str]], ArrayLike], *, name: str) -> None:
        self._function = function
        probe = np.asarray(function(["probe"]))
        if probe.ndim != 2 or probe.shape[0] != 1 or probe.shape[1] < 1:
            raise EncoderError(f"{name}: shape {probe.shape} came back for 1 text, not (1, dim)")
        super().__init__(name, dim=int(probe.shape[1]), source=f"own function {name}")

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the function's vectors, scaled to length 1: float32 (n, dim).

        Raises:
            EncoderError: the function gave another shape than (texts, dim).
            InvalidTextsError: a vector of zeros or not finite, or a text that is no string.
        """
        clean = clean_texts(texts)
        rows = np.empty((len(clean), self.dim), dtype=np.float64)
        for start in range(0, len(clean), batch_size):
            batch = clean[start : start + batch_size]
            vectors = np.asarray(self._function(batch))
            if vectors.shape != (len(batch), self.dim):
                raise EncoderError(
                    f"{self.name}: shape {vectors.shape} came back for {len(batch)} texts;"
                    f" ({len(batch)}, {self.dim}) is needed"
                )
            rows[start : start + len(batch)] = vectors
        return unit_rows(rows)


class PrecomputedEncoder(Encoder):
    """Vectors that were made beforehand, looked up by their text.

    Args:
        texts: a list of n strings.
        vectors: numbers of shape (n, dim), one row for each text.
        name: what made the vectors, with version and prompt.

    Raises:
        EncoderError: an empty name, no vectors, another number of texts than of vectors, or one
            text with two different vectors.
        InvalidTextsError: a vector of zeros or not finite, or a text that is no string.
    """

    is_cached = is_precomputed = True

    def __init__(self, texts: Sequence[str], vectors: ArrayLike, *, name: str) -> None:
        clean = clean_texts(texts)
        self._rows = unit_rows(vectors)
        if len(clean) != len(self._rows) or not clean:
            raise EncoderError(f"{name}: {len(clean)} texts and {len(self._rows)} vectors")
        self._row_of: dict[str, int] = {}
        for row, text in enumerate(clean):
            first = self._row_of.setdefault(text, row)
            if not np.allclose(self._rows[first], self._rows[row], rtol=0, atol=_TOLERANCE):
                raise EncoderError(
                    f"{name}: texts {first} and {row} are equal, their vectors are not"
                )
        source = f"{len(self._row_of)} precomputed vectors of {name}"
        super().__init__(name, dim=int(self._rows.shape[1]), source=source)

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of these texts, float32 (n, dim); `batch_size` has no effect.

        Raises:
            EncoderError: texts without a vector, with their number.
        """
        clean = clean_texts(texts)
        missing = sum(text not in self._row_of for text in clean)
        if missing:
            # The texts may be private, so the message counts them only.
            raise EncoderError(
                f"{self.name}: {missing} of {len(clean)} texts have no precomputed vector."
                " Make vectors for category names, descriptions and examples too"
            )
        return self._rows[[self._row_of[text] for text in clean]]
