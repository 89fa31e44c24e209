"""Tell a text of many lines from rows that a quote too many made one cell of."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence

MIN_LINES = 5
"""Lines of a row from which it is worth a look."""

_MIN_SHARE = 0.9  # of the lines, that have to look like rows
_MAX_VALUES = 50  # of a column that is taken for one of labels
_MAX_CHARS = 100  # of such a value
_MAX_DIGITS = 19  # int() refuses thousands


class SwallowedRows:
    """Knows the rows of a table so far, and tells whether lines are further ones.

    A text may well hold a list or a table. So as many separators in each line as in the header,
    and numbers where the row above has them, are no proof. It is one if the rows are numbered and
    the lines count on, or if the lines have values that a column of few values has in other rows.

    Args:
        width: number of columns.
        separator: between two cells.
    """

    def __init__(self, width: int, separator: str) -> None:
        self._width = width
        self._separator = separator
        self._n_rows = 0
        self._last_row: Sequence[str] = []
        self._values: dict[int, set[str]] = {i: set() for i in range(width)}

    def see(self, row: Sequence[str]) -> None:
        """Take note of a row."""
        self._n_rows += 1
        self._last_row = row
        for i, values in list(self._values.items()):
            if row[i] not in values:
                values.add(row[i])
                if len(values) > _MAX_VALUES or len(row[i]) > _MAX_CHARS:
                    del self._values[i]

    def could_be_rows(self, lines: Iterable[str]) -> bool:
        """Tell whether lines look like rows; the first one begins a row in any case."""
        rows = self._split(lines)
        numbers = [i for i, cell in enumerate(self._last_row) if cell.isdecimal()]
        n_alike = sum(all(row[i].isdecimal() for i in numbers) for row in rows if row)
        return self._width > 1 and n_alike >= _MIN_SHARE * len(rows)

    def are_rows(self, lines: Iterable[str]) -> bool:
        """Tell whether lines that look like rows are rows beyond doubt."""
        rows = self._split(lines)
        columns = range(len(self._last_row))
        return any(self._count_on(rows, i) for i in columns) or any(
            self._have_known_values(rows, i) for i in self._values
        )

    def _split(self, lines: Iterable[str]) -> list[list[str]]:
        """Return the cells of each line, as if quotes meant nothing; none if it is no row."""
        rows = csv.reader(lines, delimiter=self._separator, quoting=csv.QUOTE_NONE, strict=True)
        return [row if len(row) == self._width else [] for row in rows]

    def _count_on(self, rows: Sequence[Sequence[str]], column: int) -> bool:
        last = _number(self._last_row[column])
        numbers = [_number(row[column]) if row else None for row in rows]
        if last is None or numbers[0] is None:
            return False
        step = numbers[0] - last
        n_counted = sum(n == last + i * step for i, n in enumerate(numbers, 1))
        return step != 0 and n_counted >= _MIN_SHARE * len(rows)

    def _have_known_values(self, rows: Sequence[Sequence[str]], column: int) -> bool:
        known = {value for value in self._values[column] if value and not value.isdecimal()}
        n_known = sum(bool(row) and row[column] in known for row in rows)
        return self._n_rows >= 2 * len(known) and n_known >= _MIN_SHARE * len(rows)


def _number(cell: str) -> int | None:
    return int(cell) if cell.isdecimal() and len(cell) < _MAX_DIGITS else None
