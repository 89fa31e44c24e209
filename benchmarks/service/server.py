"""The service as a process on one core, and what it takes of memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BACKEND = "openvino"
"""Named for the service, the bare encoder and the library alike."""


def cores() -> tuple[int, int]:
    """Return the core of the service, and that of the generator."""
    every = sorted(os.sched_getaffinity(0))
    return every[-1], every[0]


class Server:
    """A running service.

    Attributes:
        port: where it listens.
        pid: of its process.
        events: kinds of its log's lines.
    """

    def __init__(self, index: Path, *options: str) -> None:
        command = [sys.executable, "-m", "textshot", "serve", str(index), "--port", "0"]
        core = cores()[0]
        self.process = subprocess.Popen(
            [*command, "--backend", BACKEND, *options],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        self.pid, self.port, self.events = self.process.pid, 0, []
        self._ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self._ready.wait(120):
            raise TimeoutError(f"the service is not ready: {self.events}")

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def rss(self) -> float:
        """Return its memory in MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if not line.startswith("{"):
                self.events.append(line)
                continue
            found = json.loads(line)
            event = found.get("event", "")
            if event == "listening":
                self.port = int(found["url"].rpartition(":")[2])
            elif event == "ready":
                self._ready.set()
            if event != "request":
                self.events.append(event)


@contextmanager
def serving(index: Path, *options: str) -> Iterator[Server]:
    """Run a service, and this process on the other core."""
    os.sched_setaffinity(0, {cores()[1]})
    server = Server(index, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
