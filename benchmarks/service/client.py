"""A small HTTP client that sends at a constant rate, whatever comes back and when.

A generator that waits for an answer before it asks again (a closed loop) sends less just when the
service is slow, and so hides the queue. Here request i is due at i / rate seconds, and its latency
counts from then.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

PATIENCE = 60.0


@dataclass(slots=True)
class Answer:
    """One request: when it was due, sent and answered, and what came; status 0: no answer.

    `failed` says why there is none: "refused" before anything was sent, "lost" after.
    """

    due: float
    sent: float = 0.0
    done: float = 0.0
    status: int = 0
    retry_after: str = ""
    body: bytes = b""
    failed: str = ""

    @property
    def seconds(self) -> float:
        """How long it took since it was due."""
        return self.done - self.due

    def json(self) -> Any:
        """What JSON says."""
        return json.loads(self.body)


class Pool:
    """Connections to a service that stay open; more are made when all are busy."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, head: bytes, body: bytes, answer: Answer) -> Answer:
        """Send a request, and note down what comes back."""
        loop = asyncio.get_running_loop()
        try:
            pair = await self._connected()
        except OSError:
            answer.failed, answer.done = "refused", loop.time()
            return answer
        try:
            answer.sent = loop.time()
            pair[1].write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            async with asyncio.timeout(PATIENCE):
                stays = await _read(pair[0], answer)
        except (OSError, EOFError, TimeoutError):
            answer.failed, stays = "lost", False
        answer.done = loop.time()
        if stays:
            self._idle.append(pair)
        else:
            pair[1].close()
        return answer

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        """Close all connections."""
        for _, writer in self._idle:
            writer.close()


async def _read(reader: asyncio.StreamReader, answer: Answer) -> bool:
    """Read an answer; tell whether the connection stays."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
    answer.body = await reader.readexactly(int(headers["content-length"]))
    answer.retry_after = headers.get("retry-after", "")
    answer.status = int(first.split()[1])
    return headers.get("connection", "") != "close"


def classify(texts: Sequence[str]) -> tuple[bytes, bytes]:
    """Return head and body of a request."""
    head = b"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return head, json.dumps({"texts": list(texts), "k": 3}).encode()


async def constant(
    port: int,
    rate: float,
    seconds: float,
    texts_of: Callable[[int], Sequence[str]],
    stopped: Callable[[], bool] = lambda: False,
) -> list[Answer]:
    """Send `rate` requests a second; request i asks about `texts_of(i)`."""
    loop, pool, tasks = asyncio.get_running_loop(), Pool(port), []
    begun = loop.time() + 0.1
    for i in range(round(rate * seconds)):
        due = begun + i / rate
        if (left := due - loop.time()) > 0:
            await asyncio.sleep(left)
        if stopped():
            break
        tasks.append(asyncio.create_task(pool.ask(*classify(texts_of(i)), Answer(due))))
    found = await asyncio.gather(*tasks)
    pool.close()
    return found


async def saturated(
    port: int, in_flight: int, seconds: float, texts_of: Callable[[int], Sequence[str]]
) -> float:
    """Return the texts a second that are answered while so many requests always wait."""
    loop, pool, count, asked = asyncio.get_running_loop(), Pool(port), 0, 0
    begun = loop.time()
    late = begun + seconds / 4  # the first quarter fills the queue

    async def one() -> None:
        nonlocal count, asked
        while (now := loop.time()) < begun + seconds:
            texts = texts_of(asked)
            asked += 1
            answer = await pool.ask(*classify(texts), Answer(now))
            if answer.status == 200 and late < answer.done <= begun + seconds:
                count += len(texts)

    await asyncio.gather(*(one() for _ in range(in_flight)))
    pool.close()
    return count / (begun + seconds - late)


def told(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return what a load came to: counts by status, and milliseconds by percentile."""
    taken = [a for a in answers if a.status == 200]
    refused = [a for a in answers if a.status == 429]
    return {
        "offered": len(answers),
        "statuses": dict(Counter(str(a.status) if a.status else a.failed for a in answers)),
        "accepted": percentiles([a.seconds for a in taken]),
        "refused": percentiles([a.done - a.sent for a in refused]),
        "with_retry_after": sum(a.retry_after.isdigit() for a in refused),
        "late": percentiles([a.sent - a.due for a in answers if a.sent]),
        "histogram": np.histogram([a.seconds for a in taken], bins=np.geomspace(1e-3, 20, 61))[
            0
        ].tolist(),
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return percentiles in milliseconds; none of nothing."""
    if not seconds:
        return {}
    at = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    return {k: round(1e3 * float(np.percentile(seconds, p)), 2) for k, p in at.items()}
