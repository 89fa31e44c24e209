"""An encoder that keeps the vectors of texts, so that a text is encoded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from textshot._arrays import FloatArray
from textshot.encoders.base import Encoder, Shown, clean_texts
from textshot.encoders.custom import PrecomputedEncoder
from textshot.encoders.text_stats import TruncationStats
from textshot.errors import EncoderError

if TYPE_CHECKING:
    from textshot.encoders.cache_file import VectorFile

MOST_TEXTS = 16_384
"""Vectors in memory: 25 MB of 384 numbers each."""

MOST_BYTES = 1 << 30
"""Of a file: some 600,000 vectors of 384 numbers."""

CHUNK = 4096
"""Texts between two writes: what was encoded before a stop is kept."""

_NO_KIND = "own"


class CachedEncoder(Shown):
    """Another encoder, asked once for each text.

    Vectors are kept in memory, and with a folder on disk as well, where the next process finds
    them. They come back bit for bit. A text itself is never kept, but its sha256; yet whoever reads
    a vector learns something of its text. A file that cannot be read or written is a warning in the
    log, and texts are encoded as without it. Threads and processes may share a folder; two that ask
    for a new text at the same moment both encode it.

    Args:
        encoder: the other one. Its `fingerprint`, and its `kind` if it has one ("openvino-bf16":
            what computes, and how precisely), name the file: vectors of others are not mixed in.
        cache_folder: where the file lies; None keeps vectors in memory only.
        most_texts: vectors in memory; when there are more, those used longest ago go.
        most_bytes: of the file; when there are more, rows used longest ago go, to the hour.

    Raises:
        EncoderError: vectors that were made beforehand, or a negative bound.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        cache_folder: str | Path | None = None,
        most_texts: int = MOST_TEXTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        if isinstance(encoder, PrecomputedEncoder):
            raise EncoderError(f"{encoder.name}: its vectors are kept already. Take it as it is")
        if most_texts < 0 or most_bytes < 0:
            raise EncoderError(
                f"most_texts is {most_texts}, most_bytes {most_bytes}; 0 or more is needed"
            )
        self.inner = encoder
        self.name, self.source, self.dim = encoder.name, encoder.source, encoder.dim
        self.fingerprint, self.spec = encoder.fingerprint, encoder.spec
        self.kind: str = getattr(encoder, "kind", _NO_KIND)
        # Of the model, where a network that was trained with it is looked for.
        self.folder: Path | None = getattr(encoder, "folder", None)
        self.cache_folder = None if cache_folder is None else Path(cache_folder)
        self._arguments = (cache_folder, most_texts, most_bytes)
        self._most_texts = most_texts
        self._memory: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._file = None if cache_folder is None else self._file_in(Path(cache_folder), most_bytes)

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts, encoding those only that are not known.

        Args:
            texts: a list of n strings.
            batch_size: for the other encoder.

        Returns:
            float32 of shape (n, dim), unit rows.

        Raises:
            TypeError: a single string in place of a list.
            InvalidTextsError: a member that is not a string.
            EncoderError: the other encoder gave another shape than (texts, dim).
        """
        clean = clean_texts(texts)
        keys = [sha256(text.encode()).digest() for text in clean]
        different = dict(zip(keys, clean, strict=True))
        rows = np.empty((len(different), self.dim), np.float32)
        every = list(different)
        for start in range(0, len(every), CHUNK):
            part = every[start : start + CHUNK]
            found = self._known(part)
            new = {key: different[key] for key in part if key not in found}
            if new:
                found |= self._encoded(new, batch_size)
            data = b"".join(found[key] for key in part)
            rows[start : start + CHUNK] = np.frombuffer(data, np.float32).reshape(-1, self.dim)
        if len(different) == len(clean):
            return rows
        places = {key: place for place, key in enumerate(every)}
        return rows[[places[key] for key in keys]]

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Tell how many texts are longer than what is read of them, and how familiar they are.

        Of an encoder that cannot tell: no more than their number.
        """
        read = getattr(self.inner, "truncation_stats", None)
        found: TruncationStats = TruncationStats(len(texts)) if read is None else read(texts)
        return found

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: scikit-learn copies what an estimator is given, and would forget."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process as the other encoder does; the file is found again there."""
        return _again, (self.inner, *self._arguments)

    def _file_in(self, folder: Path, most_bytes: int) -> VectorFile:
        from textshot.encoders.cache_file import VectorFile  # SQLite, which not every Python has

        n_bytes = self.dim * np.dtype(np.float32).itemsize
        return VectorFile(folder, f"{self.fingerprint} {self.kind}", n_bytes, most_bytes)

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        with self._lock:
            found = {key: self._memory[key] for key in keys if key in self._memory}
            for key in found:
                self._memory.move_to_end(key)
        if self._file is None:
            return found
        read = self._file.read([key for key in keys if key not in found])
        self._keep(read)
        return found | read

    def _encoded(self, texts: Mapping[bytes, str], batch_size: int) -> dict[bytes, bytes]:
        made = np.asarray(self.inner.encode(list(texts.values()), batch_size=batch_size))
        if made.shape != (len(texts), self.dim):
            raise EncoderError(
                f"{self.name}: shape {made.shape} came back for {len(texts)} texts;"
                f" ({len(texts)}, {self.dim}) is needed"
            )
        rows = (row.astype(np.float32).tobytes() for row in made)
        found = dict(zip(texts, rows, strict=True))
        self._keep(found)
        if self._file is not None:
            self._file.write(found)
        return found

    def _keep(self, rows: Mapping[bytes, bytes]) -> None:
        with self._lock:
            for key, row in rows.items():
                self._memory[key] = row
                self._memory.move_to_end(key)
            while len(self._memory) > self._most_texts:
                self._memory.popitem(last=False)


def innermost(encoder: Encoder) -> Encoder:
    """Return the encoder that makes the vectors, where another one keeps them."""
    while isinstance(encoder, CachedEncoder):
        encoder = encoder.inner
    return encoder


def _again(
    encoder: Encoder, folder: str | Path | None, most_texts: int, most_bytes: int
) -> CachedEncoder:
    return CachedEncoder(encoder, cache_folder=folder, most_texts=most_texts, most_bytes=most_bytes)
