"""A sentence-transformers folder: its modules and settings, and which folders are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from textshot.errors import EncoderError

# Those whose files the fingerprint covers. A Router or CLIP model keeps weights elsewhere.
_KNOWN = frozenset(
    {"Dense", "Dropout", "LayerNorm", "Normalize", "Pooling", "StaticEmbedding", "Transformer"}
)
WITH_WEIGHTS = frozenset({"Dense", "LayerNorm", "StaticEmbedding", "Transformer"})
"""Kinds of modules that read weights from their folder."""

_PLAIN = [{"type": "sentence_transformers.Transformer"}, {"type": "sentence_transformers.Pooling"}]
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True, slots=True)
class Module:
    """One module of a model: its class without the package, and the folder of its files."""

    kind: str
    folder: Path


def read_modules(folder: Path) -> tuple[Module, ...]:
    """Return the modules of a model in order, or say why it is not loaded.

    Nothing of the model is executed or unpickled to find out.

    Args:
        folder: a sentence-transformers folder, or a plain transformers model, which counts as
            Transformer and Pooling.

    Returns:
        At least one module.

    Raises:
        EncoderError: no model there; a class from outside sentence-transformers; weights that
            are not safetensors; an adapter; a model that gives something else than one vector.
    """
    if not folder.is_dir():
        raise EncoderError(f"there is no folder {folder}")
    entries = read_json(folder / "modules.json")
    if entries is None:
        if not (folder / "config.json").is_file():
            raise EncoderError(f"{folder} has no modules.json and no config.json: no model there")
        entries = _PLAIN
    modules = _modules(entries, folder)
    _refuse_other_models(folder)
    for module in modules:
        _refuse_unsafe(module)
    return modules


def read_settings(path: Path) -> Mapping[str, object]:
    """Return the JSON object in a file; a file that is not there has no settings.

    Raises:
        EncoderError: not JSON, or not an object.
    """
    found = read_json(path)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise EncoderError(f"{path} does not hold a JSON object")
    return found


def read_json(path: Path) -> object:
    """Return what a JSON file holds, None when there is no such file.

    Raises:
        EncoderError: a file that is not JSON in UTF-8.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path} cannot be read as JSON: {error}") from None


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
    if kind not in _KNOWN:
        raise EncoderError(
            f"{folder} has a module {kind!r}; textshot knows {', '.join(sorted(_KNOWN))}"
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
    pickled = sorted(found.name for kind in _PICKLED for found in module.folder.glob(kind))
    if pickled:
        raise EncoderError(
            f"{module.folder} has its weights only as {pickled[0]}, which can run code when it is"
            " opened. Take a revision with model.safetensors, or save it again as safetensors"
        )
    raise EncoderError(f"{module.folder} has no weights: model.safetensors is not there")
