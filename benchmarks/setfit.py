"""SetFit fine-tuned on the examples, against textshot and logistic regression with frozen weights.

Same weights, same draws, whole test split, nothing abstains. SetFit lives in an environment of its
own (made from benchmarks/peers/setfit.txt where it is missing) and takes the steps in `MAX_STEPS`.
Each cell is a file of its own; run the same command again to resume.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sklearn.linear_model import LogisticRegression

from benchmarks.data import draw_supports, load, save
from benchmarks.oneshot import RESULTS
from textshot import CachedEncoder, Category, Engine, load_encoder
from textshot.encoders import Encoder
from textshot.types import spoken_name

SETS = ("banking77", "hwu64")
SHOTS = (1, 2, 5)
SEEDS = (0, 1, 2)
MAX_STEPS = 366  # one epoch of SetFit's pairs at one example for each of 77 categories, batch 16
PEERS = Path(__file__).parent / "peers"


class Draw:
    """The examples of one draw, the tests, and what each method makes of them."""

    def __init__(self, data: Path, name: str, n_shot: int, names: bool, seed: int) -> None:
        texts, labels = load(data, name, "train")
        self.tests, self.truths = load(data, name, "test")
        self.names, self.seed = names, seed
        self.rows = {
            kind: [texts[i] for i in found]
            for kind, found in draw_supports(labels, n_shot, seed).items()
        }

    @property
    def supports(self) -> list[tuple[str, str]]:
        """Pairs of text and label; the spoken name is one example more."""
        return [
            (text, kind)
            for kind, found in self.rows.items()
            for text in (*found, *([spoken_name(kind)] if self.names else []))
        ]

    def accuracy(self, answers: Sequence[str]) -> float:
        """Return the share of right answers, in %."""
        right = sum(a == t for a, t in zip(answers, self.truths, strict=True))
        return 100 * right / len(self.truths)

    def textshot(self, encoder: Encoder) -> float:
        """Return the accuracy of the frozen engine; a name is an example to it too."""
        named = {kind: [spoken_name(kind)] if self.names else [] for kind in self.rows}
        categories = [
            Category(kind, examples=[*found, *named[kind]]) for kind, found in self.rows.items()
        ]
        engine = Engine.build(categories, encoder=encoder, use_names=False, threshold=None)
        return self.accuracy([p.label for p in engine.classify(self.tests, k=1)])

    def logistic(self, encoder: Encoder) -> float:
        """Return the accuracy of logistic regression on frozen embeddings."""
        texts, labels = zip(*self.supports, strict=True)
        model = LogisticRegression(max_iter=1000).fit(encoder.encode(texts), labels)
        return self.accuracy(model.predict(encoder.encode(self.tests)).tolist())

    def setfit(self, peer: Path, model: Path) -> dict:
        """Return what the peer answers, with the accuracy in place of the labels."""
        job = {"model": str(model), "supports": self.supports, "tests": self.tests}
        job |= {"max_steps": MAX_STEPS, "seed": self.seed}
        found = ask(peer, PEERS / "setfit_cell.py", job)
        return {"setfit": self.accuracy(found.pop("answers")), **found}


def ask(peer: Path, script: Path, job: dict) -> dict:
    """Run a script in the environment of a peer, and return its answer to the job."""
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder, "job.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps(job), encoding="utf-8")
        command = [python_of(peer), script.resolve(), asked, told]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{script} ended with code {done.returncode}:\n{done.stderr[-3000:]}")
        found: dict = json.loads(told.read_text(encoding="utf-8"))
        return found


def python_of(peer: Path) -> Path:
    """Return the python of an environment; not resolved, since that would leave it."""
    return peer.absolute() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(peer: Path, wanted: Path = PEERS / "setfit.txt") -> None:
    """Make a peer's environment, unless it was made from the same list of packages."""
    made = peer / "made-from.txt"
    if made.is_file() and made.read_bytes() == wanted.read_bytes():
        return
    print(f"{peer}: making the environment of {wanted.stem}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", peer], check=True)
    subprocess.run([python_of(peer), "-m", "pip", "install", "-q", "-r", wanted], check=True)
    made.write_bytes(wanted.read_bytes())


def run(data: Path, peer: Path, cells: Path) -> None:
    encoder = load_encoder(adapter=None)
    cached = CachedEncoder(encoder)
    for seed, name, n_shot, names in itertools.product(SEEDS, SETS, SHOTS, (False, True)):
        path = cells / f"setfit-{name}-{n_shot}-{'names' if names else 'plain'}-{seed}.json"
        if path.exists():
            continue
        begun = time.monotonic()
        draw = Draw(data, name, n_shot, names, seed)
        cell = {"set": name, "n_shot": n_shot, "names": names, "seed": seed}
        cell |= {"n_way": len(draw.rows), "n_supports": len(draw.supports)}
        cell |= {"n_test": len(draw.tests), "encoder": encoder.source, "max_steps": MAX_STEPS}
        cell["textshot_frozen"] = draw.textshot(cached)
        cell["logistic"] = draw.logistic(cached)
        cell |= draw.setfit(peer, encoder.folder)
        save(path, cell)
        shown = ", ".join(f"{k} {cell[k]:.1f}" for k in ("setfit", "textshot_frozen", "logistic"))
        print(f"{path.stem}: {shown} ({time.monotonic() - begun:.0f} s)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets")
    parser.add_argument("--peer", type=Path, default=Path("build/peers/setfit"))
    parser.add_argument("--out", type=Path, default=RESULTS / "learning")
    options = parser.parse_args()
    cells = options.out / "cells"
    cells.mkdir(parents=True, exist_ok=True)
    try:
        prepare(options.peer)
        run(options.data, options.peer, cells)
    except KeyboardInterrupt:
        sys.exit("stopped; run the same command again to resume")


if __name__ == "__main__":
    main()
