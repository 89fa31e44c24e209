"""The same job, and a worker for anybody's, on Ray Data (extra `ray`). Ray's one door.

Shards are read in tasks, answered and written by actors, and committed by whoever started the job:
the same parts under the same names as those of one machine. What a node loses is read or answered
again, and gives the same bytes under the same name, so that nothing is lost or doubled.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textshot.batch.outputs import Output
from textshot.batch.plan import Plan
from textshot.batch.row_selection import Choice
from textshot.batch.run_log import Key, Line, end_line, shard_line
from textshot.batch.shards import End, Shard, events_of
from textshot.batch.worker import Worker
from textshot.batch.worker_pool import work
from textshot.engine import Engine
from textshot.errors import TextshotError
from textshot.io import Reject
from textshot.types import Threshold

if TYPE_CHECKING:
    import pyarrow as pa

OLDEST = (2, 52)
"""Before it, who can reach a cluster can run code on it (CVE-2025-62593)."""

_SECONDS = 10.0
"""For a first word with a cluster."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_USE_DATASOURCE_V2": "0",  # the other reader ends the job when a node dies
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns of a change for graphics cards
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # what fails comes as an exception
}


def import_ray() -> Any:
    """Return the module, which reports to nobody.

    Raises:
        TextshotError: it is not installed, or is too old to be safe.
    """
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise TextshotError(
            f"this needs Ray, which is not installed ({error}):"
            ' pip install "textshot-classifier[ray]"'
        ) from error
    if tuple(int(part) for part in ray.__version__.split(".")[:2]) < OLDEST:
        raise TextshotError(
            f"Ray {ray.__version__} is installed; {'.'.join(map(str, OLDEST))} is needed, as before"
            " it whoever reaches a cluster can run code on it"
        )
    return ray


