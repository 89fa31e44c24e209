"""Read, write and list files by URL, through pyarrow and fsspec.

pyarrow itself opens `s3://`, `gs://`, `abfs://`, `hdfs://` and `file://`, fsspec everything else.
Keys and regions come from where these two look for them, never from textshot.
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


def file_info(url: str) -> FileInfo | None:
    """Return size and time of a file, or None if it does not exist.

    Raises:
        TableError: The URL cannot be reached.
    """
    system, path = _open_system(url)
    with _errors(url):
        info = system.get_file_info(path)
    return FileInfo(url, info.size, info.mtime_ns or 0) if info.is_file else None


def list_files(url: str) -> list[FileInfo]:
    """Return all files below a URL, sorted."""
    from pyarrow.fs import FileSelector

    system, path = _open_system(url)
    base = path.rstrip("/")
    with _errors(url):
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
    with _errors(url):
        return io.BufferedReader(system.open_input_file(path), _BUFFER_BYTES)


def remove(url: str) -> None:
    """Remove a file."""
    system, path = _open_system(url)
    with _errors(url):
        system.delete_file(path)


class UrlFile:
    """A file that is written locally and uploaded when it is complete."""

    def __init__(self, url: str) -> None:
        from textshot.io.inputs import temporary_file

        self._url, self._stack = url, ExitStack()
        _open_system(url)
        self.stream: BinaryIO = temporary_file(self._stack)

    def commit(self) -> None:
        """Upload the file."""
        system, path = _open_system(self._url)
        self.stream.seek(0)
        with _errors(self._url):
            if system.type_name in ("local", "hdfs"):  # object stores have no folders
                system.create_dir(path.rpartition("/")[0], recursive=True)
            # Whatever its extension says, the content is compressed already.
            with system.open_output_stream(path, compression=None) as target:
                shutil.copyfileobj(self.stream, cast(BinaryIO, target), _BUFFER_BYTES)

    def discard(self) -> None:
        """Delete what was written."""
        self._stack.close()


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
def _errors(url: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise TableError(f"{url}: there is no such file. Check the name and the folder") from error
    except OSError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"{url}: cannot be used ({reason}). Check the name and the permissions"
        raise TableError(message) from error
