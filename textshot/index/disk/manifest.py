"""The manifest of format 1: one JSON file that names and vouches for all the others."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from textshot._version import __version__
from textshot.errors import IndexFormatError
from textshot.index.disk.decision import OPTIONAL_MEMBERS, check_decision, decision_members
from textshot.index.entries import PLAIN
from textshot.index.state import State
from textshot.networks import Network, stored_settings
from textshot.scoring.name_weight import NameWeight
from textshot.scoring.prototypes import MEAN, WEIGHED
from textshot.types import DecisionSettings

FORMAT = "textshot-index"
VERSION = 1
MANIFEST = "index.json"
MAX_MANIFEST_BYTES = 1 << 20
_MAX_NAME_WEIGHT = 1000

NETWORK = "network"
"""What a reader must know, and the role of a file, where an index is not of the plain network."""

Manifest = dict[str, Any]

FILE_NAMES = {
    "vectors": re.compile(r"vectors-[0-9a-f]{8}\.safetensors"),
    "categories": re.compile(r"categories-[0-9a-f]{8}\.jsonl"),
    NETWORK: re.compile(r"network-[0-9a-f]{8}\.safetensors"),
    "nothing": re.compile(r"nothing-[0-9a-f]{8}\.jsonl"),
    "calibrated": re.compile(r"calibrated-[0-9a-f]{8}\.jsonl"),
}
FUSION = "fusion"
"""What a reader must know of an index whose names are weighed."""

NOTHING = "nothing"
"""What a reader must know, and the role of a file, where texts are known to fit no category."""

CALIBRATED = "calibrated"
"""What a reader must know, and the role of a file, where texts were calibrated on."""

ATTENTION = "attention"
"""What a reader must know of an index whose keys have a part in every score."""

DECISION = "decision"
"""What a reader must know of an index that was tuned, or abstains at a rate of its own."""

_KNOWN = {ATTENTION, CALIBRATED, DECISION, FUSION, NETWORK, NOTHING}

_MEMBERS: dict[str, type | tuple[type, ...]] = {
    "restores": (int, type(None)),
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


def make_manifest(
    state: State, files: Mapping[str, tuple[str, bytes]], generation: int, created: str
) -> Manifest:
    """Describe a state and its files; `seal` makes the bytes."""
    identity, network = state.encoder, state.network
    described = {}
    if not is_plain(network):
        described = {NETWORK: {"name": network.name, "settings": stored_settings(network)}}
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "requires": _required(state),
        "generation": generation,
        "created": created,
        "created_with": f"textshot {__version__}",
        "metric": "cosine",
        "dim": state.dim,
        "categories": len(state.entries),
        "keys": len(state.key_rows),
        "private": state.private,
        "encoder": identity and {"fingerprint": identity.fingerprint, "spec": dict(identity.spec)},
        "fusion": _fusion(state),
        "decision": state.decision and decision_members(state.decision),
        "files": {
            role: {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for role, (name, data) in files.items()
        },
        **described,
    }


def _required(state: State) -> list[str]:
    features = {
        ATTENTION: bool(state.attention_share),
        CALIBRATED: bool(state.calibrated),
        DECISION: bool(
            state.decision and set(decision_members(state.decision)) & set(OPTIONAL_MEMBERS)
        ),
        FUSION: state.name_weight is not None,
        NETWORK: not is_plain(state.network),
        NOTHING: state.out_of_scope is not None,
    }
    return [name for name, is_used in features.items() if is_used]


def _fusion(state: State) -> dict[str, Any]:
    fusion: dict[str, Any] = {"rule": MEAN, "names": state.use_names}
    if state.name_weight is not None:
        fusion |= {
            "rule": WEIGHED,
            "name_shots": state.name_weight.weight,
            "evidence": state.name_weight.t_statistic,
        }
    # Readers that know of no attention pass over a share of 0, and rightly.
    return fusion if state.attention_share is None else fusion | {ATTENTION: state.attention_share}


def name_weight_of(manifest: Manifest) -> NameWeight | None:
    """Return what the names of an index are worth; None where they count as one example."""
    fusion = manifest["fusion"]
    if fusion["rule"] == MEAN:
        return None
    return NameWeight(float(fusion["name_shots"]), fusion["evidence"])


def share_of(manifest: Manifest) -> float | None:
    """Return how much of a score is the attention of all keys; None: it is not looked for."""
    share = manifest["fusion"].get(ATTENTION)
    return None if share is None else float(share)


def is_plain(network: Network) -> bool:
    """Tell whether an index of this network is as every textshot reads it, also the oldest."""
    same = network.name == PLAIN.name and network.settings == PLAIN.settings
    return same and not network.parameters


def seal(manifest: Manifest) -> bytes:
    """Return the manifest's bytes, with the sha256 of its own canonical body in it."""
    body = {key: value for key, value in manifest.items() if key != "sha256"}
    sealed = {**body, "sha256": hashlib.sha256(_canonical(body)).hexdigest()}
    return (
        json.dumps(sealed, indent=1, sort_keys=True, ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
        + b"\n"
    )


def open_manifest(data: bytes, where: str) -> Manifest:
    """Parse and check a manifest; the result is of format 1, and consistent."""
    try:
        manifest = json.loads(data.decode("utf-8", "surrogatepass"), parse_constant=no_constants)
        _canonical(manifest)  # deep nesting, and 1e999, which is Infinity
    except (ValueError, RecursionError) as error:
        raise IndexFormatError(f"{where} is not valid JSON ({error}): it is damaged") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise IndexFormatError(f"{where} is not the manifest of a textshot index")
    version = manifest.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise IndexFormatError(f"{where} has format version {version!r}, which never existed")
    required = manifest.get("requires") or []
    if version > VERSION or not _is_known(required):
        raise IndexFormatError(
            f"{where} needs format {version} with {required!r}; this textshot"
            f" {__version__} reads format {VERSION}. Upgrade textshot (made with"
            f" {manifest.get('created_with')!r})"
        )
    body = {key: value for key, value in manifest.items() if key != "sha256"}
    if manifest.get("sha256") != hashlib.sha256(_canonical(body)).hexdigest():
        raise IndexFormatError(f"{where} does not match its own sha256: it is damaged")
    _check_members(manifest, where)
    return manifest


def _is_known(required: object) -> bool:
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return False
    return required == sorted(set(required) & _KNOWN)


def _canonical(body: Manifest) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def no_constants(name: str) -> float:
    """Refuse NaN and Infinity, which are no JSON."""
    raise ValueError(f"{name} is not a number")


def _check_members(manifest: Manifest, where: str) -> None:
    """The hash catches accidents; this catches a manifest that somebody wrote by hand."""
    for name, kind in _MEMBERS.items():
        value = manifest.get(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise IndexFormatError(f"{where}: {name} is {value!r}, which cannot be")
    if manifest["dim"] < 1 or not 1 <= manifest["generation"] < 10**12:
        raise IndexFormatError(f"{where}: dim or generation is not in its range")
    if manifest.get("metric") != "cosine":
        raise IndexFormatError(f"{where}: the metric is not known here")
    _check_fusion(manifest, where)
    _check_network(manifest, where)
    for role, entry in manifest["files"].items():
        _check_file_entry(role, entry, where)
    _check_settings(manifest, where)


def _check_fusion(manifest: Manifest, where: str) -> None:
    fusion, required = manifest["fusion"], FUSION in (manifest.get("requires") or [])
    if fusion.get("rule") != (WEIGHED if required else MEAN):
        raise IndexFormatError(f"{where}: the fusion rule is not known here")
    if not isinstance(fusion.get("names"), bool):
        raise IndexFormatError(f"{where}: fusion.names is not true or false")
    share = fusion.get(ATTENTION)
    fine = share is None or (type(share) in (int, float) and 0 <= share <= 1)
    if not fine or bool(share) != (ATTENTION in (manifest.get("requires") or [])):
        raise IndexFormatError(f"{where}: fusion.attention is {share!r}, which cannot be")
    shots, evidence = fusion.get("name_shots"), fusion.get("evidence", "missing")
    # Not a bool, which is an int as well; the JSON is known to hold no NaN and no infinity.
    fine = type(shots) in (int, float) and 0 < shots <= _MAX_NAME_WEIGHT and fusion["names"]
    if required and not (fine and (evidence is None or type(evidence) in (int, float))):
        raise IndexFormatError(
            f"{where}: fusion.name_shots {shots!r} or evidence {evidence!r} cannot be"
        )


def _check_network(manifest: Manifest, where: str) -> None:
    """What is required is there, and nothing else: a name, settings, and a file for numbers."""
    required = NETWORK in (manifest.get("requires") or [])
    network, files = manifest.get(NETWORK), set(manifest["files"])
    if not {"vectors", "categories"} <= files <= {*FILE_NAMES} or (NETWORK in files) > required:
        raise IndexFormatError(f"{where}: files are {sorted(manifest['files'])}")
    fine = not required and network is None
    if required and isinstance(network, dict):
        settings = network.get("settings")
        fine = isinstance(network.get("name"), str) and isinstance(settings, dict)
    if not fine:
        raise IndexFormatError(f"{where}: network is {network!r}, which cannot be")
    for role in (NOTHING, CALIBRATED):
        if (role in files) != (role in (manifest.get("requires") or [])):
            raise IndexFormatError(f"{where}: requires and the file {role!r} do not go together")


def _check_file_entry(role: str, entry: object, where: str) -> None:
    fine = (
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and FILE_NAMES[role].fullmatch(entry["name"])  # bare names: no way out of the folder
        and type(entry.get("size")) is int
        and isinstance(entry.get("sha256"), str)
    )
    if not fine:
        raise IndexFormatError(f"{where}: the entry of the {role} file is not valid")


def _check_settings(manifest: Manifest, where: str) -> None:
    encoder, decision = manifest["encoder"], manifest["decision"]
    try:
        if decision is not None:
            check_decision(DecisionSettings(**decision))
        required = manifest.get("requires") or []
        if bool(set(decision or ()) & set(OPTIONAL_MEMBERS)) != (DECISION in required):
            raise ValueError("requires and decision do not go together")
        if encoder is not None and not (
            isinstance(encoder["fingerprint"], str)
            and isinstance(encoder["spec"], dict)
            and all(isinstance(value, str | int | None) for value in encoder["spec"].values())
        ):
            raise ValueError("encoder")
    except (TypeError, ValueError, KeyError) as error:
        raise IndexFormatError(f"{where}: decision or encoder is not valid ({error})") from None
