"""A job that is killed (SIGKILL) at random moments and goes on: nothing lost, nothing double."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from job_files import content, write_rows

from textshot.testing import toy_engine

# The parent stays warm and forks a job for each line that it reads; a job tells each shard that
# it answers.
JOBS = """
import json, os, sys
import faiss, filelock, pyarrow.csv, pyarrow.parquet
from textshot.batch import categorize
from textshot.batch.worker import Worker
from textshot.engine import Engine
from textshot.testing import HashingEncoder

def work(job):
    answered = Worker.answer
    def told(self, data):
        os.write(1, b"shard\\n")
        return answered(self, data)
    Worker.answer = told
    os.chdir(job["folder"])
    engine = Engine.load("index", encoder=HashingEncoder())
    categorize(engine, ["in.csv"], job["output"], shard_rows=job["rows"], processes=1)
    os._exit(0)

for line in sys.stdin:
    child = os.fork()
    if not child:
        work(json.loads(line))
    os.write(1, f"pid {child}\\n".encode())
    os.write(1, b"done\\n" if os.waitpid(child, 0)[1] == 0 else b"dead\\n")
"""


class Jobs:
    def __init__(self, process):
        self.process = process

    def run(self, folder, output, rows, seconds=None):
        """Let a job work; kill it so long after its first shard. Return its shards, and its end."""
        job = {"folder": str(folder), "output": output, "rows": rows}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        child, n_shards = None, 0
        for line in self.process.stdout:
            word = line.split()
            if word[0] == "pid":
                child = int(word[1])
            elif word[0] == "shard":
                n_shards += 1
            else:
                return n_shards, word[0]
            if seconds is not None and child is not None and n_shards == 2:
                time.sleep(seconds)
                os.kill(child, signal.SIGKILL)
                seconds = None
        raise AssertionError("the parent of the jobs ended")


@pytest.fixture(scope="module")
def jobs():
    with subprocess.Popen(
        [sys.executable, "-c", JOBS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Jobs(process)
        process.stdin.close()


def places(tmp_path, n_rows):
    """Two folders with the same index and the same input."""
    first, second = tmp_path / "whole", tmp_path / "killed"
    first.mkdir()
    toy_engine(threshold=0.25).save(first / "index")
    write_rows(first / "in.csv", n_rows)
    shutil.copytree(first, second)  # with the times of the files
    return first, second


def go_on_through(jobs, folder, output, rows, n_kills, spread, seed=0):
    """Kill a job so often and let it go on; return how many shards were answered, and the kills."""
    moments = random.Random(seed)
    answered = killed = 0
    while killed < n_kills:
        n_shards, end = jobs.run(folder, output, rows, moments.uniform(0, spread))
        answered += n_shards
        if end == "done":
            return answered, killed
        killed += 1
    n_shards, end = jobs.run(folder, output, rows)
    assert end == "done"
    return answered + n_shards, killed


@pytest.mark.parametrize("output", ["parts/", "out.csv"])
def test_a_job_that_is_killed_ends_as_one_that_is_not(tmp_path, jobs, output):
    whole, killed = places(tmp_path, 2_000)
    n_shards, end = jobs.run(whole, output, 100)
    assert (n_shards, end) == (20, "done")
    answered, kills = go_on_through(jobs, killed, output, 100, 8, 0.02)
    assert kills >= 4
    assert content(killed) == content(whole)
    assert answered <= n_shards + kills  # one shard each is done again at most


@pytest.mark.slow
def test_two_hundred_kills_of_a_hundred_thousand_rows(tmp_path, jobs):
    whole, killed = places(tmp_path, 100_000)
    n_shards, _ = jobs.run(whole, "parts/", 200)
    answered, kills = go_on_through(jobs, killed, "parts/", 200, 200, 0.02)
    assert (n_shards, kills) == (500, 200)
    assert content(killed) == content(whole)
    assert answered <= n_shards + kills
    assert not list(Path(killed).rglob("*.tmp*"))
