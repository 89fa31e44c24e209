"""Uploaded files: run the batch job over a file and stream its output back."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from textshot.batch.options import JobOptions
from textshot.batch.stream import run_stream
from textshot.engine import Engine
from textshot.errors import TableError, TextshotError, collect_table_warnings
from textshot.io import Format, open_table, text_column
from textshot.io.formats import is_binary
from textshot.service.answers import QueuedEncoder
from textshot.service.batcher import Batcher
from textshot.service.errors import APIError, in_terms_of_http, last_line, redacted
from textshot.service.served_index import Snapshot

PROGRESS_SECONDS = 600.0
"""Seconds for which the progress of a finished file is kept."""

_MAX_JOBS = 1000
_MAX_INVALID_ROWS = 100
_NO_TEXT_COLUMN = "it is not known which of the columns holds the texts. Name it with text_column="
_CHUNK = 1 << 16
"""Up to this size an output is sent when it is complete, so that a failure has its own status."""


@dataclass
class FileJob:
    """The progress of an uploaded file; the attributes are those of `schemas.FileProgress`."""

    state: str = "reading"
    fraction: float | None = 0.0
    rows: int = 0
    unknown: int | None = None
    rejected: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    ended: float | None = None

    def on_progress(self, rows: int, fraction: float | None) -> None:
        """Count classified rows."""
        self.rows += rows
        self.fraction = fraction

    def end(self, state: str) -> None:
        """Record the end: "done" or "failed"."""
        self.state, self.ended = state, monotonic()
        if state == "done":
            self.fraction = 1.0


class FileJobs:
    """The files in progress, and for a while the finished ones.

    Args:
        limit: files in progress at the same time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running: list[FileJob] = []
        self._jobs: OrderedDict[str, FileJob] = OrderedDict()

    def start(self, request_id: str) -> FileJob:
        """Register a file.

        The caller chooses the id, so it only names the progress: it does not tell files apart when
        they are counted.

        Raises:
            APIError: 429, too many files are in progress.
        """
        self._running = [job for job in self._running if job.ended is None]
        if len(self._running) >= self._limit:
            message = f"{self._limit} files are in progress already. Try again when one is done"
            raise APIError(429, "too_many_files", message, retry_after=5)
        self._forget(request_id)
        self._jobs[request_id] = job = FileJob()
        self._running.append(job)
        return job

    def _forget(self, request_id: str) -> None:
        """Forget expired jobs, the oldest ones beyond the limit, and the one with this id."""
        self._jobs.pop(request_id, None)
        now = monotonic()
        for key, job in list(self._jobs.items()):
            if job.ended is not None and now - job.ended > PROGRESS_SECONDS:
                del self._jobs[key]
        while len(self._jobs) >= _MAX_JOBS:
            self._jobs.popitem(last=False)

    def find(self, request_id: str) -> FileJob:
        """Return a file by the id of its request.

        Raises:
            APIError: 404.
        """
        if request_id not in self._jobs:
            message = "no file has that X-Request-ID, or it finished more than ten minutes ago"
            raise APIError(404, "unknown_file", message)
        return self._jobs[request_id]


