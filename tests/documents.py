"""The blocks of a document, run one after another in one folder, as a reader would.

`sh` and `console` are commands (`console` shows what they print, "..." standing for any lines),
`python` is run by itself. A comment above a block can say `not run: REASON`, or `before: COMMAND`
for what a reader has done already. Blocks of other languages are things to look at.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from textshot.cli import main
from textshot.encoders import loading as resolve

BLOCK = re.compile(
    r"(?P<comments>(?:^<!--.*?-->\n+)*)^```(?P<language>\w+)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
COMMENT = re.compile(r"<!-- (not run|before): (.+?) -->", re.DOTALL)
STEP = re.compile(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n?)*)", re.MULTILINE)
SHELL = re.compile(r"[|<>;&$`*]|\\\n")


@dataclass(frozen=True)
class Block:
    """A block of a document.

    Attributes:
        line: where it begins.
        language: of it.
        body: what it says.
        before: commands that were said before.
        reason: why it is not run; empty where it is.
    """

    line: int
    language: str
    body: str
    before: tuple[str, ...]
    reason: str


def blocks(path: Path) -> Iterator[Block]:
    """Yield what a document asks its reader to do."""
    text = path.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        if found["language"] not in ("sh", "console", "python"):
            continue
        said = COMMENT.findall(found["comments"])
        yield Block(
            text[: found.start("language")].count("\n") + 1,
            found["language"],
            found["body"],
            tuple(words for kind, words in said if kind == "before"),
            " ".join(words for kind, words in said if kind == "not run"),
        )


def steps(block: Block) -> list[tuple[str, str | None]]:
    """Return the commands of a block, each with what it shall print; None: whatever it prints."""
    if block.language == "console":
        return [(command, shown) for command, shown in STEP.findall(block.body)]
    lines = re.sub(r"\\\n\s*", "", block.body).splitlines()
    return [(line, None) for line in lines if line.strip() and not line.startswith("#")]


def run(command: str) -> str:
    """Run a command in this folder; one of textshot in this process, whose imports are paid."""
    words = command.split("#")[0]
    if command.startswith("textshot ") and not SHELL.search(words):
        result = CliRunner().invoke(main, shlex.split(words)[1:], catch_exceptions=False)
        assert result.exit_code == 0, f"{command}: {result.output}"
        return result.stdout
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euc", command], check=False, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@contextlib.contextmanager
def loaded_once() -> Iterator[None]:
    """Load each model once for all commands of this process; all else of loading is as it is."""
    load = resolve.reference
    resolve.reference = functools.cache(load)
    yield
    resolve.reference = load


def run_python(code: str, name: str) -> str:
    """Run a block of Python by itself; return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, name, "exec"), {"__name__": "__main__"})  # our own document
    return printed.getvalue()


def agrees(printed: str, shown: str) -> bool:
    """Tell whether what was printed is what is shown; "..." stands for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line.rstrip()) + r" *\n"
        for line in shown.splitlines()
    )
    return (
        re.fullmatch(pattern, printed if printed.endswith("\n") or not printed else f"{printed}\n")
        is not None
    )
