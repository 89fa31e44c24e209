"""Store compiled models in the cache on disk: a folder for each fingerprint, written once.

`compiled.json` is written last and holds the sha256 of the other files and of itself. So a model
whose compilation was interrupted, or that is damaged, does not count, and is compiled again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textshot._files import lock, write_atomic
from textshot._version import __version__
from textshot.encoders.compiled.graphs import version_of
from textshot.errors import EncoderError

CACHE_VARIABLE = "TEXTSHOT_CACHE"
"""The environment variable with the folder of all that can be made again."""

GRAPH, TOKENIZER, PROBE = "graph.onnx", "tokenizer.json", "probe.safetensors"
MANIFEST = "compiled.json"
INT8_GRAPH, INT8_MANIFEST = "int8.safetensors", "int8.json"
_FORMAT = "textshot-compiled-1"
_MAX_MANIFEST = 1 << 20
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError)


class NotCompilableError(EncoderError):
    """The model cannot be compiled, on any machine and with any cache."""


def cache_folder() -> Path:
    """Return the cache of this system's user; the folder may not exist yet."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path("~/Library/Caches/textshot").expanduser()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "textshot" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "textshot"


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A compiled model on disk.

    Attributes:
        folder: of its files.
        dim: length of a vector.
        limit: tokens that are encoded at once; None: any number.
        pad: the padding token.
        unknown: the token that stands for an unknown one, if any.
        files: {name: sha256} of the files that the manifest lists.
    """

    folder: Path
    dim: int
    limit: int | None
    pad: int
    unknown: str | None
    files: Mapping[str, str]

    def read(self, name: str) -> bytes:
        """Return a file, checked; EncoderError: it is missing or damaged."""
        return read_checked(self.folder / name, self.files.get(name, ""))


def read_compiled(folder: Path) -> CompiledModel | None:
    """Return the compiled model in a folder; None when there is none that can be used."""
    try:
        data = (folder / MANIFEST).read_bytes()
        facts = json.loads(data) if len(data) <= _MAX_MANIFEST else {}
        if facts.get("format") != _FORMAT or facts.pop("sha256") != _digest(facts):
            return None
        if not {GRAPH, TOKENIZER, PROBE} <= set(facts["files"]):
            return None
        return CompiledModel(
            folder,
            dim=int(facts["dim"]),
            limit=None if facts["limit"] is None else int(facts["limit"]),
            pad=int(facts["pad"]),
            unknown=facts["unknown"],
            files={str(name): str(sha256) for name, sha256 in facts["files"].items()},
        )
    except _DAMAGE:
        return None


def write_compiled(
    folder: Path, contents: Mapping[str, bytes], facts: Mapping[str, Any]
) -> CompiledModel:
    """Write a compiled model and return it.

    Args:
        folder: made when missing.
        contents: {name: data} of its files.
        facts: the other attributes of `CompiledModel`.

    Raises:
        OSError: what the system refuses; the model that was there is complete, or does not count.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        (folder / MANIFEST).unlink()  # no manifest while files change
    for name, data in contents.items():
        write_atomic(folder / name, data)
    files = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    manifest = {"format": _FORMAT, **facts, "files": files}
    _write_json(folder / MANIFEST, {**manifest, "sha256": _digest(manifest)})
    model = read_compiled(folder)
    if model is None:
        raise OSError(f"{folder / MANIFEST} was written and cannot be read")
    return model


def read_checked(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file whose sha256 is known; EncoderError: missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EncoderError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise EncoderError(f"{path} does not match its sha256: it is damaged")
    return data


def read_int8(model: CompiledModel) -> bytes:
    """Return the model's graph in 8 bits; EncoderError: missing, damaged, or of another graph."""
    path = model.folder / INT8_MANIFEST
    try:
        facts = json.loads(path.read_bytes())
        graph, sha256 = str(facts["graph"]), str(facts["sha256"])
    except _DAMAGE as error:
        raise EncoderError(f"{path} cannot be read") from error
    if graph != model.files[GRAPH]:
        raise EncoderError(f"{path} is of another graph")
    return read_checked(model.folder / INT8_GRAPH, sha256)


def write_int8(model: CompiledModel, data: bytes) -> None:
    """Store the model's graph in 8 bits; its manifest comes last."""
    with suppress(FileNotFoundError):
        (model.folder / INT8_MANIFEST).unlink()
    write_atomic(model.folder / INT8_GRAPH, data)
    facts = {"graph": model.files[GRAPH], "sha256": hashlib.sha256(data).hexdigest()}
    _write_json(model.folder / INT8_MANIFEST, facts)


def compilation_lock(folder: Path) -> AbstractContextManager[None]:
    """Lock a model: of two processes that need it, one compiles it and the other waits."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    return lock(folder.with_suffix(".lock"), conflict=f"{folder} is being compiled")


def write_refusal(folder: Path, backend: str, precision: str, reason: str) -> None:
    """Store why a model cannot be compiled, so that it is not tried again at each start."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(_refusal(folder, backend, precision), {"with": _libraries(), "reason": reason})


def check_refusal(folder: Path, backend: str, precision: str) -> None:
    """Raise a stored refusal of the very same versions of the libraries.

    Raises:
        NotCompilableError: the model cannot be compiled for this backend, with the reason.
    """
    path = _refusal(folder, backend, precision)
    try:
        refusal = json.loads(path.read_bytes())
        reason = str(refusal["reason"]) if refusal["with"] == _libraries() else None
    except _DAMAGE:
        return
    if reason is not None:
        raise NotCompilableError(f"{reason} (from an earlier try; delete {path} to try again)")


def _refusal(folder: Path, backend: str, precision: str) -> Path:
    return folder / f"refused-{backend}-{precision}.json"


def _libraries() -> dict[str, str | None]:
    """Return the versions of all that decides whether a model can be compiled."""
    names = ("torch", "transformers", "onnx", "openvino", "onnxruntime", "nncf")
    return {"textshot": __version__, **{name: version_of(name) for name in names}}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_atomic(path, json.dumps(content, indent=1).encode())


def _digest(manifest: Mapping[str, Any]) -> str:
    """Return the sha256 of the manifest itself, whose limit decides where a text is cut."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
