"""Write the output of a job: a folder of parts, or one file joined from parts at the end."""

from __future__ import annotations

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textshot._files import real_path, write_atomic
from textshot.batch.inputs import Source
from textshot.batch.options import JobOptions
from textshot.batch.plan import Plan
from textshot.batch.run_log import RUN, Key
from textshot.errors import TableError
from textshot.io import Format, Reject, RejectsFile, Table, Writer, files, open_table, open_writer
from textshot.io.dialect import Dialect
from textshot.io.files import is_url, open_output, remove_temporary
from textshot.io.parquet import read_arrow, write_arrow
from textshot.io.writer import output_format

if TYPE_CHECKING:
    import pyarrow as pa

RUN_METADATA = "textshot.run"
"""Key in the metadata of Parquet files: the fingerprint of the run that wrote the rows."""

_FOLDER = "_textshot"


class Output(ABC):
    """Where a job writes.

    Attributes:
        path: as the user named it.
        run: folder of the run log.
        rejects: file of the invalid rows.
        folder: folder of the parts on this machine; None: they are at a URL.
        format: of the output; None: by file extension.
        dialect: how to write CSV and TSV; None: as usual. Set when the input is known.
        replaces: whether the output of another run is replaced at once, so that nobody sees a
            mixture of two.
        backup: where the original is, after it was edited in place.
    """

    replaces: bool
    backup: Path | None = None
    format: Format | None
    folder: Path | None
    dialect: Dialect | None = None

    def __init__(self, path: str, run: Path, rejects: Path, *, escape: bool) -> None:
        self.path, self.run, self.rejects, self.escape = path, run, rejects, escape

    @abstractmethod
    def part(self, key: Key) -> str:
        """Return the path of the part of a shard."""

    @abstractmethod
    def write(self, path: str, data: pa.RecordBatch, fingerprint: str) -> None:
        """Write the rows of a shard, all or nothing; `fingerprint` is that of the run."""

    @abstractmethod
    def close(self, parts: Sequence[Key], schema: pa.Schema, fingerprint: str) -> None:
        """Complete the output from its parts, which are in order."""

    @abstractmethod
    def files(self) -> list[str]:
        """Return the files of the complete output."""

    @abstractmethod
    def check(self) -> None:
        """Refuse an output that cannot be written, or that would mix with other files.

        Raises:
            TableError: why.
        """

    def put(self, key: Key, data: pa.RecordBatch, fingerprint: str) -> int | None:
        """Write the part of a shard and return its size in bytes; None: there are no rows."""
        if not data.num_rows:
            return None
        self.write(self.part(key), data, fingerprint)
        return self.size_of(key)

    def size_of(self, key: Key) -> int | None:
        """Return the size of the part of a shard in bytes; None: it does not exist."""
        return _size_of(self.part(key))

    def write_rejects(self, key: Key, rejects: Iterable[Reject]) -> None:
        """Keep the rejects of a shard until the end."""
        lines = [[r.source, r.line, r.reason, r.row] for r in rejects]
        path = self._rejects_of(key)
        if lines:
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, json.dumps(lines).encode("ascii"))

    def close_rejects(self, keys: Iterable[Key]) -> int:
        """Write the file of all rejects; return how many there are."""
        with RejectsFile(self.rejects, self.dialect) as file:
            for path in map(self._rejects_of, keys):
                if path.exists():
                    file.write(*(Reject(*reject) for reject in json.loads(path.read_bytes())))
        return file.count

    def adjust(self, plan: Plan) -> Plan:
        """Return the plan of a job that writes here."""
        return plan

    def open(self, path: str, columns: Sequence[str]) -> Table:
        """Open a file of the complete output; `columns` are its names before any was escaped."""
        return open_table(path, format=self.format, columns=columns)

    def state(self) -> dict[str, Any]:
        """Return what `is_intact` needs, to be kept in the summary."""
        return {}

    def is_intact(self, state: Mapping[str, Any]) -> bool:
        """Tell whether the output of a finished run still exists."""
        return True

    def delete_temporary(self) -> None:
        """Delete unfinished files that a killed process left."""
        for folder in (self.folder, self.run, self.run / "rejects"):
            if folder is not None and folder.is_dir():
                remove_temporary(folder)
        for file in (self.rejects, *([] if is_url(self.path) else [Path(self.path)])):
            target = real_path(file)
            remove_temporary(target.parent, target.name)

    def finish(self) -> None:
        """Delete what a finished run no longer needs."""
        shutil.rmtree(self.run / "rejects", ignore_errors=True)

    def clear(self) -> None:
        """Delete what an unfinished run has written."""
        self.finish()

    def _open(self, path: str, schema: pa.Schema, fingerprint: str) -> Writer:
        write = partial(open_writer, format=self.format, escape=self.escape, dialect=self.dialect)
        return write(path, schema, metadata={RUN_METADATA: fingerprint})

    def _rejects_of(self, key: Key) -> Path:
        return self.run / "rejects" / f"{_name(key)}.json"


