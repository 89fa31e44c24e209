"""The contract of an encoder, and what every encoder does to its texts and its rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray
from textshot.errors import InvalidTextsError

Spec = Mapping[str, str | int | None]
"""The arguments of load_encoder that bring an encoder back, as JSON can hold them."""

ADAPTER_KEY = "layer"
"""The key of the adapter in a spec and in a fingerprint, as format 1 of the index names it."""

_Float = TypeVar("_Float", np.float32, np.float64)

# Tokenizers crash on lone surrogates (which JSON can hold) and stop or stumble at NUL.
_UNFIT = re.compile("[\x00\ud800-\udfff]")


class Shown:
    """Shows an encoder by its name, where estimators and notebooks print what they hold."""

    name: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Encoder(Protocol):
    """Anything that turns texts into unit vectors, and can say which encoder it is."""

    @property
    def name(self) -> str:
        """What the user asked for, kept in an index so that it can be loaded again."""
        ...

    @property
    def source(self) -> str:
        """Which encoder was taken, and where from: for people, not for comparing."""
        ...

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal for two encoders when their vectors can be compared, wherever they came from."""
        ...

    @property
    def spec(self) -> Spec:
        """What load_encoder needs to bring this encoder back."""
        ...

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return float32 unit rows of shape (len(texts), dim); no texts give (0, dim)."""
        ...


def clean_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list of plain strings that every tokenizer can read.

    Lone surrogates become U+FFFD and NUL becomes a space; nothing else is changed.

    Args:
        texts: any iterable of strings, numpy.str_ included.

    Returns:
        One str for each text, in order.

    Raises:
        TypeError: a single string in place of a list.
        InvalidTextsError: a member that is not a string, with its position and type.
    """
    if isinstance(texts, str | bytes):
        raise TypeError(
            f"texts is one {type(texts).__name__}; give a list, also for one text:"
            ' ["where is my card?"]'
        )
    return [_clean(text, position) for position, text in enumerate(texts)]


def with_direction(rows: NDArray[_Float]) -> NDArray[_Float]:
    """Give rows of zeros one fixed unit vector, in place.

    A text in which the encoder finds nothing (no word, no known token) has no direction of its
    own, and one such text must not stop a million others.

    Args:
        rows: float32 or float64 of shape (n, dim).

    Returns:
        The same array.
    """
    nothing = ~rows.any(axis=1)
    if nothing.any():
        rows[nothing] = 1.0 / np.sqrt(rows.shape[1])
    return rows


def _clean(text: object, position: int) -> str:
    if not isinstance(text, str):
        missing = text is None or (isinstance(text, float) and text != text)
        remedy = "Drop it, or give '' for an empty text" if missing else "Convert it with str()"
        shown = f"missing ({text})" if missing else f"of type {type(text).__name__}, not a string"
        raise InvalidTextsError(f"text {position} is {shown}. {remedy}")
    return _UNFIT.sub(_replacement, text) if _UNFIT.search(text) else str(text)


def _replacement(found: re.Match[str]) -> str:
    return " " if found.group() == "\x00" else "\ufffd"
