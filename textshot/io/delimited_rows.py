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
from textshot.io.dialect import SEPARATORS, Dialect
from textshot.io.inputs import TextInput
from textshot.io.lines import Slice, damage, slices, too_long
from textshot.io.swallowed_rows import MIN_LINES, SwallowedRows

MAX_READ_AGAIN = 10
"""Lines are read again after a bad quote, up to this many times MAX_ROW_CHARS in a file."""

_LONG_CELL_SHARE = 0.01
_SUSPECT_SHARE = 0.1
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
        self._n_rows = self._n_long = self._n_suspect = 0
        self._n_short = self._first_short = 0  # rows with too few cells, and the line of the first
        self._longest = (0, 0)  # number of lines of a row, and the first of them
        self._suspect = (0, 0)  # the same, if these lines could be rows
        self._separator = dialect.separator
        self._rows = SwallowedRows(0, self._separator)
        self._reader = csv.reader(
            cast("Iterator[str]", self._feed()), delimiter=self._separator, strict=True
        )

    def header(self) -> list[str]:
        """Read the names of the columns."""
        source, names = self._text.source, list[str]()
        while not any(names):  # blank lines, and rows of empty cells
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
        self._rows = SwallowedRows(width, self._separator)

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
                self._warn_of_short_rows()
                return False
            except csv.Error:
                self._reject_quote(part, line, self._problem)
                continue
            could_be_rows = self._could_be_rows()
            if could_be_rows and (len(fields) != width or self._rows.are_rows(self._taken_lines())):
                reason = "opens a quote, and the lines up to the next quote are rows themselves"
                self._reject_quote(part, line, f"{reason}. Remove it, or double it")
            elif self._fits(fields, width):
                self._note_short(line, len(fields) < width)
                fields = [*fields[:width], *[""] * (width - len(fields))]
                part.values.append(fields)
                part.lines.append(line)
                self._count(line, could_be_rows)
                self._rows.see(fields)
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

    def _fits(self, fields: list[str], width: int) -> bool:
        """Tell whether a row is one of the table: empty cells may be too many or left out.

        A short row of several lines may have lost a quote, and one of a single cell may have
        another separator.
        """
        if len(fields) >= width:
            return not any(fields[width:])
        is_other = len(fields) == 1 and any(c in fields[0] for c in SEPARATORS)
        return bool(fields) and self._n_lines == 1 and not is_other

    def _could_be_rows(self) -> bool:
        return self._n_lines >= MIN_LINES and self._rows.could_be_rows(self._taken_lines())

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

    def _count(self, line: int, could_be_rows: bool) -> None:
        self._n_rows += 1
        if self._n_lines > 1:
            self._n_long += 1
            self._longest = max(self._longest, (self._n_lines, line), key=_length)
        if could_be_rows:
            self._n_suspect += 1
            self._suspect = max(self._suspect, (self._n_lines, line), key=_length)

    def _note_short(self, line: int, is_short: bool) -> None:
        if is_short:
            self._n_short += 1
            self._first_short = self._first_short or line

    def _warn_of_short_rows(self) -> None:
        if self._n_short:
            rows = "1 row has" if self._n_short == 1 else f"{self._n_short:,} rows have"
            warn_of_table(
                f"{self._text.source}:{self._first_short}: {rows} fewer cells than the header; the"
                " missing ones are read as empty"
            )

    def _warn_of_long_cell(self) -> None:
        """Warn of a cell with many lines in a file of short ones: it may hide rows."""
        n_rare = _LONG_CELL_SHARE * self._n_rows
        is_unusual = self._n_suspect <= max(1, _SUSPECT_SHARE * self._n_rows)
        if self._n_suspect and is_unusual and self._n_long - self._n_suspect <= n_rare:
            n_lines, line = self._suspect
            others = f" (so have {self._n_suspect - 1} others)" if self._n_suspect > 1 else ""
            problem = f"one row has {n_lines} lines{others}, and each looks like a row itself"
        elif self._longest[0] >= MIN_LINES and self._n_long <= max(1, n_rare) < self._n_rows:
            n_lines, line = self._longest
            problem = f"one row has {n_lines} lines, where others have one"
        else:
            return
        message = f"{self._text.source}:{line}: {problem}. Check whether a quote is missing there"
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


def _length(row: tuple[int, int]) -> int:
    return row[0]
