"""The base class of all encoders, and what every encoder does to its rows."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray
from textshot._characters import is_blank
from textshot._fork import one_thread_of_torch
from textshot.encoders.long_texts import TruncationStats
from textshot.errors import EncoderError

if TYPE_CHECKING:
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

Spec = Mapping[str, str | int | None]
"""The arguments of load_encoder that load an encoder again, as JSON can hold them."""

ADAPTER_KEY = "layer"
"""The key of the adapter in a spec and in a fingerprint, as format 1 of the index names it."""

OWN_PREFIX = "own:"
"""The prefix of the name in a spec that load_encoder cannot load: an encoder made in Python."""

_Float = TypeVar("_Float", np.float32, np.float64)


class Encoder(ABC):
    """Turns texts into unit vectors. Subclass it for a model of your own.

    A subclass calls `super().__init__` and implements `encode`; all else has defaults. For a plain
    function there is `FunctionEncoder`.

    Args:
        name: what makes the vectors, with version and prompt; an index keeps it.
        dim: length of a vector.
        fingerprint: equal for two encoders exactly when their vectors can be compared. None: made
            of name and dim, for encoders that `load_encoder` does not know.
        source: where the encoder came from, for people; None: the name.
        spec: the arguments of `load_encoder` that load it again; None: it cannot be loaded by name.
        folder: of the model files; a network that was trained with the encoder lies there too.

    Attributes:
        backend: what computes the vectors: "torch", "openvino", "onnx" or "numpy", or "own".
        precision: "fp32", "bf16" or "int8"; "" where it is not known.
        is_exact: a text has the same vector, bit for bit, whatever texts are encoded beside it.
        is_single_core: encoding uses one core, so that several processes are faster than one.
        is_cached: embeddings come out of a cache, or out of a table.
        is_precomputed: it has vectors for a fixed set of texts only.

    Raises:
        EncoderError: an empty name, or a dim below 1.
    """

    backend = "own"
    precision = ""
    is_exact = False
    is_single_core = False
    is_cached = False
    is_precomputed = False

    def __init__(
        self,
        name: str,
        *,
        dim: int,
        fingerprint: str | None = None,
        source: str | None = None,
        spec: Spec | None = None,
        folder: Path | None = None,
    ) -> None:
        if self.backend == "own":  # it may well use torch
            one_thread_of_torch()
        if not name.strip():
            raise EncoderError("name is empty; say what makes the vectors, such as 'my-model v2'")
        if dim < 1:
            raise EncoderError(f"dim is {dim}; a vector has at least one number")
        self.name, self.dim, self.folder = name, dim, folder
        self.source = name if source is None else source
        self.spec: Spec = {"name": OWN_PREFIX + name} if spec is None else spec
        self.fingerprint = _own_fingerprint(name, dim) if fingerprint is None else fingerprint

    @abstractmethod
    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts.

        Args:
            texts: a list of n strings; `clean_texts` checks and cleans them.
            batch_size: texts that the model gets at once; some encoders make their own batches.

        Returns:
            float32 of shape (n, dim), unit rows; no texts give (0, dim).

        Raises:
            TypeError: a single string in place of a list.
            InvalidTextsError: a member that is not a string.
        """

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Count the texts that are cut off and the words that the encoder does not know.

        By default: the number of texts, and nothing about them.
        """
        return TruncationStats(len(texts))

    def unreadable(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which texts say nothing to the encoder, bool (n,): their vectors mean nothing.

        By default: blank ones, see `is_blank`. An encoder with a vocabulary adds those of which it
        knows no word (docs/adr/0028).
        """
        if self.uncached is not self:
            return self.uncached.unreadable(texts)
        return np.array([is_blank(text) for text in texts], dtype=bool)

    def reference(self) -> SentenceTransformerEncoder | None:
        """Return the same encoder in torch, to train or distill; None where there is none."""
        return None

    @property
    def runtime(self) -> str:
        """Backend and precision in one word, such as "openvino-bf16"."""
        return f"{self.backend}-{self.precision}" if self.precision else self.backend

    @property
    def uncached(self) -> Encoder:
        """The encoder that computes the vectors, without the caches around it."""
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: it does not change, and scikit-learn copies what an estimator is given."""
        return self

    def __repr__(self) -> str:
        """Show the name, for estimators and notebooks that print what they hold."""
        return f"{type(self).__name__}({self.name!r})"


def check_encoder(value: object) -> Encoder:
    """Return an encoder, or say what to do with an object that is none.

    Raises:
        TypeError: not an `Encoder`.
    """
    if isinstance(value, Encoder):
        return value
    raise TypeError(
        f"{type(value).__name__} is not an encoder. Subclass textshot.Encoder, or wrap a function:"
        " FunctionEncoder(model.encode, name='my-model v2')"
    )


def with_direction(rows: NDArray[_Float]) -> NDArray[_Float]:
    """Give rows of zeros one fixed unit vector, in place.

    A text without any known word or token has no direction, and one such text must not stop a
    million others.

    Args:
        rows: float32 or float64 of shape (n, dim).

    Returns:
        The same array.
    """
    zeros = ~rows.any(axis=1)
    if zeros.any():
        rows[zeros] = 1.0 / np.sqrt(rows.shape[1])
    return rows


def _own_fingerprint(name: str, dim: int) -> str:
    return "own-" + hashlib.sha256(f"{name}|{dim}".encode()).hexdigest()[:32]
