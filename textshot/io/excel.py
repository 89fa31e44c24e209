"""Read and write Excel workbooks of one sheet."""

from __future__ import annotations

import datetime
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from textshot.errors import TableError
from textshot.io.batches import (
    Batch,
    Reading,
    Reject,
    checked_names,
    record_batch,
    rejected,
)
from textshot.io.lines import Slice, slices
from textshot.io.values import EXACT_INTEGER, Cell, json_field, json_text, sheet_cells

if TYPE_CHECKING:
    import pyarrow as pa


MAX_SHEET_ROWS = 1_048_576
MAX_DECOMPRESSED_BYTES = 1 << 30
"""What a workbook's parts other than sheets may unpack to: they are held in memory."""

_OLD_OR_LOCKED = bytes.fromhex("d0cf11e0a1b11ae1")  # the OLE container of .xls and of passwords

Numbered: TypeAlias = tuple[int, Sequence[object]]


def read_excel(stream: BinaryIO, source: str, batch_rows: int) -> Reading:
    """Return the columns and the slices of the first sheet."""
    import pyarrow as pa

    _check_container(stream, source)
    rows = _sheet_rows(stream, source, batch_rows)
    header = next(rows, None)
    if header is None:
        raise TableError(f"{source}: the first sheet is empty. It needs a header and rows below it")
    names = checked_names(["" if v is None else _shown(v) for v in header[1]], source)
    schema = pa.schema([json_field(name) for name in names])
    return schema, _batches(rows, schema, source, batch_rows)


def _batches(
    rows: Iterator[Numbered], schema: pa.Schema, source: str, batch_rows: int
) -> Iterator[Batch]:
    width = len(schema.names)

    def fill(part: Slice[Sequence[object]]) -> bool:
        for line, row in islice(rows, batch_rows):
            if len(row) > width:
                part.rejects.append(_too_wide(source, line, row, width))
            else:
                part.values.append([*row, *[None] * (width - len(row))])
                part.lines.append(line)
        return len(part.lines) + len(part.rejects) == batch_rows

    for part in slices(fill):
        columns = [[_json(value) for value in column] for column in zip(*part.values, strict=True)]
        yield Batch(record_batch(columns or [()] * width, schema), part.lines, part.rejects)


def _sheet_rows(stream: BinaryIO, source: str, at_once: int) -> Iterator[Numbered]:
    """Yield the rows that are not empty, without the empty cells at their ends."""
    done, broken = 0, None
    with _quiet(source):
        rows = _open_sheet(stream)
    while broken is None:
        part: list[Sequence[object]] = []
        try:
            with _quiet(source, done, part):
                part.extend(islice(rows, at_once))
        except TableError as error:
            broken = error
        if not part and broken is None:
            return
        for line, row in enumerate(part, done + 1):
            values = _trimmed(row)
            if values:
                yield line, values
        done += len(part)
    raise broken


def _open_sheet(stream: BinaryIO) -> Iterator[Sequence[object]]:
    import openpyxl

    workbook: Any = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    sheet = workbook.worksheets[0]
    sheet.reset_dimensions()  # what a file says of its size may be wrong
    rows: Iterable[Sequence[object]] = sheet.iter_rows(max_row=MAX_SHEET_ROWS, values_only=True)
    return iter(rows)


@contextmanager
def _quiet(source: str, done: int = 0, part: Sequence[object] = ()) -> Iterator[None]:
    # openpyxl warns of styles, validations and other things that no table needs, and what it
    # raises on a damaged file can be of any kind.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Exception as error:
            n = done + len(part)
            raise TableError(
                f"{source}: cannot be read as an Excel workbook{f' after row {n}' if n else ''}"
                f" ({type(error).__name__}: {error}). Open it in a spreadsheet and save it again,"
                " or as CSV"
            ) from error


