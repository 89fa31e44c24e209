"""Memory does not grow with the file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from textshot.testing import toy_engine

WORDS = ["parcel", "money", "late", "login", "password", "shop", "open", "job", "card", "my", "not"]


@dataclass
class Run:
    rows: int
    peak_mib: float
    seconds: float


def write_rows(path, rows):
    with path.open("w", encoding="utf-8") as file:
        file.write("id,text\n")
        for i in range(rows):
            chosen = (WORDS[(i * step + i // 7) % len(WORDS)] for step in (1, 3, 5, 8))
            file.write(f"{i},{' '.join(chosen)} {i % 9973}\n")


def run_child(folder, rows):
    """Categorise in a process of its own and ask the system what it took."""
    write_rows(folder / "in.csv", rows)
    command = [sys.executable, "-m", "textshot", "categorize", "index", "in.csv", "-o", "out.csv"]
    begun = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = child.stdout.read(), child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, said.decode()
    assert f"{rows} rows read, {rows} written" in said.decode()
    with (folder / "out.csv").open("rb") as out:
        assert sum(1 for _ in out) == rows + 1
    return Run(rows, usage.ru_maxrss / 1024, time.perf_counter() - begun)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_a_million_rows_take_the_memory_of_a_hundred_thousand(tmp_path, capsys):
    toy_engine(threshold=0.3).save(tmp_path / "index")
    small, large = run_child(tmp_path, 100_000), run_child(tmp_path, 1_000_000)
    with capsys.disabled():
        for run in (small, large):
            line = f"\n{run.rows:>9,} rows: peak {run.peak_mib:.1f} MiB, {run.seconds:.1f} s"
            sys.stdout.write(line)
    assert large.peak_mib == pytest.approx(small.peak_mib, rel=0.1)
