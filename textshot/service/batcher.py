"""The micro-batcher: texts of many requests are encoded together, off the event loop."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

from textshot.service.problems import Problem
from textshot.service.queue import FairQueue
from textshot.service.settings import Settings

SLICE = 0.1
"""Seconds that the encoder is busy for one request before others have a turn."""

_BYTES_A_TOKEN = 4
_LONGEST = 512  # tokens: of a longer text most encoders read no more
_WAIT = 0.5  # share of the deadline: what would wait longer is refused at once
_SMOOTHING = 0.2
_MOST_RETRY = 60


@dataclass(eq=False, slots=True)
class Job:
    """The texts of one request on their way.

    Attributes:
        texts: what is to be encoded.
        wanted: what is done with their vectors; only `Work` knows it.
        tokens: of each text, estimated.
        answer: what `Work` made of it.
        came: when, in seconds of `perf_counter`.
        rows: the vectors that are there, by place.
        background: nobody sits and waits for it: it is never refused, and has no deadline.
        waiting: tokens of it in the queue, where it is no background.
    """

    texts: Sequence[str]
    wanted: Any
    tokens: list[int]
    answer: asyncio.Future[Any]
    came: float
    background: bool = False
    rows: dict[int, Any] = field(default_factory=dict)
    waiting: int = 0


class Work(Protocol):
    """What is done with a batch, in a thread: encode its texts, and answer what is complete."""

    def __call__(self, parts: Sequence[tuple[Job, list[int]]]) -> list[tuple[Job, Any]]:
        """Put vectors into `Job.rows`; return the complete ones with an answer or an exception."""
        ...


class Watch(Protocol):
    """Who is told what the batcher does."""

    def queued(self, tokens: int) -> None:
        """So many tokens wait."""

    def batch(self, tokens: int, seconds: float) -> None:
        """A batch of so many tokens took so long."""

    def waited(self, seconds: float) -> None:
        """A request waited so long before its first text was encoded."""

    def dropped(self, reason: str) -> None:
        """A request was given up before it was encoded."""


class Batcher:
    """Makes batches of what waits, one at a time.

    A batch begins when the encoder is free and the first text has waited `max_wait` seconds, and
    holds what came until then: alone at little load, many at a high one. It has no more tokens than
    the encoder does in SLICE for each request that waits. Which texts share a batch makes no
    difference to their vectors; that is the encoder's promise.
    """

    def __init__(self, work: Work, settings: Settings, watch: Watch) -> None:
        self._work, self._settings, self._watch = work, settings, watch
        self._queue: FairQueue[Job] = FairQueue()
        self._jobs: set[Job] = set()
        self._waiting = self._encoding = 0
        self._rate: float | None = None
        self._some = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "encode")
        self._task = asyncio.create_task(self._run())

    @property
    def open(self) -> int:
        """How many requests are not answered yet."""
        return len(self._jobs)

    def submit(
        self, texts: Sequence[str], wanted: Any, *, background: bool = False
    ) -> asyncio.Future[Any]:
        """Take a request, or refuse it at once; cancelling what is returned drops it.

        Raises:
            Problem: 429, more waits than can be answered in time.
        """
        loop = asyncio.get_running_loop()
        tokens = [estimated_tokens(text) for text in texts]
        if not background:
            self._check_room(sum(tokens))
        job = Job(texts, wanted, tokens, loop.create_future(), perf_counter(), background)
        job.waiting = 0 if background else sum(tokens)
        self._waiting += job.waiting
        self._jobs.add(job)
        self._queue.put(job, tokens)
        timer = None
        if not background:
            timer = loop.call_later(self._settings.deadline, self._too_late, job)
        job.answer.add_done_callback(lambda _: self._over(job, timer))
        self._watch.queued(self._waiting)
        self._some.set()
        return job.answer

    async def close(self) -> None:
        """Stop; what waits is dropped."""
        self._task.cancel()
        for job in list(self._jobs):
            job.answer.cancel()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    def _check_room(self, tokens: int) -> None:
        if not self._waiting:
            return
        ahead = self._waiting + self._encoding
        seconds = ahead / self._rate if self._rate else 0.0
        most = self._settings.queue_tokens
        if self._waiting + tokens <= most and seconds <= _WAIT * self._settings.deadline:
            return
        raise Problem(
            429,
            "queue_full",
            f"{self._waiting:,} tokens wait for the encoder, about {seconds:.1f} seconds of work;"
            f" {most:,} tokens or {_WAIT * self._settings.deadline:.1f} seconds are the most. Try"
            " again after the time that Retry-After says, or start more replicas",
            retry_after=min(max(1, math.ceil(seconds / 2)), _MOST_RETRY),
        )

    def _too_late(self, job: Job) -> None:
        if not job.answer.done():
            self._watch.dropped("deadline")
            job.answer.set_exception(
                Problem(
                    503,
                    "deadline",
                    f"no answer within {self._settings.deadline:g} seconds. Send fewer texts at"
                    " once, try again later, or start more replicas",
                    retry_after=1,
                )
            )

    def _over(self, job: Job, timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
        if job.answer.cancelled():
            self._watch.dropped("cancelled")
        self._waiting -= job.waiting
        job.waiting = 0
        self._jobs.discard(job)
        self._watch.queued(self._waiting)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._some.wait()
            await self._gather()
            parts = self._take()
            if not parts:
                continue
            begun = perf_counter()
            try:
                done = await loop.run_in_executor(self._thread, self._work, parts)
            except Exception as error:  # of one batch; the next one is tried
                done = [(job, error) for job, _ in parts]
            self._measure(perf_counter() - begun)
            for job, answer in done:
                _settle(job.answer, answer)

    async def _gather(self) -> None:
        """Wait for more texts, if what waits is no full batch and has not waited long."""
        longest = max((perf_counter() - job.came for job in self._jobs), default=0.0)
        left = self._settings.max_wait - longest
        if left > 0 and self._waiting < self._most():
            await asyncio.sleep(left)

    def _take(self) -> list[tuple[Job, list[int]]]:
        """Return what is encoded next, as jobs and places in each."""
        parts: dict[Job, list[int]] = defaultdict(list)
        now, tokens, most = perf_counter(), 0, self._most()
        while self._queue and tokens < most:
            job, place = self._queue.pop()
            if job.answer.done():  # cancelled, or too late
                continue
            if job not in parts and job.waiting == sum(job.tokens):
                self._watch.waited(now - job.came)
            parts[job].append(place)
            size = job.tokens[place]
            tokens += size
            if not job.background:
                job.waiting -= size
                self._waiting -= size
        if not self._queue:
            self._some.clear()
        self._encoding = tokens
        self._watch.queued(self._waiting)
        return list(parts.items())

    def _most(self) -> float:
        """Return how many tokens the next batch has at most."""
        if self._rate is None:
            return self._settings.batch_tokens
        return min(self._settings.batch_tokens, len(self._jobs) * SLICE * self._rate)

    def _measure(self, seconds: float) -> None:
        self._watch.batch(self._encoding, seconds)
        rate = self._encoding / max(seconds, 1e-6)
        # A small batch tells little of what a full one does.
        weight = _SMOOTHING * min(1.0, seconds / SLICE)
        self._rate = rate if self._rate is None else (1 - weight) * self._rate + weight * rate
        self._encoding = 0


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has; to count them costs 4 % of encoding."""
    n_bytes = len(text) if text.isascii() else len(text.encode(errors="replace"))
    return min(2 + n_bytes // _BYTES_A_TOKEN, _LONGEST)


def _settle(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():  # cancelled meanwhile, or too late
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
