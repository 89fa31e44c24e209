"""Where a job writes: a folder of parts, or one file that is joined from parts at the end."""

from __future__ import annotations

import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textshot.categorize.runs import Key
from textshot.categorize.sources import Source
from textshot.errors import TableError
from textshot.index.files import write_whole
from textshot.tables import Format, Reject, RejectsFile, open_writer
from textshot.tables.arrow_files import read_arrow, write_arrow
from textshot.tables.outputs import open_output, remove_temporary
from textshot.tables.writer import output_format

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
    def part(self, key: Key) -> Path:
        """Return where the rows of a shard go."""

    @abstractmethod
    def write(self, path: Path, data: pa.RecordBatch, note: str) -> None:
        """Write the rows of a shard, whole or not at all; `note` is the run they belong to."""

    @abstractmethod
    def close(self, parts: Sequence[Path], schema: pa.Schema, note: str) -> None:
        """Make the output of its parts, which are in order."""

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

    def put(
        self, key: Key, data: pa.RecordBatch, rejects: Iterable[Reject], note: str
    ) -> int | None:
        """Write a shard; return the size of its part, None where no row is good."""
        size = None
        if data.num_rows:
            path = self.part(key)
            self.write(path, data, note)
            size = path.stat().st_size
        self.write_rejects(key, rejects)
        return size

    def write_rejects(self, key: Key, rejects: Iterable[Reject]) -> None:
        """Keep the rejects of a shard until the end."""
        lines = [[r.source, r.line, r.reason, r.row] for r in rejects]
        path = self._rejects_of(key)
        if lines:
            path.parent.mkdir(exist_ok=True)
            write_whole(path.parent, path.name, json.dumps(lines).encode("ascii"))

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
            if folder.is_dir():
                remove_temporary(folder)
        remove_temporary(self.rejects.parent, self.rejects.name)

    def clean(self) -> None:
        """Remove what is needed no more when the run is finished."""
        shutil.rmtree(self.run / _REJECTS, ignore_errors=True)

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the parts lie."""

    def clear(self) -> None:
        """Remove what a run has written."""
        shutil.rmtree(self.run / _REJECTS, ignore_errors=True)

    def _rejects_of(self, key: Key) -> Path:
        return self.run / _REJECTS / f"{_name(key)}.json"


class FolderOutput(Output):
    """A folder of parts, each of them a file of its own; the run lies in `_textshot` in it.

    Readers of folders (Arrow, Spark, Ray) leave out what begins with an underscore.
    """

    def __init__(self, path: str, format: Format, rejects: Path | None, *, escape: bool) -> None:
        self.path, self._format, self._escape = path, format, escape
        self._folder = Path(path)
        self.run = self._folder / _FOLDER
        self.rejects = rejects or self.run / "rejects.csv"

    def part(self, key: Key) -> Path:
        """Return the file of a shard."""
        return self._folder / f"part-{_name(key)}.{self._format}"

    def write(self, path: Path, data: pa.RecordBatch, note: str) -> None:
        """Write the rows of a shard."""
        with open_writer(
            path, data.schema, format=self._format, escape=self._escape, metadata={NOTE: note}
        ) as writer:
            writer.write(data)

    def close(self, parts: Sequence[Path], schema: pa.Schema, note: str) -> None:
        """See that one part is there at least."""
        if not parts:  # nobody could tell the columns of an empty folder
            import pyarrow as pa

            self.write(self.part((0, 0)), pa.RecordBatch.from_pylist([], schema=schema), note)

    def check(self) -> None:
        """Refuse a folder with something else in it."""
        if self._folder.is_dir() and not self.run.is_dir() and any(self._folder.iterdir()):
            raise TableError(
                f"{self.path}: there is something in this folder that is no run of textshot. Name"
                " a new or an empty one"
            )

    @property
    def folder(self) -> Path:
        """The folder of the parts."""
        return self._folder

    @property
    def replaces(self) -> bool:
        """No: its parts are seen one by one."""
        return False

    def clear(self) -> None:
        """Remove the parts as well."""
        super().clear()
        for path in self._folder.glob("part-*"):
            path.unlink()


class FileOutput(Output):
    """One file, joined at the end; until then what was there before is there.

    The run lies in a folder beside it; the parts in that are gone at the end.
    """

    def __init__(
        self, path: str, format: Format | None, rejects: Path | None, *, escape: bool
    ) -> None:
        self.path, self._format, self._escape = path, format, escape
        self.run = Path(f"{path}.run")
        self.rejects = rejects or Path(f"{path}.rejects.csv")

    def part(self, key: Key) -> Path:
        """Return the file of a shard."""
        return self.folder / f"{_name(key)}.arrow"

    def write(self, path: Path, data: pa.RecordBatch, note: str) -> None:
        """Write the rows of a shard."""
        path.parent.mkdir(exist_ok=True)
        write_arrow(path, data)

    def close(self, parts: Sequence[Path], schema: pa.Schema, note: str) -> None:
        """Join the parts."""
        with open_writer(
            self.path, schema, format=self._format, escape=self._escape, metadata={NOTE: note}
        ) as writer:
            for path in parts:
                for batch in read_arrow(path):
                    writer.write(batch)

    def about(self) -> dict[str, Any]:
        """Return its size."""
        return {"bytes": Path(self.path).stat().st_size}

    def is_there(self, about: Mapping[str, Any]) -> bool:
        """Tell whether it is there, of the size that it had."""
        path = Path(self.path)
        return path.is_file() and path.stat().st_size == about["bytes"]

    def tidy(self) -> None:
        """Remove what a kill left beside the file as well."""
        super().tidy()
        path = Path(os.path.realpath(self.path))
        remove_temporary(path.parent, path.name)

    def clean(self) -> None:
        """Remove the parts as well."""
        super().clean()
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self) -> None:
        """Refuse a place that cannot be written to."""
        output_format(self.path, self._format)
        open_output(self.path, whole=False).discard()

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
    rejects: Path | None,
    *,
    escape: bool,
) -> Output:
    """Return the output of a name: a folder if it is one, ends in a slash or has no ending."""
    if not path:
        raise TableError(
            'the name of the output is empty. Give a file, a folder, or "-" for a pipe'
        )
    given = Path(path)
    bare = not given.suffix and format is None
    if given.is_dir() or path.endswith(("/", os.sep)) or (bare and not given.exists()):
        kind = format or _usual({source.format for source in sources})
        return FolderOutput(path, kind, rejects, escape=escape)
    return FileOutput(path, format, rejects, escape=escape)


def _usual(formats: set[Format]) -> Format:
    """Return what parts are written as, where nothing is said: as the input, else CSV."""
    alike = len(formats) == 1 and formats <= {Format.TSV, Format.JSONL, Format.PARQUET}
    return formats.pop() if alike else Format.CSV


def _name(key: Key) -> str:
    return f"{key[0]:05d}-{key[1]:05d}"
