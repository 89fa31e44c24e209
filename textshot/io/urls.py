"""Files elsewhere, by their URL: object stores through pyarrow, what else there is by fsspec.

`s3://`, `gs://`, `abfs://`, `hdfs://` and `file://` are pyarrow's own; what else fsspec knows is
taken from there. Keys and regions come from where these look for them, never from textshot.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from textshot.errors import TableError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PIECE = 1 << 20


def is_url(name: str) -> bool:
    """Tell whether a name is that of a place elsewhere."""
    return _URL.match(name) is not None


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is known about a file: its URL, size in bytes, and when it was written (ns; 0: not)."""

    url: str
    size: int
    modified: int


def file_info(url: str) -> FileInfo | None:
    """Return what is known about a file; None: there is none of that name.

    Raises:
        TableError: the place cannot be reached.
    """
    system, path = _found(url)
    with _told(url):
        info = system.get_file_info(path)
    return FileInfo(url, info.size, info.mtime_ns or 0) if info.is_file else None


def list_files(url: str) -> list[FileInfo]:
    """Return all files below a name, by their names."""
    return sorted(_below(url), key=lambda file: file.url)


def match_files(url: str, root: str) -> list[FileInfo]:
    """Return the files below `root` whose URLs a pattern (`*`, `**`, `[...]`) matches."""
    from fsspec.utils import glob_translate

    matches = re.compile(glob_translate(url)).match
    return [file for file in list_files(root) if matches(file.url)]


def open_url(url: str) -> BinaryIO:
    """Open a file for reading, from any place in it."""
    system, path = _found(url)
    with _told(url):
        return io.BufferedReader(system.open_input_file(path), _PIECE)


def remove(url: str) -> None:
    """Remove a file."""
    system, path = _found(url)
    with _told(url):
        system.delete_file(path)


class UrlFile:
    """A file that is written here first and sent when it is complete: nobody sees a half of it."""

    def __init__(self, url: str) -> None:
        from textshot.io.inputs import temporary_file

        self._url, self._stack = url, ExitStack()
        _found(url)
        self.stream: BinaryIO = temporary_file(self._stack)

    def commit(self) -> None:
        """Send it."""
        system, path = _found(self._url)
        self.stream.seek(0)
        with _told(self._url):
            if system.type_name in ("local", "hdfs"):  # object stores have no folders
                system.create_dir(path.rpartition("/")[0], recursive=True)
            # What is packed is packed already, whatever its name says.
            with system.open_output_stream(path, compression=None) as target:
                shutil.copyfileobj(self.stream, cast(BinaryIO, target), _PIECE)

    def discard(self) -> None:
        """Forget what was written."""
        self._stack.close()


def _below(url: str) -> Iterator[FileInfo]:
    from pyarrow.fs import FileSelector

    system, path = _found(url)
    base = path.rstrip("/")
    with _told(url):
        chosen = FileSelector(base, recursive=True, allow_not_found=True)
        for info in system.get_file_info(chosen):
            if info.is_file:
                inside = info.path[len(base) :].lstrip("/")
                yield FileInfo(f"{url.rstrip('/')}/{inside}", info.size, info.mtime_ns or 0)


def _found(url: str) -> tuple[Any, str]:
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
        raise TableError(f"{url}: no such place can be reached ({error})") from error
    return system, path


@contextmanager
def _told(url: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise TableError(f"{url}: there is no such file. Check the name and the folder") from error
    except OSError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"{url}: cannot be used ({reason}). Check the name and the rights"
        raise TableError(message) from error
