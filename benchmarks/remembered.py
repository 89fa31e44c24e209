"""An encoder whose vectors stay on disk, so that no benchmark encodes a text twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np

from textshot.arrays import FloatArray
from textshot.encoders import Encoder

CHUNK = 1024
"""Texts between two writes: what was encoded before a stop is kept."""


class Remembered:
    """Another encoder, asked once for each text ever.

    Args:
        encoder: the other one; its fingerprint names the file, so a change of it starts anew.
        folder: where the files lie, made when missing.
    """

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self._encoder = encoder
        self.name, self.source, self.dim = encoder.name, encoder.source, encoder.dim
        self.fingerprint, self.spec = encoder.fingerprint, encoder.spec
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{encoder.fingerprint.rpartition(':')[2]}.sqlite"
        with self._open() as known:
            known.execute("CREATE TABLE IF NOT EXISTS vectors (text BLOB PRIMARY KEY, row BLOB)")

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return unit rows, float32 (n, dim), encoding only what was never asked for."""
        keys = [sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        with self._open() as known:
            new = {k: t for k, t in zip(keys, texts, strict=True) if self._row(known, k) is None}
            missing = list(new.items())
            for start in range(0, len(missing), CHUNK):
                part = missing[start : start + CHUNK]
                rows = self._encoder.encode([text for _, text in part], batch_size=batch_size)
                pairs = [(key, row.tobytes()) for (key, _), row in zip(part, rows, strict=True)]
                with known:
                    known.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", pairs)
            found = np.empty((len(texts), self.dim), np.float32)
            for i, key in enumerate(keys):
                found[i] = np.frombuffer(self._row(known, key) or b"", np.float32)
        return found

    def _open(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self._path, timeout=60))

    def _row(self, known: sqlite3.Connection, key: bytes) -> bytes | None:
        found = known.execute("SELECT row FROM vectors WHERE text = ?", (key,)).fetchone()
        return None if found is None else found[0]
