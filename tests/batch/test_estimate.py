"""What a job would take: rows counted or judged, nothing written."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_files import text_of, write_rows

from textshot.batch import categorize, estimate
from textshot.errors import TableError
from textshot.testing import toy_engine


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def engine():
    return toy_engine(threshold=0.25)


def write_parquet(name, n):
    pq.write_table(pa.table({"text": [text_of(i) for i in range(n)]}), name)


def test_rows_of_parquet_are_counted(engine):
    write_parquet("a.parquet", 5000)
    write_parquet("b.parquet", 3000)
    found = estimate(engine, ["a.parquet", "b.parquet"], "out/")
    assert (found.n_files, found.rows, found.is_counted) == (2, 8000, True)
    assert found.read_bytes == sum(p.stat().st_size for p in Path().glob("*.parquet"))
    assert found.seconds == pytest.approx(found.rows / found.rate)
    assert found.text_columns == ("text",)


@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_text_files_are_judged_by_their_beginnings(engine, packed):
    write_rows("a.csv", 20_000)
    if packed:
        Path("a.csv.gz").write_bytes(gzip.compress(Path("a.csv").read_bytes(), mtime=0))
    found = estimate(engine, "a.csv.gz" if packed else "a.csv", "out.csv")
    assert not found.is_counted
    assert found.rows == pytest.approx(20_000, rel=0.25)


def test_each_kind_of_file_is_judged_by_its_own(engine):
    write_rows("a.csv", 10_000)
    Path("b.csv.gz").write_bytes(gzip.compress(Path("a.csv").read_bytes(), mtime=0))
    write_parquet("c.parquet", 10_000)
    found = estimate(engine, ["a.csv", "b.csv.gz", "c.parquet"], "out/")
    assert found.rows == pytest.approx(30_000, rel=0.2)


@pytest.mark.parametrize("output", ["out.csv", "out.csv.gz", "out.parquet", "out/", "out.xlsx"])
def test_the_size_of_the_output_is_near_what_it_becomes(engine, output):
    write_rows("a.csv", 4000)
    found = estimate(engine, "a.csv", output)
    assert sorted(p.name for p in Path().iterdir()) == ["a.csv"]
    categorize(engine, "a.csv", output)
    place = Path(output)
    files = place.glob("part-*") if place.is_dir() else [place]
    assert found.written_bytes == pytest.approx(sum(p.stat().st_size for p in files), rel=0.35)


def test_a_part_of_the_rows_takes_a_part_of_the_time(engine):
    write_parquet("a.parquet", 5000)
    assert estimate(engine, "a.parquet", "out/", limit=100).rows == 100
    assert estimate(engine, "a.parquet", "out/", sample=0.1).rows == 500


def test_files_that_cannot_be_read_are_counted(engine):
    write_parquet("a.parquet", 50)
    Path("b.csv").write_text("id\n1\n")
    found = estimate(engine, ["a.parquet", "b.csv"], "out/", text_columns=["text"])
    assert (found.n_files, found.n_failed, found.rows) == (2, 1, 50)


def test_what_tells_nothing_is_an_error(engine):
    Path("a.csv").write_text('text\n""\n')
    with pytest.raises(TableError, match=r"a\.csv: has no valid row"):
        estimate(engine, "a.csv", "out/")
    with pytest.raises(TableError, match="a pipe cannot be read ahead"):
        estimate(engine, "-", "out/")


def contents():
    files = (path for path in Path().rglob("*") if path.is_file() and path.name != "lock")
    return {path: path.read_bytes() for path in files}


def test_what_an_earlier_run_has_done_is_known_and_nothing_is_written(engine, monkeypatch):
    for name in ("a.parquet", "b.parquet"):
        write_parquet(name, 3000)
    names = ["a.parquet", "b.parquet"]
    assert estimate(engine, names, "out/", shard_rows=1000).done == 0
    assert not Path("out").exists()

    class Stop(Exception):
        pass

    def stop_in_the_second_file(rows, fraction):
        if fraction > 0.6:
            raise Stop

    with pytest.raises(Stop):
        categorize(engine, names, "out/", shard_rows=1000, on_progress=stop_in_the_second_file)
    before = contents()
    found = estimate(engine, names, "out/", shard_rows=1000)
    assert (found.rows, found.done) == (6000, 4000)
    assert found.seconds == pytest.approx(2000 / found.rate)
    assert contents() == before
    categorize(engine, names, "out/", shard_rows=1000)
    found = estimate(engine, names, "out/", shard_rows=1000)
    assert (found.done, found.seconds) == (6000, 0)


@pytest.mark.parametrize(
    ("inputs", "output", "changes", "message"),
    [
        (["a.csv"], "a.csv", {}, "is the input a.csv, which would be replaced"),
        (["a.csv"], "others", {}, "this folder holds files that are not from a run"),
        (["a.csv"], "b.csv", {"rejects": "a.csv"}, "the rejected rows would replace the input"),
        (["a.csv"], "b.csv", {"review": "a.csv"}, "the review would replace the input"),
        (["a.csv"], "done/", {"threshold": 0.9}, "holds rows of another run; the options"),
        (["a.csv"], "b.json", {}, "a table is written as JSON Lines"),
    ],
)
def test_what_the_job_would_refuse_is_refused_as_by_it(engine, inputs, output, changes, message):
    write_rows("a.csv", 20)
    Path("others").mkdir()
    Path("others/mine.txt").write_text("mine")
    categorize(engine, "a.csv", "done/", shard_rows=10)
    before = contents()
    errors = []
    for run in (estimate, categorize):
        with pytest.raises(TableError, match=message) as caught:
            run(engine, inputs, output, **changes)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert contents() == before