def _check_container(stream: BinaryIO, source: str) -> None:
    head = stream.read(len(_OLD_OR_LOCKED))
    stream.seek(0)
    if head == _OLD_OR_LOCKED:
        raise TableError(
            f"{source}: is an old .xls file or has a password. Save it as .xlsx without a password"
        )
    try:
        with zipfile.ZipFile(stream) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise TableError(
            f"{source}: is not an Excel workbook, or a broken one ({error}). Save it again as"
            " .xlsx, or name another format with --format"
        ) from error
    held = sum(p.file_size for p in parts if not p.filename.startswith("xl/worksheets/"))
    if held > MAX_DECOMPRESSED_BYTES:
        raise TableError(
            f"{source}: unpacks to {held:,} bytes besides its sheets; at most"
            f" {MAX_DECOMPRESSED_BYTES:,} are read. Save the table as CSV"
        )


def _trimmed(row: Sequence[object]) -> Sequence[object]:
    end = len(row)
    while end and row[end - 1] in (None, ""):
        end -= 1
    return row[:end]


def _json(value: object) -> str | None:
    return None if value is None else json_text(_simple(value))


def _simple(value: object) -> object:
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_INTEGER:
        return int(value)  # Excel knows only floats; people see 7
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return value


def _shown(value: object) -> str:
    found = _simple(value)
    return found if isinstance(found, str) else json_text(found)


def _too_wide(source: str, line: int, values: Sequence[object], width: int) -> Reject:
    return rejected(source, line, f"has {len(values)} cells, the header has {width}", values)


MAX_ROWS = 1_048_575  # and the header
MAX_COLUMNS = 16_384
MAX_CELL_CHARS = 32_767

_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class ExcelEncoder:
    """Writes one sheet; openpyxl keeps it in a temporary file until it is complete."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema, name: str) -> None:
        import openpyxl

        if len(schema.names) > MAX_COLUMNS:
            raise TableError(
                f"{name}: a sheet has at most {MAX_COLUMNS:,} columns, and here are"
                f" {len(schema.names):,}. Write CSV or Parquet"
            )
        self._stream = stream
        self._name = name
        self._rows = 0
        self._workbook: Any = openpyxl.Workbook(write_only=True)
        self._sheet: Any = self._workbook.create_sheet("textshot")
        self._begin(schema.names)

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows; more than a sheet can have is an error before it breaks."""
        if self._rows + batch.num_rows > MAX_ROWS:
            raise TableError(
                f"{self._name}: a sheet has at most {MAX_ROWS:,} rows below its header, and here"
                f" are {self._rows + batch.num_rows:,} or more. Write CSV or Parquet"
            )
        columns = [
            sheet_cells(column, field)
            for column, field in zip(batch.columns, batch.schema, strict=True)
        ]
        for row in zip(*columns, strict=True):
            self._rows += 1
            self._append(row)

    def close(self) -> None:
        """Pack the sheet into a workbook."""
        self._workbook.save(self._stream)

    def discard(self) -> None:
        """Remove the temporary file, which openpyxl would keep until the process ends."""
        with suppress(Exception):
            self._sheet.close()
        with suppress(Exception):
            self._sheet._writer.cleanup()

    def _begin(self, names: Sequence[str]) -> None:
        self._append(names)

    def _append(self, row: Sequence[Cell]) -> None:
        self._sheet.append([self._cell(v) if isinstance(v, str) else v for v in row])

    def _cell(self, text: str) -> object:
        from openpyxl.cell import WriteOnlyCell

        if len(text) > MAX_CELL_CHARS:
            raise TableError(
                f"{self._name}: row {self._rows} has a cell of {len(text):,} characters; a sheet"
                f" holds {MAX_CELL_CHARS:,} and would lose the rest. Write CSV or Parquet"
            )
        text = _NOT_XML.sub("\ufffd", text)
        if text[:1] not in ("=", "#"):  # formulas and error values, to openpyxl
            return text
        cell: Any = WriteOnlyCell(self._sheet, text)
        cell.data_type = "s"
        return cell
