"""Fetch models of the Hugging Face hub, and keep the libraries that load models quiet."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from textshot._fork import ForkLock
from textshot.encoders.model_folder import read_modules
from textshot.errors import EncoderError, EncoderNotFoundError

_ORGANIZATION = "sentence-transformers"
# Settings, vocabularies and safetensors weights; never pickled weights, never code.
_PATTERNS = ["*.json", "*.txt", "*.safetensors", "*.model"]
_IGNORED = ["onnx/*", "openvino/*"]
_MAX_REASON = 200  # characters
_LOGGERS = ("huggingface_hub", "nncf", "sentence_transformers", "transformers")

# Log levels belong to the process: two threads must not restore each other's.
_ONE_AT_A_TIME = ForkLock()


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
        allow_patterns=_PATTERNS,
        ignore_patterns=_IGNORED,
    )
    with quiet_libraries():
        return _cached(partial(fetch, local_files_only=True)) or _fetched(fetch, name, revision)


def _cached(fetch: Callable[[], str]) -> Path | None:
    """Return the folder in the cache when a complete model is there."""
    try:
        folder = Path(fetch())
        read_modules(folder)
    except (OSError, ValueError, EncoderError):
        return None  # not there, or an interrupted download
    return folder


def _fetched(fetch: Callable[[], str], name: str, revision: str | None) -> Path:
    try:
        return Path(fetch())
    except Exception as error:  # of two libraries, and of the network
        reason = reason_of(error, name, revision)
    raise EncoderNotFoundError(reason)


def reason_of(error: Exception, name: str, revision: str | None) -> str:
    """Return in one line why a call of the hub failed."""
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
    line = str(error).strip().partition("\n")[0][:_MAX_REASON].rstrip(".")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def no_telemetry() -> None:
    """Ask huggingface_hub not to report usage; it reads this once, when it is imported."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Switch off progress bars and warnings of the model libraries during the block.

    Import the libraries first: transformers and nncf set their own log level when imported.
    """
    with _ONE_AT_A_TIME, ExitStack() as restore:
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            restore.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        # A user who sets this variable has decided; switching would only make a warning.
        if "HF_HUB_DISABLE_PROGRESS_BARS" not in os.environ:
            _stop_hub_bars(restore)
            if "transformers" in sys.modules:
                _stop_transformers_bars(restore)
        yield


def _stop_hub_bars(restore: ExitStack) -> None:
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    restore.callback(
        disable_progress_bars if are_progress_bars_disabled() else enable_progress_bars
    )
    disable_progress_bars()


def _stop_transformers_bars(restore: ExitStack) -> None:
    from transformers.utils import logging as transformers_logging

    # Both switches turn the bars of the hub too, so this comes after them and is undone first.
    if transformers_logging.is_progress_bar_enabled():
        restore.callback(transformers_logging.enable_progress_bar)
        stop: Callable[[], None] = transformers_logging.disable_progress_bar
        stop()
