"""The local runner: shard by shard, each of them kept, so that a run goes on where it stopped."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from textshot._files import make_folder
from textshot.batch.adaptation import adapted_once
from textshot.batch.inputs import find_sources
from textshot.batch.options import JobOptions, OnCounts, OnProgress
from textshot.batch.output_reader import Finished
from textshot.batch.outputs import Output, output_of
from textshot.batch.plan import Plan, make_plan
from textshot.batch.previous_run import earlier_report
from textshot.batch.review import check_review, write_review
from textshot.batch.run_identity import identity_of
from textshot.batch.run_log import Run, earlier, locked
from textshot.batch.run_report import Report
from textshot.batch.runner import Doing
from textshot.batch.summary import forget_page, summarised
from textshot.batch.worker import Worker
from textshot.engine import Engine
from textshot.errors import TableError

_FULL = {errno.ENOSPC, errno.EDQUOT}


def run_job(
    engine: Engine,
    inputs: Iterable[str | Path],
    output: str | Path,
    options: JobOptions,
    on_progress: OnProgress,
    compare: str | Path | None = None,
    on_counts: OnCounts = lambda counts: None,
) -> Report:
    """Write the rows of all inputs to a file, or to a folder of parts, with their answers.

    Memory does not grow with the input. What is done is kept, and the same call goes on after a
    stop of any kind, with one shard done again at most; its output is that of an unbroken run.
    What is finished is not done again.

    Args:
        engine: what answers.
        inputs: files, folders and patterns, see `find_sources`.
        output: a file, or a folder (one that is there, ends in a slash, or has no ending).
        options: how.
        on_progress: called with the rows that are done since the last call, and how much of the
            input that makes, 0 to 1.
        on_counts: called after each shard with how many rows each category has so far.
        compare: the summary or the output of an earlier run, which this one is compared with.

    Raises:
        TableError: an input that cannot be used at all, or an output that belongs to another run.
        ConflictError: another process works on this output.
    """
    sources = find_sources(inputs, options.input_format).sources
    place = output_of(
        str(output),
        options.output_format,
        sources,
        escape=options.escape,
        run=options.run,
        rejects=options.rejects,
    )
    before = None if compare is None else earlier_report(compare, place.run)
    place.check()
    if options.review is not None:
        check_review(options.review, [*inputs, *(s.path for s in sources), place.path])
    with ExitStack() as stack:
        stack.enter_context(_full_disk_told(place))
        _make_folders(place, stack)
        stack.enter_context(locked(place.run, place.path))
        plan = make_plan(sources, options.text_columns, options.encoding)
        _check_places(place, plan)
        calibrated = engine.calibrated  # the column stays, and is empty, where vectors moved
        if options.adapt:
            engine = adapted_once(engine, plan, place.run)
        worker = Worker.for_columns(
            engine,
            plan.schema.names,
            plan.text_columns,
            threshold=options.threshold,
            metadata=options.metadata,
            calibrated=calibrated,
        )
        run = _begun(Run(place.run, identity_of(worker, plan, _options(options))), place, options)
        if run.finished is not None:
            place.clean()
            report = Report.of_record(run.finished, run.folder, len(run.done))
        else:
            stack.callback(_forget_if_empty, run, place)
            report = Doing(run, place, plan, worker, options, on_progress, on_counts).go()
        report = summarised(report, before)
        return _reviewed(report, place, worker.schema(plan.schema).names, worker, options)


def _reviewed(
    report: Report, place: Output, columns: Sequence[str], worker: Worker, options: JobOptions
) -> Report:
    """Write the review that was asked for."""
    if options.review is None:
        return report
    output = Finished(place.files(), options.output_format, columns, options.escape, worker)
    n_review = write_review(options.review, output.rows(), worker, options.review_rows)
    return replace(report, n_review=n_review)


@contextmanager
def _full_disk_told(place: Output) -> Iterator[None]:
    """Say what to do where no room is left."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise TableError(
            f"{place.path}: cannot be written ({error.strerror}). Make room there: what is done is"
            " kept, and the same call goes on"
        ) from error


def _options(options: JobOptions) -> dict[str, object]:
    choice = options.choice
    return {
        "output_format": options.output_format,
        "escape": options.escape,
        "adapt": options.adapt,
        "rejects": None if options.rejects is None else str(options.rejects),
        "rows": [choice.limit, choice.share, choice.seed],
        "shard_rows": options.shard_rows,
    }


def _make_folders(place: Output, stack: ExitStack) -> None:
    for folder in (place.run.parent, place.run):
        try:
            if not folder.exists():
                make_folder(folder)
                stack.callback(_remove_if_empty, folder)
        except OSError as error:
            if error.errno in _FULL:
                raise
            raise TableError(
                f"{folder}: cannot be made ({error.strerror}). Make the folder above it first, or"
                " name another output"
            ) from error


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        (folder / "lock").unlink(missing_ok=True)
        folder.rmdir()


def _forget_if_empty(run: Run, place: Output) -> None:
    """Leave nothing of a run of which nothing is done, nor a part that was not noted."""
    if not run.has_shards and run.finished is None:
        place.clear()
        run.forget()


def _check_places(place: Output, plan: Plan) -> None:
    taken = {Path(source.path).resolve() for source in plan.sources}
    if place.rejects.resolve() in taken | {Path(place.path).resolve()}:
        raise TableError(
            f"{place.rejects}: the rejected rows would replace the input or the output. Name"
            " another file"
        )


def _begun(run: Run, place: Output, options: JobOptions) -> Run:
    """Take up what is done of a run, or begin it where that may be done."""
    there = None if options.restart else earlier(run.folder)
    other = "" if there is None else run.differs_from(*there)
    if other and not place.replaces:
        raise TableError(
            f"{place.path}: holds rows of another run, and what differs is {other}. Name another"
            " output, or throw those away with --restart"
        )
    fresh = there is None or bool(other)
    if not fresh:
        place.tidy()
        run.read(place.size_of)
        fresh = run.finished is not None and not place.is_there(run.finished)
    if fresh:
        forget_page(run.folder)
        run.clear()
        place.clear()
        run.begin()
    return run
