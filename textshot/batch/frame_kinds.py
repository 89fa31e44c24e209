"""The kinds of frame that are known; none of their libraries is loaded for it."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textshot.errors import TableError
from textshot.io import with_columns

if TYPE_CHECKING:
    import pyarrow as pa


class Frame(ABC):
    """A frame of some kind."""

    def __init__(self, df: Any) -> None:
        self.df = df

    def names(self) -> list[str]:
        """Return what its columns are called."""
        return [str(name) for name in self.df.columns]

    @abstractmethod
    def texts(self, columns: Sequence[str]) -> pa.RecordBatch:
        """Return these columns in Arrow."""

    @abstractmethod
    def added(self, columns: Mapping[str, pa.Array]) -> Any:
        """Return the frame with these columns behind its own."""


class _Pandas(Frame):
    def texts(self, columns: Sequence[str]) -> pa.RecordBatch:
        """Return these columns; an object that Arrow has no kind for as its text."""
        import pyarrow as pa

        names = self.names()
        arrays = [_pandas_array(self.df.iloc[:, names.index(name)]) for name in columns]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def added(self, columns: Mapping[str, pa.Array]) -> Any:
        """Return a copy that shares its columns with the frame."""
        found = self.df.copy(deep=False)
        for name, column in columns.items():
            found[name] = column.to_pandas().array  # not a series: that would be aligned
        return found


class _Polars(Frame):
    def texts(self, columns: Sequence[str]) -> pa.RecordBatch:
        """Return these columns."""
        import pyarrow as pa

        arrays = [self.df.get_column(name).to_arrow() for name in columns]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def added(self, columns: Mapping[str, pa.Array]) -> Any:
        """Return a frame that shares its columns with the frame."""
        series = sys.modules["polars"].Series
        return self.df.with_columns([series(name, column) for name, column in columns.items()])


class _ArrowTable(Frame):
    def names(self) -> list[str]:
        """Return what its columns are called."""
        return list(self.df.schema.names)

    def texts(self, columns: Sequence[str]) -> pa.RecordBatch:
        """Return these columns, with what their fields say about them."""
        import pyarrow as pa

        table = self.df.select(list(columns)).combine_chunks()
        batches = table.to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)

    def added(self, columns: Mapping[str, pa.Array]) -> Any:
        """Return a table that shares its columns with the table."""
        found = self.df
        for name, column in columns.items():
            found = found.append_column(name, column)
        return found


class _ArrowBatch(_ArrowTable):
    def texts(self, columns: Sequence[str]) -> pa.RecordBatch:
        """Return these columns."""
        return self.df.select(list(columns))

    def added(self, columns: Mapping[str, pa.Array]) -> Any:
        """Return a batch that shares its columns with the batch."""
        return with_columns(self.df, columns)


def frame_of(df: Any) -> Frame:
    """Tell what kind a frame is; a library that is not loaded has made none."""
    pandas, polars, arrow = (sys.modules.get(name) for name in ("pandas", "polars", "pyarrow"))
    if pandas and isinstance(df, pandas.DataFrame):
        return _Pandas(df)
    if polars and isinstance(df, polars.DataFrame):
        return _Polars(df)
    if arrow and isinstance(df, arrow.Table):
        return _ArrowTable(df)
    if arrow and isinstance(df, arrow.RecordBatch):
        return _ArrowBatch(df)
    kind = f"{type(df).__module__.partition('.')[0]}.{type(df).__qualname__}"
    if kind == "polars.LazyFrame":
        raise TableError("a LazyFrame has no rows yet. Give what its collect() returns")
    raise TableError(
        f"a {kind} is no frame that is known. Give a DataFrame of pandas or Polars, or a Table or"
        " RecordBatch of Arrow; a list of texts goes to Engine.classify"
    )


def _pandas_array(series: Any) -> pa.Array:
    import pyarrow as pa

    try:
        found = pa.Array.from_pandas(series)
    except (pa.ArrowException, TypeError, ValueError):  # values of several kinds
        pairs = zip(series, series.isna(), strict=True)
        return pa.array([None if gone else str(value) for value, gone in pairs], pa.string())
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
