"""The batch job: tables of texts in, the same rows with their categories out."""

from __future__ import annotations

import errno
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from textshot._files import make_folder, write_atomic
from textshot.batch import local
from textshot.batch.checks import checked_output, checked_plan, is_same_run
from textshot.batch.inputs import find_sources
from textshot.batch.local import Run
from textshot.batch.options import JobOptions, OnCounts, OnProgress
from textshot.batch.outputs import Output
from textshot.batch.plan import Plan
from textshot.batch.report import Report, facts_of
from textshot.batch.review import review_output
from textshot.batch.run_log import ADAPTATION, RunLog, disk_full, identity_of, locked
from textshot.batch.shards import Shard, read_shards
from textshot.batch.stream import is_stream, run_stream
from textshot.batch.summary import delete_page, read_summary, summarize
from textshot.batch.tally import Tally
from textshot.batch.worker import Worker
from textshot.engine import Engine
from textshot.errors import TableError
from textshot.io import text_column
from textshot.scoring.transduction import sample_texts

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def categorize(
    engine: Engine,
    inputs: str | Path | Iterable[str | Path],
    output: str | Path,
    options: JobOptions | None = None,
    *,
    on_progress: OnProgress = lambda rows, fraction: None,
    on_counts: OnCounts = lambda counts: None,
    **changes: Any,
) -> Report:
    """Write the rows of tables with label, score and margin added.

    Memory does not grow with the input. Progress is saved after each shard: after a stop of any
    kind the same call resumes, and writes the same bytes as a run without a stop. One output file
    appears when it is complete. A pipe, as input or output, cannot be resumed.

    Args:
        engine: classifies the texts.
        inputs: files, folders and patterns, or one of these; "-" for standard input.
        output: a file; a folder (one that exists, ends in a slash or has no extension); or "-" for
            standard output.
        options: how the job runs.
        on_progress: called with the rows finished since the last call, and the share of the input
            that is finished, 0 to 1, or None if its size is unknown.
        on_counts: called after each shard with the rows of each category so far; not for a pipe.
        changes: fields of `JobOptions`, such as `text_columns=["body"]`.

    Raises:
        TableError: an input that cannot be used, or an output that belongs to another run.
        ConflictError: another process writes this output.
    """
    options = replace(options or JobOptions(), **changes)
    paths = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    if any(is_stream(str(path)) for path in (*paths, output)) and not options.in_place:
        return run_stream(engine, paths, str(output), options, on_progress)
    return _run(engine, paths, str(output), options, on_progress, on_counts)


def _run(
    engine: Engine,
    inputs: Sequence[str | Path],
    path: str,
    options: JobOptions,
    on_progress: OnProgress,
    on_counts: OnCounts,
) -> Report:
    """Run a job of files, or resume it; a finished one is only summarized again."""
    sources = find_sources(inputs, options.input_format).sources
    output = checked_output(inputs, sources, path, options)
    before = None if options.compare is None else read_summary(options.compare, output.run)
    with ExitStack() as stack:
        stack.enter_context(_explain_full_disk(path))
        _make_folders(output, stack)
        stack.enter_context(locked(output.run, path))
        plan = checked_plan(output, sources, options)
        output.dialect = plan.dialect
        worker = _make_worker(engine, plan, options, output.run)
        log = RunLog(output.run, identity_of(worker, plan, options))
        _resume_or_start(log, output, options)
        if log.finished is not None:
            output.finish()
            report = Report.from_dict(log.finished, log.folder, len(log.shards))
        else:
            stack.callback(_delete_if_empty, log, output)
            report = _answer(Run(plan, worker, output, log, options), on_progress, on_counts)
        report = summarize(report, before)
        if options.review is None:
            return report
        n_review = review_output(output, plan.schema, worker, options)
        return replace(report, n_review=n_review)


def _make_worker(engine: Engine, plan: Plan, options: JobOptions, folder: Path) -> Worker:
    calibrated = engine.calibrated  # the column stays, and is empty, if the engine is adapted
    if options.adapt:
        engine = engine.adapted(_adaptation_texts(plan, folder))
    columns = plan.schema.names
    return Worker.for_columns(engine, columns, plan.text_columns, options, calibrated=calibrated)


def _adaptation_texts(plan: Plan, folder: Path) -> list[str]:
    """Return the texts to adapt to; they are kept, so that a resumed run adapts to the same."""
    path, inputs = folder / ADAPTATION, [[s.path, s.size, s.modified] for s in plan.sources]
    with suppress(OSError, ValueError, KeyError):
        record = json.loads(path.read_bytes())
        if record["inputs"] == inputs:
            return list(record["texts"])
    shards = (event for event in read_shards(plan) if isinstance(event, Shard))
    rows = (text_column(shard.data, plan.text_columns) for shard in shards)
    texts = sample_texts(text for shard_texts in rows for text in shard_texts)
    write_atomic(path, json.dumps({"inputs": inputs, "texts": texts}).encode("ascii"))
    return list(texts)


