"""Put cells into the XML of a sheet, and leave every other byte of it as it is."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO
from xml.sax.saxutils import escape

from textshot.io.excel_writer import cell_text
from textshot.io.excel_xml import Handler, NewColumns, column_letters, parse_blocks, widened
from textshot.io.values import Cell

_LABEL_WIDTH = 22
_SPANS = re.compile(rb"""\sspans\s*=\s*("[^"]*"|'[^']*')""")


def spliced(
    sheet: IO[bytes],
    columns: NewColumns,
    header_row: int,
    rows: Iterator[tuple[int, Sequence[Cell]]],
    source: str,
) -> Iterator[bytes]:
    """Yield the XML of a sheet with new cells in the header and in rows, which are in order.

    Raises:
        TableError: A row is not in the sheet.
    """
    splicer = _Splicer(columns, header_row, rows, source)
    for block in parse_blocks(sheet, splicer):
        splicer.pending += block
        yield splicer.flush()
    splicer.finish()
    yield splicer.flush(final=True)


@dataclass
class _Edit:
    """A replacement of bytes that ends where the next token begins."""

    begin: int
    kind: str
    end: int | None = None
    data: bytes = b""


class _Splicer(Handler):
    def __init__(
        self,
        columns: NewColumns,
        header_row: int,
        rows: Iterator[tuple[int, Sequence[Cell]]],
        source: str,
    ) -> None:
        super().__init__(header_row, source)
        self.new, self.rows = columns, rows
        self.pending, self.base = bytearray(), 0  # bytes not yet written, and where they begin
        self.edits: deque[_Edit] = deque()
        self.index = 0
        self.open: _Edit | None = None  # waits for the end of its token
        self.styles: dict[int, str] = {}
        self.insert_at: int | None = None
        self.header_style = ""
        self.max_column_width = 0
        self.has_widths = False
        self.next_row = next(rows, None)

    def event(self, index: int) -> None:
        self.index = index
        if self.open is not None and self.open.kind != "cell":
            self.open.end, self.open = index, None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        super().start(name, attributes)
        local, depth = self.path[-1], len(self.path)
        if local == "row" and self.path[-2] == "sheetData":
            self.styles, self.insert_at = {}, None
            self._edit("spans")
        elif local == "c" and self.path[-2] == "row" and self.row >= self.header_row:
            self._start_cell(attributes.get("s", ""))
        elif local == "dimension" and depth == 2:
            self._edit("dimension")
        elif local == "autoFilter" and depth == 2:
            self._edit("filter")
        elif local == "col" and self.path[-2] == "cols":
            self.max_column_width = max(self.max_column_width, int(attributes["max"]))
            self.has_widths = True
        elif local == "sheetData" and not self.has_widths:
            prefix = name.rpartition(":")[0]
            tag = f"{prefix}:cols" if prefix else "cols"
            self._insert(f"<{tag}>{self._width(prefix)}</{tag}>")

    def end(self, name: str) -> None:
        local = self.path[-1]
        if local == "c" and self.open is not None:
            self.open.kind = "removed"  # up to the next token
        elif local == "row" and self.path[-2:-1] == ["sheetData"] and self.row >= self.header_row:
            self._end_row()
        elif local == "cols" and self.max_column_width < self.new.first:
            self._insert(self._width(name.rpartition(":")[0]))
        super().end(name)

    def finish(self) -> None:
        """Check that every row had its place."""
        if self.next_row is not None:
            raise self.error(f"row {self.next_row[0]} is not in the sheet")

    def flush(self, *, final: bool = False) -> bytes:
        """Return the bytes that no edit can change any more."""
        safe = self.base + len(self.pending) if final else self.index
        if self.open is not None:
            safe = min(safe, self.open.begin)
        parts, position = list[bytes | bytearray](), self.base
        while self.edits and (self.edits[0].end or 0) <= safe and self.edits[0].begin < safe:
            edit = self.edits.popleft()
            end = edit.begin if edit.end is None else edit.end
            tag = bytes(self.pending[edit.begin - self.base : end - self.base])
            parts.append(self.pending[position - self.base : edit.begin - self.base])
            parts.append(self._replacement(edit, tag))
            position = end
        parts.append(self.pending[position - self.base : safe - self.base])
        del self.pending[: safe - self.base]
        self.base = safe
        return b"".join(parts)

    def _replacement(self, edit: _Edit, tag: bytes) -> bytes:
        if edit.kind == "spans":
            return _SPANS.sub(b"", tag)
        if edit.kind == "dimension":
            return widened(tag, self.new, None)
        if edit.kind == "filter":
            return widened(tag, self.new, self.header_row)
        return edit.data

    def _edit(self, kind: str) -> None:
        self.open = _Edit(self.index, kind)
        self.edits.append(self.open)

    def _insert(self, xml: str) -> None:
        data = xml.encode("ascii", "xmlcharrefreplace")
        self.edits.append(_Edit(self.index, "inserted", self.index, data))

    def _start_cell(self, style: str) -> None:
        if self.row == self.header_row and self.column == self.new.beside:
            self.header_style = style
        if self.column in self.new:
            self.styles[self.column] = style
            self._edit("cell")
        elif self.column > self.new.last and self.insert_at is None:
            self._insert_cells()

    def _end_row(self) -> None:
        if self.insert_at is None:
            self._insert_cells()
        self.insert_at = None

    def _insert_cells(self) -> None:
        """Put the cells of a row before the current token."""
        self.insert_at = self.index
        values: Sequence[Cell] = ()
        if self.row == self.header_row:
            values = self.new.names
        elif self.next_row is not None and self.next_row[0] <= self.row:
            number, values = self.next_row
            if number < self.row:
                raise self.error(f"row {number} is not in the sheet")
            self.next_row = next(self.rows, None)
        cells = [
            self._cell(column, value)
            for column, value in enumerate(values, self.new.first)
            if value is not None
        ]
        self._insert("".join(cells))

    def _cell(self, column: int, value: Cell) -> str:
        style = self.styles.get(column) or (
            self.header_style if self.row == self.header_row else ""
        )
        p, start = self.prefix, f'r="{column_letters(column)}{self.row}"'
        if style:
            start += f' s="{style}"'
        if isinstance(value, str):
            text = escape(cell_text(value, f"{self.source}: row {self.row}"), {"\r": "&#13;"})
            return (
                f'<{p}c {start} t="inlineStr"><{p}is><{p}t xml:space="preserve">{text}'
                f"</{p}t></{p}is></{p}c>"
            )
        return f"<{p}c {start}><{p}v>{value!r}</{p}v></{p}c>"

    def _width(self, prefix: str) -> str:
        tag = f"{prefix}:col" if prefix else "col"
        column = self.new.first
        return f'<{tag} min="{column}" max="{column}" width="{_LABEL_WIDTH}" customWidth="1"/>'
