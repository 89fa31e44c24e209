"""Format 1: a `State` to bytes and back. The loader trusts nothing that it reads."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textshot._version import __version__
from textshot.arrays import FloatArray, are_unit_rows
from textshot.errors import IndexFormatError, TextshotError
from textshot.fusion import RULE
from textshot.index.categories import EncoderIdentity, Entry, State
from textshot.records import Category, DecisionSettings, Example, KeyKind

FORMAT = "textshot-index"
VERSION = 1
MANIFEST = "index.json"
KINDS = (KeyKind.NAME, KeyKind.DESCRIPTION, KeyKind.EXAMPLE)
MOST_MANIFEST_BYTES = 1 << 20
MOST_FILE_BYTES = 1 << 36

_FILE_NAME = {
    "vectors": re.compile(r"vectors-[0-9a-f]{8}\.safetensors"),
    "categories": re.compile(r"categories-[0-9a-f]{8}\.jsonl"),
}
_ENDING = {"vectors": "safetensors", "categories": "jsonl"}
_TENSORS = {"vectors", "keys", "probe", "key_category", "key_kind"}

Manifest = dict[str, Any]


def to_files(state: State) -> dict[str, tuple[str, bytes]]:
    """Return {role: (file name, bytes)}; names carry the first 8 hex digits of the sha256."""
    found = {"vectors": _vector_bytes(state), "categories": _category_bytes(state)}
    return {
        role: (f"{role}-{hashlib.sha256(data).hexdigest()[:8]}.{_ENDING[role]}", data)
        for role, data in found.items()
    }


def make_manifest(
    state: State, files: Mapping[str, tuple[str, bytes]], generation: int, created: str
) -> Manifest:
    """Describe a state and its files; `seal` makes the bytes."""
    identity = state.encoder
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "requires": [],
        "generation": generation,
        "created": created,
        "created_with": f"textshot {__version__}",
        "metric": "cosine",
        "dim": state.dim,
        "categories": len(state.entries),
        "keys": len(state.key_rows),
        "private": state.private,
        "encoder": identity
        and {"fingerprint": identity.fingerprint, "spec": dict(identity.spec)},
        "fusion": {"rule": RULE, "names": state.names},
        "decision": state.decision and asdict(state.decision),
        "files": {
            role: {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for role, (name, data) in files.items()
        },
    }


def seal(manifest: Manifest) -> bytes:
    """Return the manifest's bytes, with the sha256 of its own canonical body in it."""
    body = {key: value for key, value in manifest.items() if key != "sha256"}
    sealed = {**body, "sha256": hashlib.sha256(_canonical(body)).hexdigest()}
    return json.dumps(sealed, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def open_manifest(data: bytes, where: str) -> Manifest:
    """Parse and check a manifest; the answer is known to be whole, of format 1, and consistent."""
    try:
        found = json.loads(data.decode(), parse_constant=_no_constants)
    except (ValueError, RecursionError) as error:
        raise IndexFormatError(f"{where} is not valid JSON ({error}): it is damaged") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise IndexFormatError(f"{where} is not the manifest of a textshot index")
    version = found.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise IndexFormatError(f"{where} has format version {version!r}, which never existed")
    if version > VERSION or found.get("requires"):
        raise IndexFormatError(
            f"{where} needs format {version} with {found.get('requires')!r}; this textshot"
            f" {__version__} reads format {VERSION}. Upgrade textshot (made with"
            f" {found.get('created_with')!r})"
        )
    body = {key: value for key, value in found.items() if key != "sha256"}
    if found.get("sha256") != hashlib.sha256(_canonical(body)).hexdigest():
        raise IndexFormatError(f"{where} does not match its own sha256: it is damaged")
    _check_members(found, where)
    return found


def from_files(manifest: Manifest, files: Mapping[str, bytes], where: str) -> State:
    """Rebuild a state from bytes whose size and sha256 were not yet checked."""
    for role, entry in manifest["files"].items():
        if hashlib.sha256(files[role]).hexdigest() != entry["sha256"]:
            raise IndexFormatError(
                f"{where}/{entry['name']} does not match the manifest's sha256: it is damaged"
            )
    tensors = _tensors(manifest, files["vectors"], f"{where}/{manifest['files']['vectors']['name']}")
    place = f"{where}/{manifest['files']['categories']['name']}"
    categories = _categories(files["categories"], place)
    entries = _entries(manifest, tensors, categories, place)
    encoder, decision, probe = manifest["encoder"], manifest["decision"], tensors["probe"]
    return State(
        dim=manifest["dim"],
        names=manifest["fusion"]["names"],
        entries=entries,
        encoder=encoder
        and EncoderIdentity(
            encoder["fingerprint"], encoder["spec"], probe[0] if len(probe) else None
        ),
        decision=decision and DecisionSettings(**decision),
        private=manifest["private"],
    )


def _canonical(body: Manifest) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _no_constants(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _vector_bytes(state: State) -> bytes:
    from safetensors.numpy import save

    probe = state.encoder.probe if state.encoder else None
    kinds = [KINDS.index(key.kind) for entry in state.entries for key in entry.keys]
    return save(
        {
            "vectors": np.ascontiguousarray(state.vectors),
            "keys": np.ascontiguousarray(state.key_vectors),
            "probe": np.empty((0, state.dim), np.float32) if probe is None else probe[None, :],
            "key_category": state.key_rows.astype(np.int32),
            "key_kind": np.asarray(kinds, np.int32),
        }
    )


def _category_bytes(state: State) -> bytes:
    lines = []
    for entry in state.entries:
        c = entry.category.without_texts() if state.private else entry.category
        line = {
            "name": c.name,
            "description": c.description,
            "parent": c.parent,
            "threshold": c.threshold,
            "metadata": dict(c.metadata),
            "examples": [{"text": e.text, "source": e.source} for e in c.examples],
        }
        lines.append(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
    return "".join(lines).encode("utf-8", "surrogatepass")


_MEMBERS: dict[str, type | tuple[type, ...]] = {
    "generation": int,
    "created": str,
    "created_with": str,
    "dim": int,
    "categories": int,
    "keys": int,
    "private": bool,
    "encoder": (dict, type(None)),
    "fusion": dict,
    "decision": (dict, type(None)),
    "files": dict,
}


def _check_members(manifest: Manifest, where: str) -> None:
    """The hash catches accidents; this catches a manifest that somebody wrote by hand."""
    for name, kind in _MEMBERS.items():
        value = manifest.get(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise IndexFormatError(f"{where}: {name} is {value!r}, which cannot be")
    if manifest["dim"] < 1 or manifest["generation"] < 1:
        raise IndexFormatError(f"{where}: dim or generation is below 1")
    if manifest.get("metric") != "cosine" or manifest["fusion"].get("rule") != RULE:
        raise IndexFormatError(f"{where}: the metric or the fusion rule is not known here")
    if not isinstance(manifest["fusion"].get("names"), bool):
        raise IndexFormatError(f"{where}: fusion.names is not true or false")
    if set(manifest["files"]) != set(_FILE_NAME):
        raise IndexFormatError(f"{where}: files are {sorted(manifest['files'])}")
    for role, entry in manifest["files"].items():
        _check_file_entry(role, entry, where)
    _check_settings(manifest, where)


def _check_file_entry(role: str, entry: object, where: str) -> None:
    fine = (
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and _FILE_NAME[role].fullmatch(entry["name"])  # bare names: no way out of the folder
        and type(entry.get("size")) is int
        and isinstance(entry.get("sha256"), str)
    )
    if not fine:
        raise IndexFormatError(f"{where}: the entry of the {role} file is not valid")


def _check_settings(manifest: Manifest, where: str) -> None:
    encoder, decision = manifest["encoder"], manifest["decision"]
    try:
        if decision is not None:
            settings = DecisionSettings(**decision)
            if settings.threshold is not None and not -1.0 <= float(settings.threshold) <= 1.0:
                raise ValueError(f"threshold {settings.threshold}")
        if encoder is not None and not (
            isinstance(encoder["fingerprint"], str) and isinstance(encoder["spec"], dict)
        ):
            raise ValueError("encoder")
    except (TypeError, ValueError, KeyError) as error:
        raise IndexFormatError(f"{where}: decision or encoder is not valid ({error})") from None


def _tensors(manifest: Manifest, data: bytes, where: str) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise IndexFormatError(f"{where} is not a safetensors file ({error})") from None
    n, keys, dim = manifest["categories"], manifest["keys"], manifest["dim"]
    probes = len(found["probe"]) if "probe" in found else 0
    shapes = {
        "vectors": ((n, dim), np.float32),
        "keys": ((keys, dim), np.float32),
        "probe": ((min(probes, 1), dim), np.float32),
        "key_category": ((keys,), np.int32),
        "key_kind": ((keys,), np.int32),
    }
    if set(found) != _TENSORS:
        raise IndexFormatError(f"{where} holds {sorted(found)}; {sorted(_TENSORS)} are needed")
    for name, (shape, dtype) in shapes.items():
        array = found[name]
        if array.shape != shape or array.dtype != dtype:
            raise IndexFormatError(
                f"{where}: {name} is {array.dtype} {array.shape}; {np.dtype(dtype)} {shape}"
                " is needed"
            )
        if dtype is np.float32 and not are_unit_rows(array):
            raise IndexFormatError(f"{where}: {name} has rows that are not unit vectors")
    return found


def _categories(data: bytes, where: str) -> list[Category]:
    found: list[Category] = []
    try:
        # Not splitlines: a text may hold other line separators of Unicode.
        for line in data.decode("utf-8", "surrogatepass").split("\n")[:-1]:
            raw = json.loads(line, parse_constant=_no_constants)
            examples = tuple(Example(e["text"], e["source"]) for e in raw.pop("examples"))
            found.append(Category(examples=examples, **raw))
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError, TextshotError) as e:
        raise IndexFormatError(f"{where}, line {len(found) + 1}: {e}") from None
    names = [c.name for c in found]
    if names != sorted(set(names)):
        raise IndexFormatError(f"{where}: names are not unique and in order")
    return found


def _entries(
    manifest: Manifest, tensors: Mapping[str, NDArray[Any]], categories: list[Category], where: str
) -> tuple[Entry, ...]:
    names = manifest["fusion"]["names"]
    try:
        keys = [category.keys(names=names) for category in categories]
    except TextshotError as error:
        raise IndexFormatError(f"{where}: {error}") from None
    rows = np.repeat(np.arange(len(keys)), [len(k) for k in keys])
    kinds = [KINDS.index(key.kind) for each in keys for key in each]
    if (
        len(categories) != manifest["categories"]
        or not np.array_equal(tensors["key_category"], rows)
        or not np.array_equal(tensors["key_kind"], kinds)
    ):
        raise IndexFormatError(f"{where} and the vectors do not belong together")
    ends = np.cumsum([len(k) for k in keys], dtype=np.int64)
    vectors: FloatArray = tensors["keys"]
    return tuple(
        Entry(category, each, vectors[end - len(each) : end], fused)
        for category, each, end, fused in zip(
            categories, keys, ends, tensors["vectors"], strict=True
        )
    )
