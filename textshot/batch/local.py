"""Run the shards of a job on this machine, in one process or in several, always in order."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, TypeAlias

from textshot.batch.options import JobOptions, OnProgress
from textshot.batch.outputs import Output
from textshot.batch.plan import Plan
from textshot.batch.run_log import Line, RunLog, end_line, shard_line
from textshot.batch.shards import FileEnd, Shard, read_shards
from textshot.batch.tally import Tally, count
from textshot.batch.worker import Worker, with_cache
from textshot.encoders import Encoder
from textshot.encoders.compiled.graphs import n_cores
from textshot.errors import TableError

if TYPE_CHECKING:
    import pyarrow as pa

_Answer: TypeAlias = "tuple[pa.RecordBatch, Tally]"
_Event: TypeAlias = "tuple[Shard | FileEnd, _Answer | None]"

_MIN_BYTES = 16 << 20
"""A smaller input is finished before more processes have started."""

_worker: Worker | None = None


@dataclass(frozen=True)
class Run:
    """What the shards of a job need: where they come from, what answers, where they go."""

    plan: Plan
    worker: Worker
    output: Output
    log: RunLog
    options: JobOptions


def run_shards(run: Run, on_progress: OnProgress) -> Generator[Line, None, None]:
    """Write the parts of all unfinished shards; yield the line to log for each."""
    plan, worker, output, log, options = run.plan, run.worker, run.output, run.log, run.options
    shards = read_shards(
        plan, options.shard_rows, finished=log.rows_of_finished_files(), selection=options.rows
    )
    processes = options.processes or default_processes(worker.engine.encoder, plan.offsets[-1])
    answers = _in_process if processes == 1 else _in_processes
    events = answers(worker, shards, lambda shard: shard.key in log.shards, processes)
    with closing(events):
        for event, answer in events:
            if isinstance(event, FileEnd):
                yield end_line(event.file, event.n_shards, event.error)
                on_progress(0, plan.fraction(event.file, 1.0))
                continue
            if answer is not None:
                data, tally = answer
                size = output.put(event.key, data, log.fingerprint)
                output.write_rejects(event.key, event.rejects)
                yield shard_line(event.key, event.n_read, tally, size)
            n_rows = 0 if answer is None else event.n_read
            on_progress(n_rows, plan.fraction(event.file, event.fraction or 0.0))


def default_processes(encoder: Encoder, n_bytes: int) -> int:
    """Return how many processes answer an input of this size fastest.

    One, if the encoder uses all cores, or if the work is over before others have started.
    """
    return n_cores() if encoder.is_single_core and n_bytes >= _MIN_BYTES else 1


def _in_process(
    worker: Worker,
    shards: Iterable[Shard | FileEnd],
    is_finished: Callable[[Shard], bool],
    processes: int,
) -> Generator[_Event, None, None]:
    if worker.engine.encoder.is_exact:  # no vector depends on its batch: shards may share them
        worker = replace(worker, engine=with_cache(worker.engine))
    for event in shards:
        if isinstance(event, FileEnd) or is_finished(event):
            yield event, None
        else:
            answered = worker.answer(event.data)
            yield event, (answered.data, count(worker, answered, len(event.rejects)))


def _in_processes(
    worker: Worker,
    shards: Iterable[Shard | FileEnd],
    is_finished: Callable[[Shard], bool],
    processes: int,
) -> Generator[_Event, None, None]:
    context = get_context("spawn")  # OpenMP threads do not survive a fork
    with (
        divide_cores(processes),
        ProcessPoolExecutor(processes, context, _start_process, (worker,)) as pool,
    ):
        try:
            yield from _ahead(pool, shards, is_finished, 2 * processes)
        except BrokenProcessPool as error:
            raise TableError(
                "a worker process was ended from outside. If memory is short, use fewer"
                " (--processes). Progress is saved: run the same command again to resume"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def divide_cores(processes: int) -> Iterator[None]:
    """Give each process started in the block its share of the cores, unless the user has."""
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
    shards: Iterable[Shard | FileEnd],
    is_finished: Callable[[Shard], bool],
    max_waiting: int,
) -> Iterator[_Event]:
    waiting: deque[tuple[Shard | FileEnd, Future[_Answer] | None]] = deque()

    def first() -> _Event:
        event, future = waiting.popleft()
        return event, None if future is None else future.result()

    for event in shards:
        future = None
        if isinstance(event, Shard) and not is_finished(event):
            future = pool.submit(_answer, event.data, len(event.rejects))
        waiting.append((event, future))
        while len(waiting) > max_waiting:
            yield first()
    while waiting:
        yield first()


def _start_process(worker: Worker) -> None:
    """Prepare a worker process: it ends with its parent, however that ends."""
    global _worker
    _worker = worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops it
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: object) -> None:
    parent.join()  # type: ignore[attr-defined]
    os._exit(1)


def _answer(data: pa.RecordBatch, n_rejected: int) -> _Answer:
    assert _worker is not None
    answered = _worker.answer(data)
    return answered.data, count(_worker, answered, n_rejected)
