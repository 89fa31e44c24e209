"""Read a sentence-transformers folder, and refuse those that are unsafe or of another kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from textshot.errors import EncoderError

# Those whose files the fingerprint covers. A Router or CLIP model keeps weights elsewhere.
_KNOWN_MODULES = frozenset(
    {"Dense", "Dropout", "LayerNorm", "Normalize", "Pooling", "StaticEmbedding", "Transformer"}
)
WITH_WEIGHTS = frozenset({"Dense", "LayerNorm", "StaticEmbedding", "Transformer"})
"""Kinds of modules that read weights from their folder."""

_PLAIN_MODULES = [
    {"type": "sentence_transformers.Transformer"},
    {"type": "sentence_transformers.Pooling"},
]
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True, slots=True)
class Module:
    """One module of a model: its class without the package, and the folder of its files."""

    kind: str
    folder: Path


def read_modules(folder: Path) -> tuple[Module, ...]:
    """Return the modules of a model in order, or refuse it; nothing is executed or unpickled.

    Args:
        folder: a sentence-transformers folder, or a plain transformers model, which counts as
            Transformer and Pooling.

    Returns:
        At least one module.

    Raises:
        EncoderError: no model in the folder; a class from outside sentence-transformers; weights
            that are not safetensors; a PEFT adapter; a model that gives something else than one
            vector.
    """
    if not folder.is_dir():
        raise EncoderError(f"there is no folder {folder}")
    entries = read_json(folder / "modules.json")
    if entries is None:
        if not (folder / "config.json").is_file():
            raise EncoderError(f"{folder} has no modules.json and no config.json: no model there")
        entries = _PLAIN_MODULES
    modules = _modules(entries, folder)
    _refuse_other_models(folder)
    for module in modules:
        _refuse_unsafe(module)
    return modules


def read_settings(path: Path) -> Mapping[str, object]:
    """Return the JSON object in a file; a missing file has no settings.

    Raises:
        EncoderError: not JSON, or not an object.
    """
    settings = read_json(path)
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise EncoderError(f"{path} does not hold a JSON object")
    return settings


def read_json(path: Path) -> object:
    """Return the content of a JSON file, None when there is no such file.

    Raises:
        EncoderError: a file that is not JSON in UTF-8.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path} cannot be read as JSON: {error}") from None


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's content in hex; read once while the file does not change."""
    status = path.stat()
    return _cached_sha256(path, status.st_size, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=64)
def _cached_sha256(path: Path, size: int, changed: int, inode: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _modules(entries: object, folder: Path) -> tuple[Module, ...]:
    if not isinstance(entries, list) or not entries:
        raise EncoderError(f"{folder / 'modules.json'} does not hold a list of modules")
    return tuple(_module(entry, folder) for entry in entries)


def _module(entry: object, folder: Path) -> Module:
    if not isinstance(entry, dict):
        raise EncoderError(f"{folder / 'modules.json'} has an entry that is not an object")
    name, path = str(entry.get("type", "")), Path(str(entry.get("path", "")))
    if not name.startswith("sentence_transformers."):
        raise EncoderError(
            f"{folder} needs the class {name!r}, which is not part of sentence-transformers;"
            " textshot runs no code that comes with a model. Choose another model"
        )
    kind = name.rpartition(".")[2]
    if kind not in _KNOWN_MODULES:
        raise EncoderError(
            f"{folder} has a module {kind!r}; textshot knows {', '.join(sorted(_KNOWN_MODULES))}"
        )
    if path.is_absolute() or ".." in path.parts:
        raise EncoderError(f"{folder} has a module outside the folder: {str(path)!r}")
    return Module(kind, folder / path)


def _refuse_other_models(folder: Path) -> None:
    kind = read_settings(folder / "config_sentence_transformers.json").get("model_type")
    if kind not in (None, "SentenceTransformer"):
        raise EncoderError(f"{folder} is a {kind}; a model that gives one vector a text is needed")


def _refuse_unsafe(module: Module) -> None:
    if module.kind not in WITH_WEIGHTS:
        return
    if (module.folder / "adapter_config.json").is_file():
        raise EncoderError(f"{module.folder} is an adapter. Merge it into its model and save that")
    # Only transformers reads other names (shards); the others would fall back to .bin files.
    pattern = "*.safetensors" if module.kind == "Transformer" else "model.safetensors"
    if any(module.folder.glob(pattern)):
        return
    pickled = sorted(path.name for kind in _PICKLED for path in module.folder.glob(kind))
    if pickled:
        raise EncoderError(
            f"{module.folder} has its weights only as {pickled[0]}, which can run code when it is"
            " opened. Take a revision with model.safetensors, or save it again as safetensors"
        )
    raise EncoderError(f"{module.folder} has no weights: model.safetensors is not there")
