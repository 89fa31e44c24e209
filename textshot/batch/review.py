"""Review by people: which rows of an output they are asked about, and what they get to see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING

from textshot.batch.tally import CLOSE
from textshot.batch.worker import Worker
from textshot.errors import TableError
from textshot.io import STDIO, Format, open_table, text_column
from textshot.io.excel import MAX_CELL_CHARS
from textshot.io.excel_review import open_review
from textshot.io.formats import format_of
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

MAX_UNKNOWN_SCORE = 0.5
"""The share of unknown rows in a review: the others shall be looked at as well."""

_FEWEST_HELD = 1024


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """An answered row of an output.

    Attributes:
        text: as it was categorised.
        answer: its category, or "unknown".
        score: of its best category.
        margin: how far that is ahead.
        probability: that the answer is right; None where that is not known.
        away: how far the score is from the threshold, above or below; infinite without one.
        source: the file of the output.
        line: where the row begins in it; 0 where that is not known.
    """

    text: str
    answer: str
    score: float
    margin: float
    probability: float | None = None
    away: float = inf
    source: str = ""
    line: int = 0

    @property
    def sure(self) -> float:
        """How sure the answer is; whatever is close to the threshold is not."""
        if self.probability is None:
            return min(self.margin, self.away)
        return min(self.probability, self.away / CLOSE)


def most_uncertain(rows: Iterable[ReviewRow], n: int) -> list[ReviewRow]:
    """Return the n most doubtful rows.

    Unknown rows get their share of them, half at most. Over the others the categories take turns:
    first comes the most doubtful row of each. A text that comes twice is there once. Of rows that
    are equally doubtful those come first that stand first. A few times n rows are held at most.
    """
    held: tuple[dict[str, ReviewRow], dict[str, ReviewRow]] = ({}, {})
    counted = [0, 0]
    for row in rows:
        is_unknown = row.answer == UNKNOWN
        counted[is_unknown] += 1
        pool = held[is_unknown]
        pool.setdefault(row.text, row)
        if len(pool) >= max(2 * n, _FEWEST_HELD):
            # What is not among the first n of some rows is not among those of more rows either.
            first = _in_turn(pool.values(), n)
            pool.clear()
            pool.update({kept.text: kept for kept in first})
    known, unknown = (_in_turn(pool.values(), n) for pool in held)
    share = min(counted[1] / max(1, sum(counted)), MAX_UNKNOWN_SCORE)
    n_unknown = min(len(unknown), max(ceil(n * share), n - len(known)))
    return _spread(known[: n - n_unknown], unknown[:n_unknown])


def _spread(*parts: Sequence[ReviewRow]) -> list[ReviewRow]:
    """Mix parts, each spread over the whole: who stops half way has seen half of each."""
    placed = [((i + 0.5) / len(part), row) for part in parts for i, row in enumerate(part)]
    return [row for _, row in sorted(placed, key=lambda pair: pair[0])]


def _in_turn(rows: Iterable[ReviewRow], n: int) -> list[ReviewRow]:
    turns: Counter[str] = Counter()
    ordered: list[tuple[int, ReviewRow]] = []
    for row in sorted(rows, key=lambda row: (row.sure, row.source, row.line)):
        turns[row.answer] += 1
        ordered.append((turns[row.answer], row))
    ordered.sort(key=lambda pair: pair[0])
    return [row for _, row in ordered[:n]]


def write_review(path: Path, rows: Iterable[ReviewRow], worker: Worker, n: int) -> int:
    """Write the most doubtful rows to a table with an empty column `label`; return how many.

    Beside each answer stand the two categories that come next, or of an unknown row the two that
    came nearest. A text that is too long for a cell of a spreadsheet is left out: nobody reads it.
    """
    found = most_uncertain((row for row in rows if len(row.text) <= MAX_CELL_CHARS), n)
    return write_review_rows(path, found, worker)


def write_review_rows(path: Path, rows: Iterable[ReviewRow], worker: Worker) -> int:
    """Write these rows as `write_review` does, in their order; return how many."""
    found = [row for row in rows if len(row.text) <= MAX_CELL_CHARS]
    choices = [*worker.engine.index.labels, UNKNOWN]
    data = _table(found, worker)
    with open_review(path, data.schema, fill="label", choices=choices, n_rows=len(found)) as writer:
        writer.write(data)
    return len(found)


def _table(rows: Sequence[ReviewRow], worker: Worker) -> pa.RecordBatch:
    import pyarrow as pa

    texts = [row.text for row in rows]
    found = worker.engine.classify(texts, 3, threshold=worker.threshold)
    names = [[match.label for match in prediction.matches] for prediction in found]
    pairs = zip(rows, names, strict=True)
    others = [[*(name for name in near if name != row.answer), "", ""] for row, near in pairs]
    columns = {
        "text": pa.array(texts, pa.string()),
        "answer": pa.array([row.answer for row in rows], pa.string()),
        "score": pa.array([row.score for row in rows], pa.float64()),
        "margin": pa.array([row.margin for row in rows], pa.float64()),
        "probability": pa.array([row.probability for row in rows], pa.float64()),
        "second": pa.array([other[0] for other in others], pa.string()),
        "third": pa.array([other[1] for other in others], pa.string()),
        "label": pa.array([""] * len(rows), pa.string()),
        "source": pa.array([row.source for row in rows], pa.string()),
        "line": pa.array([row.line or None for row in rows], pa.int64()),
    }
    if "probability" not in worker.names:
        del columns["probability"]
    return pa.RecordBatch.from_pydict(columns)


_MARKS = frozenset({"text", "answer", "second", "third", "label"})


def is_review(columns: Iterable[str]) -> bool:
    """Tell by its columns whether a table is a review: there "unknown" is what somebody said."""
    return set(columns) >= _MARKS


def check_review(path: Path, taken: Iterable[str | Path]) -> None:
    """Refuse a place for a review where it would do harm, before anything is answered.

    Args:
        path: the file.
        taken: the input, its files, and the output: what reads a folder would take the review for
            a part of it.

    Raises:
        TableError: why.
    """
    if str(path) == STDIO:
        raise TableError("a review cannot go to the standard output. Name a file for it")
    if format_of(str(path), None, stdio=Format.CSV, output=True) is Format.TEXT:
        raise TableError(f"{path}: a review is a table. Name a file that ends in .xlsx, or .csv")
    place = path.resolve()
    if {place, *place.parents} & {Path(one).resolve() for one in taken}:
        raise TableError(
            f"{path}: the review would replace the input or the output, or lie in it. Name another"
            " file"
        )
    if not path.parent.is_dir():
        raise TableError(f"{path}: the folder {path.parent} does not exist. Make it first")
    if path.exists():
        _check_replaceable(path)


def _check_replaceable(path: Path) -> None:
    """Refuse to replace what people have filled in, or any other table."""
    with open_table(path) as table:
        if not is_review(table.columns):
            raise TableError(f"{path}: is there already and no review. Name another file")
        cells = (cell for batch in table.batches() for cell in text_column(batch.data, ["label"]))
        filled = sum(bool(cell.strip()) for cell in cells)
    if filled:
        raise TableError(
            f"{path}: {_labels(filled)} filled in there already. Give them back by `textshot"
            f" correct INDEX --from {path}`, and name another file for the next review"
        )


def _labels(n: int) -> str:
    return "1 label is" if n == 1 else f"{n} labels are"
