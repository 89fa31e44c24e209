"""The plan of a job: its files, their common columns, and which columns hold the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from textshot.batch.inputs import Source
from textshot.errors import TableError
from textshot.io import Format, Table, TableOptions
from textshot.io.column_choice import text_columns_of
from textshot.io.dialect import Dialect
from textshot.io.table import DEFAULTS
from textshot.io.values import cell_texts, is_json

if TYPE_CHECKING:
    import pyarrow as pa


MAX_COLUMNS = 10_000
"""Of one file among several, as the rows of all files get its columns."""


@dataclass(frozen=True)
class Plan:
    """The files of a job and the columns of its output.

    Attributes:
        sources: the files, in order.
        schema: the columns of all files, then the columns of Hive partitions.
        text_columns: the columns that hold the text.
        failed: the number of each file that cannot be read, and why.
        options: how to read the files.
        dialect: how all files are written, if they are CSV or TSV and share one; None: they do not.
    """

    sources: tuple[Source, ...]
    schema: pa.Schema
    text_columns: tuple[str, ...]
    failed: dict[int, str]
    options: TableOptions = DEFAULTS
    dialect: Dialect | None = None

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Start of each file in the bytes of all files, then their total, (n_files + 1,).

        Cached: progress asks for it after every shard.
        """
        return tuple(accumulate((source.size for source in self.sources), initial=0))

    def fraction(self, file: int, share: float) -> float:
        """Return how much of the input is read, 0 to 1, after a share of a file."""
        start, end = self.offsets[file : file + 2]
        return (start + share * (end - start)) / max(1, self.offsets[-1])

    @contextmanager
    def open(self, file: int, batch_rows: int) -> Iterator[Table]:
        """Open a file with the columns it has."""
        source = self.sources[file]
        columns = self.schema.names if source.format is Format.JSONL else None
        options = replace(self.options, format=source.format)
        with options.open(source.path, batch_rows=batch_rows, columns=columns) as table:
            yield table

    def conform(self, data: pa.RecordBatch, file: int) -> pa.RecordBatch:
        """Return rows of a file with the columns of the output.

        Raises:
            TableError: a value does not fit the type that the column has in the output.
        """
        import pyarrow as pa

        if data.schema.equals(self.schema, check_metadata=True):
            return data
        source, names = self.sources[file], set(data.schema.names)
        columns = []
        for field in self.schema:
            if field.name in names:
                own_field = data.schema.field(field.name)
                columns.append(_cast(data.column(field.name), own_field, field, source.path))
            elif field.name in source.partition and pa.types.is_string(field.type):
                value = pa.scalar(source.partition[field.name], pa.string())
                columns.append(pa.repeat(value, data.num_rows))
            else:
                columns.append(pa.nulls(data.num_rows, field.type))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def make_plan(sources: Sequence[Source], options: TableOptions = DEFAULTS) -> Plan:
    """Open each file once and read its columns.

    A column with different types gets one that holds all of them, or text. A file that cannot be
    opened, or has no text column, is left out with the reason.

    Raises:
        TableError: no file can be used; the reason of the first one.
    """
    import pyarrow as pa

    fields: dict[str, pa.Field] = {}
    names, dialects = tuple(options.text_columns), set[Dialect | None]()
    failed: dict[int, str] = {}
    for file, source in enumerate(sources):
        try:
            with replace(options, format=source.format).open(source.path) as table:
                own_names = tuple(text_columns_of(table, names))
                if len(sources) > 1:
                    _check_compatible(table, own_names, names if fields else own_names)
                names = own_names
                dialects.add(table.dialect)
                for field in table.schema:
                    fields[field.name] = _common_field(fields.get(field.name, field), field)
        except TableError as error:
            failed[file] = str(error)
    if len(failed) == len(sources):
        n = len(sources) - 1
        raise TableError(failed[0] + (f" (and {n} more files cannot be used)" if n else ""))
    for source in sources:
        for name in source.partition:
            fields.setdefault(name, pa.field(name, pa.string()))
    schema, dialect = pa.schema(list(fields.values())), dialects.pop()
    common = None if dialects else dialect
    return Plan(tuple(sources), schema, names, failed, options, common)


def _check_compatible(table: Table, own_names: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a file that does not go with the files before it."""
    source, n = table.source, len(table.columns)
    if own_names != names:
        raise TableError(
            f"{source}: its text is in {own_names}, that of the files before in {names}. Rename the"
            " columns"
        )
    if n > MAX_COLUMNS:
        raise TableError(
            f"{source}: has {n:,} columns; one file among several may have {MAX_COLUMNS:,}, as the"
            " rows of all files get its columns. Categorize it alone"
        )


def _common_field(first: pa.Field, second: pa.Field) -> pa.Field:
    """Return a field that holds the values of two."""
    import pyarrow as pa

    if first.type == second.type and is_json(first) == is_json(second):
        return first
    if not is_json(first) and not is_json(second):
        pair = [pa.schema([first]), pa.schema([second])]
        try:
            return pa.unify_schemas(pair, promote_options="permissive").field(0)
        except pa.ArrowException:
            pass
    return pa.field(first.name, pa.string())


def _cast(column: pa.Array, field: pa.Field, target: pa.Field, source: str) -> pa.Array:
    """Return a column with the type it has in the output.

    Raises:
        TableError: a value would lose something, as 2**60 does in a float.
    """
    import pyarrow as pa

    if field.type == target.type and is_json(field) == is_json(target):
        return column
    if pa.types.is_string(target.type):
        return pa.array(cell_texts(column, field), pa.string())
    try:
        return column.cast(target.type)
    except pa.ArrowInvalid as error:
        raise TableError(
            f"{source}: the column {field.name!r} is {field.type}, with other files {target.type},"
            f" and not every value fits that ({error}). Save it in the same type in all files"
        ) from error
