"""The micro-batcher: encode the texts of several requests together, in a thread."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeAlias

from textshot.service.errors import APIError
from textshot.service.metrics import Metrics
from textshot.service.options import ServiceOptions

TIME_SLICE = 0.1
"""Seconds of encoding for one request before others have a turn."""

_BYTES_PER_TOKEN = 4
_MAX_TOKENS = 512  # most encoders truncate longer texts
_MAX_WAIT_SHARE = 0.5  # of the deadline: a request that would wait longer is refused at once
_SMOOTHING = 0.2
_MAX_RETRY_AFTER = 60


@dataclass(eq=False, slots=True)
class Job:
    """The texts of one request.

    Attributes:
        texts: the texts to encode.
        task: what to do with their vectors; only the batch function looks into it.
        tokens: estimated number of tokens of each text.
        result: resolves to what the batch function returns for the job.
        arrival: in seconds of `perf_counter`.
        background: an uploaded file; it is never refused and has no deadline.
        vectors: the vectors so far, by position of the text.
        queued_tokens: tokens that count against the limit of the queue.
    """

    texts: Sequence[str]
    task: Any
    tokens: list[int]
    result: asyncio.Future[Any]
    arrival: float
    background: bool = False
    vectors: dict[int, Any] = field(default_factory=dict)
    queued_tokens: int = 0


Batch: TypeAlias = Sequence[tuple[Job, list[int]]]
"""Jobs with the positions of the texts to encode."""

BatchFunction: TypeAlias = Callable[[Batch], list[tuple[Job, Any]]]
"""Fills `Job.vectors`; returns each complete job with its result or an exception."""


class Batcher:
    """Collects texts into batches and runs one batch at a time.

    A batch starts when the encoder is free and the first text has waited `max_wait` seconds. It
    takes what has arrived by then, up to the number of tokens that the encoder does in TIME_SLICE
    for each open request. The vector of a text does not depend on the rest of its batch: every
    encoder guarantees that.
    """

    def __init__(self, run: BatchFunction, options: ServiceOptions, metrics: Metrics) -> None:
        self._run, self._options, self._metrics = run, options, metrics
        self._queue = FairQueue()
        self._jobs: set[Job] = set()
        self._queued_tokens = self._running_tokens = 0
        self._tokens_per_second: float | None = None
        self._not_empty = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "encode")
        self._loop = asyncio.create_task(self._run_batches())

    @property
    def n_open(self) -> int:
        """The number of requests without a result."""
        return len(self._jobs)

    def submit(
        self, texts: Sequence[str], task: Any, *, background: bool = False
    ) -> asyncio.Future[Any]:
        """Queue a request, or refuse it at once; cancel the returned future to drop it.

        Raises:
            APIError: 429, the queue is too long to meet the deadline.
        """
        loop = asyncio.get_running_loop()
        tokens = [estimated_tokens(text) for text in texts]
        if not background:
            self._check_capacity(sum(tokens))
        job = Job(texts, task, tokens, loop.create_future(), perf_counter(), background)
        job.queued_tokens = 0 if background else sum(tokens)
        self._queued_tokens += job.queued_tokens
        self._jobs.add(job)
        self._queue.put(job)
        timer = None
        if not background:
            timer = loop.call_later(self._options.deadline, self._miss_deadline, job)
        job.result.add_done_callback(lambda _: self._finish(job, timer))
        self._metrics.observe_queue(self._queued_tokens)
        self._not_empty.set()
        return job.result

    async def close(self) -> None:
        """Stop, and cancel all open requests."""
        self._loop.cancel()
        for job in list(self._jobs):
            job.result.cancel()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    def _check_capacity(self, tokens: int) -> None:
        if not self._queued_tokens:
            return
        ahead = self._queued_tokens + self._running_tokens
        seconds = ahead / self._tokens_per_second if self._tokens_per_second else 0.0
        max_tokens = self._options.queue_tokens
        max_seconds = _MAX_WAIT_SHARE * self._options.deadline
        if self._queued_tokens + tokens <= max_tokens and seconds <= max_seconds:
            return
        wait = min(max(1, math.ceil(seconds / 2)), _MAX_RETRY_AFTER)
        message = (
            f"{self._queued_tokens:,} tokens wait for the encoder, about {seconds:.1f} seconds of"
            f" work; the limits are {max_tokens:,} tokens and {max_seconds:.1f} seconds. Wait"
            f" {wait} s, or start more replicas"
        )
        raise APIError(429, "queue_full", message, retry_after=wait)

    def _miss_deadline(self, job: Job) -> None:
        if not job.result.done():
            self._metrics.count_dropped("deadline")
            limit = f"no answer within {self._options.deadline:g} seconds"
            message = f"{limit}. Send fewer texts, try again later, or start more replicas"
            job.result.set_exception(APIError(503, "deadline", message, retry_after=1))

    def _finish(self, job: Job, timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
        if job.result.cancelled():
            self._metrics.count_dropped("cancelled")
        self._queued_tokens -= job.queued_tokens
        job.queued_tokens = 0
        self._jobs.discard(job)
        self._metrics.observe_queue(self._queued_tokens)

    async def _run_batches(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._not_empty.wait()
            await self._wait_for_more()
            batch = self._next_batch()
            if not batch:
                continue
            start = perf_counter()
            try:
                results = await loop.run_in_executor(self._thread, self._run, batch)
            except Exception as error:  # fails this batch only
                results = [(job, error) for job, _ in batch]
            self._measure(perf_counter() - start)
            for job, result in results:
                _resolve(job.result, result)

    async def _wait_for_more(self) -> None:
        """Wait up to `max_wait` after the first arrival, unless the batch is full."""
        longest = max((perf_counter() - job.arrival for job in self._jobs), default=0.0)
        remaining = self._options.max_wait - longest
        if remaining > 0 and self._queued_tokens < self._max_batch_tokens():
            await asyncio.sleep(remaining)

    def _next_batch(self) -> Batch:
        batch: dict[Job, list[int]] = defaultdict(list)
        now, tokens, max_tokens = perf_counter(), 0, self._max_batch_tokens()
        while self._queue and tokens < max_tokens:
            job, position = self._queue.pop()
            if job.result.done():  # cancelled, or past its deadline
                continue
            if job not in batch and job.queued_tokens == sum(job.tokens):
                self._metrics.observe_wait(now - job.arrival)
            batch[job].append(position)
            size = job.tokens[position]
            tokens += size
            if not job.background:
                job.queued_tokens -= size
                self._queued_tokens -= size
        if not self._queue:
            self._not_empty.clear()
        self._running_tokens = tokens
        self._metrics.observe_queue(self._queued_tokens)
        return list(batch.items())

    def _max_batch_tokens(self) -> float:
        if self._tokens_per_second is None:
            return self._options.batch_tokens
        slices = len(self._jobs) * TIME_SLICE * self._tokens_per_second
        return min(self._options.batch_tokens, slices)

    def _measure(self, seconds: float) -> None:
        self._metrics.observe_batch(self._running_tokens, seconds)
        rate = self._running_tokens / max(seconds, 1e-6)
        # A short batch is a poor measure of the speed of a full one.
        weight = _SMOOTHING * min(1.0, seconds / TIME_SLICE)
        before = rate if self._tokens_per_second is None else self._tokens_per_second
        self._tokens_per_second = (1 - weight) * before + weight * rate
        self._running_tokens = 0


@dataclass(order=True, slots=True)
class _QueuedText:
    due: float
    number: int
    job: Job = field(compare=False)
    position: int = field(compare=False)


class FairQueue:
    """A queue that gives each waiting request the same share of the encoder.

    Start-time fair queueing (Goyal, Vin, Cheng 1996), ordered by the finish time of each text: the
    time, in tokens, at which it would be done if all waiting requests were encoded side by side. So
    a short request overtakes the many texts of a long one, and the long one still makes progress.
    """

    def __init__(self) -> None:
        self._heap: list[_QueuedText] = []
        self._time, self._number = 0.0, 0

    def __len__(self) -> int:
        """Return the number of texts, including those of cancelled requests."""
        return len(self._heap)

    def put(self, job: Job) -> None:
        """Add the texts of a request."""
        due = self._time
        for position, size in enumerate(job.tokens):
            due += size
            self._number += 1
            heapq.heappush(self._heap, _QueuedText(due, self._number, job, position))

    def pop(self) -> tuple[Job, int]:
        """Remove the text that is due first; return its request and its position in it."""
        first = heapq.heappop(self._heap)
        self._time = max(self._time, first.due)
        return first.job, first.position


def estimated_tokens(text: str) -> int:
    """Estimate the number of tokens of a text; counting them would cost 4 % of encoding."""
    n_bytes = len(text) if text.isascii() else len(text.encode(errors="replace"))
    return min(2 + n_bytes // _BYTES_PER_TOKEN, _MAX_TOKENS)


def _resolve(future: asyncio.Future[Any], result: Any) -> None:
    if future.done():  # cancelled meanwhile, or past its deadline
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
