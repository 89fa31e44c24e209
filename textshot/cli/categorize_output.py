"""Print the report, the estimate and the progress of `textshot categorize`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from textshot.cli.output import (
    counted,
    cut,
    in_bytes,
    in_time,
    note,
    note_adapted,
    note_truncation,
    percent,
    print_json,
    print_table,
    warn,
)
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    from textshot.batch import Estimate, JobOptions, Report
    from textshot.batch.comparison import Drift
    from textshot.engine import Engine

_MAX_CHARS = 80
_N_LARGEST = 3
_MAX_CHANGES = 20


def note_texts(report: Report, engine: Engine, job: JobOptions) -> None:
    """Print which column held the texts, how many were truncated, and the adaptation."""
    if not job.text_columns and report.text_columns != ("text",):
        note(f"the text is in the column {report.text_columns[0]!r}")
    note_truncation(report.truncation_stats)
    before = engine.decision.threshold if job.threshold == "auto" else None
    texts = "the beginning of the input" if report.from_stream else "the input"
    note_adapted(report.adaptation, texts, before, report.threshold)
    if job.adapt and engine.calibrated:
        note("probabilities are left out with --adapt: they are calibrated for the index as it is")


def print_report(report: Report, output: str, *, as_json: bool) -> None:
    """Print what a job did; to stderr if its rows went to stdout."""
    from textshot.batch.summary import PAGE
    from textshot.io import STDIO

    _note_rows(report)
    to_stderr = output == STDIO
    if as_json:
        print_json(_report_dict(report), err=to_stderr)
    else:
        _print_counts(report, output, to_stderr)
        if report.drift is not None:
            _print_drift(report.drift)
    if report.backup is not None:
        note(f"the original is kept in {report.backup}")
    if report.run is not None:
        note(f"summary: {report.run / PAGE}")


def check_rejected(report: Report) -> None:
    """Fail with the most frequent reason if most rows were rejected."""
    problem = report.describe_rejects()
    if problem is not None:
        raise click.ClickException(f"{problem}. {report.rejects_path} lists them all")


def format_counts(counts: Mapping[str, int]) -> str:
    """Format the counts so far: the share of unknown rows and of the largest categories."""
    total = max(1, sum(counts.values()))
    largest = sorted((-n, label) for label, n in counts.items() if label != UNKNOWN)[:_N_LARGEST]
    rows = [(UNKNOWN, counts.get(UNKNOWN, 0)), *((label, -n) for n, label in largest)]
    return ", ".join(f"{label} {100 * n / total:.0f} %" for label, n in rows)


def print_estimate(estimate: Estimate, output: str, *, as_json: bool) -> None:
    """Print what a job would take."""
    if as_json:
        print_json(asdict(estimate))
        return
    about = "" if estimate.is_counted else "about "
    failed = f", {estimate.n_failed} of which cannot be read" if estimate.n_failed else ""
    files = counted(estimate.n_files, "file")
    click.echo(f"input:  {files}{failed}, {in_bytes(estimate.read_bytes)}")
    click.echo(f"rows:   {about}{estimate.rows:,}, text in {', '.join(estimate.text_columns)}")
    if estimate.done:
        to_go = estimate.rows - estimate.done
        rest = f"{about}{to_go:,} to go" if to_go else "nothing to do"
        click.echo(f"done:   {estimate.done:,} by an earlier run, {rest}")
    click.echo(f"output: about {in_bytes(estimate.written_bytes)} to {output}")
    seconds = in_time(estimate.seconds)
    click.echo(f"time:   about {seconds} here, at {estimate.rate:,.0f} rows a second")


def _note_rows(report: Report) -> None:
    for column, name in report.columns.items():
        if name != column:
            note(f"the input has a column {column!r} already: ours is called {name!r}")
    if report.rejected:
        note(f"{counted(report.rejected, 'invalid row')}: see {report.rejects_path}")
    for path, reason in report.failed:
        warn(reason if reason.startswith(path) else f"{path}: {reason}")
    if report.n_resumed:
        note(f"resumed: {counted(report.n_resumed, 'shard')} finished earlier")


def _ordered(report: Report) -> list[tuple[str, int]]:
    return sorted(report.tally.counts.items(), key=lambda item: (-item[1], item[0]))


def _report_dict(report: Report) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "read": report.read,
        "written": report.written,
        "rejected": report.rejected,
        "unknown": report.unknown,
        "counts": dict(_ordered(report)),
        "failed": [path for path, _ in report.failed],
    }
    if report.adaptation is not None:
        summary["adaptation"] = asdict(report.adaptation)
    if report.drift is not None:
        summary["drift"] = report.drift.to_dict()
    return summary


def _print_counts(report: Report, output: str, to_stderr: bool) -> None:
    nearest = report.tally.nearest
    rows = [
        (label, str(n), percent(n / report.written), cut(nearest[label][1], _MAX_CHARS))
        for label, n in _ordered(report)
    ]
    print_table(("category", "texts", "share", "nearest text"), rows, err=to_stderr)
    click.echo(
        f"{counted(report.read, 'row')} read, {report.written} written to {output},"
        f" {report.unknown} unknown, {report.rejected} rejected",
        err=to_stderr,
    )


def _print_drift(drift: Drift) -> None:
    """Print the comparison with an earlier run, as far as it fits a screen."""
    changes = drift.changes[:_MAX_CHANGES]
    rows = [
        (
            change.label,
            percent(change.before),
            percent(change.now),
            f"{change.points:+.1f}",
            change.verdict,
        )
        for change in (drift.unknown, *changes)
    ]
    click.echo(f"\nsince run {drift.before}:")
    print_table(("category", "before", "now", "points", "significant"), rows)
    n_left = len(drift.changes) - len(changes)
    if n_left:
        click.echo(f"and {counted(n_left, 'more category', 'more categories')}")
    for line in drift.notes:
        click.echo(f"note: {line}")
