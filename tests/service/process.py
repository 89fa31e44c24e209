"""`textshot serve` as a process of its own, on a free port."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.request import Request, urlopen

PATIENCE = 60.0
"""Seconds for what takes no time on a quiet machine."""

LINGERING = """
from textshot.cli import main
from textshot.service import guard, server
guard.LINGER_SECONDS = server.LINGER_SECONDS = 600
main()
"""
"""Runs the command with a service that waits for slow connections as long as it takes."""


class Process:
    """A service that runs in a `with` statement; leaving it stops the service.

    Args:
        arguments: of `textshot serve`.
        env: further environment variables.
        lingers: whether it waits for slow connections as long as it takes, in place of two seconds.

    Attributes:
        url: where it listens.
        lines: what it has logged so far.
    """

    def __init__(
        self, *arguments: object, env: Mapping[str, str] | None = None, lingers: bool = False
    ) -> None:
        start = ["-c", LINGERING] if lingers else ["-m", "textshot"]
        words = [sys.executable, *start, "serve", "--port", "0", *map(str, arguments)]
        self.process = subprocess.Popen(
            words, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
        )
        self.lines: list[dict[str, Any]] = []
        self._new: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self.wait_for("listening")["url"]

    def wait_for(self, event: str) -> dict[str, Any]:
        """Return the next line of the log of that kind."""
        while True:
            line = self._new.get(timeout=PATIENCE)
            assert line is not None, f"it ended before {event!r}: {self.lines}"
            if line.get("event") == event:
                return line

    def ready(self) -> Process:
        """Wait until it answers."""
        self.wait_for("ready")
        return self

    def ask(self, path: str, body: object = None, **headers: str) -> Any:
        """Return what JSON says at a path."""
        data = None if body is None else json.dumps(body).encode()
        kind = {} if data is None else {"Content-Type": "application/json"}
        request = Request(self.url + path, data, {**kind, **headers})
        with urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def text(self, path: str) -> str:
        """Return the text at a path."""
        with urlopen(self.url + path, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        """Wait for the end, and return the exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                record = json.loads(line)
            except ValueError:
                record = {"event": "plain", "text": line.rstrip()}
            self.lines.append(record)
            self._new.put(record)
        self._new.put(None)
