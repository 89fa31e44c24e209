"""Models that have no twin: found out once, and not again at each start."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from textshot._files import write_atomic
from textshot._version import __version__
from textshot.errors import EncoderError


class NotCompilableError(EncoderError):
    """The model has no twin, whatever state machine and cache are in."""


def refuse(folder: Path, backend: str, precision: str, reason: str) -> None:
    """Write down why a model has no twin, so that it is not tried again at each start."""
    folder.mkdir(parents=True, exist_ok=True)
    note = {"with": _libraries(), "reason": reason}
    write_atomic(_refusal(folder, backend, precision), json.dumps(note, indent=1).encode())


def check_not_refused(folder: Path, backend: str, precision: str) -> None:
    """Raise what was found out before, by the very same versions of the libraries.

    Raises:
        NotCompilableError: the model has no twin in this engine, with the reason.
    """
    path = _refusal(folder, backend, precision)
    try:
        found = json.loads(path.read_bytes())
        reason = str(found["reason"]) if found["with"] == _libraries() else None
    except (OSError, ValueError, KeyError, TypeError):
        return
    if reason is not None:
        raise NotCompilableError(f"{reason} (found out before; delete {path} to try again)")


def _refusal(folder: Path, backend: str, precision: str) -> Path:
    return folder / f"refused-{backend}-{precision}.json"


def _libraries() -> dict[str, str | None]:
    """Return the versions of all that has a say in whether a model has a twin."""
    found: dict[str, str | None] = {"textshot": __version__}
    for name in ("torch", "transformers", "onnx", "openvino", "onnxruntime", "nncf"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found
