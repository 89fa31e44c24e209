"""The folder of a run: what identifies the run, and the log of its finished shards."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from textshot._files import lock, write_atomic
from textshot.batch.options import JobOptions
from textshot.batch.plan import Plan
from textshot.batch.tally import Tally
from textshot.batch.worker import VERSION, Worker
from textshot.errors import TableError

FORMAT = 1
RUN, SHARDS, SUMMARY, LOCK = "run.json", "shards.jsonl", "summary.json", "lock"
ADAPTATION = "adaptation.json"
"""The texts that the categories of a run adapted to."""

Key = tuple[int, int]
"""The number of a file in its plan, and of a shard in that file; both from 0."""

Line = Mapping[str, Any]
"""A line of `shards.jsonl`, see `shard_line` and `end_line`."""

Identity = Mapping[str, Any]
"""What a run depends on, as JSON; runs with different identities do not mix."""

_PARTS = {
    "worker": "the version of textshot",
    "index": "the index",
    "encoder": "the encoder or its backend",
    "options": "the options",
    "inputs": "the input",
    "columns": "the columns of the input",
}


def identity_of(worker: Worker, plan: Plan, options: JobOptions) -> dict[str, Any]:
    """Return all that the output of a run depends on."""
    engine = worker.engine
    return {
        "worker": VERSION,
        "index": {"generation": engine.index.generation, "content": engine.index.digest()},
        "encoder": {"fingerprint": engine.encoder.fingerprint, "kind": engine.encoder.runtime},
        "options": {
            "text_columns": list(worker.text_columns),
            "threshold": worker.threshold,
            "metadata": list(worker.metadata),
            "encoding": plan.options.encoding,
            **options.identity(),
        },
        "inputs": [
            [s.path, str(s.format), s.size, s.modified, dict(s.partition)] for s in plan.sources
        ],
        "columns": [[field.name, str(field.type)] for field in plan.schema],
    }


def _differences(before: Identity, now: Identity) -> str:
    """Name the parts in which two identities differ."""
    changed = [name for name in _PARTS if before.get(name) != now.get(name)]
    details = (_PARTS[name] + _detail(name, before.get(name), now.get(name)) for name in changed)
    return ", ".join(details) or "the format of the run"


def _detail(name: str, before: Any, now: Any) -> str:
    if name == "index" and before["generation"] != now["generation"]:
        return f" (generation {before['generation']}, now {now['generation']})"
    if name == "encoder" and before["kind"] != now["kind"]:
        return f" ({before['kind']}, now {now['kind']})"
    if name == "options":
        return f" ({', '.join(key for key in now if before.get(key) != now[key])})"
    if name == "inputs":
        old, new = ({source[0]: source for source in sources} for sources in (before, now))
        changed = [path for path in new | old if old.get(path) != new.get(path)]
        return f" ({len(changed)} files, such as {changed[0]})" if changed else " (its order)"
    return ""


@dataclass(frozen=True, slots=True)
class FinishedShard:
    """A finished shard; its tally stays on disk, as a run may have thousands of shards.

    Attributes:
        rows: rows read, rejects included.
        bytes: size of its part; None: all rows were rejected.
        offset: of its line in `shards.jsonl`.
    """

    rows: int
    bytes: int | None
    offset: int


class RunLog:
    """The log of a run, owned by this process.

    A shard is finished when its line is in `shards.jsonl`, which is written after its part. A kill
    leaves a part without a line, which is written again, or half a line, which is cut off.

    Attributes:
        folder: of the run.
        identity: of the run.
        fingerprint: 16 hex digits of the identity.
        shards: the finished shards.
        ends: of each finished file, the number of shards and why it could not be read further.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self.folder, self.identity = folder, identity
        text = json.dumps(identity, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        self.fingerprint = sha256(text.encode()).hexdigest()[:16]
        self.shards: dict[Key, FinishedShard] = {}
        self.ends: dict[int, tuple[int, str | None]] = {}
        self._pending: dict[int, Line] = {}

    def difference(self) -> str | None:
        """Return how the run in the folder differs from this one; None: there is none, "": not.

        Raises:
            TableError: it has another format, or is damaged.
        """
        path = self.folder / RUN
        try:
            record = json.loads(path.read_bytes())
            if record["format"] != FORMAT:
                raise TableError(
                    f"{path} has format {record['format']}, this textshot reads {FORMAT}. Use the"
                    " version that started the run, or --restart"
                )
            if record["fingerprint"] == self.fingerprint:
                return ""
            return _differences(record["identity"], self.identity)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise TableError(f"{path} is damaged ({error}). Start again with --restart") from error

    def start(self) -> None:
        """Write the identity, before anything else of the run."""
        body = {"format": FORMAT, "fingerprint": self.fingerprint, "identity": self.identity}
        write_atomic(self.folder / RUN, _pretty(body))

    def read(self, size_of: Callable[[Key], int | None], *, repair: bool = True) -> None:
        """Read which shards are finished; an incomplete last line is cut off, to `repair` the file.

        A shard whose part is missing or has another size is not finished, unless the run is. A file
        that could not be read to its end is tried again: a disk or a network may have failed.
        """
        offset = 0
        for line in self._lines():
            if not line.endswith(b"\n"):
                if repair:
                    os.truncate(self.folder / SHARDS, offset)
                break
            record = json.loads(line)
            if "shard" in record:
                shard = FinishedShard(record["rows"], record["bytes"], offset)
                self.shards[record["file"], record["shard"]] = shard
            elif record["error"] is None:
                self.ends[record["file"]] = record["shards"], None
            offset += len(line)
        if self.finished is None:
            self._leave_out_lost_parts(size_of)

    def _leave_out_lost_parts(self, size_of: Callable[[Key], int | None]) -> None:
        for key, shard in list(self.shards.items()):
            if shard.bytes is not None and size_of(key) != shard.bytes:
                del self.shards[key]
                self.ends.pop(key[0], None)

    def tallies(self) -> Iterator[Tally]:
        """Yield the tally of each finished shard, in the order of the shards."""
        if not self.shards:
            return
        with (self.folder / SHARDS).open("rb") as file:
            for key in sorted(self.shards):
                file.seek(self.shards[key].offset)
                yield Tally.from_dict(json.loads(file.readline())["tally"])

    def commit(self, line: Line) -> None:
        """Append the line of a shard whose part is written, or of the end of a file.

        The end of a file waits for all its shards: several machines finish them in any order.
        """
        file = line["file"]
        if "shard" in line:
            offset = self._append(line)
            self.shards[file, line["shard"]] = FinishedShard(line["rows"], line["bytes"], offset)
        else:
            self._pending[file] = line
        end = self._pending.get(file)
        if end is not None and all((file, i) in self.shards for i in range(end["shards"])):
            self._append(self._pending.pop(file))
            self.ends[file] = end["shards"], end["error"]

    def rows_of_finished_files(self) -> dict[int, int]:
        """Return the number of rows read of each finished file."""
        rows = dict.fromkeys(self.ends, 0)
        for (file, _), shard in self.shards.items():
            if file in rows:
                rows[file] += shard.rows
        return rows

    def _lines(self) -> Iterator[bytes]:
        with suppress(FileNotFoundError), (self.folder / SHARDS).open("rb") as file:
            yield from file

    def _append(self, record: Line) -> int:
        """Append a line, all of it or nothing, and return its offset."""
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        path = self.folder / SHARDS
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            offset = os.fstat(handle).st_size
            if os.write(handle, line) < len(line):
                os.ftruncate(handle, offset)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
            return offset
        except OSError as error:
            raise disk_full(str(path), error) from error
        finally:
            os.close(handle)

    @property
    def finished(self) -> dict[str, Any] | None:
        """The summary, if all files were read to their ends."""
        try:
            summary: dict[str, Any] = json.loads((self.folder / SUMMARY).read_bytes())
        except FileNotFoundError:
            return None
        return None if summary["failed"] else summary

    @property
    def has_shards(self) -> bool:
        """Whether a shard is finished according to the file: a stop may come before `shards`."""
        lines = (line for line in self._lines() if line.endswith(b"\n"))
        return any("shard" in json.loads(line) for line in lines)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the summary: the run is finished."""
        write_atomic(self.folder / SUMMARY, _pretty(summary))

    def clear(self) -> None:
        """Delete the run; its identity goes last."""
        for name in (SUMMARY, SHARDS, RUN):
            (self.folder / name).unlink(missing_ok=True)
        self.shards, self.ends = {}, {}


def shard_line(key: Key, rows: int, tally: Tally, size: int | None) -> Line:
    """Return the line of a finished shard; `size`: bytes of its part, None if there is none."""
    return {"file": key[0], "shard": key[1], "rows": rows, "bytes": size, "tally": tally.to_dict()}


def end_line(file: int, n_shards: int, error: str | None) -> Line:
    """Return the line of a finished file; `error`: why it was not read to its end."""
    return {"file": file, "shards": n_shards, "error": error}


def locked(folder: Path, output: str) -> AbstractContextManager[None]:
    """Lock the folder of a run against other processes.

    Raises:
        ConflictError: another process holds the lock.
    """
    conflict = (
        f"{output}: another process is writing this output. Wait until it has finished, or name"
        " another output"
    )
    return lock(folder / LOCK, conflict=conflict, timeout=0)


def disk_full(path: str, error: OSError) -> TableError:
    """Return the error of a disk without room."""
    return TableError(
        f"{path}: cannot be written ({error.strerror}). Free some space: progress is saved, and the"
        " same call resumes"
    )


def _pretty(body: Mapping[str, Any]) -> bytes:
    text = json.dumps(body, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
