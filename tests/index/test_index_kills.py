"""A writer that is killed (SIGKILL) at random moments, as a power switch or the OOM killer does."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from textshot.engine import Engine
from textshot.testing import HashingEncoder, toy_categories
from textshot.types import Category

# The parent stays warm and forks a writer for each folder that it reads; a writer tells each
# generation that it has published.
WRITERS = """
import os, sys
from textshot.engine import Engine
from textshot.types import Category
from textshot.testing import HashingEncoder

def write(folder):
    engine = Engine.load(folder, encoder=HashingEncoder(dim=16))
    while True:
        there = "extra" in engine.index.labels
        if there:
            engine.remove("extra")
        else:
            engine.add([Category("extra", examples=["something else"])])
        number = engine.save(folder, purge=engine.index.generation % 3 == 0)
        os.write(1, f"{number} {'without' if there else 'with'}\\n".encode())

import safetensors.numpy, filelock
for line in sys.stdin:
    child = os.fork()
    if not child:
        write(line.strip())
    os.write(1, f"pid {child}\\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"dead\\n")
"""


class Writers:
    def __init__(self, process):
        self.process = process

    def kill_one(self, folder, seconds):
        """Let a writer work for some time after its first generation; return the last it told."""
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        child = last = None
        while child is None or last is None:
            word, number = self.process.stdout.readline().split()
            if word == "pid":
                child = int(number)
            else:
                last = int(word), number
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        for line in self.process.stdout:
            if line == "dead\n":
                return last
            number, kind = line.split()
            last = int(number), kind
        raise AssertionError("the parent of the writers ended")


@pytest.fixture
def writers():
    with subprocess.Popen(
        [sys.executable, "-c", WRITERS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    ) as process:
        yield Writers(process)
        process.stdin.close()
        assert process.wait(60) == 0


def load(folder):
    return Engine.load(folder, encoder=HashingEncoder(dim=16))


@pytest.mark.parametrize("kills", [25, pytest.param(1000, marks=pytest.mark.slow)])
def test_after_a_kill_the_last_told_generation_or_the_next_opens(
    writers, tmp_path, contents, kills
):
    engine = Engine.build(toy_categories(), encoder=HashingEncoder(dim=16))
    states = {"without": contents(engine.index.state)}
    engine.add([Category("extra", examples=["something else"])])
    states["with"] = contents(engine.index.state)
    engine.save(tmp_path / "index")
    rng, last_told, left = random.Random(0), 0, 0
    for _ in range(kills):
        number, kind = writers.kill_one(tmp_path / "index", rng.uniform(0, 0.02))
        left += any((tmp_path / "index").glob(".tmp-*"))
        engine = load(tmp_path / "index")
        other = {"with": "without", "without": "with"}[kind]
        expected = {number: states[kind], number + 1: states[other]}
        assert contents(engine.index.state) == expected[engine.index.generation]
        last_told += engine.index.generation == number
        # A further change works, and clears up.
        there = "extra" in engine.index.labels
        engine.remove("extra") if there else engine.add(
            [Category("extra", examples=["something else"])]
        )
        engine.save(tmp_path / "index")
        assert not list((tmp_path / "index").glob(".tmp-*"))
        assert contents(load(tmp_path / "index").index.state) in states.values()
    sys.stdout.write(  # seen with pytest -s
        f"{kills} kills, 0 failures: {last_told} opened as the last generation told,"
        f" {kills - last_told} as the next; {left} left a temporary file, all cleared up\n"
    )
