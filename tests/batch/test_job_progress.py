"""How far a job is, told at a price that does not depend on how many files it has."""

from __future__ import annotations

import pytest

from textshot.batch import categorize
from textshot.batch.inputs import Source
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
