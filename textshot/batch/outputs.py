"""Where a job writes: a folder of parts, or one file that is joined from parts at the end."""

from __future__ import annotations

import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textshot._files import write_atomic
from textshot.batch.inputs import Source
from textshot.batch.run_log import RUN, Key
from textshot.errors import TableError
from textshot.io import Format, Reject, RejectsFile, open_writer, urls
from textshot.io.outputs import open_output, remove_temporary
from textshot.io.parquet import read_arrow, write_arrow
from textshot.io.urls import is_url
from textshot.io.writer import output_format

if TYPE_CHECKING:
    import pyarrow as pa

NOTE = "textshot.run"
"""In the metadata of Parquet files: the run that their rows are of."""

_FOLDER = "_textshot"
_REJECTS = "rejects"


class Output(ABC):
    """A place for the parts of a run, and what becomes of them.

    Attributes:
        path: as the user named it.
        run: the folder of the run.
        rejects: where rows go that cannot be used.
    """

    path: str
    run: Path
    rejects: Path

    @abstractmethod
    def part(self, key: Key) -> str:
        """Return where the rows of a shard go."""

    @abstractmethod
    def write(self, path: str, data: pa.RecordBatch, note: str) -> None:
        """Write the rows of a shard, whole or not at all; `note` is the run they belong to."""

    @abstractmethod
    def close(self, parts: Sequence[Key], schema: pa.Schema, note: str) -> None:
        """Make the output of the parts of shards, which are in order."""

    @abstractmethod
    def files(self) -> list[str]:
        """Return the files of a finished output."""

    @abstractmethod
    def check(self) -> None:
        """Refuse a place where something else lies.

        Raises:
            TableError: why.
        """

    @property
    @abstractmethod
    def replaces(self) -> bool:
        """Whether another run's output can be replaced at once, and nobody sees a mixture."""

    def put(self, key: Key, data: pa.RecordBatch, note: str) -> int | None:
        """Write the good rows of a shard, if any; return the size of its part."""
        if not data.num_rows:
            return None
        self.write(self.part(key), data, note)
        return self.size_of(key)

    def size_of(self, key: Key) -> int | None:
        """Return the size of a shard's part; None: it is not there."""
        return size_of(self.part(key))

    def write_rejects(self, key: Key, rejects: Iterable[Reject]) -> None:
        """Keep the rejects of a shard until the end."""
        lines = [[r.source, r.line, r.reason, r.row] for r in rejects]
        path = self._rejects_of(key)
        if lines:
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, json.dumps(lines).encode("ascii"), sync_parent=False)

    def close_rejects(self, keys: Iterable[Key]) -> int:
        """Make one file of all rejects; return how many there are."""
        with RejectsFile(self.rejects) as file:
            for path in map(self._rejects_of, keys):
                if path.exists():
                    file.write(*(Reject(*one) for one in json.loads(path.read_bytes())))
        return file.count

    def about(self) -> dict[str, Any]:
        """Return what `is_there` needs to know of the output."""
        return {}

    def is_there(self, about: Mapping[str, Any]) -> bool:
        """Tell whether the output of a finished run is where it was written."""
        return True

    def tidy(self) -> None:
        """Remove what a kill left half written."""
        for folder in (self.folder, self.run, self.run / _REJECTS):
            if folder is not None and folder.is_dir():
                remove_temporary(folder)
        remove_temporary(self.rejects.parent, self.rejects.name)

    def clean(self) -> None:
        """Remove what is needed no more when the run is finished."""
        shutil.rmtree(self.run / _REJECTS, ignore_errors=True)

    @property
    @abstractmethod
    def folder(self) -> Path | None:
        """Where the parts lie, if on this machine."""

    def clear(self) -> None:
        """Remove what a run has written."""
        shutil.rmtree(self.run / _REJECTS, ignore_errors=True)

    def _rejects_of(self, key: Key) -> Path:
        return self.run / _REJECTS / f"{_name(key)}.json"


class FolderOutput(Output):
    """A folder of parts, each of them a file of its own; the run lies in `_textshot` in it.

    Readers of folders (Arrow, Spark, Ray) leave out what begins with an underscore.
    """

    def __init__(self, path: str, format: Format, run: Path, *, escape: bool) -> None:
        self.path, self._format, self._escape = path, format, escape
        self.run = run
        self.rejects = run / "rejects.csv"

    def part(self, key: Key) -> str:
        """Return the file of a shard."""
        return f"{self.path.rstrip('/')}/part-{_name(key)}.{self._format}"

    def write(self, path: str, data: pa.RecordBatch, note: str) -> None:
        """Write the rows of a shard."""
        with open_writer(
            path, data.schema, format=self._format, escape=self._escape, metadata={NOTE: note}
        ) as writer:
            writer.write(data)

    def files(self) -> list[str]:
        """Return the parts."""
        if is_url(self.path):
            return [one.url for one in urls.list_files(self.path) if _is_part(one.url)]
        return [str(path) for path in sorted(Path(self.path).glob("part-*"))]

    def close(self, parts: Sequence[Key], schema: pa.Schema, note: str) -> None:
        """See that one part is there at least."""
        if not parts:  # nobody could tell the columns of an empty folder
            import pyarrow as pa

            self.write(self.part((0, 0)), pa.RecordBatch.from_pylist([], schema=schema), note)

    def check(self) -> None:
        """Refuse a folder with something else in it."""
        if not (self.run / RUN).exists() and self._holds_something():
            raise TableError(
                f"{self.path}: there is something in this folder that is no run of textshot. Name"
                " a new or an empty one"
            )

    def _holds_something(self) -> bool:
        if is_url(self.path):
            return bool(urls.list_files(self.path))
        folder, own = Path(self.path), {_FOLDER}
        return folder.is_dir() and any(path.name not in own for path in folder.iterdir())

    @property
    def folder(self) -> Path | None:
        """The folder of the parts, where that is one of this machine."""
        return None if is_url(self.path) else Path(self.path)

    @property
    def replaces(self) -> bool:
        """No: its parts are seen one by one."""
        return False

    def clear(self) -> None:
        """Remove the parts as well."""
        super().clear()
        for name in self.files():
            if is_url(name):
                urls.remove(name)
            else:
                Path(name).unlink()


