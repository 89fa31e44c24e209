"""Reading the files of an index, which nobody vouches for, and its lock."""

from __future__ import annotations

import os
import stat
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from textshot import _files
from textshot.errors import IndexFormatError

LOCK = ".lock"
LOCK_SECONDS = 10.0

# Not following links, and not waiting for the other end of a pipe; where the system knows these.
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def read_file(path: Path, *, max_size: int, size: int | None = None) -> bytes:
    """Read a plain file, its size checked before a byte of it is read.

    Raises:
        FileNotFoundError: it does not exist.
        IndexFormatError: not a plain file, larger than `max_size`, or not of `size` bytes.
    """
    system = _files.system
    try:
        handle = system.open(path, _FLAGS)
        try:
            status = system.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise IndexFormatError(f"{path} is not a plain file")
            if status.st_size > max_size:
                raise IndexFormatError(
                    f"{path} has {status.st_size} bytes; at most {max_size} are read"
                )
            if size is not None and status.st_size != size:
                raise IndexFormatError(
                    f"{path} has {status.st_size} bytes; the manifest says {size}: it is damaged"
                )
            with system.fdopen(handle, "rb", closefd=False) as file:
                data: bytes = file.read(status.st_size)
                return data
        finally:
            system.close(handle)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        if path.is_symlink():
            raise IndexFormatError(
                f"{path} is a symbolic link, and links in an index are not followed. Put the file"
                " itself there; the folder of the index may be a link"
            ) from error
        raise IndexFormatError(f"{path} cannot be read: {error.strerror}") from error


def remove_file(path: Path) -> None:
    """Remove a file that may be gone already."""
    with suppress(FileNotFoundError):
        _files.system.unlink(path)


def writers_lock(folder: Path) -> AbstractContextManager[None]:
    """Hold an index against other writers; readers never need it.

    Raises:
        ConflictError: another writer held it for LOCK_SECONDS.
    """
    conflict = (
        f"another process has been writing {folder} for {LOCK_SECONDS:.0f} seconds."
        " Nothing was changed; try again when it is done"
    )
    return _files.lock(folder / LOCK, conflict=conflict, timeout=LOCK_SECONDS)
