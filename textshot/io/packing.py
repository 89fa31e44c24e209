"""How text files are packed: by which endings, and what packs and unpacks each of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from enum import StrEnum
from typing import Any, BinaryIO, cast

from textshot.errors import TableError

MAX_UNPACKED_BYTES = 1 << 30
"""So much may come out of any file; of more, `MAX_TIMES` decides whether it is a bomb."""

MAX_TIMES = 500
"""What is larger than so many times its file is no text, but made to fill memories and disks."""

_UNENDING = b"\xff"
"""No line ends in this byte, in any encoding."""


class Packing(StrEnum):
    """How a text file is packed; its value is the ending behind that of the format."""

    GZIP = ".gz"
    BZIP2 = ".bz2"
    XZ = ".xz"
    ZSTD = ".zst"


def packing_by_ending(path: str) -> Packing | None:
    """Return how a file is packed, None for one that is not."""
    return next((packing for packing in Packing if path.lower().endswith(packing)), None)


def packed(stream: BinaryIO, packing: Packing) -> BinaryIO:
    """Return a stream that packs what is written to it; `stream` stays open when it is closed."""
    found: Any
    if packing is Packing.GZIP:
        # Without name and time, so that the same rows give the same file.
        found = gzip.GzipFile("", "wb", fileobj=stream, mtime=0)
    elif packing is Packing.BZIP2:
        found = bz2.BZ2File(stream, "wb")
    elif packing is Packing.XZ:
        found = lzma.LZMAFile(stream, "wb")  # noqa: SIM115 (the caller closes it)
    else:
        import pyarrow as pa

        found = pa.CompressedOutputStream(pa.PythonFile(_Passing(stream), mode="w"), "zstd")
    return cast(BinaryIO, found)


class Unpacked(io.RawIOBase):
    """What comes out of a packed stream, up to where that breaks or turns out to be a bomb.

    Whatever is wrong with it is an OSError, a bomb a TableError; all that came before is read
    first. `stream` stays open when this is closed.
    """

    def __init__(self, stream: BinaryIO, packing: Packing, source: str) -> None:
        self._source = source
        self._count = 0
        self._packed = _Passing(stream)
        self._inner: Any
        if packing is Packing.GZIP:
            self._inner = gzip.GzipFile(fileobj=self._packed, mode="rb")
        elif packing is Packing.BZIP2:
            self._inner = bz2.BZ2File(self._packed)
        elif packing is Packing.XZ:
            self._inner = lzma.LZMAFile(cast(BinaryIO, self._packed))  # noqa: SIM115 (in `close`)
        else:
            self._inner = _Zstandard(self._packed)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, into: Any) -> int:
        """Read what one step of unpacking gives."""
        try:
            n: int = self._inner.readinto1(into)
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise OSError(str(error)) from error
        self._count += n
        if self._count > max(MAX_UNPACKED_BYTES, MAX_TIMES * self._packed.count):
            raise TableError(
                f"{self._source}: unpacks to more than {MAX_TIMES} times its size, and more than"
                f" {MAX_UNPACKED_BYTES:,} bytes, so it is read no further; unpack it yourself if it"
                " is meant"
            )
        return n

    def close(self) -> None:
        """Let go of what unpacks."""
        self._inner.close()
        super().close()


class _Zstandard:
    """What pyarrow unpacks, with all that comes before a break."""

    def __init__(self, stream: _Passing) -> None:
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")
        self._broken: OSError | None = None

    def readinto1(self, into: Any) -> int:
        if self._broken is not None:  # pyarrow would go on behind it
            raise self._broken
        into[:] = _UNENDING * len(into)
        try:
            return int(self._stream.readinto(into))
        except OSError as error:
            # What came before it is in place, but nobody says how much that is: up to what was
            # not written over, and at most a piece of a line that has no end is lost with that.
            self._broken = error
            n = len(bytes(into).rstrip(_UNENDING))
            if not n:
                raise
            return n

    def close(self) -> None:
        self._stream.close()


class _Passing(io.RawIOBase):
    """Passes bytes on and counts them; what is behind stays open when this is closed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        data = self._stream.read(len(into))
        into[: len(data)] = data
        self.count += len(data)
        return len(data)

    def write(self, data: Any) -> int:
        return self._stream.write(data)
