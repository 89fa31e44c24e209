"""The files of format 1: a `State` to bytes and back. The loader trusts nothing that it reads."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, are_unit_rows
from textshot.errors import IndexFormatError, TextshotError
from textshot.index.disk.manifest import (
    CALIBRATED,
    NETWORK,
    NOTHING,
    Manifest,
    name_weight_of,
    no_constants,
    share_of,
)
from textshot.index.entries import (
    PLAIN,
    EncoderIdentity,
    Entry,
    OutOfScope,
    check_network,
    kind_numbers,
    without_text,
    without_texts,
)
from textshot.index.state import State
from textshot.networks import Network, from_bytes, from_settings, to_bytes
from textshot.types import Category, DecisionSettings, Example

MAX_FILE_BYTES = 1 << 36

# Made once: json.loads and json.dumps with options make one for each line.
_READER = json.JSONDecoder(parse_constant=no_constants)
_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)

_EXTENSIONS = {
    "vectors": "safetensors",
    "categories": "jsonl",
    NETWORK: "safetensors",
    NOTHING: "jsonl",
    CALIBRATED: "jsonl",
}
_HASH = re.compile("[0-9a-f]{16}")


def to_files(state: State) -> dict[str, tuple[str, bytes]]:
    """Return {role: (file name, bytes)}; names carry the first 8 hex digits of the sha256."""
    contents = {"vectors": _vector_bytes(state), "categories": _category_bytes(state)}
    if state.network.parameters:
        contents[NETWORK] = to_bytes(state.network)
    if state.out_of_scope is not None:
        contents[NOTHING] = _out_of_scope_bytes(state.out_of_scope, private=state.private)
    if state.calibrated:
        contents[CALIBRATED] = "".join(f'"{x}"\n' for x in sorted(state.calibrated)).encode()
    return {
        role: (f"{role}-{hashlib.sha256(data).hexdigest()[:8]}.{_EXTENSIONS[role]}", data)
        for role, data in contents.items()
    }


def from_files(manifest: Manifest, files: Mapping[str, bytes], where: str) -> State:
    """Rebuild a state from bytes whose size and sha256 were not yet checked."""
    for role, entry in manifest["files"].items():
        if hashlib.sha256(files[role]).hexdigest() != entry["sha256"]:
            raise IndexFormatError(
                f"{where}/{entry['name']} does not match the manifest's sha256: it is damaged"
            )
    tensors = _tensors(
        manifest, files["vectors"], f"{where}/{manifest['files']['vectors']['name']}"
    )
    path = f"{where}/{manifest['files']['categories']['name']}"
    categories = _categories(files["categories"], path)
    entries = _entries(manifest, tensors, categories, path)
    encoder, decision, probe = manifest["encoder"], manifest["decision"], tensors["probe"]
    state = State(
        dim=manifest["dim"],
        use_names=manifest["fusion"]["names"],
        entries=entries,
        encoder=encoder
        and EncoderIdentity(
            encoder["fingerprint"], encoder["spec"], probe[0] if len(probe) else None
        ),
        decision=decision and DecisionSettings(**decision),
        private=manifest["private"],
        network=_network(manifest, files, where),
        name_weight=name_weight_of(manifest),
        attention_share=share_of(manifest),
        out_of_scope=_out_of_scope(files[NOTHING], tensors, where) if NOTHING in files else None,
        calibrated=_hashes(files.get(CALIBRATED, b""), where),
    )
    return state.with_derived({"vectors": tensors["vectors"], "key_vectors": tensors["keys"]})


def _vector_bytes(state: State) -> bytes:
    from safetensors.numpy import save

    probe = state.encoder.probe if state.encoder else None
    nothing = (
        {}
        if state.out_of_scope is None
        else {NOTHING: np.ascontiguousarray(state.out_of_scope.vectors)}
    )
    return save(
        {
            "vectors": np.ascontiguousarray(state.vectors),
            "keys": np.ascontiguousarray(state.key_vectors),
            "probe": np.empty((0, state.dim), np.float32) if probe is None else probe[None, :],
            "key_category": state.key_rows.astype(np.int32),
            "key_kind": state.key_kinds.astype(np.int32),
            **nothing,
        }
    )


def _out_of_scope_bytes(out_of_scope: OutOfScope, *, private: bool) -> bytes:
    examples = (without_text(e) if private else e for e in out_of_scope.examples)
    lines = (json.dumps(_example_line(e), ensure_ascii=False) + "\n" for e in examples)
    return "".join(lines).encode("utf-8", "surrogatepass")


def _out_of_scope(data: bytes, tensors: Mapping[str, NDArray[Any]], where: str) -> OutOfScope:
    try:
        lines = data.decode("utf-8", "surrogatepass").split("\n")[:-1]
        examples = tuple(_example(json.loads(x, parse_constant=no_constants)) for x in lines)
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError, TextshotError) as e:
        raise IndexFormatError(f"{where}: the texts that fit nothing: {e}") from None
    vectors = tensors.get(NOTHING)
    if vectors is None or len(vectors) != len(examples) or not len(examples):
        raise IndexFormatError(
            f"{where}: {len(examples)} texts that fit nothing and their vectors do not belong"
            " together"
        )
    return OutOfScope(examples, vectors)


def _hashes(data: bytes, where: str) -> frozenset[str]:
    lines = [line.strip('"') for line in data.decode("ascii", "replace").split("\n")[:-1]]
    if not all(map(_HASH.fullmatch, lines)):
        raise IndexFormatError(f"{where}: the hashes of the calibration are not valid")
    return frozenset(lines)


def _example(raw: Mapping[str, Any]) -> Example:
    text_hash = raw.get("hash", "")
    if text_hash and not _HASH.fullmatch(text_hash):
        raise ValueError(f"{text_hash!r} is not the hash of a text")
    return Example(raw["text"], raw["source"], raw.get("written", 0), text_hash)


def _category_bytes(state: State) -> bytes:
    lines = []
    for entry in state.entries:
        c = without_texts(entry.category) if state.private else entry.category
        line = {
            "name": c.name,
            "description": c.description,
            "parent": c.parent,
            "threshold": c.threshold,
            "metadata": dict(c.metadata),
            "examples": [_example_line(e) for e in c.examples],
        }
        lines.append(_WRITER.encode(line) + "\n")
    return "".join(lines).encode("utf-8", "surrogatepass")


def _example_line(example: Example) -> dict[str, Any]:
    line: dict[str, Any] = {"text": example.text, "source": example.source}
    if example.correction_order:
        line["written"] = example.correction_order
    return line | {"hash": example.text_hash} if example.text_hash else line


def _tensors(manifest: Manifest, data: bytes, where: str) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise IndexFormatError(f"{where} is not a safetensors file ({error})") from None
    n, keys, dim = manifest["categories"], manifest["keys"], manifest["dim"]
    probes = _rows(tensors, "probe")
    shapes = {
        "vectors": ((n, dim), np.float32),
        "keys": ((keys, dim), np.float32),
        "probe": ((min(probes, 1), dim), np.float32),
        "key_category": ((keys,), np.int32),
        "key_kind": ((keys,), np.int32),
    }
    if NOTHING in manifest["files"] and NOTHING in tensors:
        shapes[NOTHING] = ((_rows(tensors, NOTHING), dim), np.float32)
    if set(tensors) != set(shapes):
        raise IndexFormatError(f"{where} holds {sorted(tensors)}; {sorted(shapes)} are needed")
    for name, (shape, dtype) in shapes.items():
        array = tensors[name]
        if array.shape != shape or array.dtype != dtype:
            raise IndexFormatError(
                f"{where}: {name} is {array.dtype} {array.shape}; {np.dtype(dtype)} {shape}"
                " is needed"
            )
        if dtype is np.float32 and not are_unit_rows(array):
            raise IndexFormatError(f"{where}: {name} has rows that are not unit vectors")
    return tensors


def _rows(tensors: Mapping[str, NDArray[Any]], name: str) -> int:
    return tensors[name].shape[0] if name in tensors and tensors[name].ndim else 0


def _categories(data: bytes, where: str) -> list[Category]:
    categories: list[Category] = []
    try:
        # Not splitlines: a text may hold other line separators of Unicode.
        for line in data.decode("utf-8", "surrogatepass").split("\n")[:-1]:
            raw = _READER.decode(line)
            examples = tuple(_example(e) for e in raw.pop("examples"))
            category = Category(examples=examples, **raw)
            if category.name != raw["name"] or len(category.examples) != len(examples):
                raise ValueError("a name or the examples are not as an index writes them")
            categories.append(category)
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError, TextshotError) as e:
        raise IndexFormatError(f"{where}, line {len(categories) + 1}: {e}") from None
    names = [c.name for c in categories]
    if names != sorted(set(names)):
        raise IndexFormatError(f"{where}: names are not unique and in order")
    return categories


def _entries(
    manifest: Manifest, tensors: Mapping[str, NDArray[Any]], categories: list[Category], where: str
) -> tuple[Entry, ...]:
    names = manifest["fusion"]["names"]
    try:
        keys = [category.keys(names=names) for category in categories]
    except TextshotError as error:
        raise IndexFormatError(f"{where}: {error}") from None
    rows = np.repeat(np.arange(len(keys)), [len(k) for k in keys])
    kinds = kind_numbers([key for each in keys for key in each])
    if (
        len(categories) != manifest["categories"]
        or not np.array_equal(tensors["key_category"], rows)
        or not np.array_equal(tensors["key_kind"], kinds)
    ):
        raise IndexFormatError(f"{where} and the vectors do not belong together")
    ends = np.cumsum([len(k) for k in keys], dtype=np.int64)
    vectors: FloatArray = tensors["keys"]
    return tuple(
        Entry(category, each, vectors[end - len(each) : end], prototype)
        for category, each, end, prototype in zip(
            categories, keys, ends, tensors["vectors"], strict=True
        )
    )


def _network(manifest: Manifest, files: Mapping[str, bytes], where: str) -> Network:
    stored = manifest.get(NETWORK)
    if stored is None:
        return PLAIN
    name, settings = stored["name"], stored["settings"]
    try:
        if NETWORK in files:
            network = from_bytes(name, settings, files[NETWORK])
        else:
            network = from_settings(name, settings)
        check_network(network, manifest["dim"])
    except (TextshotError, TypeError) as error:  # TypeError: a setting called "name"
        raise IndexFormatError(f"{where}: the network cannot be read: {error}") from None
    return network
