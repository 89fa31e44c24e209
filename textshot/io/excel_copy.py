"""Copy a workbook with columns added to a sheet; all else in it stays as it is.

openpyxl would lose what it does not know: saved values of formulas, pictures, pivot tables, macros.
So cells are put into the XML of the sheet, and every other part of the file is copied.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import normpath
from typing import IO, BinaryIO
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr, unescape

from textshot.errors import TableError, collect_table_warnings, warn_of_table
from textshot.io.excel import excel_errors, open_sheet, read_header, sheet_rows
from textshot.io.excel_splice import spliced
from textshot.io.excel_writer import MAX_COLUMNS
from textshot.io.excel_xml import (
    NewColumns,
    column_letters,
    split_reference,
    used_columns,
    widened,
)
from textshot.io.table import TableOptions
from textshot.io.values import Cell

_TABLE = re.compile(rb"<(?:\w+:)?table\s[^>]*>")
_FILTER = re.compile(rb"<(?:\w+:)?autoFilter\s[^>]*>")
_COLUMNS = re.compile(rb"(<(?:\w+:)?tableColumns\s[^>]*count\s*=\s*[\"'])([0-9]+)")
_COLUMNS_END = re.compile(rb"</((?:\w+:)?)tableColumns>")
_COLUMN = re.compile(rb"<(?:\w+:)?tableColumn\s[^>]*>")
_FILTER_NAME = re.compile(
    rb"(<(?:\w+:)?definedName\s[^>]*_xlnm\._FilterDatabase[^>]*>)([^<]*)!"
    rb"\$([A-Z]+)\$([0-9]+):\$([A-Z]+)\$([0-9]+)(?=<)"
)
_WORKBOOK = "xl/workbook.xml"
_ATTRIBUTE = rb"\s%s\s*=\s*(\"[^\"]*\"|'[^']*')"


@dataclass(frozen=True, slots=True)
class WorkbookCopy:
    """A copy of a workbook that can be made.

    Attributes:
        source: The workbook, as messages name it.
        part: The sheet in the file.
        header_row: The row of its header.
        columns: The new columns.
        changed: Other parts that change, and their new content: tables that become wider.
    """

    source: str
    part: str
    header_row: int
    columns: NewColumns
    changed: Mapping[str, bytes]

    def write(
        self, stream: BinaryIO, target: BinaryIO, rows: Iterable[tuple[int, Sequence[Cell]]]
    ) -> None:
        """Write the copy: the same bytes for the same workbook and rows.

        Args:
            stream: The workbook.
            target: Where the copy goes.
            rows: Row numbers, in order, and the values of the new columns there.

        Raises:
            TableError: The workbook is damaged, or a row is not in it.
        """
        with (
            excel_errors(self.source),
            zipfile.ZipFile(stream) as archive,
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy,
        ):
            for name in dict.fromkeys(archive.namelist()):
                part = archive.getinfo(name)
                new = zipfile.ZipInfo(name, part.date_time)
                new.compress_type, new.external_attr = zipfile.ZIP_DEFLATED, part.external_attr
                with copy.open(new, "w", force_zip64=part.file_size > 1 << 30) as output:
                    if name in self.changed:
                        output.write(self.changed[name])
                        continue
                    with archive.open(name) as sheet:
                        if name != self.part:
                            shutil.copyfileobj(sheet, output, 1 << 20)
                            continue
                        for block in self._spliced(sheet, iter(rows)):
                            output.write(block)

    def _spliced(
        self, sheet: IO[bytes], rows: Iterator[tuple[int, Sequence[Cell]]]
    ) -> Iterator[bytes]:
        return spliced(sheet, self.columns, self.header_row, rows, self.source)


def plan_copy(
    stream: BinaryIO,
    source: str,
    options: TableOptions,
    names: Sequence[str],
    replaced: Sequence[str] = (),
    *,
    extension: str = ".xlsx",
) -> WorkbookCopy:
    """Find the place for new columns: right of the header, where nothing is in their way.

    Args:
        stream: The workbook.
        source: Its name, for messages.
        options: Which sheet, and where its header is.
        names: The new columns.
        replaced: Columns of the header whose cells go, such as those of an earlier run.
        extension: Of the file that is written.

    Raises:
        TableError: Why the workbook cannot be copied.
    """
    with excel_errors(source), zipfile.ZipFile(stream) as archive:
        _check_parts(archive, source, extension)
        part, title, header_row, header = _layout(stream, source, options)
        with archive.open(part) as sheet:
            taken = used_columns(sheet, header_row, source)
        tables = dict(_tables(archive, part))
        workbook = archive.read(_WORKBOOK) if _WORKBOOK in archive.namelist() else b""
    cleared = {number for number, name in enumerate(header, 1) if name in replaced}
    for table in tables.values():
        if table.last_row >= header_row:
            if cleared & set(table.columns) and list(replaced) != list(names):
                raise TableError(
                    f"{source}: the table {table.name} holds the columns {', '.join(replaced)}, and"
                    f" now there are {', '.join(names)}. Delete these columns first"
                )
            taken |= set(table.columns)
    columns = _free_columns(names, len(header), taken, cleared)
    if columns.last > MAX_COLUMNS:
        raise TableError(f"{source}: there is no room for {len(names)} columns more. Remove some")
    changed = {n: t.widened(columns, header_row, source) for n, t in tables.items()}
    changed[_WORKBOOK] = _with_wider_filter(workbook, title, columns, header_row)
    parts = {name: xml for name, xml in changed.items() if xml}
    return WorkbookCopy(source, part, header_row, columns, parts)


def _free_columns(
    names: Sequence[str], width: int, taken: set[int], cleared: set[int]
) -> NewColumns:
    last = max((column for column in range(1, width + 1) if column not in cleared), default=0)
    first = min(cleared, default=last + 1)
    while (taken - cleared) & set(range(first, first + len(names))):
        first += 1
    return NewColumns(first, names, frozenset(cleared), last)


def _layout(
    stream: BinaryIO, source: str, options: TableOptions
) -> tuple[str, str, int, Sequence[str]]:
    """Return the part of the sheet, its title, the row of its header, and the names in it."""
    with collect_table_warnings():  # given when it was read
        workbook, sheet = open_sheet(stream, source, options.sheet)
    rows = sheet_rows(workbook, sheet, source, 1)
    part, title = sheet._worksheet_path, sheet.title
    return part, title, *read_header(rows, source, sheet.title, options.header_row)


def _check_parts(archive: zipfile.ZipFile, source: str, extension: str) -> None:
    names = archive.namelist()
    if len(set(names)) < len(names):
        raise TableError(f"{source}: holds two parts of one name")
    if any(name.startswith("_xmlsignatures/") for name in names):
        raise TableError(f"{source}: is signed, and a change would break the signature")
    has_macros = b"macroEnabled" in archive.read("[Content_Types].xml")
    if has_macros != (extension.lower() in (".xlsm", ".xltm")):
        kind = "has macros" if has_macros else "has no macros"
        raise TableError(f"{source}: {kind}, and the output ends in {extension}")


@dataclass(frozen=True, slots=True)
class _Table:
    """A table (list object) of a sheet: its range and its XML."""

    name: str
    first_row: int
    last_row: int
    columns: range
    xml: bytes

    def widened(self, new: NewColumns, header_row: int, source: str) -> bytes | None:
        """Return the XML with the new columns, if they are beside it; else sorting would part them.

        A column of the same name in another case cannot be: Excel would call the file damaged.
        """
        if self.first_row != header_row or self.columns[-1] != new.first - 1:
            return None
        tags = _COLUMN.findall(self.xml)
        names = {_attribute(tag, b"name").casefold() for tag in tags}
        if names & {quoteattr(name)[1:-1].casefold() for name in new.names}:
            warn_of_table(
                f"{source}: the new columns are beside the table {self.name} and not part of it, as"
                " it has columns of these names. Sort both together"
            )
            return None
        highest = max(int(_attribute(tag, b"id")) for tag in tags)
        xml = _TABLE.sub(lambda match: widened(match[0], new, header_row), self.xml, count=1)
        xml = _FILTER.sub(lambda match: widened(match[0], new, header_row), xml, count=1)
        xml = _COLUMNS.sub(lambda m: m[1] + b"%d" % (int(m[2]) + len(new.names)), xml, count=1)

        def append(match: re.Match[bytes]) -> bytes:
            columns = "".join(
                f"<{match[1].decode()}tableColumn id={quoteattr(str(number))}"
                f" name={quoteattr(name)}/>"
                for number, name in enumerate(new.names, highest + 1)
            )
            return columns.encode("ascii", "xmlcharrefreplace") + match[0]

        return _COLUMNS_END.sub(append, xml, count=1)


def _tables(archive: zipfile.ZipFile, sheet: str) -> Iterator[tuple[str, _Table]]:
    """Yield the tables of a sheet, with their parts."""
    path = PurePosixPath(sheet)
    relations = f"{path.parent}/_rels/{path.name}.rels"
    if relations not in archive.namelist():
        return
    for relation in ElementTree.fromstring(archive.read(relations)):
        if not relation.get("Type", "").endswith("/table"):
            continue
        target = relation.get("Target", "")
        name = target[1:] if target[:1] == "/" else normpath(f"{path.parent}/{target}")
        xml = archive.read(name)
        root = ElementTree.fromstring(xml)
        first, _, last = root.get("ref", "").partition(":")
        (top, begin), (bottom, end) = split_reference(first), split_reference(last or first)
        title = root.get("displayName") or root.get("name") or name
        yield name, _Table(title, top, bottom, range(begin, end + 1), xml)


def _with_wider_filter(workbook: bytes, title: str, new: NewColumns, header_row: int) -> bytes:
    """Return the XML of the workbook; Excel keeps the range of a filter there as well."""

    def widen(match: re.Match[bytes]) -> bytes:
        tag, sheet, first, top, last, bottom = match.groups()
        name = unescape(sheet.decode("utf-8"), {"&apos;": "'", "&quot;": '"'})
        column = split_reference(f"{last.decode()}1")[1]
        is_ours = name in (title, "'" + title.replace("'", "''") + "'")
        if not is_ours or int(top) != header_row or column != new.first - 1:
            return match[0]
        end = column_letters(new.last).encode()
        return tag + sheet + b"!$%s$%s:$%s$%s" % (first, top, end, bottom)

    return _FILTER_NAME.sub(widen, workbook)


def _attribute(tag: bytes, name: bytes) -> str:
    match = re.search(_ATTRIBUTE % name, tag)
    return match[1][1:-1].decode("utf-8") if match else ""
