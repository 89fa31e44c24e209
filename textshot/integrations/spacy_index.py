"""An index as bytes: its files under their names. Data alone; nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import srsly

from textshot.errors import IndexFormatError
from textshot.index import Index


def packed(index: Index) -> bytes:
    """Return the files that `index.save` writes."""
    with TemporaryDirectory() as folder:
        index.save(Path(folder) / "index", overwrite=True)
        files = sorted(f for f in (Path(folder) / "index").iterdir() if f.is_file())
        found: bytes = srsly.msgpack_dumps({file.name: file.read_bytes() for file in files})
    return found


def unpacked(data: bytes) -> Index:
    """Return the index of packed files.

    Raises:
        IndexFormatError: these are no such bytes, or damaged ones.
    """
    with TemporaryDirectory() as folder:
        for name, content in _files(data).items():
            (Path(folder) / name).write_bytes(content)
        return Index.load(folder)


def _files(data: bytes) -> dict[str, bytes]:
    """Return the files by their names, which are of one folder: no paths."""
    try:
        files = srsly.msgpack_loads(data)
    except ValueError as error:
        raise IndexFormatError(f"these bytes are not a packed index: {error}") from None
    if not isinstance(files, dict) or not files:
        raise IndexFormatError("these bytes are not a packed index")
    for name, content in files.items():
        plain = isinstance(name, str) and Path(name).name == name
        if not plain or not isinstance(content, bytes):
            raise IndexFormatError(f"a packed index has a file {name!r}, which is not one of it")
    return files
