"""The load generator of the service's benchmark, against a server that needs a pencil only."""

from __future__ import annotations

import asyncio
import itertools

from benchmarks.service.client import Answer, constant, percentiles, saturated, told
from benchmarks.service.load import of_any_length, texts_of


async def toy(statuses, seconds: float = 0.0):
    """Serve an endless list of statuses; return the server and its port."""
    numbers = itertools.cycle(statuses)

    async def answer(reader, writer) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
                await reader.readexactly(length)
                await asyncio.sleep(seconds)
                status = next(numbers)
                more = "retry-after: 1\r\n" if status == 429 else ""
                writer.write(f"HTTP/1.1 {status} x\r\n{more}content-length: 2\r\n\r\n{{}}".encode())
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def test_percentiles_by_hand():
    assert percentiles([i / 1000 for i in range(101)]) == {
        "p50": 50.0,
        "p90": 90.0,
        "p99": 99.0,
        "max": 100.0,
    }
    assert percentiles([]) == {}


def test_requests_are_sent_at_their_time_whatever_comes_back():
    async def main():
        server, port = await toy([200], seconds=0.5)  # far slower than what is asked
        found = await constant(port, 100, 0.3, texts_of(["a"]))
        server.close()
        return found

    found = asyncio.run(main())
    assert len(found) == 30
    gaps = [b.due - a.due for a, b in itertools.pairwise(found)]
    assert all(abs(gap - 0.01) < 1e-9 for gap in gaps)
    assert found[-1].due - found[0].due < 0.3  # they did not wait for each other
    assert all(answer.seconds >= 0.5 for answer in found)


def test_latency_counts_from_when_a_request_was_due():
    assert Answer(due=1.0, sent=3.0, done=4.0).seconds == 3.0


def test_what_came_is_counted():
    async def main():
        server, port = await toy([200, 429, 200, 503], seconds=0.01)
        found = await constant(port, 200, 0.1, texts_of(["a"]))
        server.close()
        return told(found)

    found = asyncio.run(main())
    assert found["offered"] == 20
    assert found["statuses"] == {"200": 10, "429": 5, "503": 5}
    assert found["with_retry_after"] == 5
    assert sum(found["histogram"]) == 10


def test_nobody_there_is_told_apart_from_a_lost_answer():
    async def main():
        server, port = await toy([200])
        server.close()
        await server.wait_closed()
        return told(await constant(port, 100, 0.05, texts_of(["a"])))

    assert asyncio.run(main())["statuses"] == {"refused": 5}


def test_saturation_counts_texts():
    async def main():
        server, port = await toy([200], seconds=0.05)
        found = await saturated(port, 4, 1.0, texts_of(["a", "b", "c"], 3))
        server.close()
        return found

    assert 150 < asyncio.run(main()) <= 245  # four at once, 20 times a second, three texts


def test_texts_follow_each_other_and_begin_again():
    assert [list(texts_of(["a", "b", "c"], 2)(i)) for i in range(3)] == [
        ["a", "b"],
        ["c", "a"],
        ["b", "c"],
    ]


def test_lengths_are_drawn_by_the_seed():
    found = of_any_length(["a b c"], 500)
    assert found == of_any_length(["a b c"], 500)
    lengths = {len(text.split()) for text in found}
    assert min(lengths) < 5
    assert 195 < max(lengths) <= 200
