"""Files, URLs and pipes: list, open and replace them.

A file is replaced atomically. pyarrow opens `s3://`, `gs://`, `abfs://`, `hdfs://` and `file://`
URLs, fsspec all others. Keys and regions come from where these two look for them, never from
textshot.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from textshot import _files
from textshot._files import TEMPORARY, AtomicFile
from textshot.errors import TableError
from textshot.io.formats import STDIO

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file: its URL or path, its size in bytes, and when it was modified (ns; 0: unknown)."""

    url: str
    size: int
    modified: int


def is_url(name: str) -> bool:
    """Return whether a name is a URL and not a path."""
    return _URL.match(name) is not None


def is_same_file(first: str | Path, second: str | Path) -> bool:
    """Return whether two names, which may be URLs, mean one file."""
    if is_url(str(first)) or is_url(str(second)):
        return str(first) == str(second)
    return _files.is_same_file(first, second)


def file_info(url: str) -> FileInfo | None:
    """Return size and time of a file, or None if it does not exist.

    Raises:
        TableError: The URL cannot be reached.
    """
    system, path = _open_system(url)
    with _url_errors(url):
        info = system.get_file_info(path)
    return FileInfo(url, info.size, info.mtime_ns or 0) if info.is_file else None


def list_files(url: str) -> list[FileInfo]:
    """Return all files below a URL, sorted."""
    from pyarrow.fs import FileSelector

    system, path = _open_system(url)
    base = path.rstrip("/")
    with _url_errors(url):
        infos = system.get_file_info(FileSelector(base, recursive=True, allow_not_found=True))
    files = [
        FileInfo(
            f"{url.rstrip('/')}/{info.path[len(base) :].lstrip('/')}", info.size, info.mtime_ns or 0
        )
        for info in infos
        if info.is_file
    ]
    return sorted(files, key=lambda file: file.url)


def match_files(url: str, root: str) -> list[FileInfo]:
    """Return the files below `root` whose URLs match a pattern (`*`, `**`, `[...]`)."""
    from fsspec.utils import glob_translate

    matches = re.compile(glob_translate(url)).match
    return [file for file in list_files(root) if matches(file.url)]


def open_url(url: str) -> BinaryIO:
    """Open a file for reading; the stream is seekable."""
    system, path = _open_system(url)
    with _url_errors(url):
        return io.BufferedReader(system.open_input_file(path), _BUFFER_BYTES)


def remove(url: str) -> None:
    """Remove a file."""
    system, path = _open_system(url)
    with _url_errors(url):
        system.delete_file(path)


class UrlFile:
    """A file that is written locally and uploaded when it is complete."""

    def __init__(self, url: str) -> None:
        self._url, self._stack = url, ExitStack()
        _open_system(url)
        self.stream: BinaryIO = temporary_file(self._stack)

    def commit(self) -> None:
        """Upload the file."""
        system, path = _open_system(self._url)
        self.stream.seek(0)
        with _url_errors(self._url):
            if system.type_name in ("local", "hdfs"):  # object stores have no folders
                system.create_dir(path.rpartition("/")[0], recursive=True)
            # Whatever its extension says, the content is compressed already.
            with system.open_output_stream(path, compression=None) as target:
                shutil.copyfileobj(self.stream, cast(BinaryIO, target), _BUFFER_BYTES)

    def discard(self) -> None:
        """Delete what was written."""
        self._stack.close()


def temporary_file(stack: ExitStack) -> BinaryIO:
    """Return a new file that is deleted when `stack` closes it."""
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 (the stack closes it)
    return stack.enter_context(file)


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


def _open_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    import pyarrow as pa
    from pyarrow import fs

    try:
        try:
            system, path = fs.FileSystem.from_uri(url)
        except pa.ArrowInvalid:
            import fsspec

            inner, path = fsspec.core.url_to_fs(url)
            system = fs.PyFileSystem(fs.FSSpecHandler(inner))
    except (ImportError, ValueError, OSError) as error:
        raise TableError(f"{url}: cannot be reached ({error}). Check the address") from error
    return system, path


@contextmanager
def _url_errors(url: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise TableError(f"{url}: there is no such file. Check the name and the folder") from error
    except OSError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"{url}: cannot be used ({reason}). Check the name and the permissions"
        raise TableError(message) from error
