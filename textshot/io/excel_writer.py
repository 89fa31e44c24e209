"""Write Excel workbooks of one sheet, in which nothing is a formula."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from textshot.errors import TableError
from textshot.io.excel import MAX_ROWS
from textshot.io.values import Cell, sheet_cells

if TYPE_CHECKING:
    import pyarrow as pa

MAX_COLUMNS = 16_384
MAX_CELL_CHARS = 32_767

_LIKE_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip file knows
_WRITTEN = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


class _Archive(zipfile.ZipFile):
    """A zip file without the time at which it is written."""

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any, **__: Any) -> None:
        """Add a part."""
        content = data.encode() if isinstance(data, str) else bytes(data)
        if zinfo_or_arcname == "docProps/core.xml":
            content = _WRITTEN.sub(rb"\g<1>1980-01-01T00:00:00Z", content)
        super().writestr(self._part(zinfo_or_arcname), content)

    def write(self, filename: Any, arcname: Any = None, *_: Any, **__: Any) -> None:
        """Add a file as a part."""
        with Path(filename).open("rb") as file, self.open(self._part(arcname), "w") as part:
            shutil.copyfileobj(file, part, 1 << 20)

    def _part(self, name: str) -> zipfile.ZipInfo:
        part = zipfile.ZipInfo(name, _TIME)
        part.compress_type, part.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
        return part


def cell_text(text: str, position: str) -> str:
    """Return a text as a workbook holds it.

    Raises:
        TableError: It is too long.
    """
    if len(text) > MAX_CELL_CHARS:
        raise TableError(
            f"{position} has a cell of {len(text):,} characters; a sheet holds {MAX_CELL_CHARS:,}"
            " and would lose the rest. Write CSV or Parquet"
        )
    return _LIKE_ESCAPED.sub("_x005F_", _NOT_XML.sub("\ufffd", text))


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
        """Write the workbook: equal rows give equal bytes, whenever they are written."""
        from openpyxl.writer.excel import ExcelWriter

        with _Archive(self._stream, "w", zipfile.ZIP_DEFLATED) as archive:
            ExcelWriter(self._workbook, archive).write_data()

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

        text = cell_text(text, f"{self._name}: row {self._n_rows}")
        if text[:1] not in ("=", "#"):  # openpyxl would write formulas and error values
            return text
        cell: Any = WriteOnlyCell(self._sheet, text)
        cell.data_type = "s"
        return cell
