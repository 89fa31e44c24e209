"""Files written whole or not at all, and the lock of the one writer. Every os call is here."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from textshot.errors import ConflictError, IndexFormatError

TEMPORARY = ".tmp-"
LOCK = ".lock"
LOCK_SECONDS = 10.0

# Not following links, and not waiting for the other end of a pipe; where the system knows these.
_READING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def write_whole(folder: Path, name: str, data: bytes) -> None:
    """Write `folder/name` so that a reader, or a crash, sees all of it or what was there before.

    The bytes are on disk before the name points at them; the folder is synced by `sync_folder`.
    """
    temporary = folder / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, folder / name)  # noqa: PTH105  the tests count calls of os
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder (its parent has to be there) and make its name durable."""
    with suppress(FileExistsError):
        os.mkdir(folder)  # noqa: PTH102
        sync_folder(folder.parent)


def remove(folder: Path, name: str) -> None:
    """Remove a file that may be gone already."""
    with suppress(FileNotFoundError):
        os.unlink(folder / name)  # noqa: PTH108


def read_whole(folder: Path, name: str, *, most: int, size: int | None = None) -> bytes:
    """Read a plain file, its size checked before a byte of it is read.

    Raises:
        FileNotFoundError: it is not there.
        IndexFormatError: not a plain file, larger than `most`, or not of `size` bytes.
    """
    path = folder / name
    try:
        handle = os.open(path, _READING)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise IndexFormatError(f"{path} is not a plain file")
            if found.st_size > most:
                raise IndexFormatError(f"{path} has {found.st_size} bytes; at most {most} are read")
            if size is not None and found.st_size != size:
                raise IndexFormatError(
                    f"{path} has {found.st_size} bytes; the manifest says {size}: it is damaged"
                )
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read(found.st_size)
        finally:
            os.close(handle)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        if path.is_symlink():
            raise IndexFormatError(
                f"{path} is a symbolic link, and links in an index are not followed. Put the file"
                " itself there; the folder of the index may be a link"
            ) from error
        raise IndexFormatError(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def writers_lock(folder: Path) -> Iterator[None]:
    """Hold the folder against other writers; readers never need it, a dead writer leaves it free.

    Raises:
        ConflictError: another writer held it for LOCK_SECONDS.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise ConflictError(
            f"another process has been writing {folder} for {LOCK_SECONDS:.0f} seconds."
            " Nothing was changed; try again when it is done"
        ) from None
    try:
        yield
    finally:
        lock.release()
