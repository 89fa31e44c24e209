"""Find the separator of a delimited file on its first lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from textshot.errors import TableError
from textshot.io.formats import Format

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""The separators that are looked for, and what people call them."""

SAMPLE_LINES = 100
_SAMPLE_CHARS = 1 << 16

_SEP_LINE = re.compile(r"sep=([^\w\s\"]|\t)\r?\n?", re.IGNORECASE)
"""The first line by which a spreadsheet is told the separator."""

_MIN_SHARE = 0.5
"""Share of rows as wide as the header from which a separator may be the right one."""

_MIN_ROWS = 3
"""Rows that another separator needs if the usual one splits the header, too."""

_MIN_LINES = {"\t": 2, "|": 2, ";": 10, ",": 10}
"""Lines of plain text that look like a table if each has as many of a separator."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        format: CSV or TSV, as the extension or the user says.
        separator: Between two cells.
        byte_order_mark: Whether the file begins with one.
        sep_line: Whether its first line is `sep=` and the separator.
    """

    format: Format
    separator: str
    byte_order_mark: bool = False
    sep_line: bool = False

    @property
    def name(self) -> str:
        """What people call the separator, if it is not the usual one of the format; else ""."""
        if self.separator == usual_separator(self.format):
            return ""
        return SEPARATORS.get(self.separator, repr(self.separator))


def usual_separator(format: Format) -> str:
    """Return what separates the cells of a format if nothing else is known."""
    return "\t" if format is Format.TSV else ","


def dialect_of(format: Format, like: Dialect | None = None) -> Dialect:
    """Return how to write a format: like another file if that has the same one, else as usual."""
    if like is not None and like.format is format:
        return like
    return Dialect(format, usual_separator(format))


def find_dialect(
    lines: Iterator[str], format: Format, byte_order_mark: bool, header_row: int = 1
) -> tuple[Dialect, int, Iterator[str]]:
    """Return how a file is written, the number of lines before its header, and the others."""
    skipped = list(islice(lines, header_row - 1))
    sample, rest, is_whole = _sampled(lines)
    first = [*skipped, *sample][:2]
    match = _SEP_LINE.fullmatch(first[0]) if len(first) > 1 else None
    if match is None:
        separator = _separator(sample, usual_separator(format), is_whole=is_whole)
        dialect = Dialect(format, separator, byte_order_mark)
    else:
        dialect = Dialect(format, match[1], byte_order_mark, sep_line=True)
        if not skipped:
            skipped, sample = sample[:1], sample[1:]
    return dialect, len(skipped), chain(sample, rest)


def needs_quotes(names: Sequence[str], dialect: Dialect) -> bool:
    """Tell whether a header has to be quoted, or another separator would be found in it."""
    if len(names) > 1 and not dialect.name:
        return False
    return any(c in name for c in SEPARATORS for name in names) or bool(
        _SEP_LINE.fullmatch(names[0])
    )


def _separator(sample: Sequence[str], usual: str, *, is_whole: bool) -> str:
    """Return the separator, if one alone explains the rows; else the usual one."""
    empty = "\r\n" + "".join(SEPARATORS)
    first = next((i for i, line in enumerate(sample) if line.strip(empty)), 0)
    rows = {c: _rows(sample[first:], c, is_whole) for c in (usual, *SEPARATORS)}
    splits = [c for c, found in rows.items() if found and _width(found[0]) > 1]
    shares = {c: _share(rows[c]) for c in splits}
    if usual in splits and shares[usual] >= _MIN_SHARE:
        return usual
    others = [c for c in splits if c != usual and shares[c] >= _MIN_SHARE]
    if usual in splits:  # it must be wrong beyond doubt
        others = [c for c in others if shares[c] == 1.0 and len(rows[c]) > _MIN_ROWS]
    return others[0] if len(others) == 1 else usual


def _rows(sample: Sequence[str], separator: str, is_whole: bool) -> list[list[str]]:
    """Return the rows of a sample, the header first; none if the header has bad quotes."""
    rows: list[list[str]] = []
    try:
        header = next(csv.reader(sample, delimiter=separator, strict=True), [])
        rows.extend(row for row in csv.reader(sample, delimiter=separator) if row)
    except csv.Error:
        return []
    if not is_whole and len(rows) > 1:
        del rows[-1]  # it may be cut
    return rows if header else []


def _share(rows: Sequence[Sequence[str]]) -> float:
    """Return the share of rows as wide as the header; empty cells at the end may be too many."""
    header, *others = rows
    n = _width(header)
    fit = (len(row) == len(header) or _width(row) <= n <= len(row) for row in others)
    return sum(fit) / len(others) if others else 1.0


def _width(row: Sequence[str]) -> int:
    """Return the number of cells up to the last one that is not empty."""
    return max((i for i, cell in enumerate(row, 1) if cell), default=0)


def _sampled(lines: Iterator[str]) -> tuple[list[str], Iterator[str], bool]:
    """Read the first lines; return them, the rest, and whether these are all.

    An error in them comes after them, where it would have come without a sample.
    """
    sample, n_chars = list[str](), 0
    try:
        for line in islice(lines, SAMPLE_LINES):
            sample.append(line)
            n_chars += len(line)
            if n_chars > _SAMPLE_CHARS:
                return sample, lines, False
    except TableError as error:
        return sample, map(_fail, [error]), False
    return sample, lines, len(sample) < SAMPLE_LINES


def _fail(error: TableError) -> str:
    raise error


def column_separator(lines: Sequence[str]) -> str:
    """Return what people call the separator of lines of plain text that have columns; else ""."""
    filled = [line for line in lines if line.strip()]
    for separator, name in SEPARATORS.items():
        n, *others = {line.count(separator) for line in filled} or {0}
        if n and not others and len(filled) >= _MIN_LINES[separator]:
            return name
    return ""


def looks_like_text(name: str) -> bool:
    """Tell whether the name of a column is rather a text, as where the header is missing."""
    words = name.split()
    return (
        any(c in name for c in "\t;|\u3002\uff01\uff1f")
        or len(words) >= 4
        or len(name) > 50
        or (len(words) > 1 and words[-1][-1] in ".!?…")
    )
