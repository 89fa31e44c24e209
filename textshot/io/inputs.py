"""Open files, pipes and URLs for reading, and decompress and decode them."""

from __future__ import annotations

import codecs
import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from textshot.errors import TableError
from textshot.io.files import is_url, open_url, temporary_file
from textshot.io.formats import STDIO, Compression, DecompressedStream

BREAK = "\ud800"
"""Marks bytes in decoded text that no lone surrogate can carry, such as half a UTF-16 unit."""

_ERROR_HANDLER = "textshot.break"

# Longest first: the UTF-32 mark begins with the UTF-16 mark.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)


_CONTAINERS = {
    b"PK\3\4": "a zip file, such as a workbook",
    bytes.fromhex("d0cf11e0a1b11ae1"): "an old Excel file, or one with a password",
    b"PAR1": "a Parquet file",
    b"%PDF-": "a PDF document",
    b"<!doctype html": "a web page",  # of a download that needed a login, say
    b"<html": "a web page",
}


@dataclass(frozen=True, slots=True)
class TextInput:
    """Decoded text. Undecodable bytes are kept as lone surrogates (PEP 383) or as BREAK.

    Attributes:
        source: The file, as messages name it.
        encoding: Its encoding.
        stream: The text.
        byte_order_mark: Whether the file begins with one.
        reopen: Goes back to the start and returns the text again; None for a pipe.
    """

    source: str
    encoding: str
    stream: io.TextIOWrapper
    byte_order_mark: bool
    reopen: Callable[[], TextInput] | None


def open_bytes(path: str, stack: ExitStack) -> BinaryIO:
    """Open a file, a URL or standard input; `stack` closes it.

    Raises:
        TableError: It cannot be opened.
    """
    if path == STDIO:
        return _peekable(sys.stdin.buffer, stack)
    if is_url(path):
        return stack.enter_context(open_url(path))
    try:
        return stack.enter_context(Path(path).open("rb"))
    except FileNotFoundError:
        raise TableError(f"{path}: there is no such file. Check the name and the folder") from None
    except IsADirectoryError:
        raise TableError(f"{path} is a folder. Name a file in it") from None
    except PermissionError:
        raise TableError(
            f"{path}: no permission to read it. Ask its owner, or run `chmod +r` on it"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise TableError(f"{path}: cannot be opened ({error}). Check the name") from error


def seekable(stream: BinaryIO, source: str, stack: ExitStack) -> BinaryIO:
    """Return the stream itself, or a temporary file with the content of a pipe."""
    if _can_reopen(stream, source):
        return stream
    spooled = temporary_file(stack)
    try:
        shutil.copyfileobj(stream, spooled, 1 << 20)
        spooled.seek(0)
    except OSError as error:
        raise TableError(
            f"{source}: cannot be copied to a temporary file ({error}). Free some space in"
            f" {tempfile.gettempdir()}, or set TMPDIR"
        ) from error
    return spooled


def decoded(
    stream: BinaryIO,
    source: str,
    *,
    compression: Compression | None,
    encoding: str | None,
    stack: ExitStack,
    is_marked: bool | None = None,
) -> TextInput:
    """Return the text of a stream. Without an encoding: by its byte order mark, else UTF-8.

    `is_marked` tells whether it has such a mark, if that is known.
    """
    file = stream
    if compression is None:
        _refuse_container(stream, source)
    else:
        decompressed = DecompressedStream(stream, compression, source)
        stream = stack.enter_context(io.BufferedReader(decompressed))
    marked = _marked_encoding(stream, source) if is_marked is None else None
    name = (marked or "utf-8") if encoding is None else _codec(encoding)
    has_mark = marked is not None if is_marked is None else is_marked
    # The byte order mark of UTF-8 must not become part of the first column's name.
    codec = "utf-8-sig" if name == "utf-8" else name
    text = io.TextIOWrapper(stream, codec, errors=_ERROR_HANDLER, newline="")
    stack.callback(text.detach)  # or it would close standard input with itself

    def reopen() -> TextInput:
        # From the file: a decompressor that holds a small file in memory cannot be rewound.
        file.seek(0)
        return decoded(
            file,
            source,
            compression=compression,
            encoding=name,
            stack=stack,
            is_marked=has_mark,
        )

    can_reopen = _can_reopen(file, source)
    return TextInput(source, name, text, has_mark, reopen if can_reopen else None)


def _can_reopen(stream: BinaryIO, source: str) -> bool:
    return stream.seekable() and source != "<stdin>"  # stdin may start in the middle of a file


def _refuse_container(stream: BinaryIO, source: str) -> None:
    """Refuse a workbook, a web page and the like that is read as text, by how it begins."""
    try:
        head = cast(io.BufferedReader, stream).peek(64)
    except OSError:  # reading tells
        return
    head = head[:64].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for start, kind in _CONTAINERS.items():
        if head.startswith(start.lower()):
            raise TableError(
                f"{source}: is {kind} and no text. Name its format with --format, or save it as CSV"
            )


def _marked_encoding(stream: BinaryIO, source: str) -> str | None:
    """Return the encoding that a byte order mark tells, if there is one."""
    try:
        head = cast(io.BufferedReader, stream).peek(4)
    except OSError as error:
        raise TableError(
            f"{source}: cannot be read ({error}). Check that the file is complete"
        ) from error
    return next((name for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)), None)


def _peekable(stdin: BinaryIO, stack: ExitStack) -> BinaryIO:
    if isinstance(stdin, io.BufferedReader):
        return stdin
    # Programs (and click's test runner) may replace it with another kind of stream.
    buffered = io.BufferedReader(cast(io.RawIOBase, stdin))
    stack.callback(buffered.detach)
    return buffered


def _surrogate_or_break(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace undecodable bytes; an exception would lose the text before them."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeDecodeError as failure:
        return BREAK, failure.end


codecs.register_error(_ERROR_HANDLER, _surrogate_or_break)


def _codec(encoding: str) -> str:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding).detach()
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise TableError(
            f"there is no encoding {encoding!r}. Common ones are utf-8, utf-16, cp1252 (Windows,"
            " Western Europe) and latin-1"
        ) from None
