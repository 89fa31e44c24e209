"""The one worker behind every runner: rows in, the same rows with their answers out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.engine import Engine
from textshot.errors import InvalidCategoriesError
from textshot.io import free_names, text_column, with_columns, with_fields
from textshot.types import UNKNOWN, Threshold

if TYPE_CHECKING:
    import pyarrow as pa

ADDED = ("label", "score", "margin")
"""The columns that are added to the input's own; of a calibrated engine "probability" too."""

VERSION = 1
"""Of what a worker does with a row: another one makes another run."""

_DIGITS = 6
_SHOWN = 10


@dataclass(frozen=True)
class Answered:
    """Rows with their answers, and what is told about them beside.

    Attributes:
        data: the rows, with the columns that are added.
        texts: the text of each.
        labels: the categories of the index, and "unknown" behind them.
        rows: int64 (n,), the answer of each as a place in `labels`.
        runners_up: int64 (n,), the second category of each; -1 where there is none.
        scores: float64 (n,), of the best category.
        margins: float64 (n,), how far it is ahead.
    """

    data: pa.RecordBatch
    texts: Sequence[str]
    labels: Sequence[str]
    rows: IntArray
    runners_up: IntArray
    scores: NDArray[np.float64]
    margins: NDArray[np.float64]


@dataclass(frozen=True)
class Worker:
    """Adds the answers to rows; the same rows get the same answers in any process.

    It travels to other processes: its categories as they are, its encoder by name.

    Attributes:
        engine: what answers.
        text_columns: the columns that hold the text, joined.
        names: each added column and the name that it gets.
        threshold: as in `Engine.classify`.
        metadata: what is added of the category of each row, of what its index knows about it.
    """

    engine: Engine
    text_columns: Sequence[str]
    names: Mapping[str, str]
    threshold: Threshold = "auto"
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def for_columns(
        cls,
        engine: Engine,
        columns: Iterable[str],
        text_columns: Sequence[str],
        *,
        threshold: Threshold = "auto",
        metadata: Sequence[str] = (),
        calibrated: bool | None = None,
    ) -> Worker:
        """Make a worker for rows that have these columns: those that it adds get other names.

        `calibrated`: whether there is a column of probabilities; None: as the engine has them.

        Raises:
            InvalidCategoriesError: no category knows anything of that name.
        """
        _check_metadata(engine, metadata)
        with_odds = engine.calibrated if calibrated is None else calibrated
        wanted = ADDED + ("probability",) * with_odds
        names = free_names(columns, [*wanted, *metadata])
        own = {name: names[name] for name in metadata}
        return cls(engine, text_columns, {name: names[name] for name in wanted}, threshold, own)

    def schema(self, columns: pa.Schema) -> pa.Schema:
        """Return the columns of answered rows."""
        import pyarrow as pa

        kinds = {n: pa.string() if w == "label" else pa.float64() for w, n in self.names.items()}
        return with_fields(columns, kinds | dict.fromkeys(self.metadata.values(), pa.string()))

    def __call__(self, data: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows with their answers."""
        return self.answered(data).data

    def answered(self, data: pa.RecordBatch) -> Answered:
        """Return the rows with their answers, and what a summary needs."""
        texts = text_column(data, self.text_columns)
        labels = [*self.engine.index.labels, UNKNOWN]
        found = self.engine.predict_arrays(texts, 2, threshold=self.threshold)
        rows: IntArray = _column(found.rows, 0)
        rows[~found.in_scope] = len(labels) - 1
        scores = _column(found.scores, 0).astype(np.float64)
        margins = found.margins.astype(np.float64)
        columns = {
            "label": np.array(labels, object)[rows],
            "score": scores.round(_DIGITS),
            "margin": margins.round(_DIGITS),
            "probability": [p and round(p, _DIGITS) for p in found.probabilities],
        }
        added = {name: _array(columns[wanted]) for wanted, name in self.names.items()}
        for wanted, name in self.metadata.items():
            added[name] = _array(self._about(wanted)[rows])
        second: IntArray = _column(found.rows, 1)
        return Answered(with_columns(data, added), texts, labels, rows, second, scores, margins)

    def _about(self, wanted: str) -> NDArray[np.object_]:
        known = [category.metadata.get(wanted) for category in self.engine.categories]
        return np.array([*known, None], object)


def _column(found: FloatArray | IntArray, place: int) -> Any:
    """Return a column of scores or rows; -1 where there is none."""
    if found.shape[1] > place:
        return found[:, place].copy()
    return np.full(len(found), -1, found.dtype)


def _array(values: Sequence[object] | NDArray[np.generic]) -> pa.Array:
    import pyarrow as pa

    kind = pa.float64()
    if isinstance(values, np.ndarray) and values.dtype == object:
        kind = pa.string()
    return pa.array(values, kind)


def _check_metadata(engine: Engine, wanted: Sequence[str]) -> None:
    known = sorted({name for category in engine.categories for name in category.metadata})
    for name in wanted:
        if name not in known:
            shown = ", ".join(known[:_SHOWN]) or "nothing"
            raise InvalidCategoriesError(
                f"no category has {name!r} beside its name; there is {shown}. It comes from other"
                " columns of the table of categories"
            )