class FolderOutput(Output):
    """A folder with a file for each shard; the run log is in `_textshot` in it.

    Readers of folders (Arrow, Spark, Ray) skip names that start with an underscore.
    """

    replaces = False

    def __init__(
        self, path: str, options: JobOptions, run: Path, sources: Sequence[Source]
    ) -> None:
        rejects = Path(options.rejects or run / "rejects.csv")
        super().__init__(path, run, rejects, escape=options.escape)
        self.folder = None if is_url(path) else Path(path)
        self.format = options.output_format or _default_format({s.format for s in sources})

    def part(self, key: Key) -> str:
        """Return the file of a shard."""
        return f"{self.path.rstrip('/')}/part-{_name(key)}.{self.format}"

    def write(self, path: str, data: pa.RecordBatch, fingerprint: str) -> None:
        """Write a file."""
        with self._open(path, data.schema, fingerprint) as writer:
            writer.write(data)

    def close(self, parts: Sequence[Key], schema: pa.Schema, fingerprint: str) -> None:
        """Write an empty part if there is none: an empty folder has no columns."""
        import pyarrow as pa

        if not parts:
            rows = pa.RecordBatch.from_pylist([], schema=schema)
            self.write(self.part((0, 0)), rows, fingerprint)

    def files(self) -> list[str]:
        """Return the parts."""
        if is_url(self.path):
            urls = [file.url for file in files.list_files(self.path)]
            return [url for url in urls if url.rpartition("/")[2].startswith("part-")]
        return [str(path) for path in sorted(Path(self.path).glob("part-*"))]

    def check(self) -> None:
        """Refuse a folder with other files in it."""
        if is_url(self.path):
            is_empty = not files.list_files(self.path)
        else:
            folder = Path(self.path)
            is_empty = not folder.is_dir() or {p.name for p in folder.iterdir()} <= {_FOLDER}
        if not is_empty and not (self.run / RUN).exists():
            raise TableError(
                f"{self.path}: this folder holds files that are not from a run of textshot. Name a"
                " new or an empty folder"
            )

    def clear(self) -> None:
        """Delete the parts too."""
        self.finish()
        for name in self.files():
            if is_url(name):
                files.remove(name)
            else:
                Path(name).unlink()


class FileOutput(Output):
    """One file; it appears, or replaces the file of that name, when the job is complete.

    The run log is in the folder `FILE.run`, with the parts until then.
    """

    replaces = True

    def __init__(self, path: str, options: JobOptions, run: Path) -> None:
        default = run / "rejects.csv" if is_url(path) else Path(f"{path}.rejects.csv")
        super().__init__(path, run, Path(options.rejects or default), escape=options.escape)
        self.folder: Path = run / "parts"
        self.format = options.output_format

    def part(self, key: Key) -> str:
        """Return the Arrow file of a shard."""
        return str(self.folder / f"{_name(key)}.arrow")

    def write(self, path: str, data: pa.RecordBatch, fingerprint: str) -> None:
        """Write an Arrow file."""
        self.folder.mkdir(exist_ok=True)
        write_arrow(Path(path), data)

    def close(self, parts: Sequence[Key], schema: pa.Schema, fingerprint: str) -> None:
        """Join the parts."""
        with self._open(self.path, schema, fingerprint) as writer:
            for key in parts:
                for batch in read_arrow(Path(self.part(key))):
                    writer.write(batch)

    def files(self) -> list[str]:
        """Return the file."""
        return [self.path]

    def check(self) -> None:
        """Refuse a file that cannot be written."""
        output_format(self.path, self.format)
        open_output(self.path, seekable=False).discard()

    def state(self) -> dict[str, Any]:
        """Return the size."""
        return {"bytes": _size_of(self.path)}

    def is_intact(self, state: Mapping[str, Any]) -> bool:
        """Tell whether the file has the size it had."""
        return bool(_size_of(self.path) == state["bytes"])

    def finish(self) -> None:
        """Delete the parts too."""
        super().finish()
        shutil.rmtree(self.folder, ignore_errors=True)


def run_folders(path: str) -> tuple[Path, Path]:
    """Return where the run log of an output is: beside a file, and in a folder."""
    return Path(f"{path}.run"), Path(path, _FOLDER)


def _size_of(path: str) -> int | None:
    if is_url(path):
        info = files.file_info(path)
        return None if info is None else info.size
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return None


def _default_format(formats: set[Format]) -> Format:
    """Return the format of parts: that of the input if all files share one, else CSV."""
    is_kept = len(formats) == 1 and formats <= {Format.TSV, Format.JSONL, Format.PARQUET}
    return formats.pop() if is_kept else Format.CSV


def _name(key: Key) -> str:
    return f"{key[0]:05d}-{key[1]:05d}"
