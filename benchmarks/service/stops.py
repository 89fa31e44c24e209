"""SIGTERM under load, again and again: is all that was accepted answered?

A request counts as accepted when it was sent whole on a connection that the service had taken. A
connection that is refused was not; one that ends without an answer after the request was sent is
"lost", the number that has to be 0.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.service.client import Answer, Pool, constant
from benchmarks.service.load import texts_of
from benchmarks.service.server import Server, serving

READY = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def stops(index: Path, texts: Sequence[str], rate: float, n: int) -> dict[str, Any]:
    """Stop a service under load n times."""
    found: list[dict[str, Any]] = []
    draw = random.Random(0)
    for _ in range(n):
        with serving(index, "--grace", "0.5", "--no-access-log") as server:
            found.append(asyncio.run(_stop(server, texts, rate, draw.uniform(0.5, 2.0))))
            found[-1]["code"] = server.process.wait(60)
    statuses: Counter[str] = sum((Counter(one["statuses"]) for one in found), Counter())
    return {
        "stops": n,
        "requests": sum(statuses.values()),
        "statuses": dict(statuses),
        "lost": statuses["lost"],
        "unready_first": sum(one["unready_first"] for one in found),
        "exit_codes": dict(Counter(str(one["code"]) for one in found)),
    }


async def _stop(server: Server, texts: Sequence[str], rate: float, after: float) -> dict[str, Any]:
    ended = asyncio.Event()

    async def end() -> list[int]:
        await asyncio.sleep(after)
        server.process.terminate()
        seen = await _readiness(server.port)
        await asyncio.sleep(0.3)
        ended.set()
        return seen

    ending = asyncio.create_task(end())
    answers = await constant(server.port, rate, 60, texts_of(texts), ended.is_set)
    seen = await ending
    statuses = Counter(str(a.status) if a.status else a.failed for a in answers)
    return {"statuses": statuses, "unready_first": 503 in seen and seen[-1] == 0}


async def _readiness(port: int) -> list[int]:
    """Return what /readyz says from now until nobody answers (0)."""
    seen: list[int] = []
    while not seen or seen[-1]:
        pool = Pool(port)
        answer = await pool.ask(READY, b"", Answer(0.0))
        pool.close()
        seen.append(answer.status)
        await asyncio.sleep(0.02)
    return seen
