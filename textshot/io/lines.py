"""Read lines of text, with a limit on the length of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from textshot.errors import TableError, warn_of_table
from textshot.io import batches
from textshot.io.batches import Batch, Reading, Reject, record_batch, rejected
from textshot.io.dialect import SAMPLE_LINES, column_separator
from textshot.io.inputs import BREAK, TextInput
from textshot.io.values import SURROGATES

Value = TypeVar("Value")

_CHUNK_CHARS = 1 << 16


@dataclass(slots=True)
class Slice(Generic[Value]):
    """Some rows: their values, the line each begins at, and the rows that were rejected."""

    values: list[Value] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def read_text(text: TextInput, batch_rows: int) -> Reading:
    """Read plain text: one text per line, in the column "text"; blank lines are skipped."""
    import pyarrow as pa

    schema = pa.schema([pa.field("text", pa.string())])
    numbered = enumerate(_watched(bounded_lines(text), text.source), 1)
    parts = line_slices(text, numbered, batch_rows, lambda line: line.rstrip("\r\n"))
    return Reading(
        schema, (Batch(record_batch([p.values], schema), p.lines, p.rejects) for p in parts)
    )


def bounded_lines(text: TextInput) -> Iterator[str]:
    """Yield each line with its line end; one longer than MAX_ROW_CHARS is cut to one more.

    Raises:
        TableError: The file is damaged, or not in its encoding, from there on.
    """
    limit = batches.MAX_ROW_CHARS + 1
    readline = text.stream.readline
    number = 0
    with broken_off(text, lambda: number):
        while line := readline(limit):
            if BREAK in line:
                raise UnicodeError("half a character")
            number += 1
            yield line
            if len(line) == limit and line[-1] not in "\r\n":
                line = ""  # or two long lines would be in memory while the next one is read
                _skip_line(readline)


def chunks(text: TextInput, first: str) -> Iterator[str]:
    """Yield a text in parts of some size, whatever its lines; `first` was read already.

    Raises:
        TableError: As for `bounded_lines`.
    """
    n_lines = first.count("\n")
    yield first
    with broken_off(text, lambda: n_lines):
        while chunk := text.stream.read(_CHUNK_CHARS):
            if BREAK in chunk:
                raise UnicodeError("half a character")
            yield chunk
            n_lines += chunk.count("\n")


@contextmanager
def broken_off(text: TextInput, n_lines: Callable[[], int]) -> Iterator[None]:
    """Raise TableError where a text is damaged, with the number of lines before."""
    try:
        yield
    except UnicodeError as error:  # half a UTF-16 unit, which surrogateescape cannot carry
        raise TableError(
            f"{text.source}: not {text.encoding} after line {n_lines()} ({error}). Check that the"
            " file is complete, or name its encoding with --encoding"
        ) from error
    except OSError as error:
        raise TableError(
            f"{text.source}: cannot be read after line {n_lines()} ({error}). Check that the file"
            " is complete"
        ) from error


def too_long() -> str:
    """Return why a row of more than MAX_ROW_CHARS is rejected."""
    return f"is longer than {batches.MAX_ROW_CHARS:,} characters, the most that a row may have"


def damage(row: str, encoding: str) -> str | None:
    """Return why a row is not text, if it is not: undecodable bytes, or a NUL byte."""
    if "\0" in row:
        return "has a NUL byte, so it is not text; if the file is UTF-16, give --encoding utf-16"
    match = None if row.isascii() else SURROGATES.search(row)
    if match is None:
        return None
    code = ord(match[0][0])
    if not 0xDC80 <= code <= 0xDCFF:
        return f"has half a character (U+{code:04X})"
    other = "cp1252" if encoding == "utf-8" else "with the right name"
    return (
        f"byte 0x{code - 0xDC00:02x} is not {encoding}; if the file is in another encoding give"
        f" --encoding {other}"
    )


def parsed(line: str, encoding: str, parse: Callable[[str], Value]) -> Value:
    """Return the value of a line.

    Raises:
        ValueError: Why the line has none.
    """
    reason = too_long() if len(line) > batches.MAX_ROW_CHARS else damage(line, encoding)
    if reason is not None:
        raise ValueError(reason)
    return parse(line)


def slices(fill: Callable[[Slice[Value]], bool]) -> Iterator[Slice[Value]]:
    """Yield slices as `fill` fills them, until it returns False at the end of the file.

    When it raises TableError, the rows before the error are yielded first.
    """
    more, failure = True, None
    while more:
        part = Slice[Value]()
        try:
            more = fill(part)
        except TableError as error:
            more, failure = False, error
        if part.lines or part.rejects:
            yield part
    if failure is not None:
        raise failure


def line_slices(
    text: TextInput,
    numbered: Iterator[tuple[int, str]],
    batch_rows: int,
    parse: Callable[[str], Value],
) -> Iterator[Slice[Value]]:
    """Yield slices of a format with one row per line; `parse` raises ValueError with a reason."""

    def fill(part: Slice[Value]) -> bool:
        chars = 0
        for number, line in numbered:
            if not line.strip():
                continue
            try:
                part.values.append(parsed(line, text.encoding, parse))
                part.lines.append(number)
                chars += len(line)
            except ValueError as error:
                part.rejects.append(rejected(text.source, number, str(error), line.rstrip("\r\n")))
            if len(part.lines) + len(part.rejects) == batch_rows or chars > batches.MAX_BATCH_CHARS:
                return True
        return False

    return slices(fill)


def _watched(lines: Iterator[str], source: str) -> Iterator[str]:
    """Yield lines of text, and warn where the first of them have columns."""
    sample = list[str]()
    for line in lines:
        yield line  # at once: they may come from a person
        sample.append(line)
        if len(sample) == SAMPLE_LINES:
            break
    separator = column_separator(sample)
    if separator:
        warn_of_table(
            f"{source}: each line has the same number of {separator}, and is read as one text. If"
            " they are columns, read the file as a table: --format tsv or csv"
        )
    yield from lines


def _skip_line(readline: Callable[[int], str]) -> None:
    while piece := readline(1 << 16):
        if BREAK in piece:
            raise UnicodeError("half a character")
        if piece[-1] in "\r\n":
            return