class FileOutput(Output):
    """One file, joined at the end; until then what was there before is there.

    The run lies in a folder beside it; the parts in that are gone at the end.
    """

    def __init__(self, path: str, format: Format | None, run: Path, *, escape: bool) -> None:
        self.path, self._format, self._escape = path, format, escape
        self.run = run
        self.rejects = run / "rejects.csv" if is_url(path) else Path(f"{path}.rejects.csv")

    def part(self, key: Key) -> str:
        """Return the file of a shard."""
        return str(self.folder / f"{_name(key)}.arrow")

    def write(self, path: str, data: pa.RecordBatch, note: str) -> None:
        """Write the rows of a shard."""
        self.folder.mkdir(exist_ok=True)
        write_arrow(Path(path), data)

    def files(self) -> list[str]:
        """Return the one file."""
        return [self.path]

    def close(self, parts: Sequence[Key], schema: pa.Schema, note: str) -> None:
        """Join the parts."""
        with open_writer(
            self.path, schema, format=self._format, escape=self._escape, metadata={NOTE: note}
        ) as writer:
            for key in parts:
                for batch in read_arrow(Path(self.part(key))):
                    writer.write(batch)

    def about(self) -> dict[str, Any]:
        """Return its size."""
        return {"bytes": size_of(self.path)}

    def is_there(self, about: Mapping[str, Any]) -> bool:
        """Tell whether it is there, of the size that it had."""
        return bool(size_of(self.path) == about["bytes"])

    def tidy(self) -> None:
        """Remove what a kill left beside the file as well."""
        super().tidy()
        if not is_url(self.path):
            path = Path(os.path.realpath(self.path))
            remove_temporary(path.parent, path.name)

    def clean(self) -> None:
        """Remove the parts as well."""
        super().clean()
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self) -> None:
        """Refuse a place that cannot be written to."""
        output_format(self.path, self._format)
        open_output(self.path, seekable=False).discard()

    @property
    def folder(self) -> Path:
        """The folder of the parts."""
        return self.run / "parts"

    @property
    def replaces(self) -> bool:
        """Yes: it is replaced when all is done."""
        return True

    def clear(self) -> None:
        """Remove the parts as well."""
        super().clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def output_of(
    path: str,
    format: Format | None,
    sources: Sequence[Source],
    *,
    escape: bool = True,
    run: Path | None = None,
    rejects: Path | None = None,
) -> Output:
    """Return the output of a name: a folder if it is one, ends in a slash or has no ending.

    Args:
        path: what the user said; it may be a URL.
        format: what is written; None goes by the ending, or by the input.
        sources: the files of the input.
        escape: whether cells that a spreadsheet would run get an apostrophe in front.
        run: where the run is kept; None: beside a file, or in the folder.
        rejects: where rows go that cannot be used; None: beside the output.

    Raises:
        TableError: no name, or a URL and nothing said of the run, which is kept on this machine.
    """
    if not path:
        raise TableError('the name of the output is empty. Give a file, a folder, or "-"')
    if is_url(path) and run is None:
        raise TableError(
            f"{path} is no place of this machine, and a run is kept on one. Say in which folder"
            " with --run"
        )
    given = Path(path)
    bare = not given.suffix and format is None
    found: Output
    if given.is_dir() or path.endswith(("/", os.sep)) or (bare and not given.exists()):
        kind = format or _usual({source.format for source in sources})
        found = FolderOutput(path, kind, run or run_in(path), escape=escape)
    else:
        found = FileOutput(path, format, run or run_beside(path), escape=escape)
    found.rejects = rejects or found.rejects
    return found


def run_beside(path: str) -> Path:
    """Return where the run of a file is kept."""
    return Path(f"{path}.run")


def run_in(path: str) -> Path:
    """Return where the run of a folder is kept."""
    return Path(path, _FOLDER)


def size_of(name: str) -> int | None:
    """Return the size of a file, here or elsewhere; None: it is not there."""
    if is_url(name):
        found = urls.file_info(name)
        return None if found is None else found.size
    try:
        return Path(name).stat().st_size
    except FileNotFoundError:
        return None


def _is_part(url: str) -> bool:
    return url.rpartition("/")[2].startswith("part-")


def _usual(formats: set[Format]) -> Format:
    """Return what parts are written as, where nothing is said: as the input, else CSV."""
    alike = len(formats) == 1 and formats <= {Format.TSV, Format.JSONL, Format.PARQUET}
    return formats.pop() if alike else Format.CSV


def _name(key: Key) -> str:
    return f"{key[0]:05d}-{key[1]:05d}"