def _answer(run: Run, on_progress: OnProgress, on_counts: OnCounts) -> Report:
    """Answer the unfinished shards and complete the output."""
    n_resumed, counts = len(run.log.shards), Counter[str]()
    for tally in run.log.tallies():
        counts.update(tally.counts)
    if run.options.runner == "ray":
        from textshot.batch import ray

        run_shards = ray.run_shards
    else:
        run_shards = local.run_shards
    with closing(run_shards(run, on_progress)) as lines:
        for line in lines:
            run.log.commit(line)
            if "tally" in line:
                counts.update(line["tally"]["counts"])
                on_counts(counts)
    return _finish(run, n_resumed)


def _finish(run: Run, n_resumed: int) -> Report:
    log, output, sources = run.log, run.output, run.plan.sources
    keys, tally = sorted(log.shards), Tally()
    for shard_tally in log.tallies():
        tally += shard_tally
    failed = [(sources[file].path, error) for file, (_, error) in sorted(log.ends.items()) if error]
    if len(failed) == len(sources) and not tally.read:
        raise TableError(failed[0][1])
    parts = [key for key in keys if log.shards[key].bytes is not None]
    output.close(parts, run.worker.schema(run.plan.schema), log.fingerprint)
    n_rejected = output.close_rejects(keys)
    _check_count(run, tally, n_rejected)
    info = run.worker.engine.info
    report = Report(
        tally=tally,
        columns=dict(run.worker.names) | dict(run.worker.metadata),
        text_columns=tuple(run.plan.text_columns),
        failed=failed,
        rejects_path=output.rejects if n_rejected else None,
        adaptation=info.adaptation,
        threshold=info.decision.threshold,
        fingerprint=log.fingerprint,
        n_resumed=n_resumed,
        run=log.folder,
        backup=output.backup,
        facts=facts_of(run.worker, log.identity),
    )
    log.finish(report.to_dict() | output.state())
    if not failed:  # else the same call tries the failed files again
        output.finish()
    return report


def _check_count(run: Run, tally: Tally, n_rejected: int) -> None:
    n_read = sum(shard.rows for shard in run.log.shards.values())
    if n_read != tally.written + n_rejected:
        raise TableError(
            f"{run.output.path}: {n_read} rows were read, but {tally.written} written and"
            f" {n_rejected} rejected. Start again with --restart, and please report this"
        )


def finished_rows(engine: Engine, plan: Plan, output: Output, options: JobOptions) -> int:
    """Return how many rows an earlier run of this job has finished; nothing is written.

    Raises:
        TableError: the output holds rows of another run.
    """
    if options.adapt and not (output.run / ADAPTATION).exists():
        return 0
    worker = _make_worker(engine, plan, options, output.run)
    log = RunLog(output.run, identity_of(worker, plan, options))
    if not is_same_run(log, output, options):
        return 0
    log.read(output.size_of, repair=False)
    if log.finished is not None and not output.is_intact(log.finished):
        return 0
    return sum(shard.rows for shard in log.shards.values())


def _resume_or_start(log: RunLog, output: Output, options: JobOptions) -> None:
    """Read what is finished of the run, or start it if the output may be replaced."""
    if is_same_run(log, output, options):
        output.delete_temporary()
        log.read(output.size_of)
        if log.finished is None or output.is_intact(log.finished):
            return
    delete_page(log.folder)
    log.clear()
    output.clear()
    log.start()


@contextmanager
def _explain_full_disk(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise disk_full(path, error) from error


def _make_folders(output: Output, stack: ExitStack) -> None:
    """Make the folder of the run and its parent; they are deleted again if they stay empty."""
    for folder in (output.run.parent, output.run):
        try:
            if not folder.exists():
                make_folder(folder)
                stack.callback(_remove_if_empty, folder)
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise
            raise TableError(
                f"{folder}: cannot be created ({error.strerror}). Create its parent folder first,"
                " or name another output"
            ) from error


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        (folder / "lock").unlink(missing_ok=True)
        folder.rmdir()


def _delete_if_empty(log: RunLog, output: Output) -> None:
    """Delete a run without a finished shard, and parts without a line in the log."""
    if not log.has_shards and log.finished is None:
        output.clear()
        log.clear()
        (log.folder / ADAPTATION).unlink(missing_ok=True)
