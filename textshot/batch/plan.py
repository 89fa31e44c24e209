"""What the files of a job have in common: the columns of all of them, and which hold the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from textshot.batch.inputs import Source
from textshot.errors import TableError
from textshot.io import Format, Table, open_table
from textshot.io.categories import text_columns_of
from textshot.io.values import cell_texts, is_json

if TYPE_CHECKING:
    import pyarrow as pa


MOST_COLUMNS = 10_000
"""Of a file beside others: each row of these would have its columns too."""


@dataclass(frozen=True)
class Plan:
    """The files of a job, and what of them is written.

    Attributes:
        sources: the files, in order.
        schema: the columns of all files, then those that the names of folders tell.
        text_columns: the columns that hold the text.
        failed: files that cannot be read at all, by their place in `sources`, with the reason.
        encoding: of text files; None for UTF-8, or what a byte order mark says.
    """

    sources: tuple[Source, ...]
    schema: pa.Schema
    text_columns: tuple[str, ...]
    failed: dict[int, str]
    encoding: str | None = None

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each file begins in the bytes of all files in a row, and where the last one ends.

        (n_files + 1,), computed once: progress asks for it after every shard.
        """
        return tuple(accumulate((source.size for source in self.sources), initial=0))

    @contextmanager
    def opened(self, place: int, batch_rows: int) -> Iterator[Table]:
        """Open a file; its rows have the columns that it has."""
        source = self.sources[place]
        known = self.schema.names if source.format is Format.JSONL else None
        with open_table(
            source.path,
            format=source.format,
            encoding=self.encoding,
            batch_rows=batch_rows,
            columns=known,
        ) as table:
            yield table

    def conform(self, data: pa.RecordBatch, place: int) -> pa.RecordBatch:
        """Return rows of a file with the columns of all files."""
        import pyarrow as pa

        if data.schema.equals(self.schema, check_metadata=True):
            return data
        source = self.sources[place]
        partition, there = source.partition, set(data.schema.names)
        columns = []
        for field in self.schema:
            if field.name in there:
                column = data.column(field.name)
                columns.append(_as(column, data.schema.field(field.name), field, source.path))
            else:  # of a folder's name, or of other files
                value = pa.scalar(partition.get(field.name), pa.string())
                is_named = field.name in partition
                columns.append(
                    pa.repeat(value, data.num_rows)
                    if is_named and pa.types.is_string(field.type)
                    else pa.nulls(data.num_rows, field.type)
                )
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def make_plan(
    sources: Sequence[Source], text_columns: Sequence[str] = (), encoding: str | None = None
) -> Plan:
    """Open each file once and look at its columns.

    A column that has other types in other files gets one that holds both, or text. A file that
    cannot be opened, or lacks the text, is left out with the reason.

    Raises:
        TableError: no file is left; the reason of the first.
    """
    import pyarrow as pa

    fields: dict[str, pa.Field] = {}
    wanted, failed = tuple(text_columns), dict[int, str]()
    for place, source in enumerate(sources):
        try:
            with open_table(source.path, format=source.format, encoding=encoding) as table:
                found = tuple(text_columns_of(table, wanted))
                if len(sources) > 1:
                    _check_beside(table, found, wanted if fields else found)
                wanted = found
                for field in table.schema:
                    fields[field.name] = _both(fields.get(field.name, field), field)
        except TableError as error:
            failed[place] = str(error)
    if len(failed) == len(sources):
        raise TableError(failed[0] + _others(len(sources) - 1))
    for source in sources:
        for name in source.partition:
            fields.setdefault(name, pa.field(name, pa.string()))
    return Plan(tuple(sources), pa.schema(list(fields.values())), wanted, failed, encoding)


def _check_beside(table: Table, found: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a file that does not go with the others."""
    source, n = table.source, len(table.columns)
    if found != wanted:
        raise TableError(
            f"{source}: its text is in {found}, that of files before in {wanted}. Rename the"
            " columns"
        )
    if n > MOST_COLUMNS:
        raise TableError(
            f"{source}: has {n:,} columns, and beside other files {MOST_COLUMNS:,} are read at"
            " most, as rows of all files would have them. Categorise it alone"
        )


def _others(n: int) -> str:
    return f" (and {n} more files of the input cannot be used)" if n else ""


def _both(first: pa.Field, second: pa.Field) -> pa.Field:
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


def _as(column: pa.Array, field: pa.Field, wanted: pa.Field, source: str) -> pa.Array:
    """Return a column as the field of all files has it.

    Raises:
        TableError: a value that loses something in that type, as 2**60 in a float does.
    """
    import pyarrow as pa

    if field.type == wanted.type and is_json(field) == is_json(wanted):
        return column
    if pa.types.is_string(wanted.type):
        return pa.array(cell_texts(column, field), pa.string())
    try:
        return column.cast(wanted.type)
    except pa.ArrowInvalid as error:
        raise TableError(
            f"{source}: the column {field.name!r} is {field.type}, with other files {wanted.type},"
            f" and not every value fits that ({error}). Save it in the same type in all files"
        ) from error
