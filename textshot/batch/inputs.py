"""What a job reads: files, folders of files and patterns, in an order that does not change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob, has_magic
from os.path import relpath
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import unquote

from textshot.errors import TableError
from textshot.io import Format, urls
from textshot.io.formats import format_by_extension, format_of
from textshot.io.urls import FileInfo, is_url

_KEY = re.compile(r"([^=/\\]+)=([^/\\]*)")
_NULL = "__HIVE_DEFAULT_PARTITION__"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Source:
    """One file of an input.

    Attributes:
        path: as messages and rejects show it.
        format: what it is read as.
        size: in bytes.
        modified: when it was written last, in nanoseconds; with `size`, what tells a change.
        partition: what the names of its folders say (`country=de`), by column; None for null.
    """

    path: str
    format: Format
    size: int
    modified: int
    partition: Mapping[str, str | None] = field(default_factory=dict)

    def is_as_it_was(self) -> bool:
        """Tell whether the file is still the one that was found."""
        now = urls.file_info(self.path) if is_url(self.path) else _here(Path(self.path))
        return now is not None and (now.size, now.modified) == (self.size, self.modified)


@dataclass(frozen=True, slots=True)
class Found:
    """The files of an input, and those in its folders whose ending tells no format."""

    sources: tuple[Source, ...]
    skipped: tuple[str, ...]


def find_sources(inputs: Iterable[str | Path], format: Format | None = None) -> Found:
    """Find the files that inputs name, each once.

    A folder stands for all files in it and below, by their names, but those that begin with a dot
    or an underscore, as Spark and Arrow do it; a pattern (`*`, `?`, `[...]`, `**`) for what it
    matches, without those unless it begins so itself. What folders below are called in the way of
    Hive, `country=de`, becomes a column.

    Args:
        inputs: files, folders, patterns.
        format: what all of them are; None goes by the endings.

    Raises:
        TableError: an input that is not there, or has no file in it.
    """
    sources: dict[str, Source] = {}
    skipped: dict[str, None] = {}  # a set that keeps its order
    names = list(map(str, inputs))
    for name in names:
        for path, root in _elsewhere(name) if is_url(name) else _expanded(name):
            if root is not None and format is None and format_by_extension(path) is None:
                skipped[path] = None
                continue
            same = path if is_url(path) else str(Path(path).resolve())
            sources.setdefault(same, _source(path, root, format))
    if not sources:
        raise TableError(_nothing_in(names, list(skipped)))
    return Found(tuple(sources.values()), tuple(skipped))


def _elsewhere(url: str) -> Iterator[tuple[str, str | None]]:
    """Yield the files of an input that is a URL, and the folder below which each was found."""
    start, _, rest = url.partition("://")
    if "?" in url:
        raise TableError(f"{url}: settings behind a ? are not read. Set them as variables")
    if has_magic(rest):
        root = f"{start}://{'/'.join(_until_magic(rest.split('/')))}"
        files = urls.match_files(url, root)
    elif urls.file_info(url) is not None:
        yield url, None
        return
    else:
        root, files = url.rstrip("/"), urls.list_files(url)
    for file in files:
        inside = PurePosixPath(file.url[len(root) :].lstrip("/"))
        if not any(part.startswith((".", "_")) for part in inside.parts):
            yield file.url, root


def _expanded(name: str) -> Iterator[tuple[str, str | None]]:
    """Yield the files of an input, and the folder below which each was found."""
    path = Path(name)
    if path.is_dir():
        yield from ((str(file), name) for file in _files_in(path))
    elif not path.exists() and has_magic(name):
        root = Path(*_until_magic(path.parts))
        is_meant = _is_hidden(path, root)
        for match in sorted(glob(name, recursive=True)):  # noqa: PTH207 (Path has no `name`)
            inside = Path(match)
            if is_meant or not _is_hidden(inside, root):
                files = _files_in(inside) if inside.is_dir() else [inside]
                yield from ((str(file), str(root)) for file in files)
    else:
        yield str(path), None


def _files_in(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _is_hidden(path, folder)
    ]


def _is_hidden(path: Path, folder: Path) -> bool:
    """Tell whether what lies in a folder is for programs: its own notes, and what is half done."""
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _until_magic(parts: Sequence[str]) -> Iterator[str]:
    """Yield the folders of a pattern that come before what it leaves open."""
    for part in parts:
        if has_magic(part):
            return
        yield part


def _source(path: str, root: str | None, format: Format | None) -> Source:
    kind = format_of(path, format, stdio=Format.TEXT)
    found = urls.file_info(path) if is_url(path) else _here(Path(path))
    if found is None:
        raise TableError(f"{path}: there is no such file. Check the name and the folder")
    inside = "" if root is None else path[len(root) :] if is_url(path) else relpath(path, root)
    folders = PurePath(inside.lstrip("/")).parts[:-1]
    return Source(path, kind, found.size, found.modified, _partition(folders))


def _here(path: Path) -> FileInfo | None:
    """Return what is known about a file of this machine."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return FileInfo(str(path), status.st_size, status.st_mtime_ns)


def _partition(folders: Iterable[str]) -> dict[str, str | None]:
    pairs = [match for match in map(_KEY.fullmatch, folders) if match]
    return {unquote(m[1]): None if m[2] == _NULL else unquote(m[2]) for m in pairs}


def _nothing_in(inputs: Sequence[str], skipped: Sequence[str]) -> str:
    where = ", ".join(inputs) or "the input"
    if not skipped:
        return f"{where}: no file is there. Check the name of the folder, or the pattern"
    shown = ", ".join(skipped[:_SHOWN]) + (", ..." if len(skipped) > _SHOWN else "")
    return (
        f"{where}: of {len(skipped)} files none has an ending that tells its format ({shown})."
        " Name it with --format"
    )
