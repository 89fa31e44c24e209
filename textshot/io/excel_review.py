"""Write a table for people to fill in: in Excel with a list to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from textshot.io.delimited import escaped
from textshot.io.excel_writer import ExcelEncoder
from textshot.io.formats import STDIO, Format, format_of
from textshot.io.values import Cell
from textshot.io.writer import Encoder, Writer, open_writer

if TYPE_CHECKING:
    import pyarrow as pa

_CHOICES = "choices"
_COLOUR = "FFF2CC"
_TEXT_WIDTH, _MIN_WIDTH, _MAX_WIDTH = 70, 10, 40
_LABEL_COLUMNS = ("answer", "second", "third", "label", "source")
_TEXT_FORMAT = "@"  # or "007" would come back as 7


class ReviewEncoder(ExcelEncoder):
    """Writes a sheet with a column to fill in, and its choices on a hidden sheet."""

    def __init__(
        self,
        stream: BinaryIO,
        schema: pa.Schema,
        name: str,
        *,
        fill: str,
        choices: Sequence[str],
        n_rows: int,
    ) -> None:
        self._fill, self._choices, self._n_expected = schema.names.index(fill), choices, n_rows
        super().__init__(stream, schema, name)

    def close(self) -> None:
        """Write the hidden sheet and the workbook."""
        hidden = self._workbook.create_sheet(_CHOICES)
        hidden.sheet_state = "hidden"
        for choice in self._choices:
            hidden.append([self._cell(choice)])
        super().close()

    def _begin(self, names: Sequence[str]) -> None:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Font
        from openpyxl.utils import get_column_letter

        sheet = self._sheet
        sheet.freeze_panes = "A2"
        longest = max([len(choice) for choice in self._choices], default=0)
        label_width = min(max(longest, _MIN_WIDTH), _MAX_WIDTH)
        for number, name in enumerate(names, 1):
            width = label_width if name in _LABEL_COLUMNS else _MIN_WIDTH
            column = sheet.column_dimensions[get_column_letter(number)]
            column.width = 2 + (_TEXT_WIDTH if name == "text" else width)
        sheet.data_validations.append(self._validation())
        header = [WriteOnlyCell(sheet, name) for name in names]
        for cell in header:
            cell.font = Font(bold=True)
        sheet.append(header)

    def _append(self, row: Sequence[Cell]) -> None:
        from openpyxl.styles import Alignment, PatternFill

        cells = [self._styled(value) for value in row]
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        cells[self._fill].fill = PatternFill("solid", fgColor=_COLOUR)
        cells[self._fill].number_format = _TEXT_FORMAT
        self._sheet.append(cells)

    def _styled(self, value: Cell) -> Any:
        from openpyxl.cell import WriteOnlyCell

        if not isinstance(value, str):
            return WriteOnlyCell(self._sheet, value)
        content: Any = self._cell(value)
        cell = WriteOnlyCell(self._sheet, content or None) if isinstance(content, str) else content
        # So that it stays a text when somebody edits the cell.
        cell.quotePrefix = escaped([value]) != [value]
        return cell

    def _validation(self) -> object:
        from openpyxl.utils import get_column_letter
        from openpyxl.worksheet.datavalidation import DataValidation

        validation = DataValidation(
            type="list",
            formula1=f"{_CHOICES}!$A$1:$A${len(self._choices)}",
            allow_blank=True,
            showErrorMessage=True,
            errorTitle="No such category",
            error="Choose one of the list, or leave it empty.",
        )
        column = get_column_letter(self._fill + 1)
        validation.add(f"{column}2:{column}{max(1, self._n_expected) + 1}")
        return validation


def open_review(
    path: str | Path, schema: pa.Schema, *, fill: str, choices: Sequence[str], n_rows: int
) -> Writer:
    """Return a writer of a table that people fill in.

    Args:
        path: The file. Excel, by its extension, has a list in each cell to fill in.
        schema: The columns.
        fill: The column to fill in.
        choices: The values that it can take.
        n_rows: The number of rows to expect.
    """
    name = str(path)
    if format_of(name, None, stdio=Format.CSV, output=True) is not Format.EXCEL or name == STDIO:
        return open_writer(name, schema)

    def new_encoder(stream: BinaryIO) -> Encoder:
        return ReviewEncoder(stream, schema, name, fill=fill, choices=choices, n_rows=n_rows)

    return Writer(name, Format.EXCEL, schema, new_encoder)
