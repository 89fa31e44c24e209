"""An encoder that caches embeddings in memory and on disk, so that a text is encoded once."""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from textshot._arrays import FloatArray
from textshot._files import lock
from textshot._fork import ForkLock
from textshot.encoders.base import Encoder, check_encoder
from textshot.encoders.long_texts import TruncationStats
from textshot.encoders.texts import clean_texts
from textshot.errors import ConflictError, EncoderError

if TYPE_CHECKING:
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

MAX_TEXTS = 16_384
"""Vectors in memory: 25 MB of 384 numbers each."""

MAX_BYTES = 1 << 30
"""Size of a file: some 600,000 vectors of 384 numbers."""

CHUNK = 4096
"""Texts between two writes: what was encoded before a stop is kept."""

_TIMEOUT = 30.0  # seconds to wait for another process, which needs a fraction of one
_SHARE_KEPT = 0.9  # of a full file, so that the next writes delete nothing
_VARIABLES = 900  # of one statement; the oldest SQLite takes 999
_SCHEMA = "CREATE TABLE vectors (key BLOB PRIMARY KEY, vector BLOB, hash BLOB)"
# ERROR: the statements are right, so the tables are not; TOOBIG: the length of a row is nonsense.
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_DAMAGE.add(sqlite3.SQLITE_TOOBIG)
_SQLITE = ForkLock(waits=True)  # it has locks of its own, which no child could free
_Result = TypeVar("_Result")

logger = logging.getLogger(__name__)


