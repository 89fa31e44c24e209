"""Follow rows and cells in the XML of a sheet, and see which columns are in use."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, BinaryIO
from xml.parsers import expat

from textshot.errors import TableError
from textshot.io.formats import MAX_COMPRESSION_RATIO

MAX_DECOMPRESSED_BYTES = 1 << 30
"""Limit for the parts of a workbook other than its sheets, which are held in memory."""

_OLE_HEADER = bytes.fromhex("d0cf11e0a1b11ae1")  # of .xls files and of files with a password

_BLOCK = 1 << 18
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
"""How a workbook writes a character that XML does not allow (ECMA-376, ST_Xstring)."""
_REFERENCE = re.compile("([A-Z]{1,3})([0-9]+)")
_RANGE = re.compile(rb"""(\sref\s*=\s*["'])([A-Z]+[0-9]+)(?::([A-Z]+[0-9]+))?""")


@dataclass(frozen=True, slots=True)
class NewColumns:
    """Columns to add: the first, from 1; their names; columns to clear; the header's last one."""

    first: int
    names: Sequence[str]
    cleared: frozenset[int]
    beside: int

    @property
    def last(self) -> int:
        """The last new column."""
        return self.first + len(self.names) - 1

    def __contains__(self, column: int) -> bool:
        """Tell whether the cells of a column are replaced."""
        return self.first <= column <= self.last or column in self.cleared


def used_columns(sheet: IO[bytes], header_row: int, source: str) -> set[int]:
    """Return the columns with content from the header on, merged cells included.

    Raises:
        TableError: Rows or cells are not in order, or the XML is of a kind that no cells can be put
            into.
    """
    survey = _Survey(header_row, source)
    _parse(sheet, survey)
    return survey.columns


def unescaped_cell(text: str) -> str:
    """Return a text without the escapes of a workbook: `_x000D_` is a carriage return."""
    if "_x" not in text:
        return text
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    # Two escapes may be the halves of one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def split_reference(reference: str) -> tuple[int, int]:
    """Return row and column of a cell such as B7."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise TableError(f"{reference!r} is no cell")
    column = 0
    for letter in match[1]:
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(match[2]), column


def column_letters(column: int) -> str:
    """Return the letters of a column from 1."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def widened(tag: bytes, columns: NewColumns, header_row: int | None) -> bytes:
    """Return a tag whose ref ends at the last new column, if it reached the column before them.

    Args:
        tag: The tag.
        columns: The new columns.
        header_row: The row in which the range has to begin; None: it is wherever it is.
    """

    def replace(match: re.Match[bytes]) -> bytes:
        first, last = match[2].decode(), (match[3] or match[2]).decode()
        row, column = split_reference(last)
        begins = header_row is None or split_reference(first)[0] == header_row
        if not begins or (header_row is not None and column != columns.first - 1):
            return match[0]
        end = f"{column_letters(max(column, columns.last))}{row}"
        return match[1] + f"{first}:{end}".encode()

    return _RANGE.sub(replace, tag, count=1)


class Handler:
    """Follows rows and cells; `event` is called with the place of each token in the bytes."""

    def __init__(self, header_row: int, source: str) -> None:
        self.header_row, self.source = header_row, source
        self.row = self.column = 0
        self.path: list[str] = []
        self.prefix = ""

    def event(self, index: int) -> None:
        """Take the place of the next token: the one before it ends there."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Count rows and cells."""
        prefix, _, local = name.rpartition(":")
        self.path.append(local)
        if local == "row" and self.path[-2:-1] == ["sheetData"]:
            row = int(attributes.get("r", self.row + 1))
            if row <= self.row:
                raise self.error(f"row {row} is behind row {self.row}")
            self.row, self.column, self.prefix = row, 0, f"{prefix}:" if prefix else ""
        elif local == "c" and self.path[-2:-1] == ["row"]:
            reference = attributes.get("r")
            column = split_reference(reference)[1] if reference else self.column + 1
            if column <= self.column:
                raise self.error(f"the cells of row {self.row} are not in order")
            self.column = column

    def end(self, name: str) -> None:
        """Leave an element."""
        self.path.pop()

    def error(self, reason: str) -> TableError:
        """Return the error of a sheet that cannot be copied."""
        return TableError(f"{self.source}: the sheet cannot be edited ({reason})")


class _Survey(Handler):
    def __init__(self, header_row: int, source: str) -> None:
        super().__init__(header_row, source)
        self.columns: set[int] = set()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        super().start(name, attributes)
        local = self.path[-1]
        if local in ("v", "is", "f") and self.row >= self.header_row and "c" in self.path:
            self.columns.add(self.column)
        elif local == "mergeCell":
            first, _, last = attributes["ref"].partition(":")
            (_, begin), (bottom, end) = split_reference(first), split_reference(last or first)
            if bottom >= self.header_row:
                self.columns |= set(range(begin, end + 1))


def _parse(sheet: IO[bytes], handler: Handler) -> None:
    for _ in parse_blocks(sheet, handler):
        pass


def parse_blocks(sheet: IO[bytes], handler: Handler) -> Iterator[bytes]:
    """Yield the bytes of a sheet, each block after the handler has seen it."""
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        handler.event(parser.CurrentByteIndex)
        handler.start(name, attributes)

    def end(name: str) -> None:
        handler.event(parser.CurrentByteIndex)
        handler.end(name)

    def other(_: Any) -> None:
        handler.event(parser.CurrentByteIndex)

    def doctype(*_: Any) -> None:
        raise handler.error("it has a document type")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.DefaultHandler = other
    parser.StartDoctypeDeclHandler = doctype
    first = True
    while block := sheet.read(_BLOCK):
        if first and b"\0" in block[:4]:
            raise handler.error("it is not UTF-8")
        first = False
        parser.Parse(block, False)
        yield block
    parser.Parse(b"", True)


def check_container(stream: BinaryIO, source: str) -> None:
    """Refuse what is no workbook, or expands to more than a workbook does.

    Raises:
        TableError: What it is, and what to do.
    """
    head = stream.read(len(_OLE_HEADER))
    stream.seek(0)
    if head == _OLE_HEADER:
        raise TableError(
            f"{source}: is an old .xls file or has a password. Save it as .xlsx without a password"
        )
    try:
        with zipfile.ZipFile(stream) as archive:
            parts = archive.infolist()
    except Exception as error:  # of any type, by what is damaged
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
    for part in parts:
        limit = max(MAX_DECOMPRESSED_BYTES, MAX_COMPRESSION_RATIO * part.compress_size)
        if part.file_size > limit:
            raise TableError(
                f"{source}: {part.filename} expands to {part.file_size:,} bytes, more than"
                f" {MAX_COMPRESSION_RATIO} times its size. If the file is right, save the table as"
                " CSV"
            )
