"""Vectors on disk, by the sha256 of their text: one SQLite file for each encoder and engine.

It is a cache. Whatever is wrong with it is said once, and never stops an answer.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEMA = (
    b"CREATE TABLE vectors (id INTEGER PRIMARY KEY, key BLOB UNIQUE, used INTEGER, row BLOB)",
    b"CREATE INDEX by_use ON vectors (used)",
)
_PAGE = 8192  # five rows of 384 numbers in one, where the usual 4096 would hold two
_CHECK_BYTES = 4
_SHARE_LEFT = 0.9
_HOUR = 3600
_SECONDS = 30.0  # of waiting for another process, which needs a fraction of one
_DAMAGE = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,  # as our statements are right, what they are run on is not
    sqlite3.SQLITE_TOOBIG,  # the length of a row is nonsense
)

_Found = TypeVar("_Found")

logger = logging.getLogger(__name__)


class VectorFile:
    """Vectors that outlive the process. Threads and processes may share it.

    It is opened for each call: so it outlives a fork, and no thread owns it.

    Args:
        folder: where the file lies; made when missing, for its owner alone.
        identity: what vectors have in common that may be mixed: it names the file.
        n_bytes: of a vector.
        most_bytes: of the file; when there are more, the rows used longest ago go.
    """

    def __init__(self, folder: Path, identity: str, n_bytes: int, most_bytes: int) -> None:
        digest = sha256(identity.encode("utf-8", "surrogatepass")).digest()
        self.path = folder.expanduser().resolve() / f"{digest.hex()[:32]}.sqlite"
        self._id = int.from_bytes(digest[:4], "big") >> 1  # SQLite's is signed
        self._n_bytes, self._most_bytes = n_bytes, most_bytes
        self._off = False

    def read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the vectors that are there, {key: vector}, and mark them as used."""

        def act(known: sqlite3.Connection) -> dict[bytes, bytes]:
            found, unmarked, hour = {}, [], int(time.time()) // _HOUR
            question = "SELECT row, used < ? FROM vectors WHERE key = ?"
            with _transaction(known, "DEFERRED"):
                for key in keys:
                    there = known.execute(question, (hour, key)).fetchone()
                    if there is not None and self._is_whole(key, there[0]):
                        found[key] = there[0][: self._n_bytes]
                        if there[1]:
                            unmarked.append((hour, key))
            if unmarked:  # at most once an hour, as each mark writes a page
                with _transaction(known, "IMMEDIATE"):
                    known.executemany("UPDATE vectors SET used = ? WHERE key = ?", unmarked)
            return found

        return self._done(act, {}) if keys else {}

    def write(self, rows: Mapping[bytes, bytes]) -> None:
        """Keep vectors, {key: vector}."""

        def act(known: sqlite3.Connection) -> None:
            hour = int(time.time()) // _HOUR
            with _transaction(known, "IMMEDIATE"):
                known.executemany(
                    "INSERT OR REPLACE INTO vectors (key, used, row) VALUES (?, ?, ?)",
                    ((key, hour, row + _check(key, row)) for key, row in rows.items()),
                )
                self._shrink(known)

        self._done(act, None)

    def _is_whole(self, key: bytes, data: object) -> bool:
        """Tell whether a row is what was written for this key: SQLite does not check that."""
        if not isinstance(data, bytes):
            return False
        # Of a row that is too short or too long, what is left does not have the check's length.
        return _check(key, data[: self._n_bytes]) == data[self._n_bytes :]

    def _shrink(self, known: sqlite3.Connection) -> None:
        while (size := _size(known)) > self._most_bytes:
            [n] = known.execute("SELECT count(*) FROM vectors").fetchone()
            if not n:
                return
            # Some more than needed, or each of the next texts would have to make room again.
            gone = max(1, math.ceil(n * (1 - _SHARE_LEFT * self._most_bytes / size)))
            known.execute(
                "DELETE FROM vectors WHERE id IN"
                " (SELECT id FROM vectors ORDER BY used, id LIMIT ?)",
                (gone,),
            )

    def _done(self, act: Callable[[sqlite3.Connection], _Found], otherwise: _Found) -> _Found:
        """Return what `act` does with the file, or `otherwise` where there can be none."""
        if self._off:
            return otherwise
        try:
            try:
                seen = _inode(self.path)
                if seen is None:
                    self._make(None)
                    seen = _inode(self.path)
                return self._with_file(act)
            except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter: of a damaged name
                # Without a code it comes from here, or from Python's own layer.
                if getattr(error, "sqlite_errorcode", _DAMAGE[0]) & 0xFF not in _DAMAGE:
                    raise
                logger.warning("%s is damaged (%s): it is made again", self.path, error)
                self._make(seen)
                return self._with_file(act)
        except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
            self._off = True
            logger.warning("no vectors are kept in %s: %s", self.path, error)
            return otherwise

    def _with_file(self, act: Callable[[sqlite3.Connection], _Found]) -> _Found:
        address = f"{self.path.as_uri()}?mode=rw"  # what is not there is made by _make alone
        with closing(
            sqlite3.connect(address, uri=True, timeout=_SECONDS, isolation_level=None)
        ) as known:
            known.text_factory = bytes  # damaged text is no text
            # What a power cut takes or tears is found out by its check, and encoded again.
            known.execute("PRAGMA synchronous = OFF")
            [found] = known.execute("PRAGMA application_id").fetchone()
            tables = known.execute(
                "SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY rowid"
            )
            if found != self._id or tuple(sql for (sql,) in tables) != _SCHEMA:
                raise sqlite3.DatabaseError("it is of another program or another encoder")
            return act(known)

    def _make(self, instead_of: int | None) -> None:
        """Put an empty file in the place of one (None: of none), unless somebody else has."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock"), timeout=_SECONDS):
            if _inode(self.path) != instead_of:
                return
            aside = self.path.with_suffix(".new")
            aside.unlink(missing_ok=True)
            aside.touch(mode=0o600)  # vectors tell something of their texts
            with closing(sqlite3.connect(aside, isolation_level=None)) as new:
                new.execute(f"PRAGMA page_size = {_PAGE}")
                new.execute(f"PRAGMA application_id = {self._id}")
                new.execute("PRAGMA journal_mode = WAL")
                for statement in _SCHEMA:
                    new.execute(statement.decode())
            for rest in ("-wal", "-shm"):  # or the old file's changes would be made to the new one
                Path(f"{self.path}{rest}").unlink(missing_ok=True)
            aside.replace(self.path)


@contextmanager
def _transaction(known: sqlite3.Connection, kind: str) -> Iterator[None]:
    known.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have done it already
            known.execute("ROLLBACK")
        raise
    known.execute("COMMIT")


def _check(key: bytes, row: bytes) -> bytes:
    return zlib.crc32(row, zlib.crc32(key)).to_bytes(_CHECK_BYTES, "little")


def _size(known: sqlite3.Connection) -> int:
    """Return the bytes in use: the free pages are those that the next rows go to."""
    pages, free, size = (
        known.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