class CachedEncoder(Encoder):
    """An encoder with a cache: equal texts are encoded once.

    Vectors are kept in memory, and with a folder on disk as well, for the next process. They come
    back bit for bit. The cache stores no text, but its sha256; yet whoever reads a vector learns
    something of its text. Trouble with the file is a warning in the log, and texts are encoded as
    without it. Threads and processes may share a folder; two that ask for a new text at the same
    moment both encode it.

    Args:
        encoder: computes the vectors. Its fingerprint and its runtime ("openvino-bf16") name the
            file: vectors of others are not mixed in.
        cache_folder: folder of the file; None caches in memory only.
        max_texts: vectors in memory; when there are more, those used longest ago go.
        max_bytes: size of the file; when it is larger, the oldest vectors go.

    Raises:
        EncoderError: precomputed vectors, or a negative bound.
        TypeError: not an encoder.
    """

    is_cached = True

    def __init__(
        self,
        encoder: Encoder,
        *,
        cache_folder: str | Path | None = None,
        max_texts: int = MAX_TEXTS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        if check_encoder(encoder).is_precomputed:
            raise EncoderError(f"{encoder.name} is precomputed. Take it as it is")
        if max_texts < 0 or max_bytes < 0:
            bounds = f"max_texts is {max_texts}, max_bytes {max_bytes}"
            raise EncoderError(f"{bounds}; 0 or more is needed")
        super().__init__(
            encoder.name,
            dim=encoder.dim,
            fingerprint=encoder.fingerprint,
            source=encoder.source,
            spec=encoder.spec,
            folder=encoder.folder,
        )
        self.backend, self.precision = encoder.backend, encoder.precision
        self.is_exact, self.is_single_core = encoder.is_exact, encoder.is_single_core
        self.encoder = encoder
        self.cache_folder = None if cache_folder is None else Path(cache_folder)
        self._max_texts, self._max_bytes = max_texts, max_bytes
        self._memory: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = ForkLock()
        self._file: VectorFile | None = None
        if self.cache_folder is not None:
            identity = f"{self.fingerprint} {self.runtime}"
            self._file = VectorFile(self.cache_folder, identity, 4 * self.dim, max_bytes)

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts, float32 (n, dim), encoding only those that are not cached.

        Raises:
            EncoderError: the encoder gave another shape than (texts, dim).
        """
        clean = clean_texts(texts)
        keys = [sha256(text.encode()).digest() for text in clean]
        text_of = dict(zip(keys, clean, strict=True))
        different = list(text_of)
        rows = np.empty((len(different), self.dim), np.float32)
        for start in range(0, len(different), CHUNK):
            part = different[start : start + CHUNK]
            vectors = self._cached(part)
            missing = {key: text_of[key] for key in part if key not in vectors}
            if missing:
                vectors |= self._encode(missing, batch_size)
            data = b"".join(vectors[key] for key in part)
            rows[start : start + CHUNK] = np.frombuffer(data, np.float32).reshape(-1, self.dim)
        if len(different) == len(clean):
            return rows
        row_of = {key: row for row, key in enumerate(different)}
        return rows[[row_of[key] for key in keys]]

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Count as the encoder does."""
        return self.encoder.truncation_stats(texts)

    def reference(self) -> SentenceTransformerEncoder | None:
        """Return the encoder in torch, without a cache."""
        return self.encoder.reference()

    @property
    def uncached(self) -> Encoder:
        """The encoder that computes the vectors."""
        return self.encoder.uncached

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process as the encoder does; the file is opened again there."""
        make = partial(CachedEncoder, max_texts=self._max_texts, max_bytes=self._max_bytes)
        return partial(make, cache_folder=self.cache_folder), (self.encoder,)

    def _cached(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        with self._lock:
            vectors = {key: self._memory[key] for key in keys if key in self._memory}
            for key in vectors:
                self._memory.move_to_end(key)
        if self._file is None:
            return vectors
        stored = self._file.read([key for key in keys if key not in vectors])
        self._keep(stored)
        return vectors | stored

    def _encode(self, texts: Mapping[bytes, str], batch_size: int) -> dict[bytes, bytes]:
        rows = np.asarray(self.encoder.encode(list(texts.values()), batch_size=batch_size))
        if rows.shape != (len(texts), self.dim):
            raise EncoderError(
                f"{self.name}: shape {rows.shape} came back for {len(texts)} texts;"
                f" ({len(texts)}, {self.dim}) is needed"
            )
        vectors = {k: r.astype(np.float32).tobytes() for k, r in zip(texts, rows, strict=True)}
        self._keep(vectors)
        if self._file is not None:
            self._file.write(vectors)
        return vectors

    def _keep(self, vectors: Mapping[bytes, bytes]) -> None:
        with self._lock:
            for key, vector in vectors.items():
                self._memory[key] = vector
                self._memory.move_to_end(key)
            while len(self._memory) > self._max_texts:
                self._memory.popitem(last=False)


class VectorFile:
    """Vectors by the sha256 of their text, in one SQLite file for each encoder and runtime.

    It is opened for each call, also after a fork, and no thread owns it. A file that is damaged is
    moved aside and made again, one that cannot be used is left alone; both are warnings.

    Vectors have `n_bytes`, the file `max_bytes` at most; `identity` names it.
    """

    def __init__(self, folder: Path, identity: str, n_bytes: int, max_bytes: int) -> None:
        digest = sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
        self.path = folder.expanduser().resolve() / f"{digest[:32]}.sqlite"
        self._n_bytes, self._max_bytes = n_bytes, max_bytes
        self._is_off = False

    def read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the stored vectors, {key: vector}."""

        def select(database: sqlite3.Connection) -> dict[bytes, bytes]:
            vectors: dict[bytes, bytes] = {}
            for start in range(0, len(keys), _VARIABLES):
                part = keys[start : start + _VARIABLES]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, vector, hash FROM vectors WHERE key IN ({marks})"
                for key, vector, stored in database.execute(query, part):
                    # SQLite does not check this; a damaged vector is computed again.
                    is_bytes = isinstance(vector, bytes) and len(vector) == self._n_bytes
                    if is_bytes and stored == _hash(key, vector):
                        vectors[key] = vector
            return vectors

        return self._try(select, {}) if keys else {}

    def write(self, vectors: Mapping[bytes, bytes]) -> None:
        """Store vectors, {key: vector}."""

        def insert(database: sqlite3.Connection) -> None:
            with database:
                database.executemany(
                    "INSERT OR REPLACE INTO vectors (key, vector, hash) VALUES (?, ?, ?)",
                    ((key, vector, _hash(key, vector)) for key, vector in vectors.items()),
                )
                self._shrink(database)

        self._try(insert, None)

    def _shrink(self, database: sqlite3.Connection) -> None:
        """Delete the oldest vectors of a file that is too large."""
        pages, free, size = (
            database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        used = (pages - free) * size  # the next rows go to the free pages
        if used <= self._max_bytes:
            return
        [n] = database.execute("SELECT count(*) FROM vectors").fetchone()
        surplus = max(1, round(n * (1 - _SHARE_KEPT * self._max_bytes / used)))
        oldest = "SELECT rowid FROM vectors ORDER BY rowid LIMIT ?"
        database.execute(f"DELETE FROM vectors WHERE rowid IN ({oldest})", (surplus,))

    def _try(self, action: Callable[[sqlite3.Connection], _Result], default: _Result) -> _Result:
        """Return the result of an action on the file, or the default where that fails."""
        if self._is_off:
            return default
        try:
            if not self.path.exists():
                self._make(None)
            seen = _inode(self.path)
            try:
                return self._with_file(action)
            except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter: of a damaged name
                if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _DAMAGE:
                    raise
                logger.warning("%s is damaged (%s): it is made again", self.path, error)
                self._make(seen)
                return self._with_file(action)
        except (sqlite3.Error, UnicodeDecodeError, OSError, ConflictError) as error:
            self._is_off = True
            logger.warning("embeddings are not cached in %s: %s", self.path, error)
            return default

    def _with_file(self, action: Callable[[sqlite3.Connection], _Result]) -> _Result:
        address = f"{self.path.as_uri()}?mode=rw"  # only _make makes a file
        with _SQLITE, closing(sqlite3.connect(address, uri=True, timeout=_TIMEOUT)) as database:
            # After a power cut the last rows may be missing or torn; a torn one has a wrong hash.
            database.execute("PRAGMA synchronous = OFF")
            return action(database)

    def _make(self, damaged: int | None) -> None:
        """Make an empty file in place of a damaged one (its inode), unless another process has."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock(self.path.with_suffix(".lock"), conflict="it is locked", timeout=_TIMEOUT):
            if _inode(self.path) != damaged:
                return
            if damaged is not None:
                self.path.replace(self.path.with_suffix(".damaged"))
            for suffix in ("-wal", "-shm"):  # or the old changes would be made to the new file
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            new = self.path.with_suffix(".new")
            new.unlink(missing_ok=True)
            new.touch(mode=0o600)  # vectors tell something of their texts
            with _SQLITE, closing(sqlite3.connect(new)) as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute(_SCHEMA)
            new.replace(self.path)


def _hash(key: bytes, vector: bytes) -> bytes:
    return sha256(key + vector).digest()[:8]


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
