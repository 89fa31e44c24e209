"""Models of the Hugging Face hub: from its cache when they are there, else over the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from textshot.encoders.model_folder import read_modules
from textshot.encoders.quiet import no_telemetry, quiet_libraries
from textshot.errors import EncoderError, EncoderNotFoundError

_ORGANIZATION = "sentence-transformers"
# Settings, vocabularies and safetensors weights; never pickled weights, never code.
_WANTED = ["*.json", "*.txt", "*.safetensors", "*.model"]
_UNWANTED = ["onnx/*", "openvino/*"]
_LONGEST_REASON = 200


def hub_name(name: str) -> str:
    """Return the full hub name of a model: "all-x" becomes "sentence-transformers/all-x"."""
    return name if "/" in name else f"{_ORGANIZATION}/{name}"


def hub_folder(name: str, revision: str | None) -> Path:
    """Return the folder of a hub model, downloaded only when the cache does not have it.

    Args:
        name: a name on the hub, with its organisation.
        revision: a branch, tag or commit; None for the main one.

    Returns:
        The folder in the cache of the hub.

    Raises:
        EncoderNotFoundError: neither the cache nor the hub has it, with the reason in one line.
    """
    no_telemetry()
    from huggingface_hub import snapshot_download

    fetch = partial(
        snapshot_download,
        name,
        revision=revision,
        allow_patterns=_WANTED,
        ignore_patterns=_UNWANTED,
    )
    with quiet_libraries():
        return _cached(partial(fetch, local_files_only=True)) or _fetched(fetch, name, revision)


def _cached(fetch: Callable[[], str]) -> Path | None:
    """Return the folder in the cache when a whole model is there."""
    try:
        folder = Path(fetch())
        read_modules(folder)
    except (OSError, ValueError, EncoderError):
        return None  # nothing there, or half of it: an interrupted download
    return folder


def _fetched(fetch: Callable[[], str], name: str, revision: str | None) -> Path:
    try:
        return Path(fetch())
    except Exception as error:  # of two libraries, and of the network
        reason = reason_of(error, name, revision)
    raise EncoderNotFoundError(reason)


def reason_of(error: Exception, name: str, revision: str | None) -> str:
    """Return in one line why the hub did not do as asked."""
    from huggingface_hub import constants, errors

    if isinstance(error, errors.GatedRepoError):
        return f"{name} asks for a login on the hub (hf auth login)"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{name} has no revision {revision!r} on the hub"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the hub has no model {name}, or it is private"
    if isinstance(error, errors.LocalEntryNotFoundError):
        if constants.HF_HUB_OFFLINE:
            return f"{name} is not in the cache of the hub, and HF_HUB_OFFLINE is set"
        return f"{name} is not in the cache of the hub, which cannot be reached ({_cause(error)})"
    return f"{name} cannot be loaded from the hub: {_first_line(error)}"


def _cause(error: Exception) -> str:
    return _first_line(error.__cause__ if isinstance(error.__cause__, Exception) else error)


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0][:_LONGEST_REASON].rstrip(".")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
