"""Write the most uncertain rows of an output to a file for people to label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING

from textshot._files import real_path
from textshot.batch.options import JobOptions
from textshot.batch.outputs import Output
from textshot.batch.report import category_thresholds
from textshot.batch.tally import CLOSE_MARGIN
from textshot.batch.worker import Worker
from textshot.errors import TableError, warn_of_table
from textshot.io import STDIO, Format, find_column, free_names, open_table, text_column
from textshot.io.excel_review import open_review
from textshot.io.excel_writer import MAX_CELL_CHARS
from textshot.io.files import is_same_file
from textshot.io.formats import format_of
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

MAX_UNKNOWN_SHARE = 0.5
"""Of the rows in a review, so that people see other answers too."""

MAX_CARRIED = 12
"""Columns of the input in a review, unless they are named."""

_MIN_POOL = 1024
_MAX_CARRIED_CHARS = 1000
_REVIEW_COLUMNS = frozenset({"text", "answer", "second", "third", "label"})


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """An answered row of an output.

    Attributes:
        text: the text.
        answer: its category, or "unknown".
        score: of the best category.
        margin: best score minus the second.
        probability: that the answer is right; None: not calibrated.
        distance: of the score from the threshold; infinite without one.
        source: file of the output.
        line: where the row starts in it; 0: unknown.
        carried: cells of other columns of the input, such as its number.
    """

    text: str
    answer: str
    score: float
    margin: float
    probability: float | None = None
    distance: float = inf
    source: str = ""
    line: int = 0
    carried: tuple[str, ...] = ()

    @property
    def certainty(self) -> float:
        """How certain the answer is; one near the threshold is uncertain."""
        if self.probability is None:
            return min(self.margin, self.distance)
        return min(self.probability, self.distance / CLOSE_MARGIN)


def most_uncertain(rows: Iterable[ReviewRow], n: int) -> list[ReviewRow]:
    """Return the n most uncertain rows (uncertainty sampling), each text once.

    Unknown rows get their share of the n, half at most; among the others the categories take turns.
    Ties keep the order of the output. Memory does not grow with the number of rows.
    """
    pools: tuple[dict[str, ReviewRow], dict[str, ReviewRow]] = ({}, {})
    counts = [0, 0]
    for row in rows:
        is_unknown = row.answer == UNKNOWN
        counts[is_unknown] += 1
        pool = pools[is_unknown]
        pool.setdefault(row.text, row)
        if len(pool) >= max(2 * n, _MIN_POOL):
            # A row that is not among the first n of these cannot be among the first n of more.
            first = _take_turns(pool.values(), n)
            pool.clear()
            pool.update({kept.text: kept for kept in first})
    known, unknown = (_take_turns(pool.values(), n) for pool in pools)
    share = min(counts[1] / max(1, sum(counts)), MAX_UNKNOWN_SHARE)
    n_unknown = min(len(unknown), max(ceil(n * share), n - len(known)))
    return _interleave(known[: n - n_unknown], unknown[:n_unknown])


def _interleave(*parts: Sequence[ReviewRow]) -> list[ReviewRow]:
    """Spread each part evenly: after half of the rows people have seen half of each."""
    placed = [((i + 0.5) / len(part), row) for part in parts for i, row in enumerate(part)]
    return [row for _, row in sorted(placed, key=lambda pair: pair[0])]


def _take_turns(rows: Iterable[ReviewRow], n: int) -> list[ReviewRow]:
    turns: Counter[str] = Counter()
    ordered: list[tuple[int, ReviewRow]] = []
    for row in sorted(rows, key=lambda row: (row.certainty, row.source, row.line)):
        turns[row.answer] += 1
        ordered.append((turns[row.answer], row))
    ordered.sort(key=lambda pair: pair[0])
    return [row for _, row in ordered[:n]]


def review_output(output: Output, schema: pa.Schema, worker: Worker, options: JobOptions) -> int:
    """Write the most uncertain rows of a finished output; return how many.

    A text too long for a spreadsheet cell is left out. `schema` is that of the input.
    """
    carry = carried_columns(schema.names, worker.text_columns, options.carry)
    rows = _output_rows(output, worker.schema(schema).names, worker, carry)
    short = (row for row in rows if len(row.text) <= MAX_CELL_CHARS)
    chosen = most_uncertain(short, options.review_rows)
    return write_review_rows(Path(str(options.review)), chosen, worker, carry)


def carried_columns(
    columns: Sequence[str], text_columns: Sequence[str], requested: Sequence[str]
) -> list[str]:
    """Return the columns of an input that its review has, too.

    Raises:
        TableError: there is no such column.
    """
    if requested:
        return [find_column(columns, name, name, "--carry") for name in requested]
    others = [name for name in columns if name not in text_columns]
    if len(others) > MAX_CARRIED:
        warn_of_table(
            f"the review has the first {MAX_CARRIED} of {len(others)} other columns. Choose them"
            " with --carry"
        )
    return others[:MAX_CARRIED]


def write_review_rows(
    path: Path, rows: Iterable[ReviewRow], worker: Worker, carry: Sequence[str] = ()
) -> int:
    """Write rows with an empty column `label` to fill in; return how many.

    Beside each answer are the two next best categories; of an unknown row, the two best ones. Last
    come the columns that are carried; one whose name is taken gets a suffix.
    """
    rows = [row for row in rows if len(row.text) <= MAX_CELL_CHARS]
    choices = [*worker.engine.index.labels, UNKNOWN]
    data = _review_table(rows, worker, carry)
    with open_review(path, data.schema, fill="label", choices=choices, n_rows=len(rows)) as writer:
        writer.write(data)
    return len(rows)


def _review_table(
    rows: Sequence[ReviewRow], worker: Worker, carry: Sequence[str]
) -> pa.RecordBatch:
    import pyarrow as pa

    predictions = worker.engine.classify([row.text for row in rows], 3, threshold=worker.threshold)
    others = []
    for row, prediction in zip(rows, predictions, strict=True):
        names = (match.label for match in prediction.matches)
        others.append([*(name for name in names if name != row.answer), "", ""])
    columns = {
        "text": pa.array([row.text for row in rows], pa.string()),
        "answer": pa.array([row.answer for row in rows], pa.string()),
        "score": pa.array([row.score for row in rows], pa.float64()),
        "margin": pa.array([row.margin for row in rows], pa.float64()),
        "probability": pa.array([row.probability for row in rows], pa.float64()),
        "second": pa.array([names[0] for names in others], pa.string()),
        "third": pa.array([names[1] for names in others], pa.string()),
        "label": pa.array([""] * len(rows), pa.string()),
        "source": pa.array([row.source for row in rows], pa.string()),
        "line": pa.array([row.line or None for row in rows], pa.int64()),
    }
    if "probability" not in worker.names:
        del columns["probability"]
    for i, name in enumerate(free_names(columns, carry).values()):
        columns[name] = pa.array([cut(row.carried[i]) for row in rows], pa.string())
    return pa.RecordBatch.from_pydict(columns)


def _output_rows(
    output: Output, columns: Sequence[str], worker: Worker, carry: Sequence[str]
) -> Iterator[ReviewRow]:
    """Read a finished output with its columns."""
    thresholds = _thresholds(worker)
    for path in output.files():
        with output.open(path, columns) as table:
            for batch in table.batches():
                cells = {
                    name: text_column(batch.data, [name])
                    for name in [*worker.text_columns, *worker.names.values(), *carry]
                }
                names = worker.names
                parts = zip(*(cells[name] for name in worker.text_columns), strict=True)
                probabilities = cells.get(names.get("probability", ""), repeat(""))
                carried = (
                    zip(*(cells[name] for name in carry), strict=True) if carry else repeat(())
                )
                for part, answer, score, margin, probability, line, other in zip(
                    parts,
                    cells[names["label"]],
                    cells[names["score"]],
                    cells[names["margin"]],
                    probabilities,
                    batch.lines,
                    carried,
                    strict=False,
                ):
                    if not score:  # a rejected row that a workbook kept
                        continue
                    yield ReviewRow(
                        text="\n".join(filter(None, part)),
                        answer=answer,
                        score=float(score),
                        margin=float(margin),
                        probability=float(probability) if probability else None,
                        distance=abs(float(score) - thresholds.get(answer, inf)),
                        source=table.source,
                        line=line,
                        carried=other,
                    )


def cut(cell: str) -> str:
    """Return a cell, cut if it is much longer than an identifier or a name."""
    return cell if len(cell) <= _MAX_CARRIED_CHARS else f"{cell[:_MAX_CARRIED_CHARS]}…"


def _thresholds(worker: Worker) -> dict[str, float]:
    """Return the score that each answer had to reach, if any."""
    engine, threshold = worker.engine, worker.threshold
    labels = [*engine.index.labels, UNKNOWN]
    if not isinstance(threshold, str):
        return {} if threshold is None else dict.fromkeys(labels, threshold)
    shared = engine.decision.threshold
    return ({} if shared is None else dict.fromkeys(labels, shared)) | category_thresholds(worker)


def is_review(columns: Iterable[str]) -> bool:
    """Tell by its columns whether a table is a review; there "unknown" is a label of a person."""
    return set(columns) >= _REVIEW_COLUMNS


def check_review_path(path: Path, used: Iterable[str | Path]) -> None:
    """Refuse a review file that would overwrite something, before the job starts.

    Args:
        path: the file.
        used: the inputs and the output; whoever reads such a folder would take the review for data.

    Raises:
        TableError: why.
    """
    if str(path) == STDIO:
        raise TableError("a review cannot go to the standard output. Name a file for it")
    if format_of(str(path), None, stdio=Format.CSV, output=True) is Format.TEXT:
        raise TableError(f"{path}: a review is a table. Name a file that ends in .xlsx or .csv")
    target = real_path(path)
    if any(is_same_file(place, name) for name in used for place in (target, *target.parents)):
        raise TableError(
            f"{path}: the review would replace the input or the output, or be in its folder. Name"
            " another file"
        )
    if not path.parent.is_dir():
        raise TableError(f"{path}: the folder {path.parent} does not exist. Create it first")
    if not path.exists():
        return
    with open_table(path) as table:
        if not is_review(table.columns):
            raise TableError(f"{path}: exists and is not a review. Name another file")
        cells = (cell for batch in table.batches() for cell in text_column(batch.data, ["label"]))
        n_labels = sum(bool(cell.strip()) for cell in cells)
    if n_labels:
        raise TableError(
            f"{path}: holds {n_labels} label{'s' * (n_labels > 1)} that people filled in. Import"
            f" them with `textshot correct INDEX --from {path}`, and name another file"
        )
