"""Parse the lines of a delimited file into rows; a quote too many costs one row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import cast

from textshot.errors import TableError, warn_of_table
from textshot.io import batches
from textshot.io.batches import rejected
from textshot.io.dialect import Dialect
from textshot.io.inputs import TextInput
from textshot.io.lines import Slice, damage, slices, too_long

MAX_READ_AGAIN = 10
"""Lines are read again after a bad quote, up to this many times MAX_ROW_CHARS in a file."""

_MIN_ROWS_IN_ROW = 12
"""Lines of one row from which a text cannot have as many separators in each of them by chance."""

_MIN_SHARE_OF_ROWS = 0.9

_MIN_ROWS_IN_SUSPECT = 5
"""The same if the row has another number of fields than the header, or if no row above it has
several lines and each line has numbers where the table has them."""

_MIN_LONG_CELL = 5
"""Lines of a cell from which it is worth a look, if hardly another one has more than one line."""

_LONG_CELL_SHARE = 0.01
_CHUNK_LINES = 4096


class RowReader:
    """Parses lines into rows, with a limit on the length of one row.

    csv.reader asks for lines until a row is complete, and `_feed` keeps them. If that are too many,
    or the file ends inside a quote, `_feed` yields None: csv.reader then raises csv.Error, drops
    the row, and starts again on the next line. That is the second line of a bad row: the rows
    between a quote too many and the next quote are read as they are.
    """

    def __init__(
        self, text: TextInput, lines: Iterator[str], n_before: int, dialect: Dialect
    ) -> None:
        self._text = text
        self._lines = lines
        self._failure: TableError | None = None  # by which `lines` ended
        self._again: list[Iterator[str]] = []  # lines to read again; the next ones are last
        self._again_chars = 0
        self._number = n_before  # of the line that csv.reader took last
        self._first_line = ""  # of this row
        self._taken: list[str] = []  # the lines of this row, old ones joined to save memory
        self._n_lines = self._row_chars = 0
        self._problem = ""
        self._n_rows = self._n_long = 0
        self._last_row: list[str] = []
        self._longest = (0, 0)  # number of lines of a row, and the first of them
        self._separator = dialect.separator
        self._reader = csv.reader(
            cast("Iterator[str]", self._feed()), delimiter=self._separator, strict=True
        )

    def header(self) -> list[str]:
        """Read the names of the columns."""
        source, names = self._text.source, list[str]()
        while not names:  # blank lines
            line = self._begin_row()
            try:
                names = next(self._reader)
            except StopIteration:
                raise TableError(
                    f"{source}: the file is empty. It needs a header and rows below it"
                ) from None
            except csv.Error:
                raise TableError(f"{source}, line {line}: the header {self._problem}") from None
        problem = damage("\n".join(names), self._text.encoding)
        if problem is not None:
            raise TableError(f"{source}, line {line}: the header cannot be read: {problem}")
        return names

    def slices(self, width: int, batch_rows: int) -> Iterator[Slice[list[str]]]:
        """Yield slices of rows of `width` fields."""

        def fill(part: Slice[list[str]]) -> bool:
            return self._fill(part, width, batch_rows)

        return map(self._reject_damaged, slices(fill))

    def _fill(self, part: Slice[list[str]], width: int, batch_rows: int) -> bool:
        chars = 0
        for _ in range(batch_rows):
            line = self._begin_row()
            try:
                fields = next(self._reader)
            except StopIteration:
                self._warn_of_long_cell()
                return False
            except csv.Error:
                self._reject_quote(part, line, self._problem)
                continue
            if self._n_lines > 1 and self._holds_rows(width, len(fields) == width):
                reason = "opens a quote, and the lines up to the next quote are rows themselves"
                self._reject_quote(part, line, f"{reason}. Remove it, or double it")
            elif len(fields) == width:
                part.values.append(fields)
                part.lines.append(line)
                self._count(line)
                self._last_row = fields
            elif fields:  # a blank line has none
                count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
                reason = f"has {count}, the header has {width}{self._line_range(line)}"
                self._reject(part, line, reason, fields)
            chars += self._row_chars
            if chars > batches.MAX_BATCH_CHARS:
                break
        return True

    def _begin_row(self) -> int:
        """Forget the row before; return the line at which the next one begins."""
        self._taken = []
        self._n_lines = self._row_chars = 0
        self._problem = (
            'has text after a closing quote. Double a quote that is part of the text ("")'
        )
        return self._number + 1

    def _holds_rows(self, width: int, is_as_wide: bool) -> bool:
        """Tell whether the lines of a row could be rows themselves, as after a quote too many."""
        if width < 2:
            return False
        numbers = [i for i, cell in enumerate(self._last_row) if cell.isdecimal()]
        is_suspect = not is_as_wide or (numbers and not self._n_long)
        if self._n_lines < (_MIN_ROWS_IN_SUSPECT if is_suspect else _MIN_ROWS_IN_ROW):
            return False
        rows = csv.reader(
            self._taken_lines(), delimiter=self._separator, quoting=csv.QUOTE_NONE, strict=True
        )
        n_alike = sum(
            len(row) == width and all(row[i].isdecimal() for i in numbers) for row in rows
        )
        return n_alike >= _MIN_SHARE_OF_ROWS * self._n_lines

    def _taken_lines(self) -> Iterable[str]:
        return chain.from_iterable(io.StringIO(chunk, newline="") for chunk in self._taken)

    def _reject_quote(self, part: Slice[list[str]], line: int, reason: str) -> None:
        """Reject the first line of a row with a bad quote, and read its other lines again."""
        row = self._first_line
        if self._n_lines > 1:
            if self._again_chars > MAX_READ_AGAIN * batches.MAX_ROW_CHARS:
                reason += self._line_range(line)
            else:
                self._again_chars += self._row_chars
                others = iter(self._taken_lines())
                next(others)
                self._again.append(others)
                self._number = line
        self._reject(part, line, reason, row)

    def _line_range(self, line: int) -> str:
        is_long = self._n_lines > 1
        return f" (lines {line} to {self._number} were taken for it)" if is_long else ""

    def _reject_damaged(self, part: Slice[list[str]]) -> Slice[list[str]]:
        encoding = self._text.encoding
        if damage("\n".join(map("\n".join, part.values)), encoding) is None:  # one check for all
            return part
        valid = Slice[list[str]](rejects=part.rejects)
        for line, fields in zip(part.lines, part.values, strict=True):
            reason = damage("\n".join(fields), encoding)
            if reason is None:
                valid.values.append(fields)
                valid.lines.append(line)
            else:
                self._reject(valid, line, reason, fields)
        valid.rejects.sort(key=lambda reject: reject.line)
        return valid

    def _reject(self, part: Slice[list[str]], line: int, reason: str, row: str | list[str]) -> None:
        part.rejects.append(rejected(self._text.source, line, reason, row))

    def _count(self, line: int) -> None:
        self._n_rows += 1
        if self._n_lines > 1:
            self._n_long += 1
            if self._n_lines > self._longest[0]:
                self._longest = (self._n_lines, line)

    def _warn_of_long_cell(self) -> None:
        """Warn of a cell with many lines in a file of short ones: it may hide rows."""
        n_lines, line = self._longest
        is_rare = self._n_long <= max(1, _LONG_CELL_SHARE * self._n_rows) < self._n_rows
        if n_lines >= _MIN_LONG_CELL and is_rare:
            message = (
                f"{self._text.source}:{line}: one row has {n_lines} lines, where others have one."
                " Check whether a quote is missing there"
            )
            warn_of_table(message)

    def _feed(self) -> Iterator[str | None]:
        while True:
            line = self._next_line()
            if line:
                self._take(line)
                if self._row_chars <= batches.MAX_ROW_CHARS:
                    yield line
                    continue
                unclosed = f"opens a quote that is not closed, or {too_long()}"
                self._problem = too_long() if self._n_lines == 1 else unclosed
            elif self._n_lines:  # csv.reader asks for more of a row at the end of the file
                self._problem = (
                    "opens a quote that is never closed. Close it, or double it if it is part of"
                    ' the text ("")'
                )
            elif self._failure is not None:
                raise self._failure
            else:
                return
            yield None

    def _take(self, line: str) -> None:
        if not self._n_lines:
            self._first_line = line
        self._number += 1
        self._n_lines += 1
        self._row_chars += len(line)
        self._taken.append(line)
        if self._n_lines % _CHUNK_LINES == 0:
            self._taken[-_CHUNK_LINES:] = ["".join(self._taken[-_CHUNK_LINES:])]

    def _next_line(self) -> str:
        while self._again:
            line = next(self._again[-1], "")
            if line:
                return line
            self._again.pop()
        try:
            return next(self._lines, "") if self._failure is None else ""
        except TableError as error:
            self._failure = error
            return ""
