"""Turn lines of CSV and TSV into rows, with a limit on what one row may take."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import cast

from textshot.errors import TableError
from textshot.io import batches
from textshot.io.batches import Reject, checked_names, rejected
from textshot.io.inputs import TextInput
from textshot.io.lines import Slice, damage, slices, too_long


class Rows:
    """Rows out of lines.

    csv.reader asks for lines until a row is whole. `_fed` counts what it takes for one row, and
    where that is too much, or the file ends inside a quote, it hands over None: the reader then
    raises csv.Error, drops the row, and begins afresh on the next line.
    """

    def __init__(self, text: TextInput, lines: Iterator[str], number: int, delimiter: str) -> None:
        self._text = text
        self._lines = lines
        self._number = number  # of the line that the reader took last
        self._taken = 0  # characters that it took for this row
        self._opening = ""
        self._problem = ""
        self._reader = csv.reader(cast("Iterator[str]", self._fed()), delimiter=delimiter)

    def header(self) -> list[str]:
        """Read the names of the columns."""
        source, line = self._text.source, self._number + 1
        try:
            names = next(self._reader)
        except csv.Error:
            raise TableError(f"{source}, line {line}: the header {self._problem}") from None
        problem = damage("\n".join(names), self._text.encoding)
        if problem is not None:
            raise TableError(f"{source}, line {line}: the header cannot be read: {problem}")
        return checked_names(names, source)

    def slices(self, width: int, batch_rows: int) -> Iterator[Slice[list[str]]]:
        """Yield slices of rows of `width` fields."""

        def fill(part: Slice[list[str]]) -> bool:
            return self._fill(part, width, batch_rows)

        return map(self._clean, slices(fill))

    def _fill(self, part: Slice[list[str]], width: int, batch_rows: int) -> bool:
        chars = 0
        for _ in range(batch_rows):
            self._taken = 0
            line = self._number + 1
            try:
                fields = next(self._reader)
            except StopIteration:
                return False
            except csv.Error:
                part.rejects.append(self._reject(line, self._problem, self._opening))
                continue
            if len(fields) == width:
                part.values.append(fields)
                part.lines.append(line)
            elif fields:  # a blank line has none
                reason = f"has {_fields(len(fields))}, the header has {width}"
                part.rejects.append(self._reject(line, reason, fields))
            chars += self._taken
            if chars > batches.MAX_BATCH_CHARS:
                break
        return True

    def _clean(self, part: Slice[list[str]]) -> Slice[list[str]]:
        encoding = self._text.encoding
        if damage("\n".join(map("\n".join, part.values)), encoding) is None:  # one look for all
            return part
        clean = Slice[list[str]](rejects=part.rejects)
        for line, fields in zip(part.lines, part.values, strict=True):
            reason = damage("\n".join(fields), encoding)
            if reason is None:
                clean.values.append(fields)
                clean.lines.append(line)
            else:
                clean.rejects.append(self._reject(line, reason, fields))
        clean.rejects.sort(key=lambda reject: reject.line)
        return clean

    def _reject(self, line: int, reason: str, row: str | list[str]) -> Reject:
        return rejected(self._text.source, line, reason, row)

    def _fed(self) -> Iterator[str | None]:
        begun = 0
        for line in self._lines:
            self._number += 1
            if not self._taken:
                begun, self._opening = self._number, line
            self._taken += len(line)
            if self._taken <= batches.MAX_ROW_CHARS:
                yield line
            else:
                self._problem = f"{too_long()}{self._quoted(begun)}"
                yield None
        if self._taken:  # the reader asks for more of a row where there is no more
            self._problem = (
                f"opens a quote that is never closed{self._quoted(begun)}. Close it, or double it"
                ' if it is part of the text ("")'
            )
            yield None

    def _quoted(self, begun: int) -> str:
        return (
            f" (lines {begun} to {self._number} were taken for it)" if self._number > begun else ""
        )


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
