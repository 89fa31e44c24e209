"""How far a job is, told at a price that does not depend on how many files it has."""

from __future__ import annotations

import pyarrow as pa
import pytest

from textshot.batch import categorize
from textshot.batch.inputs import Source
from textshot.cli import progress
from textshot.io import open_writer
from textshot.testing import toy_engine


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_files(folder, n_files):
    folder.mkdir()
    for i in range(n_files):
        (folder / f"{i:03}.csv").write_text(f"text\nmy parcel is late {i}\n")


def test_the_sizes_of_files_are_read_as_often_for_each_of_many_as_of_few(tmp_path, monkeypatch):
    slot, read = Source.size, []

    def size(self):
        read.append(self)
        return slot.__get__(self)

    monkeypatch.setattr(Source, "size", property(size, lambda self, n: slot.__set__(self, n)))
    engine, per_file = toy_engine(threshold=0.25), {}
    for n_files in (5, 40):
        write_files(tmp_path / f"in-{n_files}", n_files)
        read.clear()
        categorize(engine, f"in-{n_files}/", f"out-{n_files}/", processes=1)
        per_file[n_files] = len(read) / n_files
    assert per_file[40] <= per_file[5]


def test_the_share_that_is_done_is_that_of_the_bytes(tmp_path):
    for name, n_rows in (("a.csv", 1), ("b.csv", 7), ("c.csv", 2)):
        (tmp_path / name).write_text("text\n" + "my parcel is late\n" * n_rows)
    sizes = [(tmp_path / name).stat().st_size for name in ("a.csv", "b.csv", "c.csv")]
    told = []
    categorize(
        toy_engine(threshold=0.25),
        ["a.csv", "b.csv", "c.csv"],
        "out.csv",
        processes=1,
        on_progress=lambda rows, fraction: told.append((rows, fraction)),
    )
    ends = [sum(sizes[: i + 1]) / sum(sizes) for i in range(3)]
    assert told == [(n, end) for n, end in zip((1, 7, 2), ends, strict=True) for n in (n, 0)]


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx", "a.csv", "a.jsonl", "a.csv.gz"])
def test_the_share_of_a_file_never_says_all_before_the_end(name):
    rows = pa.RecordBatch.from_pydict({"text": [f"my parcel {i} is late" for i in range(3000)]})
    with open_writer(name, rows.schema) as writer:
        writer.write(rows)
    told, done = [], 0
    engine = toy_engine(threshold=0.25)
    categorize(
        engine, name, "out.csv", shard_rows=100, processes=1,
        on_progress=lambda rows, fraction: told.append((rows, fraction)),
    )  # fmt: skip
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    for rows_now, fraction in told:
        done += rows_now
        assert done == 3000 or fraction < 1
        if name in ("a.parquet", "a.xlsx"):  # which state the number of their rows
            assert fraction == pytest.approx(done / 3000, abs=0.011)
    assert fractions[-1] == 1


def test_a_resumed_job_counts_what_is_done_and_takes_its_time_from_this_run(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    counter = progress._Counter(None)
    for done, fraction in [(0, 0.25), (0, 0.5)]:  # by an earlier run
        counter.add(done, fraction)
    assert counter.seconds_left is None
    for done, fraction in [(100, 0.6), (0, 0.7), (100, 0.8)]:  # the second again by an earlier one
        clock[0] += 10.0 * bool(done)
        counter.add(done, fraction)
    assert (counter.share, counter.rate) == (0.8, 10.0)
    # A fifth of all took 20 seconds, and so will the last fifth.
    assert counter.seconds_left == pytest.approx(20.0)
