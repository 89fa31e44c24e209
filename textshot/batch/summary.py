"""The summary of a run: `summary.html` for people, read from and beside `summary.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from pathlib import Path

from textshot._files import real_path, write_atomic
from textshot.batch.comparison import compare
from textshot.batch.diagnostics import diagnose
from textshot.batch.outputs import run_folders
from textshot.batch.report import Report
from textshot.batch.run_log import RUN, SUMMARY
from textshot.batch.tally import BINS, CLOSE_MARGIN, Sample
from textshot.engine.check import Finding
from textshot.errors import TableError
from textshot.reports.page import render
from textshot.types import UNKNOWN

PAGE = "summary.html"

_TEMPLATE = "summary.html.j2"
_BIN_WIDTH = 2.0 / BINS
_TICK_STEPS = (0.04, 0.1, 0.2, 0.5)
_MAX_TICKS = 6
_MIN_BAR_HEIGHT = 0.7
_LIMITS = {"rows": 1000, "diagnostics": 50, "files": 20, "pairs": 20}


def read_summary(path: str | Path, own_run: Path | None = None) -> Report:
    """Read the summary of an earlier run.

    Args:
        path: a `summary.json`, or the output of the run.
        own_run: folder of the run that is compared with it, if there is one.

    Raises:
        TableError: there is none, it is damaged, or it is that of the run itself.
    """
    file = _find_summary(Path(path))
    if own_run is not None and real_path(file) == real_path(own_run / SUMMARY):
        raise TableError(
            f"{path}: this run writes there and replaces the earlier summary. Name another output,"
            f" or copy {file} and compare with the copy"
        )
    try:
        report = Report.from_dict(json.loads(file.read_bytes()), file.parent)
        compare(report, report)  # reads all that a comparison needs
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TableError(
            f"{file}: is not a summary of textshot, or is damaged ({error!r}). Name the"
            " summary.json of a run, or its output"
        ) from error
    except OSError as error:
        raise TableError(f"{file}: cannot be read ({error.strerror})") from error
    return report


def _find_summary(path: Path) -> Path:
    folders = [*run_folders(str(path)), path]
    for folder in folders:
        if (folder / SUMMARY).is_file():
            return folder / SUMMARY
    if any((folder / RUN).is_file() for folder in folders):
        raise TableError(f"{path}: its run is not finished. Run its command again first")
    if path.is_file() and path.suffix == ".json":
        return path
    raise TableError(
        f"{path}: there is no summary of a run beside it. Name the summary.json of an earlier run,"
        " or its output"
    )


def summarize(report: Report, before: Report | None = None) -> Report:
    """Write the page of a finished run; return the report compared with an earlier one."""
    if before is not None:
        report = replace(report, drift=compare(before, report))
    if report.run is not None:
        write_atomic(report.run / PAGE, page_of(report).encode("utf-8"))
    return report


def delete_page(run: Path) -> None:
    """Delete the page of an earlier run."""
    (run / PAGE).unlink(missing_ok=True)


def page_of(report: Report) -> str:
    """Return the page; the same report gives the same bytes."""
    facts, tally, rows = report.facts, report.tally, category_rows(report)
    scores = [tally.scores["known"], tally.scores["unknown"]]
    return render(
        __package__,
        _TEMPLATE,
        report=report,
        facts=facts,
        tally=tally,
        rows=rows[: _LIMITS["rows"]],
        n_rows=len(rows),
        n_used=sum(label != UNKNOWN for label in tally.counts),
        is_cut=report.unknown > _max_count(report),
        n_close=sum(tally.close.values()) - tally.close.get(UNKNOWN, 0),
        scores=histogram(scores, -1.0, facts["threshold"]),
        margins=histogram([tally.margins], 0.0),
        diagnostics=_diagnostics(report),
        pairs=close_pairs(tally.pairs)[: _LIMITS["pairs"]],
        limits=_LIMITS,
        close_margin=CLOSE_MARGIN,
    )


def _diagnostics(report: Report) -> list[list[Finding]]:
    """Return the findings of each kind."""
    facts = report.facts
    findings = diagnose(report.tally, facts["categories"], facts["threshold"], facts["thresholds"])
    return [list(members) for _, members in groupby(findings, key=lambda finding: finding.kind)]


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """A category on the page; `clear` and `close` are widths of its bar in percent."""

    label: str
    n: int
    share: float
    n_close: int
    clear: float
    close: float
    nearest: Sample | None
    uncertain: Sample | None


def category_rows(report: Report) -> list[CategoryRow]:
    """Return the categories, the largest first; unused ones are at the end."""
    tally, longest = report.tally, _max_count(report)
    labels = {UNKNOWN, *tally.counts, *report.facts["categories"]}
    rows = []
    for label in sorted(labels, key=lambda label: (-tally.counts.get(label, 0), label)):
        n = tally.counts.get(label, 0)
        n_close = 0 if label == UNKNOWN else tally.close.get(label, 0)
        rows.append(
            CategoryRow(
                label=label,
                n=n,
                share=n / max(1, tally.written),
                n_close=n_close,
                clear=min(round(100 * (n - n_close) / longest, 2), 100.0),
                close=round(100 * n_close / longest, 2),
                nearest=tally.nearest.get(label),
                uncertain=tally.uncertain.get(label),
            )
        )
    return rows


def _max_count(report: Report) -> int:
    """Return the number of rows of the longest bar; a longer one of "unknown" is cut."""
    counts = report.tally.counts
    return max((n for label, n in counts.items() if label != UNKNOWN), default=report.written) or 1


def close_pairs(pairs: Sequence[tuple[str, str, int]]) -> list[tuple[str, str, int, int]]:
    """Return pairs of categories regardless of order, the most frequent first.

    Each with its number of close calls and how many of these got the first category, which is the
    more frequent answer. Texts without a category are left out.
    """
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for label, other, n in pairs:
        if label != UNKNOWN:
            answers = counts.setdefault((min(label, other), max(label, other)), {})
            answers[label] = answers.get(label, 0) + n
    merged = []
    for pair, answers in counts.items():
        first, second = sorted(pair, key=lambda label: (-answers.get(label, 0), label))
        merged.append((first, second, sum(answers.values()), answers[first]))
    return sorted(merged, key=lambda pair: (-pair[2], pair[0], pair[1]))


@dataclass(frozen=True, slots=True)
class Bar:
    """A bin: the bars of its parts stand on each other.

    Attributes:
        position: from the left, from 0.
        lowest, highest: limits of the bin.
        rows: of each part.
        tops, heights: of each part, in percent of the plot; tops count from above.
    """

    position: int
    lowest: float
    highest: float
    rows: tuple[int, ...]
    tops: tuple[float, ...]
    heights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """A plot.

    Attributes:
        bars: from left to right, all of one width.
        ticks: position in percent of the width, and text.
        mark: position of a vertical line in percent of the width; None: no line.
    """

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    mark: float | None = None


def histogram(
    parts: Sequence[Sequence[int]], lowest: float, mark: float | None = None
) -> Histogram | None:
    """Lay out a stacked histogram from its first to its last used bin; None: all bins are empty.

    Args:
        parts: rows in each of BINS bins, or an empty list.
        lowest: lower limit of the first bin.
        mark: a value to include and mark.
    """
    columns = list(zip(*[part or [0] * BINS for part in parts], strict=True))
    used = [i for i, column in enumerate(columns) if any(column)]
    if not used:
        return None
    if mark is not None:
        used.append(min(max(int((mark - lowest) / _BIN_WIDTH), 0), BINS - 1))
    highest_bar = max(sum(column) for column in columns)
    first, bars = min(used), []
    for i in range(first, max(used) + 1):
        heights = tuple(_height(n, highest_bar) for n in columns[i])
        tops = tuple(round(100 - top, 2) for top in accumulate(heights))
        start = lowest + i * _BIN_WIDTH
        limits = round(start, 2), round(start + _BIN_WIDTH, 2)
        bars.append(Bar(i - first, *limits, columns[i], tops, heights))
    left, right = bars[0].lowest, bars[-1].highest
    position = None if mark is None else _percent(min(max(mark, left), right), left, right)
    return Histogram(tuple(bars), _ticks(left, right), position)


def _height(n: int, highest: int) -> float:
    """Return the height of a bar in percent; one row can be seen."""
    return max(round(100 * n / highest, 2), _MIN_BAR_HEIGHT) if n else 0.0


def _ticks(left: float, right: float) -> tuple[tuple[float, str], ...]:
    step = next((s for s in _TICK_STEPS if (right - left) / s <= _MAX_TICKS), _TICK_STEPS[-1])
    values = (round(i * step, 2) for i in range(round(left / step), round(right / step) + 1))
    return tuple((_percent(v, left, right), f"{v:g}") for v in values if left <= v <= right)


def _percent(value: float, left: float, right: float) -> float:
    return round(100 * (value - left) / (right - left), 2)
