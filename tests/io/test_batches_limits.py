"""Memory does not grow with the file, whatever is in it."""

import gzip
import subprocess
import sys

import pytest

from textshot.io import batches, open_table

MEASURE = """
import re, sys
from pathlib import Path
from textshot.io import open_table
with open_table(sys.argv[1]) as table:
    rows = rejects = 0
    for batch in table.batches():
        rows += batch.data.num_rows
        rejects += len(batch.rejects)
# Not ru_maxrss: a child process begins with what its parent had.
peak = re.search("VmHWM:[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1]
print(rows, rejects, int(peak) // 1024)
"""


def measured(path):
    """Return rows, rejects and the most memory in MiB of a process that reads a file."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return [int(number) for number in done.stdout.split()]


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    path = tmp_path_factory.mktemp("floor") / "a.csv"
    path.write_text("a,b\n1,2\n")
    return measured(path)[2]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.txt.gz"])
def test_a_line_of_200_mb_is_rejected_without_holding_it(tmp_path, floor, name):
    with gzip.open(tmp_path / name, "wb", compresslevel=1) as file:  # a bomb of a megabyte
        file.write(b'{"a": 1}\n')
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b'\n{"a": 2}\n')
    rows, rejects, peak = measured(tmp_path / name)
    assert rejects == 1
    assert rows == (1 if "csv" in name else 2)
    assert peak < floor + 100


def test_an_unclosed_quote_does_not_hold_the_rest_of_the_file(tmp_path, floor):
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,"open\n' + b"some,row\n" * 1_500_000)
    rows, rejects, peak = measured(path)
    assert rejects == 1
    assert rows == 1_500_000  # below the quote, rows are rows again
    assert peak < floor + 100


def test_memory_does_not_grow_with_rows(tmp_path, floor):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b"12345,some text of a row\n" * 500_000)
    rows, _, peak = measured(path)
    assert rows == 500_000
    assert peak < floor + 40


def test_long_rows_make_short_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MAX_BATCH_CHARS", 1000)
    for name, row in [("a.csv", "x" * 400), ("a.txt", "x" * 400), ("a.jsonl", '{"a": "%0400d"}')]:
        line = row % 0 if "%" in row else row
        (tmp_path / name).write_text(f"{line}\n" * 10)
        with open_table(tmp_path / name) as table:
            assert max(batch.data.num_rows for batch in table.batches()) == 3


def test_lines_after_a_long_one_keep_their_numbers(read_bytes, monkeypatch):
    monkeypatch.setattr(batches, "MAX_ROW_CHARS", 20)
    data = b"a,b\n1,2\n3," + b"x" * 300_000 + b'\n5,6\n"7\n' + b"7,,7\n" * 12 + b"8,9\n"
    found = read_bytes("a.csv", data)
    assert found.rows[:2] == [("1", "2"), ("5", "6")]
    assert found.lines[:2] == [2, 4]
    assert found.reasons[0] == "is longer than 20 characters, the most that a row may have"
    assert found.reasons[1].startswith("opens a quote that is not closed, or is longer than 20")
    assert [reject.line for reject in found.rejects] == [3, *range(5, 18)]
    assert found.rows[2:] == [("8", "9")]
    assert found.lines[2:] == [18]
