"""Inputs and outputs by URL: the same rows as on this machine, and the run stays here."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from job_files import write_rows

from textshot.batch import categorize
from textshot.batch.inputs import find_sources
from textshot.errors import TableError
from textshot.io import Format
from textshot.io.files import file_info, open_url, remove
from textshot.testing import toy_engine


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store():
    """A file system that is none of this machine: in memory."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


def sent(system, *names):
    for name in names:
        system.pipe_file(f"/{name}", Path(Path(name).name).read_bytes())


def named(parts):
    return {Path(name).name: data for name, data in parts.items()}


def remote_parts(store):
    return named({name: store.cat_file(name) for name in store.find("/out")})


def local_parts(folder):
    return named({str(p): p.read_bytes() for p in Path(folder).glob("part-*")})


def test_rows_from_elsewhere_and_to_elsewhere_are_those_of_this_machine(engine, store):
    write_rows("a.csv", 500)
    write_rows("b.csv", 500)
    sent(store, "in/a.csv", "in/deep/b.csv")
    here = categorize(engine, ["a.csv", "b.csv"], "out/", shard_rows=100)
    there = categorize(engine, "memory://in", "memory://out/", shard_rows=100, run="run")
    assert here.tally == there.tally
    assert remote_parts(store) == local_parts("out")
    assert Path("run/summary.json").exists()
    assert Path("run/rejects.csv").read_text().count("memory://in/a.csv,") == 5


def test_a_run_goes_on_elsewhere_too(engine, store):
    write_rows("a.csv", 1000)
    sent(store, "in/a.csv")

    class Stop(Exception):
        pass

    told = []

    def stop(rows, share):
        told.append(share)
        if len(told) == 4:
            raise Stop

    with pytest.raises(Stop):
        categorize(
            engine,
            "memory://in/a.csv",
            "memory://out/",
            shard_rows=100,
            run="run",
            on_progress=stop,
        )
    assert 0 < told[0] <= told[-1] <= 1
    store.rm("/out/part-00000-00001.csv")
    report = categorize(engine, "memory://in/a.csv", "memory://out/", shard_rows=100, run="run")
    assert (report.n_resumed, report.read) == (3, 1000)
    categorize(engine, "a.csv", "here/", shard_rows=100)
    assert remote_parts(store) == local_parts("here")
    again = categorize(engine, "memory://in/a.csv", "memory://out/", shard_rows=100, run="run")
    assert again.n_resumed == 10


@pytest.mark.parametrize("ending", ["csv.gz", "parquet", "xlsx", "jsonl"])
def test_one_file_elsewhere_of_any_format(engine, store, ending):
    write_rows("a.csv", 300)
    sent(store, "in/a.csv")
    categorize(engine, "a.csv", f"here.{ending}")
    options = {"run": "run"}
    categorize(engine, "memory://in/a.csv", f"memory://out.{ending}", **options)
    if ending not in ("xlsx", "parquet"):  # which keep the time, and the run
        assert store.cat("/out." + ending) == Path(f"here.{ending}").read_bytes()
    back = categorize(engine, f"memory://out.{ending}", "back.csv", text_columns=["text"])
    assert back.read == 297


def test_patterns_and_folders_by_url(store):
    Path("x.csv").write_text("text\nx\n")
    for name in ("logs/2026-01/a.csv", "logs/2026-02/b.csv", "logs/2025-12/c.csv", "logs/_d.csv"):
        store.pipe_file(f"/{name}", b"text\nx\n")
    store.pipe_file("/in/country=de/a.csv", b"text\nx\n")

    def found(name):
        return [source.path for source in find_sources([name]).sources]

    assert found("memory://logs/2026-*/*.csv") == [
        "memory://logs/2026-01/a.csv",
        "memory://logs/2026-02/b.csv",
    ]
    assert len(found("memory://logs")) == 3
    assert found("memory://logs/2025-12/c.csv") == ["memory://logs/2025-12/c.csv"]
    [one] = find_sources(["memory://in"]).sources
    assert (one.format, dict(one.partition)) == (Format.CSV, {"country": "de"})
    store.pipe_file("/in/country=de/a.csv", b"text\nanother\n")
    assert not one.is_unchanged()


def test_a_file_url_is_a_file(engine, tmp_path):
    write_rows("a.csv", 100)
    categorize(engine, f"file://{tmp_path}/a.csv", f"file://{tmp_path}/out/", run="run")
    categorize(engine, "a.csv", "here/")
    assert local_parts("out") == local_parts("here")


@pytest.mark.parametrize(
    ("source", "target", "options", "message"),
    [
        ("memory://no.csv", "o.csv", {}, r"memory://no\.csv: no file is there"),
        ("memory://x.csv?a=b", "o.csv", {}, r"options after a \? are not supported"),
        ("nope://x.csv", "o.csv", {}, "nope://x.csv: cannot be reached"),
        ("a.csv", "memory://out/", {}, "memory://out/ is a URL.*--run"),
        ("a.csv", "memory://full/", {"run": "run"}, "memory://full/: this folder holds files"),
    ],
)
def test_what_cannot_be_done_is_reported(engine, store, source, target, options, message):
    write_rows("a.csv", 10)
    store.pipe_file("/full/else.txt", b"x")
    with pytest.raises(TableError, match=message):
        categorize(engine, source, target, **options)


def test_what_is_known_about_a_file(store):
    store.pipe_file("/a.csv", b"12345")
    assert file_info("memory://a.csv").size == 5
    assert file_info("memory://b.csv") is None
    remove("memory://a.csv")
    with pytest.raises(TableError, match=r"memory://a\.csv: there is no such file"):
        open_url("memory://a.csv")
