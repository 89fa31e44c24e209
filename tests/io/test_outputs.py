"""A file is there complete or not at all, and what was there before stays."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest

from textshot.errors import TableError
from textshot.io import open_table, open_writer

ROWS = pa.RecordBatch.from_pydict({"a": ["new"] * 10})
NAMES = [
    "a.csv",
    "a.csv.gz",
    "a.tsv.bz2",
    "a.csv.xz",
    "a.csv.zst",
    "a.jsonl",
    "a.parquet",
    "a.xlsx",
]


class Failed(Exception):
    pass


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, Failed, SystemExit])
def test_any_exception_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, name, error):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    (tmp_path / name).write_text("old")

    def interrupted():
        with open_writer(tmp_path / name, ROWS.schema) as writer:
            writer.write(ROWS)
            raise error("stop")

    with pytest.raises(error, match="stop"):
        interrupted()
    assert (tmp_path / name).read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "scratch"])
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_file_appears_at_the_end_and_not_before(tmp_path, name):
    with open_writer(tmp_path / name, ROWS.schema) as writer:
        writer.write(ROWS)
        [temporary] = tmp_path.iterdir()
        assert temporary.name.startswith(f".{name}.tmp-{os.getpid()}-")
    assert writer.written == 10
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_rights_and_links_of_the_old_file_are_kept(tmp_path, write):
    (tmp_path / "real.csv").touch(mode=0o640)
    (tmp_path / "real.csv").chmod(0o640)
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv", {"a": ["x"]})
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "a\nx\n"
    assert stat.S_IMODE((tmp_path / "real.csv").stat().st_mode) == 0o640


def test_a_missing_folder_is_an_error(tmp_path, write):
    with pytest.raises(TableError, match=r"the folder .*none does not exist. Make it first"):
        write(tmp_path / "none" / "a.csv", {"a": ["x"]})


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "a\0b.csv"])
def test_a_name_that_cannot_be_is_an_error(tmp_path, write, name):
    with pytest.raises(TableError, match=r"cannot be written .*; no file was written"):
        write(tmp_path / name, {"a": ["x"]})


def test_the_file_is_on_the_disk_before_it_takes_its_place(tmp_path, write, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append((tmp_path / "a.csv").exists()))
    write(tmp_path / "a.csv", {"a": ["x"]})
    assert seen == [False, True]  # the file, then the folder that has its name


def test_rows_of_other_columns_are_an_error(tmp_path):
    other = pa.RecordBatch.from_pydict({"b": ["x"]})
    numbers = pa.schema([("a", pa.int64())])
    with (
        pytest.raises(TableError, match=r"rows have the columns \['b'\], the file has \['a'\]"),
        open_writer(tmp_path / "a.csv", ROWS.schema) as writer,
    ):
        writer.write(other)
    with (
        pytest.raises(TableError, match="rows have other types than the file's columns"),
        open_writer(tmp_path / "a.parquet", numbers) as writer,
    ):
        writer.write(ROWS)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def as_plain_user():
    """Run as somebody to whom rights apply, in a folder that is theirs; root may do anything."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, -1)
        os.setresuid(65534, 65534, 0)
    yield folder
    if root:
        os.setresuid(0, 0, 0)
    shutil.rmtree(folder)


def test_a_file_without_rights_is_an_error(as_plain_user, write):
    path = as_plain_user / "a.csv"
    path.write_text("old\n")
    path.chmod(0o000)
    with pytest.raises(TableError, match="no permission to read it"):
        open_table(path)
    path.chmod(0o444)
    with pytest.raises(TableError, match=r"no permission to write .*previous file is unchanged"):
        write(path, {"a": ["x"]})
    assert path.read_text() == "old\n"


def test_a_folder_without_rights_is_an_error(as_plain_user, write):
    as_plain_user.chmod(0o555)
    with pytest.raises(TableError, match="no permission to write there; no file was written"):
        write(as_plain_user / "a.csv", {"a": ["x"]})


FILL_THE_DISK = """
import resource, sys
import pyarrow as pa
from textshot.errors import TableError
from textshot.io import open_writer

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
import random
letters = random.Random(0)
rows = pa.RecordBatch.from_pydict({"a": ["%x" % letters.getrandbits(8000) for _ in range(500)]})
try:
    with open_writer(sys.argv[1], rows.schema) as writer:
        for _ in range(10):
            writer.write(rows)
except TableError as error:
    print(error)
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_leaves_the_previous_file(tmp_path, name):
    (tmp_path / name).write_text("old")
    run = [sys.executable, "-W", "error", "-c", FILL_THE_DISK, str(tmp_path / name)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert "cannot be written (File too large); the previous file is unchanged" in done.stdout
    assert done.stderr == ""
    assert (tmp_path / name).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_full_disk_without_a_previous_file_leaves_none(tmp_path):
    run = [sys.executable, "-c", FILL_THE_DISK, str(tmp_path / "a.csv")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert "no file was written" in done.stdout
    assert list(tmp_path.iterdir()) == []
