"""Run the shards of a job on a Ray cluster (extra `ray`); the only module that imports Ray.

Tasks read shards, actors answer and write them, and the process that started the job logs them: the
same parts with the same names as on one machine. What a lost node had in work is done again and
gives the same bytes.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textshot.batch.local import Run
from textshot.batch.options import JobOptions, OnProgress
from textshot.batch.outputs import Output
from textshot.batch.plan import Plan
from textshot.batch.run_log import Key, Line, end_line, shard_line
from textshot.batch.shards import FileEnd, Shard, read_file
from textshot.batch.tally import count
from textshot.batch.worker import Worker
from textshot.errors import TextshotError
from textshot.io import Reject

if TYPE_CHECKING:
    import pyarrow as pa

MIN_VERSION = (2, 52)
"""Before it, whoever can reach a cluster can run code on it (CVE-2025-62593)."""

_CONNECT_SECONDS = 10.0

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_USE_DATASOURCE_V2": "0",  # the other reader ends the job when a node dies
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of a change for GPUs
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # failures arrive as exceptions
}


def import_ray() -> Any:
    """Import Ray with usage statistics off.

    Raises:
        TextshotError: it is not installed, or too old to be safe.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise TextshotError(
            f"this needs Ray, which is not installed ({error}):"
            ' pip install "textshot-classifier[ray]"'
        ) from error
    if tuple(int(part) for part in ray.__version__.split(".")[:2]) < MIN_VERSION:
        raise TextshotError(
            f"Ray {ray.__version__} is installed; {'.'.join(map(str, MIN_VERSION))} is needed:"
            " before it, whoever can reach a cluster can run code on it"
        )
    return ray


def run_shards(run: Run, on_progress: OnProgress) -> Generator[Line, None, None]:
    """Write the parts of all unfinished shards; yield the line to log for each.

    Every node must see the input and the output under the same paths.
    """
    ray, folder, log = _connect(run.options.ray_address or "local"), Path.cwd(), run.log
    n_files = len(run.plan.sources)
    files = [file for file in range(n_files) if file not in log.ends]
    lines = (
        ray.data.from_items([{"file": i} for i in files], override_num_blocks=max(1, len(files)))
        .map_batches(
            # Not the CPU share of an actor, or Ray would fuse both steps into one.
            _Reader(str(folder), run.plan, run.options, frozenset(log.shards)),
            batch_format="pyarrow",
            batch_size=1,
            num_cpus=0.5,
        )
        .map_batches(
            _Writer,
            fn_constructor_args=(str(folder), run.worker, run.output, log.fingerprint),
            batch_format="pyarrow",
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=n_actors(ray)),
            num_cpus=1,
        )
    )
    try:
        for row in lines.iter_rows():
            line = json.loads(row["line"])
            if rejects := [Reject(*values) for values in json.loads(row["rejects"])]:
                run.output.write_rejects((line["file"], line["shard"]), rejects)
            yield line
            on_progress(line.get("rows", 0), len(log.ends) / n_files)
    except ray.exceptions.RayTaskError as error:  # such as a full disk, or a missing encoder
        if isinstance(error.cause, TextshotError):
            raise TextshotError(str(error.cause)) from error
        raise


def n_actors(ray: Any) -> int:
    """Return the number of actors: all CPUs but one in eight, which reads and writes."""
    cpus = int(ray.cluster_resources().get("CPU", 1))
    return max(1, cpus - max(1, cpus // 8))


@dataclass(frozen=True)
class _Reader:
    """A task that reads the unfinished shards of files."""

    folder: str
    plan: Plan
    options: JobOptions
    finished: frozenset[Key]

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        os.chdir(self.folder)  # paths may be relative
        for file in batch.column("file").to_pylist():
            for event in read_file(self.plan, file, self.options.shard_rows, self.options.rows):
                if isinstance(event, FileEnd) or event.key not in self.finished:
                    yield _to_table(event)


class _Writer:
    """An actor that answers shards, writes their parts and returns their log lines."""

    def __init__(self, folder: str, worker: Worker, output: Output, fingerprint: str) -> None:
        os.chdir(folder)
        self._worker, self._output, self._fingerprint = worker, output, fingerprint

    def __call__(self, batch: pa.Table) -> pa.Table:
        import pyarrow as pa

        rows = [
            {"line": json.dumps(self._write(row)), "rejects": row["rejects"]}
            for row in batch.to_pylist()
        ]
        return pa.Table.from_pylist(rows)

    def _write(self, row: Mapping[str, Any]) -> Line:
        """Answer and write the shard of a row of `_to_table`; return its log line."""
        import pyarrow as pa

        if row["data"] is None:
            return end_line(row["file"], row["number"], row["error"])
        key, n_rejected = (row["file"], row["number"]), len(json.loads(row["rejects"]))
        with pa.ipc.open_stream(row["data"]) as reader:
            shard = reader.read_next_batch()
        answered = self._worker.answer(shard)
        tally = count(self._worker, answered, n_rejected)
        size = self._output.put(key, answered.data, self._fingerprint)
        return shard_line(key, shard.num_rows + n_rejected, tally, size)


def _to_table(event: Shard | FileEnd) -> pa.Table:
    """Return a shard, or the end of a file, as one row of Arrow and JSON: nothing is pickled."""
    import pyarrow as pa

    number, data, rejects, error = 0, None, list[Reject](), None
    if isinstance(event, FileEnd):
        number, error = event.n_shards, event.error
    else:
        number, rejects, sink = event.number, event.rejects, pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, event.data.schema) as writer:
            writer.write_batch(event.data)
        data = sink.getvalue().to_pybytes()
    columns = {
        "file": pa.array([event.file], pa.int64()),
        "number": pa.array([number], pa.int64()),
        "data": pa.array([data], pa.large_binary()),
        "rejects": pa.array(
            [json.dumps([[r.source, r.line, r.reason, r.row] for r in rejects])], pa.large_string()
        ),
        "error": pa.array([error], pa.string()),
    }
    return pa.table(columns)


def _connect(address: str) -> Any:
    """Connect to a cluster and return Ray; "local" starts one on this machine.

    Raises:
        TextshotError: it cannot be reached.
    """
    ray = import_ray()
    try:
        host, _, port = address.rpartition("://")[2].rpartition(":")
        if host and port.isdecimal():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        if not ray.is_initialized():
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (OSError, ValueError, RuntimeError) as error:
        raise TextshotError(
            f"Ray cannot be reached at {address}: {error}. Check that it runs there, and its token"
            " if it has one (RAY_AUTH_MODE, RAY_AUTH_TOKEN)"
        ) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # textshot shows the progress
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray
