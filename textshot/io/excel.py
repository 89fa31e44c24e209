"""Read and write Excel workbooks of one sheet, in which nothing is a formula."""

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
from textshot.io.batches import Batch, Reading, checked_names, record_batch, rejected
from textshot.io.lines import Slice, slices
from textshot.io.values import MAX_EXACT_INTEGER, Cell, json_field, json_text, sheet_cells

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 1_048_575
"""Rows of a sheet below its header."""

MAX_COLUMNS = 16_384
MAX_CELL_CHARS = 32_767

MAX_DECOMPRESSED_BYTES = 1 << 30
"""Limit for the parts of a workbook other than its sheets, which are held in memory."""

_OLE_HEADER = bytes.fromhex("d0cf11e0a1b11ae1")  # of .xls files and of files with a password
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
"""How a workbook writes a character that XML does not allow (ECMA-376, ST_Xstring)."""

_LIKE_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

NumberedRow: TypeAlias = tuple[int, Sequence[object]]


def read_excel(stream: BinaryIO, source: str, batch_rows: int) -> Reading:
    """Read the first sheet of a workbook; values are JSON texts."""
    import pyarrow as pa

    _check_container(stream, source)
    rows = _sheet_rows(stream, source, batch_rows)
    header = next(rows, None)
    if header is None:
        raise TableError(f"{source}: the first sheet is empty. It needs a header and rows below it")
    names = checked_names(["" if v is None else _name(v) for v in header[1]], source)
    schema = pa.schema([json_field(name) for name in names])
    return schema, _batches(rows, schema, source, batch_rows)


def _batches(
    rows: Iterator[NumberedRow], schema: pa.Schema, source: str, batch_rows: int
) -> Iterator[Batch]:
    width = len(schema.names)

    def fill(part: Slice[Sequence[object]]) -> bool:
        for line, row in islice(rows, batch_rows):
            if len(row) > width:
                reason = f"has {len(row)} cells, the header has {width}"
                part.rejects.append(rejected(source, line, reason, row))
            else:
                part.values.append([*row, *[None] * (width - len(row))])
                part.lines.append(line)
        return len(part.lines) + len(part.rejects) == batch_rows

    for part in slices(fill):
        columns = [
            [None if value is None else json_text(_simple(value)) for value in column]
            for column in zip(*part.values, strict=True)
        ]
        yield Batch(record_batch(columns or [()] * width, schema), part.lines, part.rejects)


def _sheet_rows(stream: BinaryIO, source: str, batch_rows: int) -> Iterator[NumberedRow]:
    """Yield the rows that are not empty, without the empty cells at their ends."""
    n_read, failure = 0, None
    with _openpyxl_errors(source):
        rows = _open_sheet(stream)
    while failure is None:
        part: list[Sequence[object]] = []
        try:
            with _openpyxl_errors(source, n_read, part):
                part.extend(islice(rows, batch_rows))
        except TableError as error:
            failure = error
        if not part and failure is None:
            return
        for line, row in enumerate(part, n_read + 1):
            values = _trimmed(row)
            if values:
                yield line, values
        n_read += len(part)
    raise failure


def _open_sheet(stream: BinaryIO) -> Iterator[Sequence[object]]:
    import openpyxl

    workbook: Any = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    sheet = workbook.worksheets[0]
    sheet.reset_dimensions()  # the size that a file states may be wrong
    rows: Iterable[Sequence[object]] = sheet.iter_rows(max_row=MAX_ROWS + 1, values_only=True)
    return iter(rows)


@contextmanager
def _openpyxl_errors(source: str, n_read: int = 0, part: Sequence[object] = ()) -> Iterator[None]:
    # openpyxl warns of styles, validations and other things that no table needs, and raises
    # exceptions of any type on a damaged file.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Exception as error:
            n = n_read + len(part)
            raise TableError(
                f"{source}: cannot be read as an Excel workbook{f' after row {n}' if n else ''}"
                f" ({type(error).__name__}: {error}). Open it in a spreadsheet and save it again,"
                " or as CSV"
            ) from error


def _check_container(stream: BinaryIO, source: str) -> None:
    head = stream.read(len(_OLE_HEADER))
    stream.seek(0)
    if head == _OLE_HEADER:
        raise TableError(
            f"{source}: is an old .xls file or has a password. Save it as .xlsx without a password"
        )
    try:
        with zipfile.ZipFile(stream) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise TableError(
            f"{source}: is not an Excel workbook, or a damaged one ({error}). Save it again as"
            " .xlsx, or name another format with --format"
        ) from error
    size = sum(p.file_size for p in parts if not p.filename.startswith("xl/worksheets/"))
    if size > MAX_DECOMPRESSED_BYTES:
        raise TableError(
            f"{source}: expands to {size:,} bytes besides its sheets; the limit is"
            f" {MAX_DECOMPRESSED_BYTES:,}. Save the table as CSV"
        )


def _trimmed(row: Sequence[object]) -> Sequence[object]:
    end = len(row)
    while end and row[end - 1] in (None, ""):
        end -= 1
    return row[:end]


def _simple(value: object) -> object:
    if isinstance(value, str):
        return unescaped_cell(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT_INTEGER:
        return int(value)  # Excel has only floats; people see 7
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return value


def unescaped_cell(text: str) -> str:
    """Return a text without the escapes of a workbook: `_x000D_` is a carriage return."""
    if "_x" not in text:
        return text
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    # Two escapes may be the halves of one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _name(value: object) -> str:
    name = _simple(value)
    return name if isinstance(name, str) else json_text(name)


class ExcelEncoder:
    """Writes one sheet; openpyxl keeps it in a temporary file until it is complete."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema, name: str) -> None:
        import openpyxl

        if len(schema.names) > MAX_COLUMNS:
            raise TableError(
                f"{name}: a sheet has at most {MAX_COLUMNS:,} columns, and this table has"
                f" {len(schema.names):,}. Write CSV or Parquet"
            )
        self._stream = stream
        self._name = name
        self._n_rows = 0
        self._workbook: Any = openpyxl.Workbook(write_only=True)
        self._sheet: Any = self._workbook.create_sheet("textshot")
        self._begin(schema.names)

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows; raise before the sheet has more than Excel can read."""
        if self._n_rows + batch.num_rows > MAX_ROWS:
            raise TableError(
                f"{self._name}: a sheet has at most {MAX_ROWS:,} rows below its header, and this"
                f" table has {self._n_rows + batch.num_rows:,} or more. Write CSV or Parquet"
            )
        columns = [
            sheet_cells(column, field)
            for column, field in zip(batch.columns, batch.schema, strict=True)
        ]
        for row in zip(*columns, strict=True):
            self._n_rows += 1
            self._append(row)

    def close(self) -> None:
        """Write the workbook."""
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
                f"{self._name}: row {self._n_rows} has a cell of {len(text):,} characters; a sheet"
                f" holds {MAX_CELL_CHARS:,} and would lose the rest. Write CSV or Parquet"
            )
        text = _LIKE_ESCAPED.sub("_x005F_", _NOT_XML.sub("\ufffd", text))
        if text[:1] not in ("=", "#"):  # openpyxl would write formulas and error values
            return text
        cell: Any = WriteOnlyCell(self._sheet, text)
        cell.data_type = "s"
        return cell
