"""The state that all requests share: indexes, batcher, keys, metrics and readiness."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from textshot.engine.encoder_identity import Encoders
from textshot.errors import ServiceError
from textshot.service.access import ANONYMOUS, APIKeys, Caller, RateLimiter
from textshot.service.answers import BatchClassifier
from textshot.service.batcher import Batcher
from textshot.service.errors import APIError, not_ready
from textshot.service.file_job import FileJobs
from textshot.service.metrics import Metrics
from textshot.service.options import ServiceOptions
from textshot.service.served_index import ServedIndex

_log = logging.getLogger("textshot.service")
_Result = TypeVar("_Result")

_RETRY_POLLS = 10
"""Polls between two attempts to load a damaged index again."""


class Service:
    """A service, before it listens on a socket.

    Args:
        indexes: index folders by the name under which they are served; the first is the default.
        options: limits and times.
        keys: API keys; None: callers need none.
        encoders: loads the encoders, each once.

    Raises:
        ServiceError: there is no index.
    """

    def __init__(
        self,
        indexes: Mapping[str, str | Path],
        options: ServiceOptions | None = None,
        keys: APIKeys | None = None,
        encoders: Encoders | None = None,
    ) -> None:
        if not indexes:
            raise ServiceError("there is no index to serve. Name at least one")
        self.options, self._keys = options or ServiceOptions(), keys
        shared = encoders or Encoders()
        self.indexes = {name: ServedIndex(name, path, shared) for name, path in indexes.items()}
        self.default = next(iter(self.indexes.values()))
        self.metrics = Metrics(list(self.indexes.values()))
        self.files = FileJobs(self.options.max_files)
        self.not_ready_reason: str | None = "loading"
        self._accepting = False
        self._rates = RateLimiter(self.options.rate_limit)
        self._threads = ThreadPoolExecutor(2, "slow")
        self._batcher: Batcher | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def has_keys(self) -> bool:
        """Whether callers need a key."""
        return self._keys is not None

    @property
    def batcher(self) -> Batcher:
        """The batcher, once the service has started."""
        if self._batcher is None:
            raise not_ready("loading")
        return self._batcher

    async def start(self) -> None:
        """Load all indexes, then accept requests.

        Raises:
            TextshotError: an index cannot be loaded.
        """
        for served in self.indexes.values():
            await self.run_in_thread(served.refresh)
        classifier = BatchClassifier(self.metrics.count_predictions)
        self._batcher = Batcher(classifier, self.options, self.metrics)
        self._watcher = asyncio.create_task(self._watch())
        self.not_ready_reason, self._accepting = None, True
        _log.info("ready", extra={"event": "ready", "indexes": list(self.indexes)})

    async def drain(self) -> None:
        """Stop being ready at once, and stop accepting requests after the grace time."""
        if self.not_ready_reason == "draining":
            return
        self.not_ready_reason = "draining"
        _log.info("draining", extra={"event": "draining", "grace": self.options.grace})
        await asyncio.sleep(self.options.grace)
        self._accepting = False

    async def stop(self) -> None:
        """Stop the batcher and the watcher."""
        self._accepting = False
        if self._watcher is not None:
            self._watcher.cancel()
        if self._batcher is not None:
            await self._batcher.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        _log.info("stopped", extra={"event": "stopped"})

    def check_accepting(self) -> None:
        """Refuse a request before the start and after the grace time.

        Raises:
            APIError: 503.
        """
        if not self._accepting:
            raise not_ready(self.not_ready_reason or "draining")

    def caller(self, key: str | None) -> Caller:
        """Return the caller with this key, and count the call.

        Raises:
            APIError: 401, 429.
        """
        caller = ANONYMOUS if self._keys is None else self._keys.caller(key)
        self._rates.take(caller)
        return caller

    def find(self, name: str | None) -> ServedIndex:
        """Return an index; None: the default.

        Raises:
            APIError: 404.
        """
        if name is None:
            return self.default
        if name not in self.indexes:
            message = f"there is no index of that name; there are {', '.join(self.indexes)}"
            raise APIError(404, "unknown_index", message)
        return self.indexes[name]

    async def run_in_thread(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        """Run slow work in a thread that is not the encoder's."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def _watch(self) -> None:
        """Load new generations from disk, and retry damaged ones now and then."""
        polls = 0
        while True:
            await asyncio.sleep(self.options.poll)
            polls += 1
            for served in self.indexes.values():
                retry = served.load_error is not None and polls % _RETRY_POLLS == 0
                if retry or served.has_changed():
                    await self._refresh(served)

    async def _refresh(self, served: ServedIndex) -> None:
        try:
            await self.run_in_thread(served.refresh)
        except Exception:  # logged and counted by the index; its old generation stays in use
            _log.debug("not reloaded", exc_info=True)
