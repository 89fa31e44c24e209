"""A served index: one generation in memory, replaced by the next one without a pause."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from textshot._fork import ForkLock
from textshot.engine import Engine
from textshot.engine.encoder_identity import Encoders
from textshot.errors import ConflictError, TextshotError
from textshot.service.errors import APIError, not_ready

_log = logging.getLogger("textshot.service")

_Result = TypeVar("_Result")
_MAX_ATTEMPTS = 20
_MANIFEST = "index.json"

Signature = tuple[int, int, int] | None
"""Modification time, size and inode of a manifest; None: there is no file."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One generation of an index with its encoder; immutable.

    Attributes:
        name: the name under which the index is served.
        engine: the engine of this generation.
        generation: its number.
        loaded_at: when it was loaded.
    """

    name: str
    engine: Engine
    generation: int
    loaded_at: datetime


class ServedIndex:
    """An index folder that is served under a name.

    `current` is read without a lock, because it is replaced as one object. Loading and changing
    take turns, and belong in a thread.
    """

    def __init__(self, name: str, path: str | Path, encoders: Encoders) -> None:
        self.name, self.path, self._encoders = name, Path(path), encoders
        self.current: Snapshot | None = None
        self.load_error: str | None = None
        self.n_load_errors = 0
        self._loaded_signature: Signature = None
        self._lock = ForkLock()

    def snapshot(self) -> Snapshot:
        """Return the current generation.

        Raises:
            APIError: 503, it is still loading.
        """
        if self.current is None:
            raise not_ready("loading")
        return self.current

    def has_changed(self) -> bool:
        """Tell whether the manifest on disk differs from the one that was read last."""
        return self._signature() != self._loaded_signature

    def refresh(self) -> None:
        """Load the generation on disk if it is new; keep the current one if that fails.

        Raises:
            TextshotError: the new generation cannot be loaded.
        """
        with self._lock:
            self._refresh()

    def change(
        self, edit: Callable[[Engine], tuple[_Result, bool]], expected_generation: int | None
    ) -> tuple[_Result, int, bool]:
        """Change the index on disk, then serve the new generation.

        Args:
            edit: changes an engine, and returns a result and whether there is a change to save; it
                is called again with a new engine if another process wrote the index first.
            expected_generation: the generation that must be current; None: any.

        Returns:
            The result of `edit`, the generation, and whether it is a new one.

        Raises:
            APIError: 409, another generation is current; 503, other writers were always first.
            TextshotError: the change is refused or cannot be written; nothing is changed.
        """
        with self._lock:
            for _ in range(_MAX_ATTEMPTS):
                before = self._refresh()
                _check_generation(before, expected_generation)
                engine = before.engine.snapshot()
                engine.index.path = self.path.absolute()  # so that `save` follows on it
                result, has_changed = edit(engine)
                if not has_changed:
                    return result, before.generation, False
                try:
                    generation = engine.save(self.path)
                except ConflictError:  # an expected generation fails the check above next time
                    continue
                self._refresh()
                return result, generation, True
        message = f"other writers were first {_MAX_ATTEMPTS} times in a row. Try again"
        raise APIError(503, "busy", message, retry_after=1)

    def _refresh(self) -> Snapshot:
        signature = self._signature()
        is_new = self.load_error is not None or signature != self._loaded_signature
        if self.current is not None and not is_new:
            return self.current
        try:
            snapshot = self._load()
        except (TextshotError, OSError) as error:
            self._log_failure(str(error), signature)
            raise
        self._loaded_signature, self.load_error, self.current = signature, None, snapshot
        extra = {"event": "loaded", "index": self.name, "generation": snapshot.generation}
        _log.info("index loaded", extra=extra)
        return snapshot

    def _log_failure(self, error: str, signature: Signature) -> None:
        """Log and count a failure, unless the same one was logged before."""
        if self.load_error != error or self._loaded_signature != signature:
            self.n_load_errors += 1
            extra = {"event": "reload_failed", "index": self.name, "reason": error}
            _log.error("cannot load the index; the loaded generation stays in use", extra=extra)
        self._loaded_signature, self.load_error = signature, error

    def _load(self) -> Snapshot:
        """Load and check a generation, and warm it up with one text."""
        index = Engine.load(self.path, lazy=True)
        identity = index.info.encoder
        assert identity is not None  # an index without one is refused
        encoder = self._encoders.of(identity, str(self.path))
        engine = Engine(encoder, index.index)
        engine.classify(["warm up"])
        return Snapshot(self.name, engine, engine.info.generation, datetime.now(UTC))

    def _signature(self) -> Signature:
        try:
            status = (self.path / _MANIFEST).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def _check_generation(current: Snapshot, expected: int | None) -> None:
    if expected is not None and expected != current.generation:
        message = (
            f"the index is at generation {current.generation}, and the change was made for"
            f" {expected}: another writer was first. Read the index again and repeat the change"
        )
        raise APIError(409, "stale_generation", message)
