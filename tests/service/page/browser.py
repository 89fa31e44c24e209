"""A service as a process, and a browser that looks at its page and notes what happens there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import Request, urlopen

import pytest

from textshot import Engine
from textshot.testing import HashingEncoder, toy_categories

REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.blockedURI}`));
"""


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = monotonic() + 60
    while not true():
        assert monotonic() < end, "the condition did not become true in time"
        sleep(0.05)


@dataclass
class Server:
    """A service that runs."""

    url: str

    def ask(self, path: str, body: Any = None, key: str | None = None) -> Any:
        """Return the JSON at a path of the API."""
        headers = {"Content-Type": "application/json"}
        headers |= {"X-API-Key": key} if key else {}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, data, headers), timeout=60) as answer:
            return json.load(answer)


def toy_index(folder: Path, **options) -> Path:
    """Save an index of five categories of a shop, made without a model."""
    engine = Engine.build(toy_categories(), encoder=HashingEncoder(), threshold=0.3)
    engine.save(folder, **options)
    return folder


@contextmanager
def serving(*arguments: object, keys: str | None = None) -> Iterator[Server]:
    """Run `textshot serve ARGUMENTS...` until the end of the block."""
    command = [sys.executable, "-m", "textshot", "serve", *map(str, arguments), "--port", "0"]
    env = dict(os.environ) | ({} if keys is None else {"TEXTSHOT_API_KEYS": keys})
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    try:
        yield Server(_url_when_ready(process))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()


def _url_when_ready(process: subprocess.Popen[str]) -> str:
    url, lines = "", []
    for line in process.stderr:
        lines.append(line)
        record = json.loads(line) if line.startswith("{") else {}
        url = record.get("url", url)
        if record.get("event") == "ready":
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return url
    pytest.fail(f"the service did not start: {''.join(lines)}")


@dataclass
class View:
    """A page in the browser, with its console and its requests."""

    page: Any
    url: str
    console: list[str] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    refused: Sequence[str] = ()

    def watch(self) -> None:
        """Note what happens from now on."""
        self.page.add_init_script(REPORT_VIOLATIONS)
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request))

    def open(self) -> View:
        """Go to the page, and wait until it knows the service or asks for a key."""
        self.page.goto(self.url)
        self.page.wait_for_selector("#categories:not([hidden]), #key:not([hidden])")
        return self

    def classify(self, *texts: str) -> None:
        """Type texts, and wait for their answers."""
        self.page.fill("#texts", "\n".join(texts))
        with self.page.expect_response("**/classify"):
            self.page.click("#classify button.main")
        self.page.wait_for_function(
            "n => document.querySelectorAll('#answers > ol > li').length === n", arg=len(texts)
        )

    def labels(self) -> list[str]:
        """Return the categories of the answers."""
        return self.page.locator("#answers .label").all_inner_texts()

    def status(self) -> str:
        """Return the status line."""
        return self.page.inner_text("#status")

    def wait_for_status(self, words: str) -> None:
        """Wait until the status line contains some words."""
        self.page.wait_for_function(
            "words => document.querySelector('#status').innerText.includes(words)", arg=words
        )

    def check(self) -> None:
        """Check that nothing went to other servers, and nothing unexpected is on the console."""
        outside = [
            r.url for r in self.requests if not r.url.startswith((self.url, "blob:", "data:"))
        ]
        messages = [m for m in self.console if not any(part in m for part in self.refused)]
        assert (outside, messages) == ([], [])
