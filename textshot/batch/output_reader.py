"""The rows of an output that is finished, read once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import inf
from typing import TYPE_CHECKING

from textshot.batch.review import ReviewRow
from textshot.batch.worker import Worker
from textshot.io import Batch, Format, open_table
from textshot.io.delimited import unescaped
from textshot.io.values import cell_texts
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Finished:
    """A finished output.

    Attributes:
        files: all of it.
        format: what was asked for; None goes by the endings.
        columns: what its columns are called, before any of them was escaped.
        escape: whether cells of CSV and TSV that a spreadsheet would run were escaped.
        worker: what answered.
    """

    files: Sequence[str]
    format: Format | None
    columns: Sequence[str]
    escape: bool
    worker: Worker

    def rows(self) -> Iterator[ReviewRow]:
        """Yield the rows; memory does not grow with their number."""
        limits = _limits(self.worker)
        for path in self.files:
            with open_table(path, format=self.format, columns=self.columns) as table:
                plain = self.escape and table.format in (Format.CSV, Format.TSV)
                for batch in table.batches():
                    yield from self._rows_of(batch, table.source, limits, escaped=plain)

    def _rows_of(
        self, batch: Batch, source: str, limits: Mapping[str, float], *, escaped: bool
    ) -> Iterator[ReviewRow]:
        names = self.worker.names

        def cells(name: str) -> list[str]:
            # By its place: a name may be escaped as well.
            found = _cells(batch.data, self.columns.index(name))
            return unescaped(found) if escaped else found

        parts = zip(*map(cells, self.worker.text_columns), strict=True)
        sure = cells(names["probability"]) if "probability" in names else repeat("")
        numbers = zip(cells(names["score"]), cells(names["margin"]), sure, strict=False)
        answers = cells(names["label"])
        for some, answer, cell, line in zip(parts, answers, numbers, batch.lines, strict=True):
            score, margin = float(cell[0]), float(cell[1])
            probability = float(cell[2]) if cell[2] else None
            text = "\n".join(filter(None, some))
            away = abs(score - limits.get(answer, inf))
            yield ReviewRow(text, answer, score, margin, probability, away, source, line)


def _cells(data: pa.RecordBatch, place: int) -> list[str]:
    return [value or "" for value in cell_texts(data.column(place), data.schema.field(place))]


def _limits(worker: Worker) -> dict[str, float]:
    """Return the score that each answer had to reach, as far as there is one."""
    engine = worker.engine
    labels = [*engine.index.labels, UNKNOWN]
    if worker.threshold is None:
        return {}
    if not isinstance(worker.threshold, str):
        return dict.fromkeys(labels, worker.threshold)
    shared = engine.decision.threshold
    found = {} if shared is None else dict.fromkeys(labels, shared)
    own = {c.name: c.threshold for c in engine.categories if c.threshold is not None}
    return found | own
