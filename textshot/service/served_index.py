"""An index that is served: one whole generation at a time, swapped for the next without a pause."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np

from textshot.encoders import Encoder
from textshot.engine import Engine
from textshot.engine.encoder_identity import PROBE, Encoders
from textshot.engine.predict import predict
from textshot.errors import ConflictError, TextshotError
from textshot.index import Index, State
from textshot.service.problems import Problem

_log = logging.getLogger("textshot.service")

_Found = TypeVar("_Found")
_TRIES = 20
_MANIFEST = "index.json"

Signature = tuple[int, int, int] | None
"""What tells that a manifest is another one: time, size and number of its file; None: no file."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One generation of an index with its encoder; it never changes.

    Attributes:
        name: what the index is called by callers.
        engine: what answers.
        state: of its index.
        generation: of its index.
        loaded: when.
    """

    name: str
    engine: Engine
    state: State
    generation: int
    loaded: datetime

    @property
    def encoder(self) -> Encoder:
        """What encodes its texts."""
        return self.engine.encoder


class Served:
    """An index folder that is served under a name.

    `current` is read without a lock: it is one object, replaced whole. What takes long (loading,
    changing) takes turns and belongs into a thread.
    """

    def __init__(self, name: str, path: str | Path, encoders: Encoders) -> None:
        self.name, self.path, self._encoders = name, Path(path), encoders
        self.current: Snapshot | None = None
        self.problem: str | None = None
        self.failures = 0
        self._seen: Signature = None
        self._lock = threading.Lock()

    def has_changed(self) -> bool:
        """Tell whether the folder has another manifest than the one that was read last."""
        return self._signature() != self._seen

    def refresh(self) -> None:
        """Load what is there, if it is new; a damaged one is refused, and the old one stays.

        Raises:
            TextshotError: it cannot be loaded.
        """
        with self._lock:
            self._refresh()

    def change(
        self, change: Callable[[Engine], _Found], expect: int | None
    ) -> tuple[_Found, int, bool]:
        """Change the index on disk, and serve it from then on.

        Args:
            change: changes an engine; it may be called again with another one, where another
                writer was first.
            expect: the generation that must be current; None: any.

        Returns:
            What `change` returned, the generation, and whether it is a new one.

        Raises:
            Problem: 409, another generation is current.
            TextshotError: the change is refused, or cannot be written; the old one holds.
        """
        with self._lock:
            for _ in range(_TRIES):
                before = self._refresh()
                _check_generation(before, expect)
                engine = self._copy(before)
                found = change(engine)
                if engine.index.state is before.state:
                    return found, before.generation, False
                try:
                    generation = engine.save(self.path)
                except ConflictError:  # another process wrote; with `expect` the check above tells
                    continue
                self._refresh()
                return found, generation, True
        raise Problem(
            503, "busy", f"others wrote {_TRIES} times meanwhile. Try again", retry_after=1
        )

    def _copy(self, snapshot: Snapshot) -> Engine:
        """Return an engine that can be changed, and saved where the snapshot came from."""
        index = Index.of_state(snapshot.state, snapshot.generation)
        index.path = self.path.absolute()
        return Engine(snapshot.encoder, index)

    def _refresh(self) -> Snapshot:
        signature = self._signature()
        if self.current is not None and self.problem is None and signature == self._seen:
            return self.current
        try:
            found = self._load()
        except (TextshotError, OSError) as error:
            if self.problem != str(error) or self._seen != signature:
                self.failures += 1
                _log.error(
                    "the index cannot be loaded; what was loaded before stays",
                    extra={"event": "reload_failed", "index": self.name, "reason": str(error)},
                )
            self._seen, self.problem = signature, str(error)
            raise
        self._seen, self.problem, self.current = signature, None, found
        _log.info(
            "index loaded",
            extra={"event": "loaded", "index": self.name, "generation": found.generation},
        )
        return found

    def _load(self) -> Snapshot:
        """Load a generation, check it, and answer one text with it, so that the next is quick."""
        index = Index.load(self.path)
        identity = index.state.encoder
        if identity is None:
            raise TextshotError(f"{self.path} does not say which encoder made it")
        encoder = self._encoders.of(identity, str(self.path))
        engine = Engine(encoder, index)
        predict(index.state, encoder.encode([PROBE]), 3, "auto", np.zeros(1, dtype=bool))
        return Snapshot(self.name, engine, index.state, index.generation, datetime.now(UTC))

    def _signature(self) -> Signature:
        try:
            found = (self.path / _MANIFEST).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _check_generation(before: Snapshot, expect: int | None) -> None:
    if expect is not None and expect != before.generation:
        raise Problem(
            409,
            "stale_generation",
            f"the index is at generation {before.generation}, and the change was made for"
            f" {expect}: another writer was first. Nothing was changed; read it again and repeat"
            " the change",
        )
