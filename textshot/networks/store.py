"""Networks by name, and their files. The loader trusts nothing it reads and executes none of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray
from textshot._files import write_atomic
from textshot.errors import EncoderError, IndexFormatError, InvalidTextsError, TextshotError
from textshot.networks.base import Network, Setting
from textshot.networks.linear import Linear
from textshot.networks.matching import Matching
from textshot.networks.memory import Memory
from textshot.networks.prototypical import Prototypical
from textshot.networks.siamese import Siamese

NETWORKS: Mapping[str, type[Network]] = {
    kind.name: kind for kind in (Matching, Prototypical, Siamese, Memory, Linear)
}
"""Each network's class by its name, the default first."""

SETTINGS_FILE, PARAMETERS_FILE = "textshot.json", "network.safetensors"
_FORMAT, _VERSION = "textshot-network", 1
_TENSORS = {"decay": "slope"}
"""Names of tensors on disk, where they are not those of the parameters."""

_RETIRED: Mapping[str, Mapping[str, Setting]] = {"matching": {"keys": "fused", "readout": "labels"}}
"""Settings on disk that are no settings any more, with the one value that can still be read."""

_MAX_SETTINGS_BYTES, _MAX_PARAMETERS_BYTES = 1 << 24, 1 << 30


def make_network(name: str, **settings: Setting) -> Network:
    """Return an untrained network of this name.

    Raises:
        InvalidTextsError: no such network, no such setting, or an impossible value.
    """
    if name not in NETWORKS:
        raise InvalidTextsError(f"network {name!r} is not known; choose {', '.join(NETWORKS)}")
    kind = NETWORKS[name]
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind) if field.name != "parameters"]
    for setting, value in settings.items():
        if setting not in known:
            raise InvalidTextsError(
                f"the {name} network has no setting {setting!r};"
                f" it has {', '.join(known) or 'none'}"
            )
        expected = _plain_type(hints[setting])
        # In Python True is an int, and an int is as good as a float.
        if type(value) is not expected and not (expected is float and type(value) is int):
            raise InvalidTextsError(
                f"{setting} is {value!r}; the {name} network needs {expected.__name__}"
            )
    return kind(**settings)  # type: ignore[arg-type]


def _plain_type(hint: Any) -> type:
    plain: type = type(get_args(hint)[0]) if get_origin(hint) is Literal else hint
    return plain


def stored_settings(network: Network) -> dict[str, Setting]:
    """Return a network's settings as files of format 1 hold them."""
    return {**network.settings, **_RETIRED.get(network.name, {})}


def from_settings(name: str, settings: Mapping[str, Setting]) -> Network:
    """Return the untrained network that `stored_settings` describes.

    Raises:
        InvalidTextsError: as `make_network`, or a setting that this version removed.
    """
    retired = _RETIRED.get(name, {})
    for setting, value in retired.items():
        if settings.get(setting, value) != value:
            raise InvalidTextsError(
                f"{setting}={settings[setting]!r} of the {name} network was removed: it was no"
                " better. Train or build it again without this setting"
            )
    return make_network(name, **{n: v for n, v in settings.items() if n not in retired})


def to_bytes(network: Network) -> bytes:
    """Return the parameters of a network as safetensors."""
    from safetensors.numpy import save

    return save(
        {_TENSORS.get(n, n): np.ascontiguousarray(a) for n, a in network.parameters.items()}
    )


def from_bytes(
    name: str,
    settings: Mapping[str, Setting],
    data: bytes,
    *,
    source: str = "the network",
    error: type[TextshotError] = IndexFormatError,
) -> Network:
    """Return the network of a name and stored settings with the parameters in `data`.

    Args:
        name: one of `NETWORKS`.
        settings: what `stored_settings` returned.
        data: what `to_bytes` returned.
        source: what the bytes are from, for the message.
        error: what to raise.

    Raises:
        IndexFormatError: or `error`: anything that is not as `to_bytes` writes it.
    """
    try:
        network = from_settings(name, settings)
    except (TextshotError, TypeError) as reason:
        raise error(f"{source}: {reason}. A newer textshot may have made it") from None
    names = {tensor: parameter for parameter, tensor in _TENSORS.items()}
    arrays = {names.get(n, n): array for n, array in _load_arrays(data, source, error).items()}
    # A row is as long as an embedding; parameters without one depend on no dimension.
    widths = [a.shape[1] for n, a in arrays.items() if n.endswith(("_input", "_q")) and a.ndim == 2]
    shapes = network.parameter_shapes(widths[0] if widths else 1)
    if arrays and set(arrays) != set(shapes):
        raise error(f"{source} holds the parameters {sorted(arrays)}; {sorted(shapes)} are needed")
    for key, array in arrays.items():
        if array.dtype != np.float32 or array.shape != shapes[key]:
            raise error(
                f"{source}: {key} is {array.dtype} {array.shape}; float32 {shapes[key]} is needed"
            )
        if not np.isfinite(array).all():
            raise error(f"{source}: {key} has a value that is not finite (NaN or infinity)")
    parameters: dict[str, FloatArray] = dict(arrays)
    return network.with_parameters(parameters)


