"""The OpenAPI description, and whatever can be made of it, against a running service."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from process import Process

from textshot import Category, Engine
from textshot.encoders import HashingEncoder

CONFIG = Path(__file__).with_name("schemathesis.toml")
KEY = "k" * 24
WRITE = f"write one {KEY}"
FULL = 160
"""Examples for each operation, which make more than 3,000 cases."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    categories = [
        Category("double charge", examples=["they took it twice"]),
        Category("food", examples=["bread"]),
    ]
    Engine.build(categories, encoder=HashingEncoder()).save(tmp_path / "shop")
    return tmp_path / "shop"


def fuzz(folder: Path, examples: int, *options: str, keys: str = "", seed: int = 0) -> int:
    """Return how many cases were tried; all of them have to pass every check."""
    command = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert command is not None
    env = {"TEXTSHOT_API_KEYS": keys} if keys else {}
    with Process(folder, *options, "--max-file", "100000", env=env).ready() as service:
        words = [command, "--config-file", str(CONFIG), "run", f"{service.url}/openapi.json"]
        words += ["--seed", str(seed), "--max-examples", str(examples), "--no-color"]
        words += ["--phases", "examples,coverage,fuzzing" if examples == FULL else "fuzzing"]
        words += ["--header", f"X-API-Key: {KEY}"] if keys else []
        done = subprocess.run(words, capture_output=True, text=True, cwd=folder.parent)
        assert done.returncode == 0, done.stdout[-6000:]
        assert service.ask("/livez") == {"live": True}
        assert service.stop() == 0
    assert not [line for line in service.lines if line.get("message") == "internal error"]
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None
    return int(generated[1])


@pytest.mark.parametrize(
    ("options", "keys"),
    [pytest.param((), "", marks=pytest.mark.slow), (("--writable",), WRITE)],
    ids=["read-only", "writable with a key"],
)
def test_no_server_error_and_no_answer_that_is_not_described(folder: Path, options, keys: str):
    assert fuzz(folder, 10, *options, keys=keys) > 150


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--writable",)], ids=["read-only", "writable"])
@pytest.mark.parametrize("seed", [1, 2])
def test_three_thousand_cases_of_each(folder: Path, options, seed: int):
    assert fuzz(folder, FULL, *options, seed=seed) > 3000
