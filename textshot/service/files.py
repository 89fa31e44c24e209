"""Uploaded files: the batch job over what somebody sent, streamed back as it is answered."""

from __future__ import annotations

import asyncio
import csv
import os
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from textshot._arrays import FloatArray
from textshot.batch.options import JobOptions
from textshot.batch.stream import run_stream
from textshot.encoders import Encoder, TruncationStats
from textshot.engine import Engine
from textshot.errors import TextshotError
from textshot.service.answers import Wanted
from textshot.service.batcher import Batcher
from textshot.service.problems import Problem
from textshot.service.served_index import Snapshot
from textshot.types import UNKNOWN

KEPT = 600.0
"""Seconds that the progress of a finished file can be asked for."""

_MOST_KEPT = 1000
_MOST_PROBLEMS = 100
_PART = 1 << 16


@dataclass
class FileJob:
    """An uploaded file, as far as it is."""

    state: str = "reading"
    fraction: float | None = 0.0
    rows: int = 0
    unknown: int | None = None
    rejected: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    ended: float | None = None

    def advance(self, rows: int, fraction: float | None) -> None:
        """Count rows that are answered."""
        self.rows += rows
        self.fraction = fraction

    def end(self, state: str) -> None:
        """Say how it ended."""
        self.state, self.ended = state, monotonic()


class FileJobs:
    """The files that are worked on, and for a while those that were.

    Args:
        most: at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: list[FileJob] = []
        self._jobs: OrderedDict[str, FileJob] = OrderedDict()

    def begin(self, request_id: str) -> FileJob:
        """Take one more.

        The caller chooses the id, so it names the progress only: files are counted one by one.

        Raises:
            Problem: 429, there are too many.
        """
        self._running = [job for job in self._running if job.ended is None]
        if len(self._running) >= self._most:
            raise Problem(
                429,
                "too_many_files",
                f"{self._most} files are worked on, which is the most. Try again when one is done",
                retry_after=5,
            )
        self._forget(request_id)
        self._jobs[request_id] = job = FileJob()
        self._running.append(job)
        return job

    def _forget(self, request_id: str) -> None:
        """Forget what was sent under an id before, and what nobody will ask for any more."""
        self._jobs.pop(request_id, None)
        now = monotonic()
        for key, job in list(self._jobs.items()):
            if job.ended is not None and now - job.ended > KEPT:
                del self._jobs[key]
        while len(self._jobs) >= _MOST_KEPT:
            self._jobs.popitem(last=False)

    def find(self, request_id: str) -> FileJob:
        """Return a file by the id of its request.

        Raises:
            Problem: 404.
        """
        if request_id not in self._jobs:
            raise Problem(
                404,
                "unknown_file",
                "no file was sent under that X-Request-ID, or it is done since ten minutes",
            )
        return self._jobs[request_id]


class BackgroundEncoder:
    """The encoder of a snapshot for a thread that is in no hurry: it takes its turn in the queue.

    So an uploaded file gets the share of one request, and requests go on beside it.
    """

    def __init__(
        self, snapshot: Snapshot, batcher: Batcher, loop: asyncio.AbstractEventLoop
    ) -> None:
        inner: Encoder = snapshot.encoder
        self.name, self.source, self.dim = inner.name, inner.source, inner.dim
        self.fingerprint, self.spec = inner.fingerprint, inner.spec
        self._snapshot, self._batcher, self._loop = snapshot, batcher, loop

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts, float32 (n, dim)."""
        if not texts:
            return self._snapshot.encoder.encode(texts)
        waiting = asyncio.run_coroutine_threadsafe(self._encode(list(texts)), self._loop)
        found: FloatArray = waiting.result()
        return found

    async def _encode(self, texts: list[str]) -> FloatArray:
        found: FloatArray = await self._batcher.submit(
            texts, Wanted(self._snapshot, 0), background=True
        )
        return found

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Return nothing but how many texts: nobody is told of the others."""
        return TruncationStats(len(texts))


class FileRun:
    """One uploaded file on its way: kept aside, answered in a thread, read back through a pipe.

    Args:
        job: where its progress is told.
        settings: of the batch job.
        ending: of the file's name, which tells how it is packed.
    """

    def __init__(self, job: FileJob, settings: JobOptions, ending: str) -> None:
        self._job, self._settings = job, settings
        self._folder = TemporaryDirectory(prefix="textshot-")
        self.path = Path(self._folder.name, f"in{ending}")
        self._rejects = Path(self._folder.name, "rejects.csv")
        self._work: asyncio.Future[None] | None = None

    async def begin(self, snapshot: Snapshot, batcher: Batcher) -> AsyncIterator[bytes]:
        """Answer the rows; return the parts of the output when the first of them is there.

        Raises:
            Problem: 422, the file cannot be used.
        """
        loop = asyncio.get_running_loop()
        engine = Engine(BackgroundEncoder(snapshot, batcher, loop), snapshot.engine.index)
        reading, writing = os.pipe()
        self._job.state = "running"
        self._work = asyncio.ensure_future(asyncio.to_thread(self._answer, engine, writing))
        reader = asyncio.StreamReader(limit=_PART)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
        )
        parts = self._parts(reader, transport)
        try:
            first = await anext(parts)
        except StopAsyncIteration:
            first = b""
        return _and_then(first, parts)

    async def _parts(
        self, reader: asyncio.StreamReader, transport: asyncio.BaseTransport
    ) -> AsyncIterator[bytes]:
        assert self._work is not None
        try:
            while part := await reader.read(_PART):
                yield part
            await self._work
            self._job.end("done")
        finally:
            transport.close()  # a thread that still writes gets a broken pipe, and ends
            if self._job.ended is None:
                self._job.end("failed")
            with suppress(Exception, asyncio.CancelledError):
                await asyncio.shield(self._work)
            self._folder.cleanup()

    def _answer(self, engine: Engine, writing: int) -> None:
        """Do the batch job in a thread."""
        try:
            settings = replace(self._settings, rejects=self._rejects)
            output = f"/dev/fd/{writing}"
            report = run_stream(engine, str(self.path), output, settings, self._job.advance)
            self._job.unknown = report.tally.counts.get(UNKNOWN, 0)
            self._tell_rejects()
        except TextshotError as error:
            raise Problem(422, "unreadable_file", self._told(str(error))) from None
        finally:
            os.close(writing)

    def _tell_rejects(self) -> None:
        if not self._rejects.is_file():
            return
        with self._rejects.open(encoding="utf-8", newline="") as file:
            rows = [(int(row["line"]), row["reason"]) for row in csv.DictReader(file)]
        self._job.rejected = len(rows)
        self._job.problems = [
            {"line": line, "reason": without_values(reason)} for line, reason in rows
        ][:_MOST_PROBLEMS]

    def _told(self, message: str) -> str:
        message = message.replace(str(self.path), "the file")
        for option in ("text-column", "format", "encoding"):
            message = message.replace(f"--{option}", option.replace("-", "_") + "=")
        return without_values(message)

    def discard(self) -> None:
        """Forget a file that was not begun."""
        self._job.end("failed")
        self._folder.cleanup()


def without_values(message: str) -> str:
    """Return a message without what is quoted or in brackets in it, as that may be of a text."""
    message = re.sub(r"\s*\([^()]*\)", "", message)
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "'...'", message)


async def _and_then(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        if first:
            yield first
        async for part in parts:
            yield part
    finally:
        await parts.aclose()  # type: ignore[attr-defined]
