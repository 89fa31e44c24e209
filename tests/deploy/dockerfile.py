"""Runs the steps of a Dockerfile in a folder that stands in for the image's root.

No container engine: paths under /opt, /src and /index are those of the folder, the base image is
this Python, and users are not switched. What is not known is an error, so that no step is left out.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

OURS = re.compile(r"(?<![\w./])/(opt|src|index)(?=/|\b)")


@dataclass
class Image:
    """What the last stage says about itself."""

    root: Path
    workdir: Path
    env: dict[str, str] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    user: str = "0"

    def here(self, text: str) -> str:
        """Return a text with the image's paths as they are here."""
        return OURS.sub(lambda result: f"{self.root}/{result[1]}", text)

    def command(self) -> list[str]:
        """Return what is run when it starts."""
        return [self.here(word) for word in self.words["ENTRYPOINT"] + self.words["CMD"]]


def steps(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile with their arguments."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines()]  # type: ignore[misc]


class Builder:
    """Builds an image in a folder.

    Args:
        context: what COPY copies from.
        folder: where.
    """

    def __init__(self, context: Path, folder: Path) -> None:
        self._context, self._folder, self._n = context, folder, 0
        self._stages: dict[str, Path] = {}
        self._stage = ""
        self.image = Image(folder / "root", folder / "root")

    def build(self, text: str) -> Image:
        """Run all steps."""
        for instruction, rest in steps(text):
            getattr(self, f"_{instruction.lower()}")(rest)
        return self.image

    def _from(self, rest: str) -> None:
        """Begin a stage. The root is always under one name, as programs keep where they are."""
        words = rest.split()
        root = self._folder / "root"
        if root.exists():
            self._stages[self._stage] = root.rename(self._folder / f"stage-{self._stage}")
        root.mkdir()
        self._stage = words[2] if len(words) == 3 else "last"
        python = str(Path(getattr(sys, "_base_executable", sys.executable)).parent)
        self.image = Image(root, root, {"PATH": f"{python}:{os.defpath}"})

    def _workdir(self, rest: str) -> None:
        self.image.workdir = Path(self.image.here(rest))
        self.image.workdir.mkdir(parents=True, exist_ok=True)

    def _copy(self, rest: str) -> None:
        words = shlex.split(rest)
        options = dict(w[2:].split("=", 1) for w in words if w.startswith("--"))
        *sources, target = (w for w in words if not w.startswith("--"))
        place = self.image.workdir / self.image.here(target)
        for source in sources:
            if "from" in options:
                path = self._stages[options["from"]] / source.lstrip("/")
            else:
                path = self._context / source
            if path.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, place, symlinks=True, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy(path, place / path.name if target.endswith("/") else place)

    def _run(self, rest: str) -> None:
        kept = ("HOME", "PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_CACHE_DIR", "LANG")
        env = {k: os.environ[k] for k in kept if k in os.environ} | self.image.env
        words = ["sh", "-c", self.image.here(rest)]
        done = subprocess.run(
            words, cwd=self.image.workdir, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{rest}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"

    def _env(self, rest: str) -> None:
        for word in shlex.split(rest):
            name, value = word.split("=", 1)
            value = value.replace("$PATH", self.image.env["PATH"])
            self.image.env[name] = self.image.here(value)

    def _user(self, rest: str) -> None:
        self.image.user = rest

    def _entrypoint(self, rest: str) -> None:
        self.image.words["ENTRYPOINT"] = json.loads(rest)

    def _cmd(self, rest: str) -> None:
        self.image.words["CMD"] = json.loads(rest)

    def _healthcheck(self, rest: str) -> None:
        self.image.words["HEALTHCHECK"] = json.loads(rest[rest.index("[") :])

    def _expose(self, rest: str) -> None:
        self.image.words["EXPOSE"] = rest.split()

    def _stopsignal(self, rest: str) -> None:
        self.image.words["STOPSIGNAL"] = [rest]
