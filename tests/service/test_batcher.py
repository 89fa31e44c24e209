"""What the micro-batcher promises, with a trivial encoder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from textshot.service import batcher as module
from textshot.service.batcher import Batcher, Job, estimated_tokens
from textshot.service.errors import APIError
from textshot.service.options import ServiceOptions

A = "a" * 32  # ten tokens, estimated
TEN = 10


PATIENCE = 60.0


class Upper:
    """Answers with the texts in capitals; can wait in each batch until `go` is set."""

    def __init__(self, *, waits: bool = False) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.go, self.begun = threading.Event(), threading.Event()
        if not waits:
            self.go.set()

    def __call__(self, batch: list[tuple[Job, list[int]]]) -> list[tuple[Job, Any]]:
        self.threads.add(threading.get_ident())
        self.batches.append([job.texts[i] for job, positions in batch for i in positions])
        self.begun.set()
        assert self.go.wait(PATIENCE)
        for job, positions in batch:
            for i in positions:
                job.vectors[i] = job.texts[i].upper()
        ready = [job for job, _ in batch if len(job.vectors) == len(job.texts)]
        return [(job, [job.vectors[i] for i in range(len(job.texts))]) for job in ready]


class Observer:
    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def observe_queue(self, tokens: int) -> None:
        self.events.append(("queue", tokens))

    def observe_batch(self, tokens: int, seconds: float) -> None:
        self.events.append(("batch", tokens))

    def observe_wait(self, seconds: float) -> None:
        self.events.append(("waited", round(seconds)))

    def count_dropped(self, reason: str) -> None:
        self.events.append(("dropped", reason))


def run(
    work: Upper,
    body: Callable[[Batcher], Coroutine[Any, Any, Any]],
    observer: Observer | None = None,
    **settings: Any,
) -> Any:
    async def main() -> Any:
        batcher = Batcher(work, ServiceOptions(**settings), observer or Observer())
        try:
            return await body(batcher)
        finally:
            work.go.set()
            await batcher.close()

    return asyncio.run(main())


async def until(work: Upper) -> None:
    """Wait until a batch is being encoded."""
    assert await asyncio.to_thread(work.begun.wait, PATIENCE)


def test_a_text_is_about_four_bytes_a_token():
    assert estimated_tokens(A) == TEN
    assert estimated_tokens("ä" * 16) == TEN
    assert estimated_tokens("") == 2
    assert estimated_tokens("a" * 1_000_000) == 512


def test_each_request_gets_its_own_answers_in_their_order():
    async def body(batcher: Batcher) -> Any:
        return await asyncio.gather(*(batcher.submit([f"a{i}", f"b{i}"], None) for i in range(20)))

    assert run(Upper(), body) == [[f"A{i}", f"B{i}"] for i in range(20)]


def test_requests_that_come_together_share_a_batch():
    work = Upper()

    async def body(batcher: Batcher) -> None:
        await asyncio.gather(*(batcher.submit([f"a{i}"], None) for i in range(5)))

    run(work, body, max_wait=0.05)
    assert work.batches == [["a0", "a1", "a2", "a3", "a4"]]


@pytest.mark.parametrize(("max_wait", "waits"), [(0.0, 0), (0.4, 1)])
def test_a_request_waits_for_others_if_it_may(monkeypatch, max_wait: float, waits: int):
    slept: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    async def body(batcher: Batcher) -> None:
        monkeypatch.setattr(module.asyncio, "sleep", record)
        await batcher.submit(["a"], None)
        monkeypatch.undo()

    monkeypatch.setattr(module, "perf_counter", lambda: 100.0)
    run(Upper(), body, max_wait=max_wait)
    assert slept == [max_wait] * waits


def test_texts_that_arrive_during_a_batch_are_the_next_batch():
    work = Upper(waits=True)

    async def body(batcher: Batcher) -> None:
        first = batcher.submit(["a"], None)
        await until(work)
        others = [batcher.submit([x], None) for x in "bcd"]
        work.go.set()
        await asyncio.gather(first, *others)

    run(work, body, max_wait=0.0)
    assert work.batches == [["a"], ["b", "c", "d"]]


def test_encoding_is_not_on_the_event_loop():
    work = Upper(waits=True)

    async def body(batcher: Batcher) -> None:
        answer = batcher.submit(["a"], None)
        await until(work)
        await asyncio.sleep(0)  # the loop goes on while the encoder is busy
        assert not answer.done()
        work.go.set()
        await answer

    run(work, body)
    assert threading.get_ident() not in work.threads


def test_a_batch_keeps_the_token_limit():
    work = Upper()

    async def body(batcher: Batcher) -> None:
        await asyncio.gather(*(batcher.submit([A], None) for _ in range(7)))

    run(work, body, batch_tokens=3 * TEN, max_wait=0.01)
    assert [len(batch) for batch in work.batches] == [3, 3, 1]


def test_a_long_request_is_split_and_a_short_one_overtakes_it():
    work = Upper(waits=True)
    ended: list[str] = []

    async def body(batcher: Batcher) -> None:
        long = batcher.submit([A] * 12, None)
        long.add_done_callback(lambda _: ended.append("long"))
        await until(work)
        short = batcher.submit([A], None)
        short.add_done_callback(lambda _: ended.append("short"))
        work.go.set()
        await asyncio.gather(long, short)

    run(work, body, batch_tokens=4 * TEN, max_wait=0.0)
    assert ended == ["short", "long"]


def test_a_cancelled_request_is_dropped_before_it_is_encoded():
    work, observer = Upper(waits=True), Observer()

    async def body(batcher: Batcher) -> None:
        first = batcher.submit(["a"], None)
        await until(work)
        gone, kept = batcher.submit(["gone"], None), batcher.submit(["kept"], None)
        gone.cancel()
        work.go.set()
        await asyncio.gather(first, kept)
        assert batcher.n_open == 0

    run(work, body, observer, max_wait=0.0)
    assert work.batches == [["a"], ["kept"]]
    assert ("dropped", "cancelled") in observer.events


def test_a_request_past_its_deadline_is_refused_and_not_encoded():
    work, observer = Upper(waits=True), Observer()

    async def body(batcher: Batcher) -> None:
        first = batcher.submit(["a"], None, background=True)
        await until(work)
        with pytest.raises(APIError, match=r"no answer within 0\.05 seconds") as caught:
            await batcher.submit(["late"], None)
        assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
        work.go.set()
        await first

    run(work, body, observer, max_wait=0.0, deadline=0.05)
    assert work.batches == [["a"]]
    assert ("dropped", "deadline") in observer.events


def test_a_full_queue_refuses_with_the_numbers():
    work = Upper(waits=True)

    async def body(batcher: Batcher) -> None:
        running = batcher.submit(["a"], None)
        await until(work)
        waiting = batcher.submit([A, A], None)
        with pytest.raises(
            APIError, match=r"20 tokens wait for the encoder.*limits are 25 tokens"
        ) as caught:
            batcher.submit([A], None)
        assert caught.value.status == 429
        assert int(caught.value.headers["Retry-After"]) >= 1
        work.go.set()
        await asyncio.gather(running, waiting)
        assert await batcher.submit([A], None) == [A.upper()]

    run(work, body, queue_tokens=2 * TEN + 5, max_wait=0.0)


def test_a_request_that_would_wait_half_the_deadline_is_refused(monkeypatch):
    now = [100.0]

    class Slow(Upper):
        """Takes a second for each batch, by a clock of its own."""

        def __call__(self, batch: list[tuple[Job, list[int]]]) -> list[tuple[Job, Any]]:
            now[0] += 1.0
            return super().__call__(batch)

    async def body(batcher: Batcher) -> None:
        await batcher.submit([A, A], None)  # 20 tokens a second
        accepted = []
        with pytest.raises(APIError, match=r"410 tokens wait.*about 20\.5 seconds of work"):
            accepted.extend(batcher.submit([A], None) for _ in range(90))
        for answer in accepted:
            answer.cancel()

    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    run(Slow(), body, deadline=40.0, max_wait=0.0)


def test_a_request_larger_than_the_queue_is_accepted_if_the_queue_is_empty():
    async def body(batcher: Batcher) -> Any:
        return await batcher.submit([A] * 3, None)

    assert run(Upper(), body, queue_tokens=TEN) == [A.upper()] * 3


def test_background_jobs_do_not_count_against_the_queue():
    work = Upper(waits=True)

    async def body(batcher: Batcher) -> None:
        files = [batcher.submit([A] * 50, None, background=True) for _ in range(3)]
        await until(work)
        one = batcher.submit([A], None)
        work.go.set()
        await asyncio.gather(*files, one)

    run(work, body, queue_tokens=TEN, max_wait=0.0)


def test_a_batch_that_fails_fails_alone():
    class Failing(Upper):
        def __call__(self, batch: list[tuple[Job, list[int]]]) -> list[tuple[Job, Any]]:
            if any(text == "bad" for job, positions in batch for text in job.texts):
                raise RuntimeError("no")
            return super().__call__(batch)

    async def body(batcher: Batcher) -> Any:
        with pytest.raises(RuntimeError, match="no"):
            await batcher.submit(["bad"], None)
        return await batcher.submit(["good"], None)

    assert run(Failing(), body) == ["GOOD"]


def test_the_queue_is_empty_after_cancellations():
    observer = Observer()

    async def body(batcher: Batcher) -> None:
        answers = [batcher.submit([A] * 3, None) for _ in range(10)]
        for answer in answers[::2]:
            answer.cancel()
        await asyncio.gather(*answers[1::2])

    run(Upper(), body, observer)
    assert [event for event in observer.events if event[0] == "queue"][-1] == ("queue", 0)
