"""What is refused before a job begins, and by an estimate of it; nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textshot.batch.inputs import Source
from textshot.batch.options import JobOptions
from textshot.batch.outputs import Output
from textshot.batch.plan import Plan, make_plan
from textshot.batch.review import carried_columns, check_review_path
from textshot.batch.run_log import RunLog
from textshot.batch.workbook import open_job_output
from textshot.errors import TableError
from textshot.io.files import is_same_file


def checked_output(
    inputs: Sequence[str | Path], sources: Sequence[Source], path: str, options: JobOptions
) -> Output:
    """Return the output of a job; nothing is written yet.

    Raises:
        TableError: it cannot be written, or would replace an input or other files.
    """
    output = open_job_output(path, options, sources)
    if not options.in_place:
        _check_output_is_no_input(output, sources)
    output.check()
    if options.review is not None:
        check_review_path(Path(options.review), [*inputs, *(s.path for s in sources), path])
    return output


def checked_plan(output: Output, sources: Sequence[Source], options: JobOptions) -> Plan:
    """Return how the files of a job are read.

    Raises:
        TableError: no file can be used, the rejects would replace one, or a column to carry into
            the review is not there.
    """
    plan = output.adjust(make_plan(sources, options.table))
    _check_rejects(output, plan)
    if options.review is not None and options.carry:
        carried_columns(plan.schema.names, plan.text_columns, options.carry)
    return plan


def is_same_run(log: RunLog, output: Output, options: JobOptions) -> bool:
    """Tell whether there is a run to resume.

    Raises:
        TableError: the output holds rows of another one.
    """
    difference = None if options.restart else log.difference()
    if difference and not output.replaces:
        raise TableError(
            f"{output.path}: holds rows of another run; {difference} changed. Name another output,"
            " or discard these rows with --restart"
        )
    return difference == ""


def _check_output_is_no_input(output: Output, sources: Sequence[Source]) -> None:
    """Refuse an output that is one of the inputs, under whatever name."""
    for source in sources:
        if is_same_file(source.path, output.path):
            raise TableError(
                f"{output.path}: is the input {source.path}, which would be replaced. Name another"
                " output"
            )


def _check_rejects(output: Output, plan: Plan) -> None:
    used = [*(source.path for source in plan.sources), output.path]
    if any(is_same_file(output.rejects, path) for path in used):
        raise TableError(
            f"{output.rejects}: the rejected rows would replace the input or the output. Name"
            " another file"
        )
