"""Categorize frames of pandas, Polars and PyArrow: the same kind of frame comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textshot._characters import is_blank
from textshot.batch.options import DEFAULT_SHARD_ROWS, JobOptions
from textshot.batch.worker import Worker, with_cache
from textshot.engine import Engine
from textshot.errors import TableError
from textshot.io import find_column, text_column
from textshot.io.columns import check_is_text
from textshot.io.values import SURROGATES, plain_array, plain_type
from textshot.types import Threshold

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw
    import pyarrow as pa

_SOURCE = "the frame"
_NO_TEXTS = (bytes, bytearray, memoryview, Mapping, Set, list, tuple, np.ndarray)


def categorize_frame(
    df: Any,
    index: Engine | str | Path,
    column: str | int | Sequence[str | int] = "text",
    *,
    threshold: Threshold = "auto",
    metadata: Sequence[str] = (),
    adapt: bool = False,
) -> Any:
    """Return a frame with label, score and margin added, as `categorize` writes them.

    Row order, types and the index of pandas stay. A row without text gets nulls. If the frame has a
    column `label`, the new one is called `label_textshot`, and so on.

    Args:
        df: a DataFrame of pandas or Polars, or a Table or RecordBatch of PyArrow.
        index: an engine, or the folder of an index.
        column: the column that holds the text; several are joined by a newline.
        threshold: as in `Engine.classify`.
        metadata: columns of the table of categories to add.
        adapt: adapt category prototypes to these texts first (`Engine.adapted`).

    Returns:
        A frame of the same kind; `df` is unchanged.

    Raises:
        TableError: there is no such column, or this kind of frame is not supported.
    """
    import pyarrow as pa

    if isinstance(df, pa.RecordBatch):
        table = pa.Table.from_batches([df])
        answered = categorize_frame(
            table, index, column, threshold=threshold, metadata=metadata, adapt=adapt
        )
        [*batches] = answered.combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=answered.schema)
    frame = _to_narwhals(df)
    engine = index if isinstance(index, Engine) else Engine.load(index)
    names = [str(name) for name in frame.columns]
    requested = [column] if isinstance(column, str | int) else column
    columns = [find_column(names, str(name), str(name), _SOURCE) for name in requested]
    arrays = [_to_arrow(frame.get_column(frame.columns[names.index(name)])) for name in columns]
    data = pa.table(arrays, names=columns)
    for field in data.schema:
        check_is_text(field, _SOURCE)
    options = JobOptions(threshold=threshold, metadata=metadata, adapt=adapt)
    answers = _answer(engine, data, names, options)
    return _with_columns(frame, answers)


def _to_narwhals(df: Any) -> nw.DataFrame[Any]:
    import narwhals.stable.v2 as nw
    from narwhals.exceptions import NarwhalsError

    kind = f"{type(df).__module__.partition('.')[0]}.{type(df).__qualname__}"
    if kind == "polars.LazyFrame":
        raise TableError("a LazyFrame has no rows yet. Pass what its collect() returns")
    try:
        return nw.from_native(df, eager_only=True)
    except TypeError as error:
        raise TableError(
            f"a {kind} is not a supported frame. Pass a DataFrame of pandas or Polars, or a Table"
            " or RecordBatch of PyArrow; a list of texts goes to Engine.classify"
        ) from error
    except NarwhalsError as error:  # two columns of one name
        raise TableError(f"{_SOURCE}: {error}. Rename one") from error


def _to_arrow(series: nw.Series[Any]) -> pa.ChunkedArray:
    """Return a column in Arrow; values of several types as their text."""
    import pyarrow as pa

    try:
        column = pa.chunked_array(series.to_arrow())
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        column = pa.chunked_array([_texts_of(series)])
    try:
        column.validate(full=True)
    except pa.ArrowException as error:
        raise TableError(
            f"{_SOURCE}: the column {series.name!r} is damaged ({error}). Make it again"
        ) from error
    kind = plain_type(column.type)
    if pa.types.is_dictionary(kind):
        kind = kind.value_type  # a frame may have nulls among the values of a dictionary
    if pa.types.is_string(kind):
        kind = pa.large_string()  # all rows become one array, which may be large
    return pa.chunked_array([plain_array(chunk, kind) for chunk in column.chunks], kind)


def _texts_of(series: nw.Series[Any]) -> pa.Array:
    """Return the values of a column, which are of several types, as texts."""
    import pyarrow as pa

    values = series.to_list()
    no_texts = [i for i, value in enumerate(values) if isinstance(value, _NO_TEXTS)]
    if no_texts:
        kind = type(values[no_texts[0]]).__name__
        raise TableError(
            f"{_SOURCE}: row {no_texts[0]} of {series.name!r} is a {kind} ({len(no_texts)} rows of"
            f" {len(values)}); one text is needed"
        )
    pairs = zip(values, series.is_null().to_list(), strict=True)
    texts = [None if is_null else SURROGATES.sub("\ufffd", str(value)) for value, is_null in pairs]
    return pa.array(texts, pa.large_string())


def _answer(engine: Engine, data: pa.Table, names: Sequence[str], options: JobOptions) -> pa.Table:
    """Return the columns to add; rows without text have nulls."""
    import pyarrow as pa

    [batch] = data.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], data.schema)]
    columns = data.column_names
    rows = [i for i, text in enumerate(text_column(batch, columns)) if not is_blank(text)]
    with_text = batch.take(pa.array(rows, pa.int64()))
    calibrated = engine.calibrated
    if options.adapt:
        engine = engine.adapted(text_column(with_text, columns))
    worker = Worker.for_columns(with_cache(engine), names, columns, options, calibrated=calibrated)
    starts = range(0, max(1, len(rows)), DEFAULT_SHARD_ROWS)
    answered = pa.Table.from_batches(
        [worker(with_text.slice(start, DEFAULT_SHARD_ROWS)) for start in starts]
    )
    positions = dict(zip(rows, range(len(rows)), strict=True))
    taken = pa.array([positions.get(i) for i in range(batch.num_rows)], pa.int64())
    return answered.select([*worker.names.values(), *worker.metadata.values()]).take(taken)


def _with_columns(frame: nw.DataFrame[Any], answers: pa.Table) -> Any:
    """Return the native frame with these columns behind its own."""
    import narwhals.stable.v2 as nw
    import pyarrow as pa

    series = []
    for field in answers.schema:
        dtype = nw.String() if pa.types.is_string(field.type) else nw.Float64()
        values = answers.column(field.name).to_pylist()
        series.append(nw.new_series(field.name, values, dtype, backend=frame.implementation))
    return frame.with_columns(*series).to_native()