def _load_arrays(data: bytes, source: str, error: type[TextshotError]) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as reason:
        raise error(f"{source} is not a safetensors file ({reason})") from None


def load_network(folder: Path) -> Network | None:
    """Return the network in an encoder's folder, None where there is none.

    Raises:
        EncoderError: the files are damaged, or a newer textshot made them.
    """
    path = folder / SETTINGS_FILE
    data = _read(path, _MAX_SETTINGS_BYTES)
    if data is None:
        return None
    header = _header(data, path)
    name, settings = header.get("network"), header.get("settings")
    if not isinstance(name, str) or not isinstance(settings, dict):
        raise EncoderError(f"{path} does not name a network and its settings")
    parameters = _read(folder / PARAMETERS_FILE, _MAX_PARAMETERS_BYTES)
    if parameters is None:
        raise EncoderError(f"{folder} has {SETTINGS_FILE} but no {PARAMETERS_FILE}: it is damaged")
    if hashlib.sha256(parameters).hexdigest() != header.get("sha256"):
        raise EncoderError(
            f"{folder / PARAMETERS_FILE} does not match the sha256 in {SETTINGS_FILE}: one of them"
            " is damaged or from another training. Copy the folder again, or train again"
        )
    return from_bytes(name, settings, parameters, source=str(folder), error=EncoderError)


def save_network(folder: Path, network: Network, extra: Mapping[str, object]) -> None:
    """Write a network into an encoder's folder: the parameters first, then the settings.

    Args:
        folder: an existing folder.
        network: the network.
        extra: more facts to store with it, as JSON can hold them.
    """
    parameters = to_bytes(network)
    body = {
        "format": _FORMAT,
        "format_version": _VERSION,
        "network": network.name,
        "settings": stored_settings(network),
        "sha256": hashlib.sha256(parameters).hexdigest(),
        "extra": dict(extra),
    }
    text = json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(folder / PARAMETERS_FILE, parameters)
    write_atomic(folder / SETTINGS_FILE, text.encode("utf-8"))


def trained_categories(folder: Path) -> frozenset[str]:
    """Return the names of the categories that an encoder was trained on; empty if not known.

    Raises:
        EncoderError: a settings file that cannot be read.
    """
    data = _read(folder / SETTINGS_FILE, _MAX_SETTINGS_BYTES)
    extra = {} if data is None else _header(data, folder / SETTINGS_FILE).get("extra")
    names = extra.get("categories") if isinstance(extra, dict) else None
    if not isinstance(names, list):
        return frozenset()
    return frozenset(name for name in names if isinstance(name, str))


def _header(data: bytes, path: Path) -> dict[str, Any]:
    try:
        header = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as reason:
        raise EncoderError(f"{path} cannot be read as JSON: {reason}") from None
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise EncoderError(f"{path} is not a file of textshot: its format is not {_FORMAT!r}")
    version = header.get("format_version")
    if type(version) is not int or version < 1:
        raise EncoderError(f"{path} has format_version {version!r}; a whole number is needed")
    if version > _VERSION:
        raise EncoderError(
            f"{path} has format_version {version}; this textshot reads up to {_VERSION}. Upgrade"
            " textshot, or use an encoder that this version trained"
        )
    return header


def _read(path: Path, max_bytes: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > max_bytes:
                raise EncoderError(f"{path} has {size} bytes; at most {max_bytes} are read")
            return file.read(max_bytes)
    except FileNotFoundError:
        return None
    except OSError as reason:
        raise EncoderError(f"{path} cannot be read: {reason.strerror}") from None
