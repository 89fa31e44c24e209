"""The parameters of a network as safetensors, and the two files of a network beside an encoder.

The loader trusts nothing that it reads, and nothing that it reads is executed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray
from textshot._files import write_atomic
from textshot.errors import EncoderError, IndexFormatError, TextshotError
from textshot.networks.base import Network, Setting
from textshot.networks.registry import NETWORKS, make_network

__all__ = [
    "NETWORKS",
    "from_bytes",
    "make_network",
    "network_beside",
    "put_beside",
    "to_bytes",
]

SETTINGS_FILE, NUMBERS_FILE = "textshot.json", "network.safetensors"
_FORMAT, _VERSION = "textshot-network", 1
_TENSORS = {"decay": "slope"}
"""Names of tensors on disk, where they are not those of the parameters."""
_MOST_SETTINGS_BYTES, _MOST_NUMBERS_BYTES = 1 << 24, 1 << 30


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
    where: str = "the network",
    error: type[TextshotError] = IndexFormatError,
) -> Network:
    """Return the network of a name and settings with the parameters in `data`.

    Args:
        name: one of `NETWORKS`.
        settings: the arguments of its class.
        data: what `to_bytes` gave.
        where: where they are from, for the message.
        error: what to raise.

    Raises:
        IndexFormatError: or `error`: anything that is not as `to_bytes` writes it.
    """
    try:
        network = make_network(name, **dict(settings))
    except (TextshotError, TypeError) as reason:
        raise error(f"{where}: {reason}. A newer textshot may have made it") from None
    names = {tensor: name for name, tensor in _TENSORS.items()}
    arrays = {names.get(n, n): array for n, array in _arrays(data, where, error).items()}
    # A row is as long as an embedding; parameters without one depend on no dimension.
    widths = [a.shape[1] for n, a in arrays.items() if n.endswith(("_input", "_q")) and a.ndim == 2]
    shapes = network.parameter_shapes(widths[0] if widths else 1)
    if arrays and set(arrays) != set(shapes):
        raise error(f"{where} holds the parameters {sorted(arrays)}; {sorted(shapes)} are needed")
    for key, array in arrays.items():
        if array.dtype != np.float32 or array.shape != shapes[key]:
            raise error(
                f"{where}: {key} is {array.dtype} {array.shape}; float32 {shapes[key]} is needed"
            )
        if not np.isfinite(array).all():
            raise error(f"{where}: {key} has a value that is not finite (NaN or infinity)")
    parameters: dict[str, FloatArray] = dict(arrays)
    return network.with_parameters(parameters)


def _arrays(data: bytes, where: str, error: type[TextshotError]) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as reason:
        raise error(f"{where} is not a safetensors file ({reason})") from None


def network_beside(folder: Path) -> Network | None:
    """Return the network that an encoder's folder brings along, None when it brings none.

    Raises:
        EncoderError: files that are damaged, or were made by a newer textshot.
    """
    path = folder / SETTINGS_FILE
    data = _read(path, _MOST_SETTINGS_BYTES)
    if data is None:
        return None
    found = _header(data, path)
    name, settings = found.get("network"), found.get("settings")
    if not isinstance(name, str) or not isinstance(settings, dict):
        raise EncoderError(f"{path} does not name a network and its settings")
    parameters = _read(folder / NUMBERS_FILE, _MOST_NUMBERS_BYTES)
    if parameters is None:
        raise EncoderError(f"{folder} has {SETTINGS_FILE} but no {NUMBERS_FILE}: it is damaged")
    if hashlib.sha256(parameters).hexdigest() != found.get("sha256"):
        raise EncoderError(
            f"{folder / NUMBERS_FILE} does not match the sha256 in {SETTINGS_FILE}: one of them is"
            " damaged or from another training. Copy the folder again, or train again"
        )
    return from_bytes(name, settings, parameters, where=str(folder), error=EncoderError)


def put_beside(folder: Path, network: Network, extra: Mapping[str, object]) -> None:
    """Write a network into an encoder's folder: the parameters first, then the settings.

    Args:
        folder: the folder, which has to be there.
        network: the network.
        extra: more to note down beside it, as JSON can hold it.
    """
    parameters = to_bytes(network)
    body = {
        "format": _FORMAT,
        "format_version": _VERSION,
        "network": network.name,
        "settings": network.settings,
        "sha256": hashlib.sha256(parameters).hexdigest(),
        "extra": dict(extra),
    }
    text = json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(folder / NUMBERS_FILE, parameters)
    write_atomic(folder / SETTINGS_FILE, text.encode("utf-8"))


def trained_categories(folder: Path) -> frozenset[str]:
    """Return the names of the categories that an encoder was trained on; none if it is not known.

    Raises:
        EncoderError: a settings file that cannot be read.
    """
    data = _read(folder / SETTINGS_FILE, _MOST_SETTINGS_BYTES)
    extra = {} if data is None else _header(data, folder / SETTINGS_FILE).get("extra")
    names = extra.get("categories") if isinstance(extra, dict) else None
    return (
        frozenset(n for n in names if isinstance(n, str))
        if isinstance(names, list)
        else frozenset()
    )


def _header(data: bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as reason:
        raise EncoderError(f"{path} cannot be read as JSON: {reason}") from None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise EncoderError(f"{path} is not a file of textshot: its format is not {_FORMAT!r}")
    version = found.get("format_version")
    if type(version) is not int or version < 1:
        raise EncoderError(f"{path} has format_version {version!r}; a whole number is needed")
    if version > _VERSION:
        raise EncoderError(
            f"{path} has format_version {version}; this textshot reads up to {_VERSION}. Upgrade"
            " textshot, or take an encoder that was trained with this one"
        )
    return found


def _read(path: Path, most: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise EncoderError(f"{path} has {size} bytes; at most {most} are read")
            return file.read(most)
    except FileNotFoundError:
        return None
    except OSError as reason:
        raise EncoderError(f"{path} cannot be read: {reason.strerror}") from None
