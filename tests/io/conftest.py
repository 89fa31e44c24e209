"""Small ways to make a file, read it whole, and write it in another format."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest

from textshot.errors import TableError
from textshot.io import Reject, Table, open_table, open_writer, text_column


@dataclass
class Contents:
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    broken: str = ""

    @property
    def reasons(self) -> list[str]:
        return [reject.reason for reject in self.rejects]


def contents(table: Table) -> Contents:
    found = Contents(table.columns)
    add_contents(found, table)
    return found


def add_contents(found: Contents, table: Table) -> None:
    for batch in table.batches():
        columns = [text_column(batch.data, [name]) for name in table.columns]
        found.rows += zip(*columns, strict=True)
        found.lines += batch.lines
        found.rejects += batch.rejects
        assert len(batch.lines) == batch.data.num_rows


@pytest.fixture
def read_until() -> Callable[..., Contents]:
    """Read a file up to its break, whose message is as expected."""

    def read_until_break(path, message, **options):
        with open_table(path, **options) as table:
            found = Contents(table.columns)
            with pytest.raises(TableError, match=message) as error:
                add_contents(found, table)
        found.broken = str(error.value)
        return found

    return read_until_break


@pytest.fixture
def read() -> Callable[..., Contents]:
    """Read a whole file, values as people see them."""

    def read_whole(path, **options):
        with open_table(path, **options) as table:
            return contents(table)

    return read_whole


@pytest.fixture
def read_bytes(tmp_path, read) -> Callable[..., Contents]:
    """Read bytes as a file of a name."""

    def read_made(name: str, data: bytes, **options):
        (tmp_path / name).write_bytes(data)
        return read(tmp_path / name, **options)

    return read_made


@pytest.fixture
def convert() -> Callable[..., Path]:
    """Copy a table from one file to another, whatever the formats."""

    def copy(source, target, **options):
        with open_table(source) as table, open_writer(target, table.schema, **options) as writer:
            for batch in table.batches():
                writer.write(batch.data)
        return target

    return copy


@pytest.fixture
def write() -> Callable[..., Path]:
    """Write columns of Python values or Arrow arrays to a file."""

    def write_columns(path, columns: dict[str, object], **options):
        batch = pa.RecordBatch.from_pydict(columns)
        with open_writer(path, batch.schema, **options) as writer:
            writer.write(batch)
        return path

    return write_columns


@pytest.fixture
def stdin(monkeypatch) -> Callable[[bytes], None]:
    """Put bytes into the standard input."""

    def feed(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return feed
