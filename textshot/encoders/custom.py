"""Encoders of your own: a function (an interface, any model), or vectors made beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import FloatArray, unit_rows
from textshot.encoders.base import Shown, Spec, clean_texts
from textshot.errors import EncoderError

OWN_PREFIX = "own:"
"""What the name in the spec of such an encoder begins with: load_encoder cannot make it again."""

_SAME = 1e-5  # two calls of one model differ by less, through their neighbours in a batch


class FunctionEncoder(Shown):
    """Any function from a list of texts to an array, as an encoder.

    Args:
        function: takes a list of n strings, gives numbers of shape (n, dim); called once here
            to find dim, and then with at most `batch_size` texts.
        name: what makes the vectors, with version and prompt: two encoders of one name and dim
            count as the same.

    Raises:
        EncoderError: an empty name, or a result of the wrong shape.
    """

    def __init__(self, function: Callable[[list[str]], ArrayLike], *, name: str) -> None:
        self.name = _checked_name(name)
        self.source = f"own function {name}"
        self._function = function
        probe = np.asarray(function(["probe"]))
        if probe.ndim != 2 or probe.shape[0] != 1 or probe.shape[1] < 1:
            raise EncoderError(f"{name}: shape {probe.shape} came back for 1 text, not (1, dim)")
        self.dim = int(probe.shape[1])
        self.fingerprint = _fingerprint(name, self.dim)
        self.spec: Spec = {"name": OWN_PREFIX + name}

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the function's vectors, scaled to length 1.

        Args:
            texts: a list of n strings.
            batch_size: how many texts the function gets at once.

        Returns:
            float32 of shape (n, dim), unit rows.

        Raises:
            EncoderError: the function gave another shape than (texts, dim).
            InvalidTextsError: a vector of zeros or not finite, or a text that is no string.
        """
        clean = clean_texts(texts)
        rows = np.empty((len(clean), self.dim), dtype=np.float64)
        for start in range(0, len(clean), batch_size):
            part = clean[start : start + batch_size]
            made = np.asarray(self._function(part))
            if made.shape != (len(part), self.dim):
                raise EncoderError(
                    f"{self.name}: shape {made.shape} came back for {len(part)} texts;"
                    f" ({len(part)}, {self.dim}) is needed"
                )
            rows[start : start + len(part)] = made
        return unit_rows(rows)


class PrecomputedEncoder(Shown):
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

    def __init__(self, texts: Sequence[str], vectors: ArrayLike, *, name: str) -> None:
        self.name = _checked_name(name)
        clean = clean_texts(texts)
        self._rows = unit_rows(vectors)
        if len(clean) != len(self._rows) or not clean:
            raise EncoderError(f"{name}: {len(clean)} texts and {len(self._rows)} vectors")
        self._position: dict[str, int] = {}
        for position, text in enumerate(clean):
            first = self._position.setdefault(text, position)
            if not np.allclose(self._rows[first], self._rows[position], rtol=0, atol=_SAME):
                raise EncoderError(
                    f"{name}: texts {first} and {position} are equal, their vectors are not"
                )
        self.source = f"{len(self._position)} precomputed vectors of {name}"
        self.dim = int(self._rows.shape[1])
        self.fingerprint = _fingerprint(name, self.dim)
        self.spec: Spec = {"name": OWN_PREFIX + name}

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors that were given for these texts.

        Args:
            texts: a list of n strings, each one of those given at the start.
            batch_size: there for the contract only.

        Returns:
            float32 of shape (n, dim), unit rows.

        Raises:
            EncoderError: texts without a vector, with their number.
        """
        clean = clean_texts(texts)
        missing = sum(text not in self._position for text in clean)
        if missing:
            # The texts may be private, so the message counts them only.
            raise EncoderError(
                f"{self.name}: {missing} of {len(clean)} texts have no precomputed vector."
                " Make vectors for category names, descriptions and examples too"
            )
        return self._rows[[self._position[text] for text in clean]]


def _checked_name(name: str) -> str:
    if not name.strip():
        raise EncoderError("name is empty; say what makes the vectors, such as 'my-model v2'")
    return name


def _fingerprint(name: str, dim: int) -> str:
    return "own-" + hashlib.sha256(f"{name}|{dim}".encode()).hexdigest()[:32]