class _Answering:
    """An actor: it loads the encoder once, and answers batches of a dataset."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def __call__(self, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        [*batches] = rows.combine_chunks().to_batches()
        schema = self._worker.schema(rows.schema)
        return pa.Table.from_batches([self._worker(batch) for batch in batches], schema=schema)


def categorize(
    dataset: Any,
    index: Engine | str | Path,
    *,
    text_columns: Sequence[str] = ("text",),
    threshold: Threshold = "auto",
    metadata: Sequence[str] = (),
    n_actors: int | None = None,
    batch_rows: int = 4096,
) -> Any:
    """Return a dataset of Ray with the answers in columns of their own; lazy, as theirs are.

    Reading, writing and checkpoints stay with Ray. Tie these to the run yourself: the rows that a
    checkpoint skips keep the answers of the index that gave them.

    Args:
        dataset: a `ray.data.Dataset`.
        index: an engine, or the folder of an index, which is read here and travels to the actors.
        text_columns: the columns that hold the text, joined.
        threshold: as in `Engine.classify`.
        metadata: what is added of the category of each row.
        n_actors: None: one for each CPU of the cluster but those that reading and writing need.
        batch_rows: that an actor answers at once.

    Raises:
        TextshotError: Ray is not installed.
    """
    ray = import_ray()
    engine = index if isinstance(index, Engine) else Engine.load(index)
    worker = Worker.for_columns(
        engine,
        dataset.schema().names,
        tuple(text_columns),
        threshold=threshold,
        metadata=metadata,
    )
    return dataset.map_batches(
        _Answering,
        fn_constructor_args=(worker,),
        batch_format="pyarrow",
        batch_size=batch_rows,
        compute=ray.data.ActorPoolStrategy(size=n_actors or actors_for(ray)),
        num_cpus=1,
    )


def actors_for(ray: Any) -> int:
    """Return how many actors leave room for reading and writing: a CPU in eight, one at least."""
    cpus = int(ray.cluster_resources().get("CPU", 1))
    return max(1, cpus - max(1, cpus // 8))


@dataclass(frozen=True)
class _Reading:
    """A task: it reads the files that it is given, shard by shard."""

    folder: str
    plan: Plan
    rows: int
    chosen: Choice
    done: frozenset[Key]

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        os.chdir(self.folder)  # names of files may be relative
        for place in batch.column("place").to_pylist():
            for event in events_of(self.plan, place, self.rows, self.chosen):
                if isinstance(event, End) or event.key not in self.done:
                    yield _packed(event)


class _Writing:
    """An actor: it answers a shard and writes it, and tells what a line about it needs."""

    def __init__(self, folder: str, worker: Worker, output: Output, note: str) -> None:
        os.chdir(folder)
        self._worker, self._output, self._note = worker, output, note

    def __call__(self, batch: pa.Table) -> pa.Table:
        import pyarrow as pa

        return pa.Table.from_pylist(
            [
                {"line": json.dumps(self._line(row)), "rejects": row["rejects"] or "[]"}
                for row in batch.to_pylist()
            ]
        )

    def _line(self, row: Mapping[str, Any]) -> Line:
        if row["data"] is None:
            return end_line(row["place"], row["number"], row["broken"])
        data, key = _unpacked(row["data"]), (row["place"], row["number"])
        n_rejected = len(json.loads(row["rejects"]))
        answered, tally = work(self._worker, data, n_rejected)
        size = self._output.put(key, answered, self._note)
        return shard_line(key, data.num_rows + n_rejected, tally, size)


def run_shards(
    worker: Worker,
    plan: Plan,
    output: Output,
    *,
    note: str,
    rows: int,
    chosen: Choice,
    done: frozenset[Key],
    places: Sequence[int],
    n_actors: int | None = None,
) -> Iterator[tuple[Line, list[Reject]]]:
    """Yield a line and the rejects of each shard that is written, and a line for each file's end.

    Args:
        worker: what answers.
        plan: the files, which every node has to see under the same names.
        output: where parts go; every node has to see it too.
        note: the run they belong to.
        rows: of a shard.
        chosen: which rows are read.
        done: shards that need not be read again.
        places: of the files that are not done.
        n_actors: None: one for each CPU of the cluster but those that reading and writing need.
    """
    ray, folder = import_ray(), str(Path.cwd())
    files = ray.data.from_items(
        [{"place": place} for place in places], override_num_blocks=max(1, len(places))
    )
    lines = files.map_batches(
        # Another share of a CPU than an actor's, or both would become one, and nothing would flow.
        _Reading(folder, plan, rows, chosen, done),
        batch_format="pyarrow",
        batch_size=1,
        num_cpus=0.5,
    ).map_batches(
        _Writing,
        fn_constructor_args=(folder, worker, output, note),
        batch_format="pyarrow",
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=n_actors or actors_for(ray)),
        num_cpus=1,
    )
    try:
        for row in lines.iter_rows():
            rejects = [Reject(*one) for one in json.loads(row["rejects"])]
            yield json.loads(row["line"]), rejects
    except ray.exceptions.RayTaskError as error:  # a full disk, an encoder that is not there
        if isinstance(error.cause, TextshotError):
            raise TextshotError(str(error.cause)) from error
        raise


def connect(address: str) -> None:
    """Connect to a cluster; "local": one of this machine alone, which is begun for it.

    Raises:
        TextshotError: it cannot be reached.
    """
    ray = import_ray()
    try:
        _knock(address)
        if not ray.is_initialized():
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (OSError, ValueError, RuntimeError) as error:
        raise TextshotError(
            f"Ray cannot be reached at {address}: {error}. Check that it runs there, and its token"
            " where it has one (RAY_AUTH_MODE, RAY_AUTH_TOKEN)"
        ) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # we tell how far it is
    ray.data.DataContext.get_current().enable_progress_bars = False


def _knock(address: str) -> None:
    """See whether anybody listens at host and port: Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), _SECONDS).close()


def _packed(event: Shard | End) -> pa.Table:
    import pyarrow as pa

    data = rejects = broken = None
    if isinstance(event, Shard):
        number, sink = event.number, pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, event.data.schema) as writer:
            writer.write_batch(event.data)
        data = sink.getvalue().to_pybytes()
        rejects = json.dumps([[r.source, r.line, r.reason, r.row] for r in event.rejects])
    else:
        number, broken = event.n_shards, event.broken
    columns = {
        "place": pa.array([event.place], pa.int64()),
        "number": pa.array([number], pa.int64()),
        "data": pa.array([data], pa.large_binary()),
        "rejects": pa.array([rejects], pa.large_string()),
        "broken": pa.array([broken], pa.string()),
    }
    return pa.table(columns)


def _unpacked(data: bytes) -> pa.RecordBatch:
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()
