"""The folder of a run: what it is a run of, which shards are done, and who works on it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textshot._files import write_atomic
from textshot.batch.run_identity import Identity, difference, fingerprint_of
from textshot.batch.tally import Tally
from textshot.errors import ConflictError, TableError

FORMAT = 1
RUN, SHARDS, SUMMARY, LOCK = "run.json", "shards.jsonl", "summary.json", "lock"
SAMPLE = "adapting.json"
"""The texts that the categories of a run adapted to."""

Key = tuple[int, int]
"""The place of a file in its plan, and the number of a shard in it."""

Line = Mapping[str, Any]
"""Of `shards.jsonl`."""


@dataclass(frozen=True, slots=True)
class Done:
    """A shard that is done; what was counted of it stays on disk, as there are thousands of them.

    Attributes:
        read: its rows.
        part: the size of its part; None: no row was good.
        at: the place of its line in `shards.jsonl`.
    """

    read: int
    part: int | None
    at: int


class Run:
    """A run that this process works on.

    A shard is done when a line about it is in `shards.jsonl`, which is written after its rows are
    in their place. What a kill leaves behind is a shard without a line, which is done again, or a
    line without an end, which is cut off.

    Attributes:
        folder: where it lies.
        identity: what it is a run of.
        done: the shards that are done, by their keys.
        ends: of files that are done, how many shards each has, and why no more.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self.folder, self.identity = folder, identity
        self.fingerprint = fingerprint_of(identity)
        self.done: dict[Key, Done] = {}
        self.ends: dict[int, tuple[int, str | None]] = {}
        self._ending: dict[int, Line] = {}

    def differs_from(self, fingerprint: str, identity: Identity) -> str:
        """Say what is another than in an earlier run; empty: nothing is."""
        if fingerprint == self.fingerprint:
            return ""
        return difference(identity, self.identity) or "something"

    def begin(self) -> None:
        """Write down what is run, before anything else of it."""
        body = {"format": FORMAT, "fingerprint": self.fingerprint, "identity": self.identity}
        write_atomic(self.folder / RUN, _pretty(body))

    def read(self, size_of: Callable[[Key], int | None]) -> None:
        """Take up what is done; a line that has no end is cut off.

        A shard whose part is gone or has another size is done again, unless the run is finished. A
        file that could not be read to its end is tried again: a disk or a network may have failed.
        """
        at = 0
        for line in self._log():
            if not line.endswith(b"\n"):
                os.truncate(self.folder / SHARDS, at)
                break
            found = json.loads(line)
            if "end" not in found:
                done = Done(found["read"], found["part"], at)
                self.done[found["place"], found["number"]] = done
            elif found["broken"] is None:
                self.ends[found["place"]] = found["end"], None
            at += len(line)
        if self.finished is None:
            there = {key: size_of(key) for key, one in self.done.items() if one.part is not None}
            self._forget(key for key, size in there.items() if size != self.done[key].part)

    def tallies(self) -> Iterator[Tally]:
        """Yield what was counted of each shard, in the order of their keys."""
        if not self.done:
            return
        with (self.folder / SHARDS).open("rb") as file:
            for key in sorted(self.done):
                file.seek(self.done[key].at)
                yield Tally.of_record(json.loads(file.readline())["tally"])

    def _log(self) -> Iterator[bytes]:
        with suppress(FileNotFoundError), (self.folder / SHARDS).open("rb") as file:
            yield from file

    def commit(self, line: Line) -> None:
        """Write down that a shard is done, and its rows are in their place; or a file.

        The end of a file waits for its shards: on several machines they come in any order.
        """
        if "end" in line:
            self._ending[line["place"]] = line
        else:
            at = self._append(line)
            self.done[line["place"], line["number"]] = Done(line["read"], line["part"], at)
        place = line["place"]
        end = self._ending.get(place)
        if end is not None and all((place, i) in self.done for i in range(end["end"])):
            self._append(self._ending.pop(place))
            self.ends[place] = end["end"], end["broken"]

    def rows_of_ends(self) -> dict[int, int]:
        """Return how many rows were read of each file that is done."""
        found = dict.fromkeys(self.ends, 0)
        for key, one in self.done.items():
            if key[0] in found:
                found[key[0]] += one.read
        return found

    def _forget(self, keys: Iterable[Key]) -> None:
        for key in list(keys):
            del self.done[key]
            self.ends.pop(key[0], None)

    def _append(self, record: Mapping[str, Any]) -> int:
        """Add a line, and return its place."""
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        path = self.folder / SHARDS
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            before = os.fstat(handle).st_size
            if os.write(handle, line) < len(line):
                os.ftruncate(handle, before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
            return before
        except OSError as error:
            raise TableError(
                f"{path}: cannot be written ({error.strerror}). Make room there: what is done is"
                " kept, and the same call goes on"
            ) from error
        finally:
            os.close(handle)

    @property
    def finished(self) -> dict[str, Any] | None:
        """The summary of a run that read all of its files to their ends; None before that."""
        try:
            found: dict[str, Any] = json.loads((self.folder / SUMMARY).read_bytes())
        except FileNotFoundError:
            return None
        return None if found["failed"] else found

    @property
    def has_shards(self) -> bool:
        """Whether a shard is done, as the file has it: a stop may come before it is in `done`."""
        lines = (line for line in self._log() if line.endswith(b"\n"))
        return any("end" not in json.loads(line) for line in lines)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write down that all is done."""
        write_atomic(self.folder / SUMMARY, _pretty(summary))

    def forget(self) -> None:
        """Leave nothing of it."""
        self.clear()
        (self.folder / SAMPLE).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget what was done; the file that says what it is a run of goes last."""
        for name in (SUMMARY, SHARDS, RUN):
            (self.folder / name).unlink(missing_ok=True)
        self.done, self.ends = {}, {}


def shard_line(key: Key, n_read: int, tally: Tally, part: int | None) -> Line:
    """Return the line of a shard; `part`: the size of its part, None where no row was good."""
    about = {"place": key[0], "number": key[1], "read": n_read, "part": part}
    return about | {"tally": tally.record()}


def end_line(place: int, n_shards: int, broken: str | None) -> Line:
    """Return the line of a file that has so many shards; `broken`: why no more."""
    return {"place": place, "end": n_shards, "broken": broken}


def earlier(folder: Path) -> tuple[str, dict[str, Any]] | None:
    """Return fingerprint and identity of the run that lies in a folder; None: there is none.

    Raises:
        TableError: it was written by another version, or is damaged.
    """
    path = folder / RUN
    try:
        found = json.loads(path.read_bytes())
        if found["format"] != FORMAT:
            raise TableError(
                f"{path} has format {found['format']}, this textshot reads {FORMAT}. Take the"
                " version that began the run, or --restart"
            )
        return found["fingerprint"], found["identity"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(f"{path} is damaged ({error}). Begin anew with --restart") from error


@contextmanager
def locked(folder: Path, output: str) -> Iterator[None]:
    """Hold a run's folder against other processes; one that died leaves it free.

    Raises:
        ConflictError: another process holds it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConflictError(
            f"{output}: another process is working on it. Wait until it is done, or name another"
            " output"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _pretty(body: Mapping[str, Any]) -> bytes:
    text = json.dumps(body, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
