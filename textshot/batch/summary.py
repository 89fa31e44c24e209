"""The summary of a run for people: one page that needs nothing but a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from textshot._files import write_atomic
from textshot.batch.compare import drift_of
from textshot.batch.diagnostics import REMEDIES, TITLES, diagnose
from textshot.batch.histogram import histogram
from textshot.batch.run_report import Report
from textshot.batch.summary_tables import longest, pairs_of, rows_of
from textshot.batch.tally import CLOSE
from textshot.reports.page import render
from textshot.types import UNKNOWN

PAGE = "summary.html"

_TEMPLATE = "summary.html.j2"
_MOST_ROWS = 1000
_MOST_DOUBTS = 50
_MOST_FILES = 20
_MOST_PAIRS = 20


def summarised(report: Report, before: Report | None = None) -> Report:
    """Write the page of a run into its folder; return the report with what is another than before.

    Args:
        report: of a run that is finished.
        before: that of an earlier run.
    """
    if before is not None:
        report = replace(report, drift=drift_of(before.side(), report.side()))
    if report.run is not None:
        write_atomic(report.run / PAGE, page_of(report).encode("utf-8"))
    return report


def forget_page(run: Path) -> None:
    """Remove the page of what is in a folder no more."""
    (run / PAGE).unlink(missing_ok=True)


def page_of(report: Report) -> str:
    """Return the page: the same for the same record and the same comparison."""
    about, tally, rows = report.about, report.tally, rows_of(report)
    return render(
        __package__,
        _TEMPLATE,
        report=report,
        about=about,
        tally=tally,
        rows=rows[:_MOST_ROWS],
        n_rows=len(rows),
        n_used=sum(label != UNKNOWN for label in tally.counts),
        cut=report.unknown > longest(report),
        n_close=sum(tally.close.values()) - tally.close.get(UNKNOWN, 0),
        scores=histogram(
            [tally.scores["known"], tally.scores["unknown"]], -1.0, about["threshold"]
        ),
        margins=histogram([tally.margins], 0.0),
        doubts=list(_doubts(report)),
        pairs=pairs_of(tally.pairs)[:_MOST_PAIRS],
        most_doubts=_MOST_DOUBTS,
        most_files=_MOST_FILES,
        most_rows=_MOST_ROWS,
        close=CLOSE,
    )


def _doubts(report: Report) -> Iterator[dict[str, Any]]:
    about = report.about
    found = diagnose(report.tally, about["categories"], about["threshold"], about["thresholds"])
    for kind, members in groupby(found, key=lambda doubt: doubt.kind):
        yield {"title": TITLES[kind], "advice": REMEDIES[kind], "members": list(members)}
