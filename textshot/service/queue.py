"""Texts of many requests in the order in which they are fair to encode."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_Job = TypeVar("_Job")


@dataclass(order=True, slots=True)
class _Place(Generic[_Job]):
    tag: float
    number: int
    job: _Job = field(compare=False)
    place: int = field(compare=False)


class FairQueue(Generic[_Job]):
    """A queue in which each request gets the same share of the encoder while it waits.

    Start-time fair queueing (Goyal, Vin, Cheng 1996), with the end of each text as its tag: a text
    is due when it would be done if all waiting requests were encoded side by side, a token of each
    at a time. So a short request passes the many texts of a long one, and the long one still gets
    on. Time is counted in tokens that were taken.
    """

    def __init__(self) -> None:
        self._heap: list[_Place[_Job]] = []
        self._time, self._number = 0.0, 0

    def __len__(self) -> int:
        """Return how many texts wait, those included that nobody wants any more."""
        return len(self._heap)

    def put(self, job: _Job, tokens: list[int]) -> None:
        """Let the texts of a request wait; they have so many tokens each."""
        tag = self._time
        for place, size in enumerate(tokens):
            tag += size
            self._number += 1
            heapq.heappush(self._heap, _Place(tag, self._number, job, place))

    def pop(self) -> tuple[_Job, int]:
        """Return the request of the text that is due first, and its place in that request."""
        first = heapq.heappop(self._heap)
        self._time = max(self._time, first.tag)
        return first.job, first.place
