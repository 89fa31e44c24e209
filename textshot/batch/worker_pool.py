"""Shards answered in this process, or in several, and always in their order."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, TypeAlias

from textshot.batch.shards import End, Shard
from textshot.batch.tally import Tally, tally_of
from textshot.batch.worker import Worker
from textshot.encoders import CachedEncoder, Encoder
from textshot.encoders.compiled.graphs import n_cores
from textshot.engine import Engine
from textshot.errors import TableError

if TYPE_CHECKING:
    import pyarrow as pa

Done: TypeAlias = "tuple[Shard | End, tuple[pa.RecordBatch, Tally] | None]"
"""What was read, and the answers of it; None for an end, and for what is done already."""

_WORTH_BEGINNING = 16 << 20

_worker: Worker | None = None


def work(worker: Worker, data: pa.RecordBatch, n_rejected: int) -> tuple[pa.RecordBatch, Tally]:
    """Answer the rows of a shard and count them."""
    found = worker.answered(data)
    return found.data, tally_of(found, n_rejected, worker.engine.truncation_stats(found.texts))


def processes_for(encoder: Encoder, size: int) -> int:
    """Return how many processes answer an input of so many bytes fastest.

    One, where the encoder uses all cores itself, or the work is over before others have begun.
    """
    alone = not encoder.is_single_core or size < _WORTH_BEGINNING
    return 1 if alone else n_cores()


def with_cache(engine: Engine) -> Engine:
    """Return an engine that encodes a text once, also where it comes again later."""
    encoder = engine.encoder
    if encoder.is_cached:
        return engine
    found = copy(engine)
    found.encoder = CachedEncoder(encoder)
    return found


def in_order(
    worker: Worker,
    read: Iterable[Shard | End],
    is_done: Callable[[Shard], bool],
    processes: int,
) -> Generator[Done, None, None]:
    """Yield what is read with its answers; shards that are done have none.

    Args:
        worker: what answers.
        read: shards and ends.
        is_done: tells what need not be answered.
        processes: 1: this one.

    Raises:
        TableError: a process was ended from outside.
    """
    if processes == 1:
        if worker.engine.encoder.is_exact:
            worker = replace(worker, engine=with_cache(worker.engine))
        for event in read:
            if isinstance(event, End) or is_done(event):
                yield event, None
            else:
                yield event, work(worker, event.data, len(event.rejects))
        return
    # Never by fork: threads of OpenMP do not live on in a copy.
    context = get_context("spawn")
    with (
        divide_cores(processes),
        ProcessPoolExecutor(processes, context, _begin, (worker,)) as pool,
    ):
        try:
            yield from _ahead(pool, read, is_done, 2 * processes)
        except BrokenProcessPool as error:
            raise TableError(
                "a process that answers was ended from outside; with little memory take fewer"
                " (--processes). What is done is kept: the same command goes on"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def divide_cores(processes: int) -> Iterator[None]:
    """Give each process that is begun meanwhile its part of the cores, unless somebody has."""
    name = "OMP_NUM_THREADS"
    if name in os.environ:
        yield
        return
    os.environ[name] = str(max(1, n_cores() // processes))
    try:
        yield
    finally:
        del os.environ[name]


def _ahead(
    pool: ProcessPoolExecutor,
    read: Iterable[Shard | End],
    is_done: Callable[[Shard], bool],
    most: int,
) -> Iterator[Done]:
    under_way: deque[tuple[Shard | End, Future[tuple[pa.RecordBatch, Tally]] | None]] = deque()
    for event in read:
        future = None
        if isinstance(event, Shard) and not is_done(event):
            future = pool.submit(_work, event.data, len(event.rejects))
        under_way.append((event, future))
        while len(under_way) > most:
            yield _first(under_way)
    while under_way:
        yield _first(under_way)


def _first(
    under_way: deque[tuple[Shard | End, Future[tuple[pa.RecordBatch, Tally]] | None]],
) -> Done:
    event, future = under_way.popleft()
    return event, None if future is None else future.result()


def _begin(worker: Worker) -> None:
    """Make a process ready: it stops with its parent, however that ends."""
    global _worker
    _worker = worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops it
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: object) -> None:
    parent.join()  # type: ignore[attr-defined]
    os._exit(1)


def _work(data: pa.RecordBatch, n_rejected: int) -> tuple[pa.RecordBatch, Tally]:
    assert _worker is not None
    return work(_worker, data, n_rejected)
