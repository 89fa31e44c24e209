"""Batches of texts of nearly the same length: padding is work for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from textshot._arrays import IntArray

_In = TypeVar("_In")
_Out = TypeVar("_Out")

_EXACT = 32

BUDGET = 512
"""Tokens of a batch, padding included; a longer text is a batch of its own. Larger ones fall out of
the caches of a core and are no faster."""


def batches(
    rows: Sequence[IntArray], pad: int, limit: int | None, budget: int = BUDGET
) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Yield batches, the longest texts first, so that the last ones to end are short.

    How far a text is filled up depends on its own length alone (`filled`), and only texts that are
    filled up equally far share a batch. So the engine adds the same numbers in the same order
    whatever lies beside, and a vector is the same to the bit. Where numbers are rounded coarsely,
    in bf16 and int8, that is what makes answers independent of the batch (docs/adr/0019).

    Args:
        rows: the token numbers of each text.
        pad: the number that fills up.
        limit: tokens that the model has places for; None: any number.
        budget: tokens of a batch.

    Yields:
        places int64 (n,) in `rows`; token numbers int64 (n, filled); mask of the same shape, 1
        where a token is.
    """
    lengths = np.array([len(row) for row in rows], np.int64)
    lines = filled(lengths, limit)
    order = np.argsort(-lines, kind="stable")
    ends = np.searchsorted(-lines[order], -lines[order], side="right")
    start = 0
    while start < len(order):
        line = int(lines[order[start]])
        places = order[start : min(int(ends[start]), start + max(1, budget // line))]
        numbers = np.full((len(places), line), pad, np.int64)
        mask = np.zeros_like(numbers)
        for i, place in enumerate(places):
            numbers[i, : lengths[place]] = rows[place]
            mask[i, : lengths[place]] = 1
        yield places, numbers, mask
        start += len(places)


def filled(lengths: IntArray, limit: int | None) -> IntArray:
    """Return how far texts of these lengths are filled up: a sixteenth at most, none below 32.

    Few different lengths make full batches; what is filled up is a hundredth of the work.
    """
    lengths = np.maximum(lengths, 1)  # a text of no token is one of padding
    steps = 2 ** np.maximum(0, np.floor(np.log2(lengths / 16))).astype(np.int64)
    steps[lengths <= _EXACT] = 1
    found = -(-lengths // steps) * steps
    return found if limit is None else np.maximum(lengths, np.minimum(found, limit))


def ahead(prepare: Callable[[_In], _Out], parts: Iterable[_In]) -> Iterator[_Out]:
    """Yield what `prepare` makes of each part; the next one is made while the last one is used.

    A single part is prepared at once, without a thread.
    """
    parts = iter(parts)
    for first in parts:
        found = prepare(first)
        break
    else:
        return
    with ThreadPoolExecutor(1) as pool:
        for part in parts:
            coming = pool.submit(prepare, part)  # the pool has no thread before this
            yield found
            found = coming.result()
        yield found
