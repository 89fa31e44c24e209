"""Adapters: the weights that training on episodes changed, as a small file (docs/adapter.md).

A file holds the difference to the weights it was made for: matrices in 8 bits with a scale for each
row, vectors in float16. With an adapter an encoder has a fingerprint of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray
from textshot.encoders.model_folder import file_sha256
from textshot.errors import EncoderError, EncoderNotFoundError

GENERAL = "general-1"
"""The adapter that comes with textshot, for the default encoder: docs/adapter.md."""

DEFAULT_ADAPTER: str | None = GENERAL
"""The adapter of the default encoder, measured in docs/adapter-figures.md."""

SHIPPED_FOLDER = Path(__file__).parent / "adapters"
_FORMAT, _SCALE = "textshot-layer-1", ".scale"
_MAX_BYTES = 1 << 28


@dataclass(frozen=True, eq=False)
class Adapter:
    """The change of an encoder's weights. Pickled, it travels by name.

    Attributes:
        name: one that comes with textshot, or the absolute path of a file.
        base: sha256 of the weights that it changes.
        sha256: of the adapter's own file.
        changes: by the name of a weight, what is added to it, float32.
    """

    name: str
    base: str
    sha256: str
    changes: Mapping[str, FloatArray]

    def __reduce__(self) -> tuple[object, ...]:
        return read_adapter, (self.name,)


def read_adapter(name: str) -> Adapter:
    """Read an adapter that comes with textshot, or a file of `write_adapter`.

    Args:
        name: such as "general-1"; or the path of a file.

    Raises:
        EncoderNotFoundError: no adapter of that name, and no such file.
        EncoderError: a file that is no adapter.
    """
    shipped = SHIPPED_FOLDER / f"{name}.safetensors"
    bare = Path(name).name == name  # a path is not the name of one that ships
    path = shipped if bare and _is_file(shipped) else Path(name).expanduser()
    if not _is_file(path):
        known = ", ".join(sorted(p.stem for p in SHIPPED_FOLDER.glob("*.safetensors"))) or "none"
        raise EncoderNotFoundError(
            f"there is no adapter {name!r}: no file of that name, and those that come with textshot"
            f" are {known}"
        )
    if path.stat().st_size > _MAX_BYTES:
        raise EncoderError(f"{path} has {path.stat().st_size} bytes: no adapter is as large")
    metadata, stored = _read(path)
    if metadata.get("format") != _FORMAT:
        raise EncoderError(
            f"{path} is no adapter of a version that this textshot reads (format"
            f" {metadata.get('format')!r}, not {_FORMAT!r})"
        )
    if not metadata.get("base"):
        raise EncoderError(f"{path} does not say which weights it was made for: it is damaged")
    stored_name = path.stem if path == shipped else str(path.resolve())
    changes = {n: _change(n, stored, path) for n in stored if not n.endswith(_SCALE)}
    if unmatched := {n.removesuffix(_SCALE) for n in stored} - set(changes):
        names = ", ".join(sorted(unmatched))
        raise EncoderError(f"{path} has scales of {names}, and no such matrix")
    return Adapter(stored_name, metadata["base"], file_sha256(path), changes)


def write_adapter(path: Path, base: Path, trained: Path, share: float = 1.0) -> int:
    """Write the difference between two model folders as an adapter.

    Args:
        path: the file to write.
        base: folder of the encoder that was trained.
        trained: folder of the encoder after training.
        share: interpolation coefficient, which scales the difference (WiSE-FT, Wortsman et al.
            2022, https://arxiv.org/abs/2109.01903).

    Returns:
        The size of the file in bytes.

    Raises:
        EncoderError: folders whose weights do not have the same names and shapes.
    """
    from safetensors.numpy import load_file, save_file

    old, new = (load_file(folder / "model.safetensors") for folder in (base, trained))
    stored: dict[str, NDArray[np.generic]] = {}
    for name, weight in new.items():
        if name not in old or old[name].shape != weight.shape:
            raise EncoderError(f"{trained} has a weight {name} that {base} does not have")
        change = share * (weight.astype(np.float64) - old[name].astype(np.float64))
        if np.any(change):
            stored |= _stored(name, change)
    sha = file_sha256(base / "model.safetensors")
    save_file(stored, path, metadata={"format": _FORMAT, "base": sha})
    return path.stat().st_size


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _stored(name: str, change: NDArray[np.float64]) -> dict[str, NDArray[np.generic]]:
    if change.ndim != 2:
        return {name: change.astype(np.float16)}
    scale = np.maximum(np.abs(change).max(axis=1, keepdims=True) / 127, 1e-12).astype(np.float32)
    return {name: np.round(change / scale).astype(np.int8), name + _SCALE: scale}


def _read(path: Path) -> tuple[dict[str, str], dict[str, NDArray[np.generic]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            return dict(file.metadata() or {}), {n: file.get_tensor(n) for n in names}
    except (SafetensorError, KeyError, ValueError, TypeError) as reason:
        raise EncoderError(f"{path} is not a safetensors file ({reason})") from None


def _change(name: str, stored: Mapping[str, NDArray[np.generic]], path: Path) -> FloatArray:
    weight, scale = stored[name], stored.get(name + _SCALE)
    if scale is None and weight.dtype == np.float16:
        change = weight.astype(np.float32)
    elif scale is not None and weight.dtype == np.int8 and weight.ndim == 2:
        if scale.shape != (len(weight), 1) or scale.dtype != np.float32:
            raise EncoderError(
                f"{path}: {name} has {len(weight)} rows and scales {scale.dtype} {scale.shape}"
            )
        change = weight.astype(np.float32) * scale.astype(np.float32)
    else:
        raise EncoderError(
            f"{path}: {name} is {weight.dtype} {weight.shape}; float16, or an int8 matrix with"
            " scales, is needed"
        )
    if not np.isfinite(change).all():
        raise EncoderError(f"{path}: {name} has a value that is not finite")
    return change
