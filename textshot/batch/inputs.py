"""Find the input files of a job: files, folders and patterns, in a fixed order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob, has_magic
from os.path import relpath
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import unquote

from textshot._files import real_path
from textshot.errors import TableError
from textshot.io import Format
from textshot.io.files import FileInfo, file_info, is_url, list_files, match_files
from textshot.io.formats import format_by_extension, format_of

_KEY = re.compile(r"([^=/\\]+)=([^/\\]*)")
_NULL = "__HIVE_DEFAULT_PARTITION__"
_MAX_NAMES = 5


@dataclass(frozen=True, slots=True)
class Source:
    """One file of an input.

    Attributes:
        path: as messages and rejects show it.
        format: of the file.
        size: in bytes.
        modified: time of the last change in nanoseconds.
        partition: Hive partition columns of its folders (`country=de`); None: null.
    """

    path: str
    format: Format
    size: int
    modified: int
    partition: Mapping[str, str | None] = field(default_factory=dict)

    def is_unchanged(self) -> bool:
        """Tell whether size and time of the file are still the same."""
        now = file_info(self.path) if is_url(self.path) else _file_info(Path(self.path))
        return now is not None and (now.size, now.modified) == (self.size, self.modified)


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files of an input, and the files in its folders that have no known extension."""

    sources: tuple[Source, ...]
    skipped: tuple[str, ...]


def find_sources(inputs: Iterable[str | Path], format: Format | None = None) -> InputFiles:
    """Find the files that inputs name, each once.

    A folder stands for all files in it and below, sorted by name; a pattern (`*`, `?`, `[...]`,
    `**`) for what it matches. Names that start with a dot or an underscore are left out, as Spark
    and Arrow do, unless the pattern itself starts so. Hive partitions (`country=de`) become
    columns.

    Args:
        inputs: files, folders, patterns.
        format: of all files; None: by file extension.

    Raises:
        TableError: an input that does not exist, or has no file in it.
    """
    sources: dict[str, Source] = {}
    skipped: dict[str, None] = {}  # an ordered set
    names = list(map(str, inputs))
    for name in names:
        for path, root in _remote_files(name) if is_url(name) else _local_files(name):
            if root is not None and format is None and not _is_table(path, name):
                skipped[path] = None
                continue
            identity = path if is_url(path) else str(real_path(path))
            sources.setdefault(identity, _source(path, root, format))
    if not sources:
        raise TableError(_no_files(names, list(skipped)))
    return InputFiles(tuple(sources.values()), tuple(skipped))


def _is_table(path: str, name: str) -> bool:
    """Tell whether a file in a folder is read: its extension tells a format.

    A .json file there is rather a list of settings, unless the pattern says so.
    """
    is_json = path.lower().endswith(".json") and ".json" not in name.lower()
    return format_by_extension(path) is not None and not is_json


def _remote_files(url: str) -> Iterator[tuple[str, str | None]]:
    """Yield the files of a URL, each with its root folder; None if the URL is the file."""
    start, _, rest = url.partition("://")
    if "?" in url:
        raise TableError(
            f"{url}: options after a ? are not supported. Set them as environment variables"
        )
    if has_magic(rest):
        root = f"{start}://{'/'.join(_fixed_parts(rest.split('/')))}"
        files = match_files(url, root)
    elif file_info(url) is not None:
        yield url, None
        return
    else:
        root, files = url.rstrip("/"), list_files(url)
    for file in files:
        relative = PurePosixPath(file.url[len(root) :].lstrip("/"))
        if not any(part.startswith((".", "_")) for part in relative.parts):
            yield file.url, root


def _local_files(name: str) -> Iterator[tuple[str, str | None]]:
    """Yield the files of an input, each with its root folder; None if the input is the file."""
    path = Path(name)
    if path.is_dir():
        yield from ((str(file), name) for file in _files_in(path))
    elif not path.exists() and has_magic(name):
        root = Path(*_fixed_parts(path.parts))
        wants_hidden = _is_hidden(path, root)
        for match in sorted(glob(name, recursive=True)):  # noqa: PTH207 (Path has no `name`)
            relative = Path(match)
            if wants_hidden or not _is_hidden(relative, root):
                files = _files_in(relative) if relative.is_dir() else [relative]
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
    """Tell whether a file is for programs: metadata of a folder, or unfinished."""
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _fixed_parts(parts: Sequence[str]) -> Iterator[str]:
    """Yield the parts of a pattern before its first wildcard."""
    for part in parts:
        if has_magic(part):
            return
        yield part


def _source(path: str, root: str | None, format: Format | None) -> Source:
    info = file_info(path) if is_url(path) else _file_info(Path(path))
    if info is None:
        raise TableError(f"{path}: there is no such file. Check the name and the folder")
    relative = "" if root is None else path[len(root) :] if is_url(path) else relpath(path, root)
    folders = PurePath(relative.lstrip("/")).parts[:-1]
    format = format_of(path, format, stdio=Format.TEXT)
    return Source(path, format, info.size, info.modified, _partition(folders))


def _file_info(path: Path) -> FileInfo | None:
    """Return size and time of a file of this machine; None: it does not exist."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return FileInfo(str(path), status.st_size, status.st_mtime_ns)


def _partition(folders: Iterable[str]) -> dict[str, str | None]:
    pairs = [match for match in map(_KEY.fullmatch, folders) if match]
    return {unquote(m[1]): None if m[2] == _NULL else unquote(m[2]) for m in pairs}


def _no_files(inputs: Sequence[str], skipped: Sequence[str]) -> str:
    where = ", ".join(inputs) or "the input"
    if not skipped:
        return f"{where}: no file is there. Check the name of the folder, or the pattern"
    examples = ", ".join(skipped[:_MAX_NAMES]) + (", ..." if len(skipped) > _MAX_NAMES else "")
    return (
        f"{where}: none of the {len(skipped)} files has a known extension ({examples}). Name their"
        " format with --format"
    )
