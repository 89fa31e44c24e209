"""What the micro-batcher promises, with an encoder that takes a pencil only."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from textshot.service.batcher import Batcher, Job, estimated_tokens
from textshot.service.errors import APIError
from textshot.service.options import ServiceOptions

A = "a" * 32  # ten tokens, estimated
TEN = 10


class Upper:
    """Answers with the texts in capitals; waits in each batch until it may go on."""

    def __init__(self, *, waits: bool = False, seconds: float = 0.0) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.go, self.begun = threading.Event(), threading.Event()
        self.seconds = seconds
        if not waits:
            self.go.set()

    def __call__(self, parts: list[tuple[Job, list[int]]]) -> list[tuple[Job, Any]]:
        self.threads.add(threading.get_ident())
        self.batches.append([job.texts[i] for job, places in parts for i in places])
        self.begun.set()
        assert self.go.wait(10)
        time.sleep(self.seconds)
        for job, places in parts:
            for i in places:
                job.vectors[i] = job.texts[i].upper()
        ready = [job for job, _ in parts if len(job.vectors) == len(job.texts)]
        return [(job, [job.vectors[i] for i in range(len(job.texts))]) for job in ready]


class Watch:
    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def observe_queue(self, tokens: int) -> None:
        self.told.append(("queue", tokens))

    def observe_batch(self, tokens: int, seconds: float) -> None:
        self.told.append(("batch", tokens))

    def observe_wait(self, seconds: float) -> None:
        self.told.append(("waited", round(seconds)))

    def count_dropped(self, reason: str) -> None:
        self.told.append(("dropped", reason))


def run(
    work: Upper,
    body: Callable[[Batcher], Coroutine[Any, Any, Any]],
    watch: Watch | None = None,
    **settings: Any,
) -> Any:
    async def main() -> Any:
        batcher = Batcher(work, ServiceOptions(**settings), watch or Watch())
        try:
            return await body(batcher)
        finally:
            work.go.set()
            await batcher.close()

    return asyncio.run(main())


async def until(work: Upper) -> None:
    """Wait until a batch is being encoded."""
    await asyncio.to_thread(work.begun.wait, 10)


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


def test_one_that_comes_alone_waits_no_longer_than_asked():
    work = Upper()

    async def body(batcher: Batcher) -> float:
        begun = time.perf_counter()
        await batcher.submit(["a"], None)
        return time.perf_counter() - begun

    assert run(work, body, max_wait=0.4) >= 0.4
    assert run(work, body, max_wait=0.0) < 0.3


def test_what_comes_while_a_batch_is_encoded_is_the_next_batch():
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


def test_a_batch_has_no_more_tokens_than_asked():
    work = Upper()

    async def body(batcher: Batcher) -> None:
        await asyncio.gather(*(batcher.submit([A], None) for _ in range(7)))

    run(work, body, batch_tokens=3 * TEN, max_wait=0.01)
    assert [len(batch) for batch in work.batches] == [3, 3, 1]


def test_a_long_request_is_cut_and_a_short_one_passes_it():
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
    work, watch = Upper(waits=True), Watch()

    async def body(batcher: Batcher) -> None:
        first = batcher.submit(["a"], None)
        await until(work)
        gone, kept = batcher.submit(["gone"], None), batcher.submit(["kept"], None)
        gone.cancel()
        work.go.set()
        await asyncio.gather(first, kept)
        assert batcher.n_open == 0

    run(work, body, watch, max_wait=0.0)
    assert work.batches == [["a"], ["kept"]]
    assert ("dropped", "cancelled") in watch.told


def test_a_request_that_is_too_late_is_told_so_and_not_encoded():
    work, watch = Upper(waits=True), Watch()

    async def body(batcher: Batcher) -> None:
        first = batcher.submit(["a"], None, background=True)
        await until(work)
        with pytest.raises(APIError, match=r"no answer within 0\.05 seconds") as found:
            await batcher.submit(["late"], None)
        assert (found.value.status, found.value.headers) == (503, {"Retry-After": "1"})
        work.go.set()
        await first

    run(work, body, watch, max_wait=0.0, deadline=0.05)
    assert work.batches == [["a"]]
    assert ("dropped", "deadline") in watch.told


def test_a_full_queue_refuses_at_once_with_the_numbers():
    work = Upper(waits=True)

    async def body(batcher: Batcher) -> None:
        running = batcher.submit(["a"], None)
        await until(work)
        waiting = batcher.submit([A, A], None)
        with pytest.raises(
            APIError, match=r"20 tokens wait for the encoder.*limits are 25 tokens"
        ) as found:
            batcher.submit([A], None)
        assert found.value.status == 429
        assert int(found.value.headers["Retry-After"]) >= 1
        work.go.set()
        await asyncio.gather(running, waiting)
        assert await batcher.submit([A], None) == [A.upper()]

    run(work, body, queue_tokens=2 * TEN + 5, max_wait=0.0)


def test_what_would_wait_half_the_deadline_is_refused_whatever_the_room():
    work = Upper(seconds=0.1)  # 20 tokens in a tenth of a second: 200 a second

    async def body(batcher: Batcher) -> None:
        await batcher.submit([A, A], None)
        taken = [batcher.submit([A], None)]
        taken += [batcher.submit([A], None) for _ in range(9)]
        with pytest.raises(APIError, match=r"about \d\.\d seconds of work"):
            taken.extend(batcher.submit([A], None) for _ in range(90))
        assert 10 <= len(taken) <= 41  # half of four seconds: 400 tokens at most
        await asyncio.gather(*taken)

    run(work, body, deadline=4.0, max_wait=0.0)


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits():
    async def body(batcher: Batcher) -> Any:
        return await batcher.submit([A] * 3, None)

    assert run(Upper(), body, queue_tokens=TEN) == [A.upper()] * 3


def test_what_runs_in_the_background_takes_no_room_from_others():
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
        def __call__(self, parts: list[tuple[Job, list[int]]]) -> list[tuple[Job, Any]]:
            if any(text == "bad" for job, places in parts for text in job.texts):
                raise RuntimeError("no")
            return super().__call__(parts)

    async def body(batcher: Batcher) -> Any:
        with pytest.raises(RuntimeError, match="no"):
            await batcher.submit(["bad"], None)
        return await batcher.submit(["good"], None)

    assert run(Failing(), body) == ["GOOD"]


def test_the_queue_is_empty_again_whatever_happened():
    watch = Watch()

    async def body(batcher: Batcher) -> None:
        answers = [batcher.submit([A] * 3, None) for _ in range(10)]
        for answer in answers[::2]:
            answer.cancel()
        await asyncio.gather(*answers[1::2])

    run(Upper(), body, watch)
    assert [told for told in watch.told if told[0] == "queue"][-1] == ("queue", 0)
