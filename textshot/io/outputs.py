"""Where output goes: a file that is replaced atomically, a URL, or a pipe."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from contextlib import ExitStack, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO, Protocol

from textshot._files import TEMPORARY, AtomicFile
from textshot.errors import TableError
from textshot.io.formats import STDIO
from textshot.io.inputs import temporary_file
from textshot.io.urls import UrlFile, is_url


class Output(Protocol):
    """Something to write to; `discard` after `commit` does nothing."""

    stream: BinaryIO

    def commit(self) -> None:
        """Make what was written final."""

    def discard(self) -> None:
        """Leave things as they were, as far as possible."""


class Pipe:
    """Standard output or a device: what was written there cannot be taken back."""

    def __init__(self, path: str, *, seekable: bool) -> None:
        self._stack = ExitStack()
        self._pipe: BinaryIO = sys.stdout.buffer
        if path != STDIO:
            self._pipe = self._stack.enter_context(Path(path).open("wb"))  # noqa: SIM115 (the stack)
        self.stream: BinaryIO = temporary_file(self._stack) if seekable else self._pipe

    def commit(self) -> None:
        """Send what has not been sent yet."""
        if self.stream is not self._pipe:
            self.stream.seek(0)
            shutil.copyfileobj(self.stream, self._pipe, 1 << 20)
        self._pipe.flush()
        self.discard()

    def discard(self) -> None:
        """Close the device and the temporary file."""
        with suppress(OSError):
            self._stack.close()


def open_output(path: str, *, seekable: bool) -> Output:
    """Open a file, a URL or a pipe for writing.

    Args:
        path: The file, or "-".
        seekable: Whether the format needs a file that it can measure or go back in.

    Raises:
        TableError: It cannot be written.
    """
    if path == STDIO or _is_device(path):
        return Pipe(path, seekable=seekable)
    if is_url(path):
        return UrlFile(path)
    if stat.S_ISDIR(_mode(path)):
        raise TableError(f"{path} is a folder. Name a file in it")
    folder = Path(path).parent
    try:
        # A folder may allow replacing a file that itself is read-only.
        if _mode(path) and not os.access(path, os.W_OK):
            raise PermissionError
        return AtomicFile(path)
    except FileNotFoundError:
        raise TableError(
            f"{path}: the folder {folder} does not exist. Make it first, or name another"
        ) from None
    except PermissionError:
        raise TableError(
            f"{path}: no permission to write there{kept(path)}. Name another file, or ask for"
            f" permission to write to it and to {folder}"
        ) from None
    except (OSError, ValueError) as error:
        raise TableError(
            f"{path}: cannot be written ({error}){kept(path)}. Name another file"
        ) from error


def remove_temporary(folder: Path, name: str = "") -> None:
    """Remove the temporary files that a killed process left: of one file, or of a whole folder.

    No process may be writing to them.
    """
    for path in folder.glob(f".{escape(name)}*"):
        if TEMPORARY in path.name:
            path.unlink(missing_ok=True)


def kept(path: str) -> str:
    """Return what a failed write has left, for the error."""
    if path == STDIO or _is_device(path):
        return ""
    state = "the previous file is unchanged" if _mode(path) else "no file was written"
    return f"; {state}"


def _is_device(path: str) -> bool:
    mode = _mode(path)
    return mode != 0 and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _mode(path: str) -> int:
    """Return the mode of a file, 0 if there is none; Path.exists() raises for a bad name."""
    try:
        return Path(path).stat().st_mode
    except (OSError, ValueError):
        return 0
