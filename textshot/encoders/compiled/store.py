"""The twins on disk: a folder for each fingerprint in the cache, made once, under a lock.

Files are written aside and renamed; `twin.json` is written last and vouches for the others and for
itself, so a twin that was interrupted, or is damaged, is one that is not there, and is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textshot._files import write_atomic
from textshot.errors import EncoderError

CACHE_VARIABLE = "TEXTSHOT_CACHE"
"""The environment variable that names the folder of what can be made again."""

GRAPH, TOKENIZER, PROBE, NOTE = "graph.onnx", "tokenizer.json", "probe.safetensors", "twin.json"
INT8_GRAPH, INT8_NOTE = "int8.safetensors", "int8.json"
_FORMAT = "textshot-twin-2"  # 1 had torch's own attention in the graph
_MOST_NOTE = 1 << 20


def cache_folder() -> Path:
    """Return where twins are kept, as the system has it; the folder may not be there yet."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path("~/Library/Caches/textshot").expanduser()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "textshot" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "textshot"


@dataclass(frozen=True, slots=True)
class Twin:
    """A twin on disk.

    Attributes:
        folder: where its files are.
        dim: numbers in a vector.
        limit: tokens that are read at once; None: any number.
        pad: the token number that fills up a batch.
        unknown: the token that stands for what is not known, if there is one.
        files: {name: sha256} of what `twin.json` vouches for.
    """

    folder: Path
    dim: int
    limit: int | None
    pad: int
    unknown: str | None
    files: Mapping[str, str]

    def read(self, name: str) -> bytes:
        """Return a file, checked.

        Raises:
            EncoderError: it is not there, or damaged.
        """
        return read_checked(self.folder / name, self.files.get(name, ""))


def read_twin(folder: Path) -> Twin | None:
    """Return the twin in a folder; None when there is none that can be used."""
    try:
        note = (folder / NOTE).read_bytes()
        found = json.loads(note) if len(note) <= _MOST_NOTE else {}
        if found.get("format") != _FORMAT or found.pop("sha256") != _digest(found):
            return None
        if not {GRAPH, TOKENIZER, PROBE} <= set(found["files"]):
            return None
        files = {str(name): str(digest) for name, digest in found["files"].items()}
        limit = found["limit"]
        return Twin(
            folder,
            int(found["dim"]),
            None if limit is None else int(limit),
            int(found["pad"]),
            found["unknown"],
            files,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_twin(folder: Path, contents: Mapping[str, bytes], facts: Mapping[str, Any]) -> Twin:
    """Write a twin and return it.

    Raises:
        OSError: what the system refuses; what was there before is whole, or is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        (folder / NOTE).unlink()  # while files change nothing vouches for them
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    for name, data in contents.items():
        write_atomic(folder / name, data)
    note = {"format": _FORMAT, **facts, "files": digests}
    told = json.dumps({**note, "sha256": _digest(note)}, indent=1)
    write_atomic(folder / NOTE, told.encode())
    twin = read_twin(folder)
    if twin is None:
        raise OSError(f"{folder / NOTE} was written and cannot be read")
    return twin


def _digest(note: Mapping[str, Any]) -> str:
    """Return what vouches for the note itself, whose numbers decide what is read of a text."""
    return hashlib.sha256(json.dumps(note, sort_keys=True).encode()).hexdigest()


def read_checked(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file whose sha256 is known.

    Raises:
        EncoderError: it is not there, or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EncoderError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise EncoderError(f"{path} does not match its sha256: it is damaged")
    return data


def read_int8(twin: Twin) -> bytes:
    """Return the twin's graph in 8 bits.

    Raises:
        EncoderError: there is none, it is damaged, or of another graph.
    """
    path = twin.folder / INT8_NOTE
    try:
        note = json.loads(path.read_bytes())
        of, sha256 = str(note["graph"]), str(note["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{path} cannot be read") from error
    if of != twin.files[GRAPH]:
        raise EncoderError(f"{path} is of another graph")
    return read_checked(twin.folder / INT8_GRAPH, sha256)


def write_int8(twin: Twin, data: bytes) -> None:
    """Keep the twin's graph in 8 bits; the note that vouches for it comes last."""
    with suppress(FileNotFoundError):
        (twin.folder / INT8_NOTE).unlink()
    write_atomic(twin.folder / INT8_GRAPH, data)
    note = {"graph": twin.files[GRAPH], "sha256": hashlib.sha256(data).hexdigest()}
    write_atomic(twin.folder / INT8_NOTE, json.dumps(note, indent=1).encode())


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """Hold the lock of a twin: of two processes that want it, one makes it and the other waits."""
    from filelock import FileLock

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        yield
