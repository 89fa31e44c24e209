"""Atomic writes, durable folders and file locks; nothing else in textshot replaces a file."""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Self

from textshot.errors import ConflictError

TEMPORARY = ".tmp-"
"""What the names of unfinished files hold; whoever owns a folder may delete those of the dead."""

system: Any = os
"""The system calls used below; tests put a failing one in its place."""


def write_atomic(path: Path, data: bytes, *, sync_parent: bool = True) -> None:
    """Write a file so that a reader, or a crash, sees all of it or what was there before.

    Args:
        path: where; its folder must exist.
        data: the whole content, on disk before `path` names it.
        sync_parent: make the name durable too, as far as the file system can. With False the
            caller does so once for several files, see `sync_folder`.

    Raises:
        OSError: what the system refuses; `path` is as it was.
    """
    temporary = path.with_name(f"{TEMPORARY}{_unique()}")
    handle = system.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            left = memoryview(data)
            while left:
                left = left[system.write(handle, left) :]
            system.fsync(handle)
        finally:
            system.close(handle)
        system.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            system.unlink(temporary)
        raise
    if sync_parent:
        with suppress(OSError):  # the file is in place; not every file system can sync a folder
            sync_folder(path.parent)


def real_path(path: str | Path) -> Path:
    """Return a path without links. `Path.resolve` would raise for a link to itself."""
    return Path(os.path.realpath(path))


def is_same_file(first: str | Path, second: str | Path) -> bool:
    """Return whether two names mean one file, by links as well.

    Names that differ only in case count as one: on many file systems, and shares, they are.
    """
    with suppress(OSError, ValueError):
        if Path(first).samefile(second):
            return True
    return os.path.realpath(first).casefold() == os.path.realpath(second).casefold()


class AtomicFile:
    """A file to write piece by piece; `commit` puts it in place, `discard` leaves what was there.

    As a context manager it commits, or discards when the block raises. A link is followed, and the
    permissions of a file that was there are kept.
    """

    def __init__(self, path: str | Path) -> None:
        self._target = real_path(path)
        self._temporary = self._target.with_name(f".{self._target.name}{TEMPORARY}{_unique()}")
        self.stream: BinaryIO = self._temporary.open("xb")

    def commit(self) -> None:
        """Sync what was written and replace the file of that name."""
        self.stream.flush()
        with suppress(FileNotFoundError):  # a new file has the permissions that the umask gives
            self._temporary.chmod(stat.S_IMODE(self._target.stat().st_mode))
        system.fsync(self.stream.fileno())
        self.stream.close()
        self._temporary.replace(self._target)
        with suppress(OSError):
            sync_folder(self._target.parent)

    def discard(self) -> None:
        """Remove what was written; after `commit` this does nothing."""
        with suppress(OSError):  # a full disk cannot take what is still in the buffer
            self.stream.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if error is None:
                self.commit()
        finally:
            self.discard()


def keep_copy(path: Path) -> Path:
    """Keep what a file holds under another name beside it (`a.backup.csv`), and return that name.

    No other file is replaced; one that holds the same is taken for the copy.
    """
    for number in count(1):
        suffix = "" if number == 1 else f"-{number}"
        copy = path.with_name(f"{path.stem}.backup{suffix}{path.suffix}")
        if copy.exists():
            if filecmp.cmp(copy, path, shallow=False):
                return copy
            continue
        try:
            system.link(os.path.realpath(path), copy)  # at once, and complete
        except FileExistsError:
            continue
        except OSError:  # the file system has no hard links, or the file is a link into another
            with path.open("rb") as file, AtomicFile(copy) as target:
                shutil.copyfileobj(file, target.stream, 1 << 20)
        with suppress(OSError):
            sync_folder(copy.parent)
        return copy
    raise AssertionError


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows has no such call."""
    if os.name == "nt":
        return
    handle = system.open(folder, os.O_RDONLY)
    try:
        system.fsync(handle)
    finally:
        system.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder (its parent must exist) and make its name durable."""
    with suppress(FileExistsError):
        system.mkdir(folder)
        sync_folder(folder.parent)


@contextmanager
def atomic_folder(folder: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; it takes that name when the block ends.

    A block that raises leaves nothing. With `replace` a folder of that name goes: the system cannot
    rename over one, so it is renamed first and deleted last.
    """
    temporary = folder.with_name(f".{folder.name}{TEMPORARY}{_unique()}")
    try:
        temporary.mkdir()
        yield temporary
        if replace and folder.exists():
            old = folder.with_name(f".{folder.name}{TEMPORARY}{_unique()}")
            folder.rename(old)
            temporary.rename(folder)
            shutil.rmtree(old)
        else:
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def lock(path: Path, *, conflict: str, timeout: float | None = None) -> Iterator[None]:
    """Hold a file lock during the block; a process that died leaves it free.

    Args:
        path: the lock file, made when missing; its folder must exist.
        conflict: the message of the error.
        timeout: seconds to wait for another holder; 0 does not wait, None waits for ever.

    Raises:
        ConflictError: another process, or another thread, holds it.
    """
    from filelock import FileLock, Timeout

    held = FileLock(path, timeout=-1 if timeout is None else timeout)
    try:
        held.acquire()
    except Timeout:
        raise ConflictError(conflict) from None
    try:
        yield
    finally:
        held.release()


def _unique() -> str:
    return f"{os.getpid()}-{secrets.token_hex(4)}"
