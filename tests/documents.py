"""Run the blocks of a document one after another in one folder, as a reader would.

`sh` and `console` hold commands (`console` with their output, "..." standing for any lines);
`python` is run by itself. A comment above a block can say `not run: REASON`, or `before: COMMAND`
for what a reader has done already. Blocks of other languages are not run.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from textshot._arrays import FloatArray
from textshot.cli import main
from textshot.encoders import Encoder, loading
from textshot.encoders.fingerprint import ModelConfig
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

BLOCK = re.compile(
    r"(?P<comments>(?:^<!--.*?-->\n+)*)^```(?P<language>\w+)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
COMMENT = re.compile(r"<!-- (not run|before): (.+?) -->", re.DOTALL)
STEP = re.compile(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n?)*)", re.MULTILINE)
SHELL = re.compile(r"[|<>;&$`*]|\\\n")
QUOTED = re.compile(r"'[^'\n]*'|\"[^\"$`\n]*\"")


@dataclass(frozen=True)
class Block:
    """A block of a document.

    Attributes:
        line: its first line in the document.
        language: the word behind the fence.
        body: its text.
        before: commands that run before it.
        reason: why it is not run; empty if it is.
    """

    line: int
    language: str
    body: str
    before: tuple[str, ...]
    reason: str


def blocks(path: Path) -> Iterator[Block]:
    """Yield the blocks of a document that a reader would run."""
    text = path.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match["language"] not in ("sh", "console", "python"):
            continue
        comments = COMMENT.findall(match["comments"])
        yield Block(
            text[: match.start("language")].count("\n") + 1,
            match["language"],
            match["body"],
            tuple(words for kind, words in comments if kind == "before"),
            " ".join(words for kind, words in comments if kind == "not run"),
        )


def steps(block: Block) -> list[tuple[str, str | None]]:
    """Return the commands of a block, each with its expected output; None: any output."""
    if block.language == "console":
        return STEP.findall(block.body)
    lines = re.sub(r"\\\n\s*", "", block.body).splitlines()
    return [(line, None) for line in lines if line.strip() and not line.startswith("#")]


def run(command: str) -> str:
    """Run a command in this folder; textshot runs in this process, which saves its imports."""
    words = command.split("#")[0]
    if command.startswith("textshot ") and not SHELL.search(QUOTED.sub("", words)):
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
    """Load each model, and encode each text, once for all commands of this process."""
    loading.SentenceTransformerEncoder = _kept
    yield
    loading.SentenceTransformerEncoder = SentenceTransformerEncoder


_ENCODERS: dict[Hashable, Encoder] = {}


def _kept(config: ModelConfig, device: str | None = None) -> Encoder:
    """Load a model once and let it keep the vectors of its texts."""
    adapter = config.adapter and config.adapter.sha256
    key = (replace(config, adapter=None), adapter, device)
    if key not in _ENCODERS:
        _ENCODERS[key] = _with_memory(SentenceTransformerEncoder(config, device))
    return _ENCODERS[key]


def _with_memory(encoder: Encoder) -> Encoder:
    encode, vectors = encoder.encode, {}

    def encode_new(texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        new = [text for text in dict.fromkeys(texts) if text not in vectors]
        vectors.update(zip(new, encode(new, batch_size=batch_size), strict=True))
        return np.stack([vectors[text] for text in texts]) if texts else encode([])

    encoder.encode = encode_new
    return encoder


def run_python(code: str, name: str) -> str:
    """Run a block of Python by itself; return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, name, "exec"), {"__name__": "__main__"})  # our own document
    return printed.getvalue()


def agrees(printed: str, shown: str) -> bool:
    """Return whether a command printed what a document shows; "..." stands for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line.rstrip()) + r" *\n"
        for line in shown.splitlines()
    )
    return (
        re.fullmatch(pattern, printed if printed.endswith("\n") or not printed else f"{printed}\n")
        is not None
    )
