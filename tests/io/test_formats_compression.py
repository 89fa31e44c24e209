"""Packed text files: gzip, bzip2, xz and Zstandard, in and out, and bombs among them."""

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from textshot.errors import TableError
from textshot.io import formats, open_table, open_writer
from textshot.io.formats import Compression, compressed, format_by_extension

ENDINGS = [".gz", ".bz2", ".xz", ".zst"]
ROWS = "id,text\n" + "".join(f"{i},text {i * i % 977} of a row\n" for i in range(20_000))


def zstd(data):
    file = io.BytesIO()
    with compressed(file, Compression.ZSTD) as stream:
        stream.write(data)
    return file.getvalue()


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_a_packed_file_has_the_rows_of_the_plain_one(tmp_path, convert, read, name, ending):
    (tmp_path / "a.csv").write_text(ROWS)
    plain = convert(tmp_path / "a.csv", tmp_path / f"plain-{name}")
    path = convert(tmp_path / "a.csv", tmp_path / f"{name}{ending}")
    assert path.stat().st_size < plain.stat().st_size / 2
    found, expected = read(path), read(plain)
    assert (found.rows, found.lines) == (expected.rows, expected.lines)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_other_programs_packed_is_read_in_any_encoding(read_bytes, ending):
    data = "text\nGrüße\n日本\n".encode("utf-16")
    assert read_bytes(f"a.csv{ending}", PACK[ending](data)).rows == [("Grüße",), ("日本",)]
    assert read_bytes(f"a.TXT{ending.upper()}", PACK[ending](b"one\ntwo\n")).rows == [
        ("one",),
        ("two",),
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_put_behind_each_other_are_one(read_bytes, ending):
    data = PACK[ending](b"text\na\n") + PACK[ending](b"b\n")
    assert read_bytes(f"a.csv{ending}", data).rows == [("a",), ("b",)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_rows_give_the_same_bytes(tmp_path, convert, monkeypatch, ending):
    (tmp_path / "in.csv").write_text(ROWS)
    first = convert(tmp_path / "in.csv", tmp_path / f"a.csv{ending}").read_bytes()
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert convert(tmp_path / "in.csv", tmp_path / f"b.csv{ending}").read_bytes() == first


@pytest.mark.parametrize("ending", ENDINGS)
def test_progress_is_reported_by_what_went_in(tmp_path, ending):
    (tmp_path / f"a.csv{ending}").write_bytes(PACK[ending](ROWS.encode() * 2))
    with open_table(tmp_path / f"a.csv{ending}") as table:
        seen = [table.fraction, *(table.fraction for _ in table.batches()), table.fraction]
        assert max(seen[:-1]) < 1  # what is read ahead is not read yet
    assert seen == sorted(seen)
    assert 0 < seen[0] <= seen[-1] == 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_packed_otherwise_or_not_at_all_is_an_error(tmp_path, ending):
    for data in (b"id,text\n1,x\n" * 9, b"PK\3\4" + bytes(99)):
        (tmp_path / f"a.csv{ending}").write_bytes(data)
        with pytest.raises(TableError, match=r"a.csv\.\w+: cannot be read .*Check that the file"):
            open_table(tmp_path / f"a.csv{ending}")


def test_a_binary_format_is_not_packed_again():
    assert format_by_extension("a.parquet.zst") is None
    assert format_by_extension("a.xlsx.bz2") is None
    assert format_by_extension("a.csv.zip") is None
    with pytest.raises(TableError, match=r"after a text format \.gz, \.bz2, \.xz, \.zst;"):
        open_table("a.csv.zip")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_bomb_is_stopped_after_the_rows_that_came_before(
    tmp_path, read_until, monkeypatch, ending
):
    monkeypatch.setattr(formats, "MAX_DECOMPRESSED_BYTES", 1 << 20)
    monkeypatch.setattr(formats, "MAX_COMPRESSION_RATIO", 50)
    row = b"the same text all over again\n"
    (tmp_path / f"a.txt{ending}").write_bytes(PACK[ending](row * 300_000))
    message = r"expands to more than 50 times .* decompress it yourself"
    lines = read_until(tmp_path / f"a.txt{ending}", message).lines
    assert lines == list(range(1, len(lines) + 1))
    assert (1 << 20) / len(row) - 600 < len(lines) < 300_000


def test_what_packs_well_is_no_bomb_below_the_limit(read_bytes, monkeypatch):
    monkeypatch.setattr(formats, "MAX_COMPRESSION_RATIO", 50)
    data = b"text\n" + b"the same text all over again\n" * 50_000
    assert len(read_bytes("a.csv.xz", lzma.compress(data)).rows) == 50_000


BOMB = """
import resource, sys, time
from textshot.errors import TableError
from textshot.io import open_table
begin = time.monotonic()
try:
    with open_table(sys.argv[1]) as table:
        for batch in table.batches():
            pass
except TableError as error:
    print(error)
print(int(time.monotonic() - begin), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_real_bomb_takes_neither_memory_nor_time(tmp_path, ending):
    path = tmp_path / f"a.txt{ending}"
    with path.open("wb") as file, compressed(file, Compression(ending)) as stream:
        for _ in range(1100):
            stream.write(bytes(1 << 20))
    run = [sys.executable, "-c", BOMB, str(path)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300)
    message, figures = done.stdout.splitlines()
    assert "expands to more than 500 times its size and more than 1,073,741,824" in message
    seconds, mebibytes = map(int, figures.split())
    assert seconds < 120
    assert mebibytes < 400


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_rows_are_a_header_or_nothing(tmp_path, write, read, ending):
    assert read(write(tmp_path / f"a.csv{ending}", {"text": []})).columns == ("text",)
    path = write(tmp_path / f"a.jsonl{ending}", {"text": []})
    with pytest.raises(TableError, match=r"jsonl\.\w+: the file is empty"):
        read(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_stays_open_behind_what_packs(ending):
    file = io.BytesIO()
    compressed(file, Compression(ending)).close()
    assert not file.closed


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_text_cannot_be_written_packed_either(tmp_path, ending):
    with pytest.raises(TableError, match="cannot be written as plain text"):
        open_writer(tmp_path / f"a.txt{ending}", pa.schema([("a", pa.string())]))
