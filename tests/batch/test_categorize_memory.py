"""Memory does not grow with the file."""

from __future__ import annotations

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


# Not ru_maxrss: a child process begins with what its parent had.
CHILD = """
import sys
from textshot.cli import main
main(sys.argv[1:], standalone_mode=False)
[line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(line.split()[1])
"""


def run_child(folder, rows):
    """Categorise in a process of its own, which says at its end what it took at most."""
    write_rows(folder / "in.csv", rows)
    words = ["categorize", "index", "in.csv", "-o", "out.csv", "--processes", "1"]
    begun = time.perf_counter()
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - begun
    assert f"{rows} rows read, {rows} written" in child.stdout
    with (folder / "out.csv").open("rb") as out:
        assert sum(1 for _ in out) == rows + 1
    return Run(rows, int(child.stdout.splitlines()[-1]) / 1024, seconds)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_million_rows_take_the_memory_of_a_hundred_thousand(tmp_path, capsys):
    toy_engine(threshold=0.3).save(tmp_path / "index")
    small, large = run_child(tmp_path, 100_000), run_child(tmp_path, 1_000_000)
    with capsys.disabled():
        for run in (small, large):
            line = f"\n{run.rows:>9,} rows: peak {run.peak_mib:.1f} MiB, {run.seconds:.1f} s"
            sys.stdout.write(line)
    assert small.peak_mib < 400  # no model is loaded: it is the job that is measured
    assert large.peak_mib == pytest.approx(small.peak_mib, rel=0.1)
