"""Which kinds of file textshot reads and writes, and how it tells them apart."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from textshot.errors import TableError
from textshot.io.packing import Packing, packing_by_ending

STDIO = "-"
"""In place of a file name: the standard input or the standard output."""


class Format(StrEnum):
    """A kind of table file; its value is what `--format` and `--output-format` take."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    EXCEL = "xlsx"
    TEXT = "txt"


_ENDINGS = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
    ".xlsx": Format.EXCEL,
    ".txt": Format.TEXT,
}
_BINARY = {Format.PARQUET, Format.EXCEL}


def is_binary(format: Format) -> bool:
    """Return whether a format needs a file that can be read from any place in it."""
    return format in _BINARY


def packing_of(path: str, format: Format) -> Packing | None:
    """Return how a text file is packed, by its ending; None: it is not, as no binary format is."""
    return None if is_binary(format) else packing_by_ending(path)


def format_of(path: str, given: Format | None, stdio: Format, *, output: bool = False) -> Format:
    """Return the format of a file, from `given` or else from the ending of its name.

    Args:
        path: The file's name, or "-".
        given: What the user said it is.
        stdio: What "-" is when nothing is given.
        output: Whether the file is to be written, for the message.
    """
    option = "--output-format" if output else "--format"
    if not path:
        raise TableError('the file name is empty. Give a file, or "-" for a pipe')
    if given is not None:
        return _checked(given, option)
    if path == STDIO:
        return stdio
    found = known_format(path)
    if found is None:
        endings = ", ".join(_ENDINGS)
        raise TableError(
            f"{path}: the ending does not tell the format. Known are {endings}, and behind a text"
            f" format {', '.join(Packing)}; save the file as one of these, or name the format with"
            f" {option} ({', '.join(Format)})"
        )
    return found


def _checked(given: str, option: str) -> Format:
    try:
        return Format(given)
    except ValueError:
        raise TableError(
            f"there is no format {given!r}. Give one of {', '.join(Format)} with {option}"
        ) from None


def known_format(path: str) -> Format | None:
    """Return the format that the ending of a name tells; None if it tells none."""
    name = PurePath(path.lower())
    if packing_by_ending(path) is None:
        return _ENDINGS.get(name.suffix)
    inner = _ENDINGS.get(PurePath(name.stem).suffix)
    return None if inner in _BINARY else inner
