"""File formats and compression, and the file extensions that name them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from enum import StrEnum
from pathlib import PurePath
from typing import Any, BinaryIO, cast

from textshot.errors import TableError

STDIO = "-"
"""The file name of standard input and standard output."""

MAX_DECOMPRESSED_BYTES = 1 << 30
"""Any file may expand to this size; beyond it, MAX_COMPRESSION_RATIO applies."""

MAX_COMPRESSION_RATIO = 500
"""A file that expands further is a decompression bomb and not text."""

_FILLER = b"\xff"
"""A byte that no line ends in, in any encoding."""


class Format(StrEnum):
    """A table format; the value is what `--format` and `--output-format` take."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    EXCEL = "xlsx"
    TEXT = "txt"


class Compression(StrEnum):
    """Compression of a text file; the value is the extension after that of the format."""

    GZIP = ".gz"
    BZIP2 = ".bz2"
    XZ = ".xz"
    ZSTD = ".zst"


_EXTENSIONS = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSONL,  # one array, or one object a line
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
    ".xlsx": Format.EXCEL,
    ".txt": Format.TEXT,
}
_BINARY = {Format.PARQUET, Format.EXCEL}


def is_binary(format: Format) -> bool:
    """Return whether reading a format needs random access to the file."""
    return format in _BINARY


def format_of(
    path: str, requested: Format | None, stdio: Format, *, output: bool = False
) -> Format:
    """Return the format of a file: the requested one, or the one its extension tells.

    Args:
        path: The file name, or "-".
        requested: The format that the user named, if any.
        stdio: The format of "-" when none is requested.
        output: Whether the file is written; decides which option the error names.

    Raises:
        TableError: The extension is unknown, or there is no such format.
    """
    option = "--output-format" if output else "--format"
    if not path:
        raise TableError('the file name is empty. Give a file, or "-" for a pipe')
    if requested is not None:
        if requested not in list(Format):
            raise TableError(
                f"there is no format {requested!r}. Give one of {', '.join(Format)} with {option}"
            )
        return Format(requested)
    if path == STDIO:
        return stdio
    if output and _stem(path).endswith(".json"):
        raise TableError(
            f"{path}: a table is written as JSON Lines, one object a line. Call it .jsonl, or give"
            " --output-format jsonl"
        )
    format = format_by_extension(path)
    if format is None:
        raise TableError(
            f"{path}: the extension does not tell the format. Known are {', '.join(_EXTENSIONS)},"
            f" and after a text format {', '.join(Compression)}; save the file as one of these, or"
            f" name the format with {option} ({', '.join(Format)})"
        )
    return format


def format_by_extension(path: str) -> Format | None:
    """Return the format that the extension of a file name tells, or None."""
    inner = _EXTENSIONS.get(PurePath(_stem(path)).suffix)
    return None if inner in _BINARY and compression_of(path) else inner


def _stem(path: str) -> str:
    """Return a path in small letters, without the extension of its compression."""
    name = path.lower()
    return name if compression_of(path) is None else name[: name.rindex(".")]


def compression_of(path: str, format: Format | None = None) -> Compression | None:
    """Return the compression that an extension tells; always None for a binary format."""
    if format is not None and is_binary(format):
        return None
    return next((method for method in Compression if path.lower().endswith(method)), None)


def compressed(stream: BinaryIO, compression: Compression) -> BinaryIO:
    """Return a stream that compresses into `stream`, which stays open when it is closed."""
    compressor: Any
    if compression is Compression.GZIP:
        # No name and no time in the header, so that equal rows give equal files.
        compressor = gzip.GzipFile("", "wb", fileobj=stream, mtime=0)
    elif compression is Compression.BZIP2:
        compressor = bz2.BZ2File(stream, "wb")
    elif compression is Compression.XZ:
        compressor = lzma.LZMAFile(stream, "wb")  # noqa: SIM115 (the caller closes it)
    else:
        import pyarrow as pa

        file = pa.PythonFile(_CountingStream(stream), mode="w")
        compressor = pa.CompressedOutputStream(file, "zstd")
    return cast(BinaryIO, compressor)


class DecompressedStream(io.RawIOBase):
    """The content of a compressed stream, up to the point where it is damaged.

    Damage raises OSError and a decompression bomb TableError, after everything before it has been
    read. The compressed stream stays open when this one is closed.
    """

    def __init__(self, stream: BinaryIO, compression: Compression, source: str) -> None:
        self._source = source
        self._count = 0
        self._compressed = _CountingStream(stream)
        self._inner: Any
        if compression is Compression.GZIP:
            self._inner = gzip.GzipFile(fileobj=self._compressed, mode="rb")
        elif compression is Compression.BZIP2:
            self._inner = bz2.BZ2File(self._compressed)
        elif compression is Compression.XZ:
            self._inner = lzma.LZMAFile(cast(BinaryIO, self._compressed))  # noqa: SIM115
        else:
            self._inner = _Zstandard(self._compressed)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read one decompressed block."""
        try:
            n: int = self._inner.readinto1(buffer)
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise OSError(str(error)) from error
        self._count += n
        limit = max(MAX_DECOMPRESSED_BYTES, MAX_COMPRESSION_RATIO * self._compressed.count)
        if self._count > limit:
            raise TableError(
                f"{self._source}: expands to more than {MAX_COMPRESSION_RATIO} times its size and"
                f" more than {MAX_DECOMPRESSED_BYTES:,} bytes, so reading stops. If the file is"
                " right, decompress it yourself"
            )
        return n

    def close(self) -> None:
        """Close the decompressor."""
        self._inner.close()
        super().close()


class _Zstandard:
    """pyarrow's decompressor, which also returns what precedes damage."""

    def __init__(self, stream: _CountingStream) -> None:
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")
        self._error: OSError | None = None

    def readinto1(self, buffer: Any) -> int:
        if self._error is not None:  # pyarrow would read on after the damage
            raise self._error
        buffer[:] = _FILLER * len(buffer)
        try:
            return int(self._stream.readinto(buffer))
        except OSError as error:
            # The bytes before the damage are in the buffer, but pyarrow does not say how many:
            # they end where the filler begins. At most a piece of an unfinished line is lost.
            self._error = error
            n = len(bytes(buffer).rstrip(_FILLER))
            if not n:
                raise
            return n

    def close(self) -> None:
        self._stream.close()


class _CountingStream(io.RawIOBase):
    """Passes bytes on and counts those read; closing it leaves the inner stream open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)

    def write(self, data: Any) -> int:
        return self._stream.write(data)