class FileRun:
    """Classifies one uploaded file in a thread, and reads the output back through a pipe.

    Args:
        job: receives the progress.
        options: options of the batch job.
        extension: extension of the file name, which tells the compression.
        request_id: of the request, for the record of an error.
        allow_rejected: whether most rows may be rejected.
    """

    def __init__(
        self,
        job: FileJob,
        options: JobOptions,
        extension: str,
        request_id: str,
        *,
        allow_rejected: bool = False,
    ) -> None:
        self._job, self._options, self._request_id = job, options, request_id
        self._allow_rejected = allow_rejected
        self._folder = TemporaryDirectory(prefix="textshot-")
        self.path = Path(self._folder.name, f"in{extension}")
        self._rejects = Path(self._folder.name, "rejects.csv")
        self._work: asyncio.Future[None] | None = None

    async def start(self, snapshot: Snapshot, batcher: Batcher) -> AsyncIterator[bytes]:
        """Classify the rows; return the chunks of the output once the first one is there.

        Raises:
            APIError: 422, the file cannot be read, or most rows are invalid.
        """
        loop = asyncio.get_running_loop()
        engine = Engine(QueuedEncoder(snapshot, batcher, loop), snapshot.engine.index)
        read_end, write_end = os.pipe()
        self._job.state = "running"
        self._work = asyncio.ensure_future(asyncio.to_thread(self._classify, engine, write_end))
        reader = asyncio.StreamReader(limit=_CHUNK)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
        )
        chunks = self._chunks(reader, transport)
        try:
            first = await anext(chunks)
        except StopAsyncIteration:
            first = b""
        return _prepend(first, chunks)

    async def _chunks(
        self, reader: asyncio.StreamReader, transport: asyncio.BaseTransport
    ) -> AsyncIterator[bytes]:
        """Yield the output; if it fails after the first chunk, an error as the last bytes."""
        assert self._work is not None
        try:
            first = await _read_chunk(reader)
            if len(first) < _CHUNK:  # all of a small output: a failure has its own status
                await self._work
            if first:
                yield first
            try:
                while chunk := await reader.read(_CHUNK):
                    yield chunk
                await self._work
            except Exception:
                reason = self._job.error or "an internal error"
                is_json = self._options.output_format is Format.JSONL
                yield last_line(reason, self._request_id, is_json=is_json)
                raise
            self._job.end("done")
        finally:
            transport.close()  # a thread that is still writing gets a broken pipe, and ends
            if self._job.ended is None:
                self._job.end("failed")
            with suppress(Exception, asyncio.CancelledError):
                await asyncio.shield(self._work)
            self._folder.cleanup()

    def _classify(self, engine: Engine, write_end: int) -> None:
        """Run the batch job, in a thread."""
        try:
            with collect_table_warnings() as warnings:
                try:
                    self._run_job(engine, write_end)
                finally:
                    self._job.warnings = [self._message(warning) for warning in warnings]
        except TextshotError as error:
            columns = error.columns if isinstance(error, TableError) else ()
            self._job.error = _NO_TEXT_COLUMN if columns else self._message(str(error))
            raise APIError(422, "unreadable_file", self._job.error, columns=columns) from None
        except APIError as error:
            self._job.error = error.message
            raise
        except Exception:
            self._job.error = "an internal error. The log of the service has the details"
            raise
        finally:
            os.close(write_end)

    def _run_job(self, engine: Engine, write_end: int) -> None:
        pipe = f"/dev/fd/{write_end}"
        # A format that is complete only at its end is sent when there is no error any more.
        is_whole = is_binary(self._options.output_format or Format.CSV)
        output = str(Path(self._folder.name, "out")) if is_whole else pipe
        options = replace(self._options, rejects=self._rejects)
        report = run_stream(engine, [self.path], output, options, self._job.on_progress)
        self._job.unknown = report.unknown
        self._read_rejects()
        problem = report.describe_rejects()
        if problem is not None and not self._allow_rejected:
            advice = "GET /v1/files/{request_id} lists the first, allow_rejected=true ignores them"
            raise APIError(422, "rejected_rows", f"{self._message(problem)}. {advice}")
        if is_whole:
            with Path(output).open("rb") as file, Path(pipe).open("wb") as target:
                shutil.copyfileobj(file, target, _CHUNK)

    def _read_rejects(self) -> None:
        if not self._rejects.is_file():
            return
        with open_table(self._rejects) as table:
            for batch in table.batches():
                lines, reasons = (text_column(batch.data, [name]) for name in ("line", "reason"))
                self._job.rejected += len(lines)
                self._job.problems += [
                    {"line": int(line), "reason": redacted(reason)}
                    for line, reason in zip(lines, reasons, strict=True)
                ]
        del self._job.problems[_MAX_INVALID_ROWS:]

    def _message(self, message: str) -> str:
        """Return a message of the batch job in terms of the HTTP request."""
        return in_terms_of_http(message.replace(str(self.path), "the file"))

    def discard(self) -> None:
        """Give up a file that was not started."""
        self._job.end("failed")
        self._folder.cleanup()


async def _read_chunk(reader: asyncio.StreamReader) -> bytes:
    """Read a whole chunk, or what is left of the output."""
    try:
        return await reader.readexactly(_CHUNK)
    except asyncio.IncompleteReadError as end:
        return end.partial


async def _prepend(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        if first:
            yield first
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()  # type: ignore[attr-defined]
