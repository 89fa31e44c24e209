"""Read a sheet of an Excel workbook."""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from textshot.errors import TableError, TableWarning, warn_of_table
from textshot.io.batches import Batch, Reading, record_batch
from textshot.io.columns import checked_names
from textshot.io.excel_xml import check_container, unescaped_cell
from textshot.io.lines import Slice, slices
from textshot.io.values import MAX_EXACT_INTEGER, json_field, json_text

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 1_048_575
"""Rows of a sheet below its header."""

_ROW = re.compile(rb"<(?:\w+:)?row[\s>]")

NumberedRow: TypeAlias = tuple[int, Sequence[object]]


@dataclass(frozen=True, slots=True)
class _Problem:
    """What a cell holds that has no value: an error, or a formula that was never calculated."""

    reason: str
    shown: str | None = None


_NOT_CALCULATED = _Problem("a formula without a saved value")


@dataclass(slots=True)
class _Formulas:
    """The formulas of a sheet that have no value."""

    count: int = 0
    first: str = ""


def read_excel(
    stream: BinaryIO,
    source: str,
    batch_rows: int,
    sheet: str | int | None = None,
    header_row: int | None = None,
) -> Reading:
    """Read a sheet of a workbook, or its first visible one; values are JSON texts."""
    import pyarrow as pa

    check_container(stream, source)
    with excel_errors(source):
        workbook, selected = open_sheet(stream, source, sheet)
    rows = sheet_rows(workbook, selected, source, batch_rows)
    _, names = read_header(rows, source, selected.title, header_row)
    schema = pa.schema([json_field(name) for name in names])
    return Reading(schema, _batches(rows, schema, source, batch_rows), _count_rows(selected))


def _count_rows(sheet: Any) -> int | None:
    """Return about how many rows a sheet has, for progress; None: not known."""
    if (sheet.max_row or 0) > 1:
        return int(sheet.max_row)
    n_rows, rest = 0, b""
    with suppress(Exception), sheet._get_source() as stream:  # damage is reported with its row
        while block := stream.read(1 << 20):
            *rows, rest = _ROW.split(rest + block)
            n_rows += len(rows)
    return n_rows or None


def read_header(
    rows: Iterator[NumberedRow], source: str, title: str, header_row: int | None
) -> tuple[int, list[str]]:
    """Return the row of the header, and the names in it."""
    header = next((row for row in rows if header_row is None or row[0] >= header_row), None)
    if header is None or header_row not in (None, header[0]):
        where = "" if header_row is None else f" in row {header_row}"
        raise TableError(
            f"{source}: the sheet {title!r} is empty{where}. It needs a header and rows below it"
        )
    return header[0], checked_names(["" if v is None else _name(v) for v in header[1]], source)


def _batches(
    rows: Iterator[NumberedRow], schema: pa.Schema, source: str, batch_rows: int
) -> Iterator[Batch]:
    width, n_wider, first_wider = len(schema.names), 0, 0

    def fill(part: Slice[Sequence[object]]) -> bool:
        for line, row in islice(rows, batch_rows):
            part.values.append(row)
            part.lines.append(line)
        return len(part.lines) == batch_rows

    for part in slices(fill):
        batch = _batch(part, schema, width)
        n_wider += len(batch.surplus)
        first_wider = first_wider or min(batch.surplus, default=0)
        yield batch
    if n_wider:
        warn_of_table(
            f"{source}:{first_wider}: {n_wider:,} of the rows have cells right of the header,"
            " which are not read. Give their column a name"
        )


def _batch(part: Slice[Sequence[object]], schema: pa.Schema, width: int) -> Batch:
    surplus = {
        line: [json_text(_simple(value)) for value in row[width:]]
        for line, row in zip(part.lines, part.values, strict=True)
        if len(row) > width
    }
    rows = [[*row[:width], *[None] * (width - len(row))] for row in part.values]
    columns = [
        [None if value is None else json_text(value) for value in map(_simple, column)]
        for column in zip(*rows, strict=True)
    ]
    problems: dict[str, dict[int, str]] = {}
    for i, row in enumerate(rows):
        for name, value in zip(schema.names, row, strict=True):
            if isinstance(value, _Problem):
                problems.setdefault(name, {})[i] = f"{name!r} is {value.reason}"
    data = record_batch(columns or [()] * width, schema)
    return Batch(data, part.lines, part.rejects, problems, surplus)


def sheet_rows(workbook: Any, sheet: Any, source: str, batch_rows: int) -> Iterator[NumberedRow]:
    """Yield the rows that are not empty, without the empty cells at their ends."""
    line, failure, formulas = 0, None, _Formulas()
    rows = _numbered_rows(workbook, sheet, formulas)
    while failure is None:
        part: list[NumberedRow] = []
        try:
            with excel_errors(source, part, line):
                part.extend(islice(rows, batch_rows))
        except TableError as error:
            failure = error
        if not part:
            break
        yield from ((line, row) for line, row in part if row)
        line = part[-1][0]
    if formulas.count:
        warn_of_table(
            f"{source}: {formulas.count:,} formulas of the sheet {sheet.title!r} have no saved"
            f" value, first in {formulas.first}; these cells are empty. Open the file in a"
            " spreadsheet program and save it"
        )
    if failure is not None:
        raise failure


