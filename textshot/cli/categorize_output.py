"""What `textshot categorize` says of a job that is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from textshot.cli.output import (
    counted,
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
    from textshot.batch import Estimate, Report
    from textshot.batch.compare import Drift
    from textshot.engine import Engine
    from textshot.types import Threshold

_SHOWN_CHARS = 80
_LARGEST = 3
_SHOWN_CHANGES = 20


def note_truncation_of(
    report: Report, engine: Engine, threshold: Threshold, *, adapt: bool, columns_named: bool
) -> None:
    """Say how the texts of a job were found and read, and to what it adapted."""
    if not columns_named and report.text_columns != ("text",):
        note(f"the texts are those of the column {report.text_columns[0]!r}")
    note_truncation(report.truncation_stats)
    before = engine.decision.threshold if threshold == "auto" else None
    where = "the beginning of the input" if report.from_stream else "the input"
    note_adapted(report.adaptation, where, before, report.threshold)
    if adapt and engine.calibrated:
        note("probabilities were tuned for the index as it is, and are left out with --adapt")


def say(report: Report, output: str, *, as_json: bool) -> None:
    """Say what a job did; to stderr where its rows went to stdout."""
    from textshot.batch.summary import PAGE
    from textshot.io import STDIO

    _note_rows(report)
    to_stderr = output == STDIO
    if as_json:
        print_json(_record_of(report), err=to_stderr)
    else:
        _print_counts(report, output, to_stderr)
        if report.drift is not None:
            _print_drift(report.drift)
    if report.run is not None:
        note(f"summary: {report.run / PAGE}")


def in_words(counts: Mapping[str, int]) -> str:
    """Say what a job has answered so far: the share of unknown rows, and the largest categories."""
    total = max(1, sum(counts.values()))
    largest = sorted((-n, label) for label, n in counts.items() if label != UNKNOWN)[:_LARGEST]
    shown = [(UNKNOWN, counts.get(UNKNOWN, 0)), *((label, -n) for n, label in largest)]
    return ", ".join(f"{label} {100 * n / total:.0f} %" for label, n in shown)


def say_estimate(found: Estimate, output: str, *, as_json: bool) -> None:
    """Say what a job would take."""
    if as_json:
        print_json(asdict(found))
        return
    about = "" if found.is_counted else "about "
    failed = f", {found.n_failed} of which cannot be read" if found.n_failed else ""
    click.echo(f"input:  {counted(found.n_files, 'file')}{failed}, {in_bytes(found.read_bytes)}")
    click.echo(f"rows:   {about}{found.rows:,}, text in {', '.join(found.text_columns)}")
    click.echo(f"output: about {in_bytes(found.written_bytes)} to {output}")
    click.echo(f"time:   about {in_time(found.seconds)} here, at {found.rate:,.0f} rows a second")


def _note_rows(report: Report) -> None:
    for wanted, name in report.columns.items():
        if name != wanted:
            note(f"the input has a column {wanted!r} already: ours is called {name!r}")
    if report.rejected:
        note(f"{counted(report.rejected, 'row')} could not be used; see {report.rejects_path}")
    for path, reason in report.failed:
        warn(reason if reason.startswith(path) else f"{path}: {reason}")
    if report.n_known:
        note(f"{counted(report.n_known, 'shard')} had been done before")


def _ordered(report: Report) -> list[tuple[str, int]]:
    return sorted(report.tally.counts.items(), key=lambda item: (-item[1], item[0]))


def _record_of(report: Report) -> dict[str, Any]:
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
        summary["drift"] = report.drift.record()
    return summary


def _print_counts(report: Report, output: str, to_stderr: bool) -> None:
    rows = [
        (label, str(n), percent(n / report.written), _short(report.tally.nearest[label][1]))
        for label, n in _ordered(report)
    ]
    print_table(("category", "texts", "share", "example (the nearest)"), rows, err=to_stderr)
    click.echo(
        f"{counted(report.read, 'row')} read, {report.written} written to {output},"
        f" {report.unknown} unknown, {report.rejected} rejected",
        err=to_stderr,
    )


def _short(text: str) -> str:
    line = " ".join(text[:1000].split())
    return line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 1] + "…"


def _print_drift(drift: Drift) -> None:
    """Print what is another than in the earlier run, as far as it fits a screen."""
    shown = drift.changes[:_SHOWN_CHANGES]
    rows = [
        (
            change.label,
            percent(change.before),
            percent(change.now),
            f"{change.points:+.1f}",
            change.words,
        )
        for change in (drift.unknown, *shown)
    ]
    click.echo(f"\nsince run {drift.before}:")
    print_table(("category", "before", "now", "points", "more than chance"), rows)
    left = len(drift.changes) - len(shown)
    if left:
        click.echo(f"and {counted(left, 'more category', 'more categories')}")
    psi = "" if drift.psi is None else f" (population stability index {drift.psi:.3f})"
    click.echo(f"scores: {drift.scores}{psi}")
    for words in drift.notes:
        click.echo(f"besides: {words}")
