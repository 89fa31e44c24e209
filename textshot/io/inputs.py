"""Open what the user named for reading: a file, a pipe, packed or not, in whatever encoding."""

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
from textshot.io.formats import STDIO
from textshot.io.packing import Packing, Unpacked
from textshot.io.urls import is_url, open_url

BREAK = "\ud800"
"""Stands in decoded text where it breaks: bytes that no lone surrogate carries, as half a unit."""

_ERRORS = "textshot.break"

# The longest first: a UTF-32 mark begins with a UTF-16 mark.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class TextInput:
    """Decoded text, with undecodable bytes kept as lone surrogates (PEP 383), or as BREAK.

    Attributes:
        source: The file, as messages show it.
        encoding: Its encoding.
        stream: The text.
        again: Goes back to the beginning and returns the text anew; None of a pipe.
    """

    source: str
    encoding: str
    stream: io.TextIOWrapper
    again: Callable[[], TextInput] | None


def open_bytes(path: str, stack: ExitStack) -> BinaryIO:
    """Open a file, or take the standard input; `stack` closes it."""
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
    """Return the stream itself, or for a pipe a temporary file with all that came out of it."""
    if _rewindable(stream, source):
        return stream
    spooled = temporary_file(stack)
    try:
        shutil.copyfileobj(stream, spooled, 1 << 20)
        spooled.seek(0)
    except OSError as error:
        raise TableError(
            f"{source}: cannot be kept in a temporary file ({error}). Free some space in"
            f" {tempfile.gettempdir()}, or set TMPDIR"
        ) from error
    return spooled


def temporary_file(stack: ExitStack) -> BinaryIO:
    """Return a new file that is gone when `stack` closes it."""
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 (the stack closes it)
    return stack.enter_context(file)


def decoded(
    stream: BinaryIO,
    source: str,
    *,
    packing: Packing | None,
    encoding: str | None,
    stack: ExitStack,
) -> TextInput:
    """Return the text of a stream; without an encoding its byte order mark decides, else UTF-8."""
    whole = stream
    if packing is not None:
        stream = stack.enter_context(io.BufferedReader(Unpacked(stream, packing, source)))
    name = _codec(encoding) if encoding is not None else _marked(stream, source)
    # A mark at the beginning of UTF-8 is no part of the first column's name.
    codec = "utf-8-sig" if name == "utf-8" else name
    text = io.TextIOWrapper(stream, codec, errors=_ERRORS, newline="")
    stack.callback(text.detach)  # or it would close the standard input with itself

    def again() -> TextInput:
        # All anew, as what unpacks may hold a small file whole and would not go back in `whole`.
        whole.seek(0)
        return decoded(whole, source, packing=packing, encoding=name, stack=stack)

    return TextInput(source, name, text, again if _rewindable(whole, source) else None)


def _rewindable(stream: BinaryIO, source: str) -> bool:
    return stream.seekable() and source != "<stdin>"  # stdin may stand in the middle of a file


def _marked(stream: BinaryIO, source: str) -> str:
    try:
        head = cast(io.BufferedReader, stream).peek(4)
    except OSError as error:
        raise TableError(
            f"{source}: cannot be read ({error}). Check that the file is whole"
        ) from error
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def _peekable(stdin: BinaryIO, stack: ExitStack) -> BinaryIO:
    if isinstance(stdin, io.BufferedReader):
        return stdin
    # Programs (and click's test runner) may put another kind of stream in its place.
    buffered = io.BufferedReader(cast(io.RawIOBase, stdin))
    stack.callback(buffered.detach)
    return buffered


def _or_break(error: UnicodeError) -> tuple[str | bytes, int]:
    """Decode what cannot be decoded, as the text before it would be lost with an exception."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeDecodeError as broken:
        return BREAK, broken.end


codecs.register_error(_ERRORS, _or_break)


def _codec(encoding: str) -> str:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding).detach()
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise TableError(
            f"there is no encoding {encoding!r}. Common ones are utf-8, utf-16, cp1252 (Windows,"
            " Western Europe) and latin-1"
        ) from None
