"""The examples of the service run against one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "service"))
from process import Process  # noqa: E402

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    index = tmp_path_factory.mktemp("served") / "my-index"
    shutil.copytree(ROOT / "indexes" / "support", index)
    with Process(index, "--writable").ready() as running:
        yield running
        assert running.stop() == 0


def test_curl(service: Process):
    words = ["bash", str(EXAMPLES / "serve" / "curl.sh"), service.url]
    shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    for part in (
        '"label":"refund request"',
        '"total":22',
        '"name":"press/media"',
        '"label":"press/media"',
        "id,received,channel,text,label,score,margin",
        '"state":"done"',
        '"category":null',
    ):
        assert part in shown


def test_python(service: Process):
    words = [sys.executable, str(EXAMPLES / "serve" / "client.py"), service.url]
    shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    assert shown[0].startswith("refund request  0.")
    assert shown[1].startswith("unknown  0.")
