"""The worker behind every runner: table rows in, the same rows with their answers out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.batch.options import JobOptions
from textshot.encoders import CachedEncoder
from textshot.engine import Engine
from textshot.errors import InvalidCategoriesError
from textshot.io import free_names, text_column, with_columns, with_fields
from textshot.io.column_choice import ANSWER_COLUMNS
from textshot.types import UNKNOWN, Threshold

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
"""Increased when a worker writes other rows for the same input: then it is another run."""

_DIGITS = 6
_MAX_NAMES = 10


@dataclass(frozen=True)
class AnsweredRows:
    """Rows with their answers, and the arrays that a summary counts.

    Attributes:
        data: the rows with the added columns.
        texts: n texts.
        labels: the categories of the index, then "unknown".
        rows: int64 (n,), the answer of each text as an index into `labels`.
        runners_up: int64 (n,), the second category; -1: none.
        scores: float64 (n,), cosine of the best category.
        margins: float64 (n,), best score minus the second.
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
    """Adds answers to rows; a row gets the same answer in every process.

    A worker can be pickled: its categories travel by value, its encoder by name.

    Attributes:
        engine: classifies the texts.
        text_columns: the columns that hold the text, joined by a newline.
        names: each added column and the name it gets in the output.
        threshold: as in `Engine.classify`.
        metadata: each added metadata column and the name it gets in the output.
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
        options: JobOptions | None = None,
        *,
        calibrated: bool | None = None,
    ) -> Worker:
        """Make a worker for tables with these columns; names that are taken get a suffix.

        Args:
            engine: classifies the texts.
            columns: all columns of the table.
            text_columns: those that hold the text.
            options: threshold and metadata are read.
            calibrated: whether to add a probability; None: if the engine is calibrated.

        Raises:
            InvalidCategoriesError: no category has such metadata.
        """
        options = options or JobOptions()
        _check_metadata(engine, options.metadata)
        has_probability = engine.calibrated if calibrated is None else calibrated
        answers = ANSWER_COLUMNS + ("probability",) * has_probability
        names = free_names(columns, [*answers, *options.metadata])
        return cls(
            engine,
            text_columns,
            {name: names[name] for name in answers},
            options.threshold,
            {name: names[name] for name in options.metadata},
        )

    def schema(self, columns: pa.Schema) -> pa.Schema:
        """Return the columns of the output."""
        import pyarrow as pa

        types = {n: pa.string() if c == "label" else pa.float64() for c, n in self.names.items()}
        return with_fields(columns, types | dict.fromkeys(self.metadata.values(), pa.string()))

    def __call__(self, data: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows with their answers."""
        return self.answer(data).data

    def answer(self, data: pa.RecordBatch) -> AnsweredRows:
        """Return the rows with their answers, and what a summary needs."""
        texts = text_column(data, self.text_columns)
        labels = [*self.engine.index.labels, UNKNOWN]
        answers = self.engine.predict_arrays(texts, 2, threshold=self.threshold)
        rows: IntArray = _column(answers.rows, 0)
        rows[~answers.in_scope] = len(labels) - 1
        scores = _column(answers.scores, 0).astype(np.float64)
        margins = answers.margins.astype(np.float64)
        columns = {
            "label": np.array(labels, object)[rows],
            "score": scores.round(_DIGITS),
            "margin": margins.round(_DIGITS),
            "probability": [p and round(p, _DIGITS) for p in answers.probabilities],
        }
        added = {name: _to_arrow(columns[column]) for column, name in self.names.items()}
        for column, name in self.metadata.items():
            values = [category.metadata.get(column) for category in self.engine.categories]
            added[name] = _to_arrow(np.array([*values, None], object)[rows])
        second: IntArray = _column(answers.rows, 1)
        return AnsweredRows(with_columns(data, added), texts, labels, rows, second, scores, margins)


def with_cache(engine: Engine) -> Engine:
    """Return an engine that encodes a repeated text once, across calls too."""
    if engine.encoder.is_cached:
        return engine
    return Engine(CachedEncoder(engine.encoder), engine.index)


def _column(matrix: FloatArray | IntArray, i: int) -> Any:
    """Return a column of scores or rows; -1 if there is none."""
    if matrix.shape[1] > i:
        return matrix[:, i].copy()
    return np.full(len(matrix), -1, matrix.dtype)


def _to_arrow(values: Sequence[object] | NDArray[np.generic]) -> pa.Array:
    import pyarrow as pa

    is_text = isinstance(values, np.ndarray) and values.dtype == object
    return pa.array(values, pa.string() if is_text else pa.float64())


def _check_metadata(engine: Engine, columns: Sequence[str]) -> None:
    known = sorted({name for category in engine.categories for name in category.metadata})
    for name in columns:
        if name not in known:
            raise InvalidCategoriesError(
                f"no category has metadata {name!r}; there is"
                f" {', '.join(known[:_MAX_NAMES]) or 'none'}. Metadata are the other columns of the"
                " table of categories"
            )
