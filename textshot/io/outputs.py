"""Where output goes: whole into its place or not at all, or down a pipe."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
from contextlib import ExitStack, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO, Protocol

from textshot.errors import TableError
from textshot.io.formats import STDIO
from textshot.io.inputs import temporary_file
from textshot.io.urls import UrlFile, is_url

_TEMPORARY = ".tmp-"


class Output(Protocol):
    """Something to write to; `discard` after `commit` does nothing."""

    stream: BinaryIO

    def commit(self) -> None:
        """Make what was written final."""

    def discard(self) -> None:
        """Leave things as they were, as far as that can be done."""


class WholeFile:
    """A file that is written under another name and takes its place when it is complete."""

    def __init__(self, path: str) -> None:
        # Through a link, so that the link stays and what it points to is replaced.
        self._target = Path(os.path.realpath(path))
        name = f".{self._target.name}{_TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}"
        self._temporary = self._target.with_name(name)
        self.stream: BinaryIO = self._temporary.open("xb")

    def commit(self) -> None:
        """Write everything down and put the file into its place."""
        self.stream.flush()
        with suppress(FileNotFoundError):  # a new file has the rights that the umask gives
            self._temporary.chmod(stat.S_IMODE(self._target.stat().st_mode))
        os.fsync(self.stream.fileno())
        self.stream.close()
        self._temporary.replace(self._target)
        with suppress(OSError):  # the file is there; not every file system can sync a folder
            _sync_folder(self._target.parent)

    def discard(self) -> None:
        """Remove what was written; the file of before is untouched."""
        with suppress(OSError):  # a full disk cannot take what is still in the buffer
            self.stream.close()
        self._temporary.unlink(missing_ok=True)


class Pipe:
    """The standard output or a device: nothing that was written there can be taken back."""

    def __init__(self, path: str, *, whole: bool) -> None:
        self._opened = ExitStack()
        self._pipe: BinaryIO = sys.stdout.buffer
        if path != STDIO:
            self._pipe = self._opened.enter_context(Path(path).open("wb"))  # noqa: SIM115 (the stack)
        # Some formats need a file that they can measure or go back in.
        self.stream: BinaryIO = temporary_file(self._opened) if whole else self._pipe

    def commit(self) -> None:
        """Send what has not been sent."""
        if self.stream is not self._pipe:
            self.stream.seek(0)
            shutil.copyfileobj(self.stream, self._pipe, 1 << 20)
        self._pipe.flush()
        self.discard()

    def discard(self) -> None:
        """Close what was opened here."""
        with suppress(OSError):
            self._opened.close()


def open_output(path: str, *, whole: bool) -> Output:
    """Open a place to write to; `whole` for a format that cannot be sent piece by piece."""
    if path == STDIO or _is_device(path):
        return Pipe(path, whole=whole)
    if is_url(path):
        return UrlFile(path)
    if stat.S_ISDIR(_mode(path)):
        raise TableError(f"{path} is a folder. Name a file in it")
    folder = Path(path).parent
    try:
        # The folder may let a file be replaced that itself may not be written.
        if _mode(path) and not os.access(path, os.W_OK):
            raise PermissionError
        return WholeFile(path)
    except FileNotFoundError:
        raise TableError(
            f"{path}: the folder {folder} does not exist. Make it first, or name another"
        ) from None
    except PermissionError:
        raise TableError(
            f"{path}: no permission to write there{kept(path)}. Name another file, or ask for the"
            f" right to write to it and to {folder}"
        ) from None
    except (OSError, ValueError) as error:
        raise TableError(
            f"{path}: cannot be written ({error}){kept(path)}. Name another file"
        ) from error


def remove_temporary(folder: Path, name: str = "") -> None:
    """Remove what a process that was killed left in a folder, of one file or of all.

    Nobody may write to these now.
    """
    for path in folder.glob(f".{escape(name)}*"):
        if _TEMPORARY in path.name:
            path.unlink(missing_ok=True)


def kept(path: str) -> str:
    """Return what a failed write has left behind, for the message."""
    if path == STDIO or _is_device(path):
        return ""
    left = "the previous file was left as it was" if _mode(path) else "no file was made"
    return f"; {left}"


def _is_device(path: str) -> bool:
    mode = _mode(path)
    return mode != 0 and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _mode(path: str) -> int:
    """Return what kind of file is there, 0 for none; Path.exists() raises for a bad name."""
    try:
        return Path(path).stat().st_mode
    except (OSError, ValueError):
        return 0


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