def _numbered_rows(workbook: Any, sheet: Any, formulas: _Formulas) -> Iterator[NumberedRow]:
    """Yield rows with their numbers. Cells that openpyxl would show as empty are noticed."""
    from openpyxl.worksheet import _reader
    from openpyxl.xml.functions import iterparse

    with sheet._get_source() as stream:
        parser = _reader.WorkSheetParser(
            stream,
            sheet._shared_strings,
            data_only=True,
            epoch=workbook.epoch,
            date_formats=workbook._date_formats,
            timedelta_formats=workbook._timedelta_formats,
        )
        parse = parser.parse_cell

        def parse_cell(element: Any) -> dict[str, Any]:
            cell: dict[str, Any] = parse(element)
            if cell["value"] is None and element.get("t") != "str":
                if element.find(_reader.FORMULA_TAG) is not None:
                    cell["value"] = _NOT_CALCULATED
                    formulas.first = formulas.first or element.get("r", "")
                    formulas.count += 1
            elif cell["data_type"] == "e":
                cell["value"] = _Problem(f"the error {cell['value']}", str(cell["value"]))
            return cell

        parser.parse_cell = parse_cell
        # Only rows: what else a sheet has may be broken, and no table needs it.
        for _, element in iterparse(stream):
            if element.tag == _reader.ROW_TAG:
                number, cells = parser.parse_row(element)
                element.clear()
                if number > MAX_ROWS + 1:
                    return
                yield number, _values(cells)


def _values(cells: Sequence[dict[str, Any]]) -> Sequence[object]:
    """Return the values of a row up to the last one that is not empty."""
    columns = {cell["column"]: cell["value"] for cell in cells if cell["value"] not in (None, "")}
    return [columns.get(column) for column in range(1, max(columns, default=0) + 1)]


def open_sheet(stream: BinaryIO, source: str, name: str | int | None) -> tuple[Any, Any]:
    """Return the workbook and one of its sheets; warn if it was chosen among several."""
    import openpyxl

    workbook: Any = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    sheets = workbook.worksheets
    if not sheets:
        raise TableError(f"{source}: has no sheet with cells. Save the table as a sheet, or as CSV")
    if name is not None:
        return workbook, _sheet_called(name, sheets, source)
    visible = [sheet for sheet in sheets if sheet.sheet_state == "visible"] or sheets
    sheet = visible[0]
    others = ", ".join(repr(other.title) for other in visible[1:6])
    if len(visible) > 1:
        reason = f"the first of {len(visible)} (also {others}{', ...' * (len(visible) > 6)})"
    elif sheet is not sheets[0]:
        reason = f"the first, {sheets[0].title!r}, is hidden"
    else:
        return workbook, sheet
    warn_of_table(
        f"{source}: only the sheet {sheet.title!r} is read, {reason}. Choose with --sheet"
    )
    return workbook, sheet


def _sheet_called(name: str | int, sheets: Sequence[Any], source: str) -> Any:
    """Return the sheet of a name, whatever its case, or of a number from 1."""
    for sheet in sheets:
        if sheet.title == name:
            return sheet
    for number, sheet in enumerate(sheets, 1):
        if str(name).strip().casefold() in (sheet.title.strip().casefold(), str(number)):
            return sheet
    titles = ", ".join(f"{number} {sheet.title!r}" for number, sheet in enumerate(sheets[:20], 1))
    raise TableError(f"{source}: there is no sheet {name!r}; it has {titles}. Name one of these")


@contextmanager
def excel_errors(source: str, part: Sequence[NumberedRow] = (), line: int = 0) -> Iterator[None]:
    """Raise TableError for whatever a damaged workbook raises: openpyxl has any type."""
    # It also warns of styles, validations and other things that no table needs.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="openpyxl")
        try:
            yield
        except (TableError, TableWarning):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):
                raise  # of a copy that is written
            n = part[-1][0] if part else line
            raise TableError(
                f"{source}: cannot be read as an Excel workbook{f' after row {n}' if n else ''}"
                f" ({type(error).__name__}: {error}). Open it in a spreadsheet and save it again,"
                " or as CSV"
            ) from error


def _simple(value: object) -> object:
    if isinstance(value, str):
        return unescaped_cell(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT_INTEGER:
        return int(value)  # Excel has only floats; people see 7
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, _Problem):
        return value.shown
    return value


def _name(value: object) -> str:
    name = _simple(value)
    return name if isinstance(name, str) else json_text(name)
