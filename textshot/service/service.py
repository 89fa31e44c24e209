"""The service as one object: its indexes, what encodes, who may call, and whether it is ready."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from textshot.engine.encoder_identity import Encoders
from textshot.errors import ServiceError
from textshot.service.answers import Answerer
from textshot.service.batcher import Batcher
from textshot.service.files import FileJobs
from textshot.service.keys import ANONYMOUS, Caller, Keys, Rates
from textshot.service.metrics import Metrics
from textshot.service.problems import Problem, not_ready
from textshot.service.served_index import Served, Snapshot
from textshot.service.settings import Settings

_log = logging.getLogger("textshot.service")
_Found = TypeVar("_Found")

_RETRY = 10
"""Polls between two tries to load what could not be loaded."""


class Service:
    """All that requests share.

    Args:
        indexes: folders by the name under which they are served; the first is the default.
        settings: how.
        keys: who may call; None: everybody.
        encoders: what loads encoders.
    """

    def __init__(
        self,
        indexes: Mapping[str, str | Path],
        settings: Settings | None = None,
        keys: Keys | None = None,
        encoders: Encoders | None = None,
    ) -> None:
        if not indexes:
            raise ServiceError("no index is given. Name one at least")
        self.settings, self._keys = settings or Settings(), keys
        shared = encoders or Encoders()
        self.served = {name: Served(name, path, shared) for name, path in indexes.items()}
        self.default = next(iter(self.served.values()))
        self.metrics = Metrics(list(self.served.values()))
        self._rates = Rates(self.settings.rate_limit)
        self.files = FileJobs(self.settings.max_files)
        self.reason: str | None = "loading"
        self.accepting = False
        self._slow = ThreadPoolExecutor(2, "slow")
        self._batcher: Batcher | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def has_keys(self) -> bool:
        """Whether callers need a key."""
        return self._keys is not None

    @property
    def batcher(self) -> Batcher:
        """What encodes; there once the service has begun."""
        if self._batcher is None:
            raise not_ready("loading")
        return self._batcher

    async def begin(self) -> None:
        """Load all indexes and answer from then on.

        Raises:
            TextshotError: one of them cannot be loaded.
        """
        for served in self.served.values():
            await self.slowly(served.refresh)
        self._batcher = Batcher(Answerer(self.metrics.answered), self.settings, self.metrics)
        self._watching = asyncio.create_task(self._watch())
        self.reason, self.accepting = None, True
        _log.info("ready", extra={"event": "ready", "indexes": list(self.served)})

    async def drain(self) -> None:
        """Be not ready at once; after the grace time take nothing new."""
        if self.reason == "draining":
            return
        self.reason = "draining"
        _log.info("draining", extra={"event": "draining", "grace": self.settings.grace})
        await asyncio.sleep(self.settings.grace)
        self.accepting = False

    async def end(self) -> None:
        """Stop what runs beside requests."""
        self.accepting = False
        if self._watching is not None:
            self._watching.cancel()
        if self._batcher is not None:
            await self._batcher.close()
        self._slow.shutdown(wait=False, cancel_futures=True)
        _log.info("stopped", extra={"event": "stopped"})

    def check_open(self) -> None:
        """Raise a Problem unless requests are taken."""
        if not self.accepting:
            raise not_ready(self.reason or "draining")

    def caller(self, key: str | None) -> Caller:
        """Return who calls, and count the call.

        Raises:
            Problem: 401, 429.
        """
        found = ANONYMOUS if self._keys is None else self._keys.caller(key)
        self._rates.take(found)
        return found

    def find(self, name: str | None) -> Served:
        """Return a served index; None: the default.

        Raises:
            Problem: 404.
        """
        if name is None:
            return self.default
        if name not in self.served:
            raise Problem(
                404,
                "unknown_index",
                f"there is no index of that name; there are {', '.join(self.served)}",
            )
        return self.served[name]

    def snapshot(self, name: str | None) -> Snapshot:
        """Return the generation of an index that answers now."""
        found = self.find(name).current
        if found is None:
            raise not_ready("loading")
        return found

    async def slowly(self, work: Callable[..., _Found], *arguments: object) -> _Found:
        """Do what takes long in a thread of its own, away from the encoder's."""
        return await asyncio.get_running_loop().run_in_executor(self._slow, work, *arguments)

    async def _watch(self) -> None:
        """Load each new generation that appears on disk, and try again what could not be loaded."""
        polls = 0
        while True:
            await asyncio.sleep(self.settings.poll)
            polls += 1
            for served in self.served.values():
                again = served.problem is not None and polls % _RETRY == 0
                if again or served.has_changed():
                    await self._refresh(served)

    async def _refresh(self, served: Served) -> None:
        try:
            await self.slowly(served.refresh)
        except Exception:  # told in the log and by a metric; the old one answers
            _log.debug("not reloaded", exc_info=True)
