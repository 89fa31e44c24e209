"""What can be wrong with an input, through the job: told with the reason, and all else is done."""

from __future__ import annotations

import errno
import gzip
import io
import lzma
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_files import content, text_of, write_rows

from textshot.batch import categorize
from textshot.errors import TableError
from textshot.io import batches, formats, open_table, text_column
from textshot.testing import toy_engine

TEXTS = [text_of(i) for i in range(400)]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


def texts_in(folder):
    found = []
    for path in sorted(Path(folder).glob("part-*")):
        with open_table(path) as table:
            for batch in table.batches():
                found += text_column(batch.data, ["text"])
    return found


def lines(texts, header="text"):
    return "".join(f"{line}\n" for line in [header, *texts])


def good_files():
    Path("a.csv").write_text(lines(TEXTS[:150]))
    Path("z.csv").write_text(lines(TEXTS[250:]))


def job(engine, name, **options):
    """A job over a file that stands between two good ones; the texts of its rows that are done."""
    good_files()
    report = categorize(engine, ["a.csv", name, "z.csv"], "out/", shard_rows=100, **options)
    found = texts_in("out")
    assert found[:150] + found[len(found) - 150 :] == TEXTS[:150] + TEXTS[250:]
    assert report.read == report.written + report.rejected
    assert report.written == len(found)
    return report, found[150 : len(found) - 150]


def test_a_text_that_is_a_list_or_an_object_is_rejected(engine):
    values = ['"my parcel"', '["my parcel"]', '{"en": "my parcel"}', "7", "null"]
    Path("m.jsonl").write_text("".join(f'{{"text": {value}}}\n' for value in values))
    _, found = job(engine, "m.jsonl")
    assert found == ["my parcel", "7"]
    with open_table("out/_textshot/rejects.csv") as table:
        [batch] = table.batches()
    assert batch.data.column("line").to_pylist() == ["2", "3", "5"]
    assert batch.data.column("reason").to_pylist() == [
        *["'text' is a list or an object; one text is needed"] * 2,
        "the text is empty (text)",
    ]


def write_parquet(name, column, **options):
    pq.write_table(pa.table({"text": column}), name, **options)


def damage_the_middle(name, group):
    about = pq.ParquetFile(name).metadata.row_group(group).column(0)
    begin = about.dictionary_page_offset or about.data_page_offset
    data = bytearray(Path(name).read_bytes())
    middle = begin + about.total_compressed_size // 2
    data[middle : middle + 60] = b"\xff" * 60
    Path(name).write_bytes(data)


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("b.csv", b"caf\xe9", "byte 0xe9 is not utf-8; .* give --encoding cp1252"),
        ("b.txt", b"caf\xe9", "byte 0xe9 is not utf-8"),
        ("b.csv", b"my\0parcel", "has a NUL byte"),
        ("b.csv", b"x" * 5000, "is longer than 3,000 characters"),
        ("b.txt", b"x" * 5000, "is longer than 3,000 characters"),
        ("b.csv", b"x," * 99_999, r"(is longer than 3,000 char|has 100000 fields, the header has)"),
        ("b.csv", b"  ", r"the text is empty \(text\)"),
    ],
)
def test_a_row_that_is_no_good_is_rejected_alone(engine, monkeypatch, name, row, reason):
    monkeypatch.setattr(batches, "MAX_ROW_CHARS", 3000)
    header = b"text\n" if name.endswith("csv") else b""
    Path(name).write_bytes(header + b"my parcel\n" + row + b"\nlogin\n")
    report, found = job(engine, name)
    assert (found, report.rejected, report.failed) == (["my parcel", "login"], 1, [])
    with open_table(report.rejects_path) as table:
        [batch] = table.batches()
    [told] = batch.data.to_pylist()
    assert (told["source"], told["line"]) == (name, str(2 + bool(header)))
    assert re.search(reason, told["reason"])
    assert len(told["row"]) < 2100


def test_a_row_of_100_000_fields_is_rejected(engine):
    Path("b.csv").write_bytes(b"text\nmy parcel\n" + b"x," * 99_999 + b"x\nlogin\n")
    report, found = job(engine, "b.csv")
    assert (found, report.rejected, report.failed) == (["my parcel", "login"], 1, [])
    assert "has 100000 fields, the header has 1" in report.rejects_path.read_text()


@pytest.mark.slow
def test_100_000_columns_are_read_and_written(engine):
    names = [f"c{i}" for i in range(99_999)]
    rows = [f"{text}{',1' * 99_999}" for text in TEXTS[:3]]
    Path("b.csv").write_text(lines(rows, ",".join(["text", *names])))
    report = categorize(engine, "b.csv", "out/")
    assert (report.written, report.failed) == (3, [])
    assert texts_in("out") == TEXTS[:3]
    with Path("out/part-00000-00000.csv").open() as file:
        assert file.readline().count(",") == 99_999 + 3


LONG = """
import re, sys
from pathlib import Path
from textshot.batch import categorize
from textshot.testing import toy_engine

report = categorize(toy_engine(threshold=0.25), sys.argv[1:], "out/", processes=1)
peak = re.search("VmHWM:[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1]
print(report.written, report.rejected, len(report.failed), int(peak) // 1024)
"""


def measured(*names):
    run = [sys.executable, "-c", LONG, *names]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    return [int(number) for number in done.stdout.split()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["long.csv", "long.jsonl", "long.txt"])
def test_a_line_of_200_megabytes_is_no_more_than_a_rejected_row(name):
    good_files()
    *_, floor = measured("a.csv", "z.csv")
    with Path(name).open("wb") as file:
        file.write({"long.csv": b"text\n", "long.jsonl": b'{"text": "login"}\n'}.get(name, b""))
        file.writelines(b"x" * 1_000_000 for _ in range(200))
        file.write(b"\n")
    Path("out").rename("before")
    written, rejected, failed, peak = measured("a.csv", name, "z.csv")
    assert (written, rejected, failed) == (300 + (name == "long.jsonl"), 1, 0)
    assert peak < floor + 150


def test_a_packed_file_that_is_cut_off(engine):
    data = gzip.compress(lines(TEXTS[:200]).encode())
    Path("b.csv.gz").write_bytes(data[:-4])
    report, found = job(engine, "b.csv.gz")
    assert found == TEXTS[:200]
    [(name, reason)] = report.failed
    assert name == "b.csv.gz"
    assert re.match(r"b.csv.gz: cannot be read after line 201 \(.*Check that the file is", reason)


def test_a_bomb(engine, monkeypatch):
    monkeypatch.setattr(formats, "MAX_DECOMPRESSED_BYTES", 1 << 16)
    monkeypatch.setattr(formats, "MAX_COMPRESSION_RATIO", 20)
    Path("b.txt.xz").write_bytes(lzma.compress(b"my parcel is late\n" * 200_000))
    report, found = job(engine, "b.txt.xz", processes=1)
    assert 3000 < len(found) < 100_000
    assert set(found) == {"my parcel is late"}
    [(_, reason)] = report.failed
    assert "b.txt.xz: expands to more than 20 times its size" in reason
    assert "decompress it yourself" in reason


def test_half_a_character_of_utf_16(engine):
    before, after = (lines(TEXTS[:50]), lines(TEXTS[50:60], "x"))
    data = before.encode("utf-16") + b"\x41\xd8" + after.encode("utf-16-le")
    Path("b.csv").write_bytes(data)
    report, found = job(engine, "b.csv")
    assert found == TEXTS[:50]
    assert "b.csv: not utf-16 after line 51 (half a character)" in report.failed[0][1]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([{"a": 1}]), "struct<a: int64>"),
        (pa.array([["my", "parcel"]]), "list<element: string>"),
        (pa.array([b"my parcel"]), "binary"),
    ],
)
def test_parquet_whose_text_is_none(engine, column, kind):
    write_parquet("b.parquet", column)
    report, found = job(engine, "b.parquet")
    assert found == []
    [(name, reason)] = report.failed
    assert name == "b.parquet"
    assert f"b.parquet: the column 'text' holds {kind}, which is not text" in reason
    assert "--text-column" in reason


def test_parquet_with_numbers_in_place_of_text(engine):
    write_parquet("b.parquet", pa.array([7, None, 12]))
    report, found = job(engine, "b.parquet")
    assert (found, report.rejected, report.failed) == (["7", "12"], 1, [])


def test_parquet_that_is_damaged_in_the_middle(engine):
    write_parquet("b.parquet", TEXTS, row_group_size=150, compression="zstd")
    damage_the_middle("b.parquet", 1)
    report, found = job(engine, "b.parquet")
    assert found == TEXTS[:150]
    assert "b.parquet: cannot be read as Parquet after row 150 (" in report.failed[0][1]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("b.csv", b"", "b.csv: the file is empty. It needs a header"),
        ("b.jsonl", b"", "b.jsonl: the file is empty. It needs one JSON object a line"),
        ("b.parquet", b"", "b.parquet: cannot be read as Parquet"),
        ("b.parquet", b"PAR1 and no more", "b.parquet: cannot be read as Parquet"),
        ("b.xlsx", b"PK", "b.xlsx: is not an Excel workbook"),
        ("b.csv.zst", b"text\nx\n", "b.csv.zst: cannot be read"),
        ("b.csv", b"id,body\n1,x\n", "b.csv: there is no column 'text'; it has 'id', 'body'"),
        ("b.csv", b"text,text\n1,x\n", "b.csv: columns 1 and 2 of the header are both called"),
    ],
)
def test_a_file_that_cannot_be_used_at_all(engine, name, data, reason):
    Path(name).write_bytes(data)
    report, found = job(engine, name)
    assert (found, report.rejected) == ([], 0)
    [(failed, told)] = report.failed
    assert (failed, told[: len(reason)]) == (name, reason)
    with pytest.raises(TableError, match=re.escape(reason)):
        categorize(engine, name, "alone/")
    assert not Path("alone").exists()


def test_where_no_file_can_be_used_the_job_is_refused(engine):
    Path("b.csv").write_text("id,body\n1,x\n")
    Path("c.jsonl").write_text("")
    with pytest.raises(TableError, match=r"b.csv: there is no column 'text'.*\(and 1 more files"):
        categorize(engine, ["b.csv", "c.jsonl"], "out/")
    assert sorted(path.name for path in Path().iterdir()) == ["b.csv", "c.jsonl"]


def test_a_file_that_breaks_before_its_first_row_is_refused_alone(engine):
    Path("b.csv.gz").write_bytes(gzip.compress(b"text\n")[:-4])
    for output in ("out/", "out.csv"):
        with pytest.raises(TableError, match=r"b.csv.gz: cannot be read after line 1 \("):
            categorize(engine, "b.csv.gz", output)
    assert not Path("out.csv").exists()


@pytest.mark.parametrize("output", ["out/", "out.csv"])
def test_a_table_without_rows_is_one_with_the_columns(engine, output):
    Path("b.csv").write_text("text\n")
    assert categorize(engine, "b.csv", output).read == 0
    path = Path(output) / "part-00000-00000.csv" if output == "out/" else Path(output)
    assert path.read_text() == "text,label,score,margin\n"


def test_an_empty_text_file_is_no_mistake(engine):
    Path("b.txt").write_text("")
    report, found = job(engine, "b.txt")
    assert (found, report.rejected, report.failed) == ([], 0, [])


def test_an_input_that_changes_ends_where_it_did(engine):
    write_rows("b.csv", 1000, bad_every=2000)

    def advance(rows, fraction):
        if len(list(Path("out").glob("part-00001-*"))) == 3:
            with Path("b.csv").open("a") as file:
                file.write("more,my parcel\n")

    report, found = job(engine, "b.csv", on_progress=advance)
    assert found == [text_of(i) for i in range(300)]
    [(name, reason)] = report.failed
    assert (name, reason[:34]) == ("b.csv", "b.csv: changed while it was read; ")
    assert "Start again with --restart" in reason


class Disk:
    """A disk that gets full: one write is short, and later ones fail, as does syncing a file."""

    def __init__(self, monkeypatch):
        self.n_calls, self.most = 0, None
        for name in ("write", "fsync"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, call):
        def counted(handle, *data):
            if not data and stat.S_ISDIR(os.fstat(handle).st_mode):
                return call(handle)  # not every file system can sync a folder
            self.n_calls += 1
            if self.most is None or self.n_calls <= self.most:
                return call(handle, *data)
            if data and self.n_calls == self.most + 1:
                return call(handle, data[0][: len(data[0]) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return counted


class Files:
    """New files that together hold so many bytes, and then find no room."""

    def __init__(self, monkeypatch):
        self.written, self.room = 0, None
        opened, files = Path.open, self

        class File(io.FileIO):
            def write(self, data):
                files.written += len(data)
                if files.room is not None and files.written > files.room:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return super().write(data)

        def open_file(path, mode="r", *args, **options):
            if mode == "xb":
                return io.BufferedWriter(File(path, "x"))
            return opened(path, mode, *args, **options)

        monkeypatch.setattr(Path, "open", open_file)


def prepared(name):
    """A folder with an input that is as old as any other."""
    folder = Path(name).absolute()
    folder.mkdir()
    write_rows(folder / "in.csv", 300)
    os.utime(folder / "in.csv", (1, 1))
    return folder


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 0.8, 0.99])
@pytest.mark.parametrize("output", ["out.csv", "out.jsonl.zst", "out/"])
def test_a_disk_that_is_full_in_a_part_or_in_what_they_are_joined_to(
    engine, monkeypatch, output, share
):
    whole, full, files = prepared("whole"), prepared("full"), Files(monkeypatch)
    monkeypatch.chdir(whole)
    categorize(engine, "in.csv", output, shard_rows=100)
    files.room, files.written = int(files.written * share), 0
    monkeypatch.chdir(full)
    with pytest.raises(TableError, match=r"cannot be written \(No space left.*Free some space"):
        categorize(engine, "in.csv", output, shard_rows=100)
    assert not Path("out.csv").exists()
    files.room = None
    assert categorize(engine, "in.csv", output, shard_rows=100).read == 300
    assert content(full) == content(whole)


@pytest.mark.parametrize("output", ["out.csv", "out/"])
def test_a_full_disk_at_any_moment_and_then_room(engine, monkeypatch, output):
    def run(folder):
        monkeypatch.chdir(folder)
        return categorize(engine, "in.csv", output, shard_rows=150)

    top, disk = Path.cwd(), Disk(monkeypatch)
    whole = run(prepared("whole"))
    n_calls = disk.n_calls
    assert n_calls > 15
    for most in range(n_calls):
        folder = prepared(top / f"full-{most}")
        disk.n_calls, disk.most = 0, most
        with pytest.raises(TableError, match=r"\(No space left.*(Make room|Free some space)"):
            run(folder)
        disk.most = None
        report = run(folder)
        assert report.to_dict() == whole.to_dict()
        assert content(folder) == content(top / "whole")


@pytest.mark.parametrize("link", ["same", "dotted", "symbolic", "hard", "case"])
@pytest.mark.parametrize("name", ["in.csv", "in.parquet"])
def test_an_output_that_is_an_input_is_refused_under_any_name(engine, name, link):
    if name == "in.csv":
        write_rows(name, 20)
    else:
        write_parquet(name, TEXTS)
    before, output = Path(name).read_bytes(), f"out{Path(name).suffix}"
    if link == "symbolic":
        Path(output).symlink_to(name)
    elif link == "hard":
        os.link(name, output)
    elif link == "case":
        output = name.upper().replace("IN.", "In.")
    else:
        output = name if link == "same" else f"./{name}"
    with pytest.raises(TableError, match=f"is the input {name}, which would be replaced"):
        categorize(engine, [name], output)
    with pytest.raises(TableError, match=f"is the input {name}, which would be replaced"):
        categorize(engine, ["in.*"], output)
    assert Path(name).read_bytes() == before
    assert {path.name for path in Path().iterdir()} <= {name, output}


def test_a_link_to_itself_is_an_error_wherever_it_stands(engine):
    write_rows("in.csv", 3)
    Path("loop.csv").symlink_to("loop.csv")
    with pytest.raises(TableError, match=r"loop.csv: there is no such file"):
        categorize(engine, "loop.csv", "out.csv")
    with pytest.raises(TableError, match=r"loop.csv: cannot be written \(Too many levels"):
        categorize(engine, "in.csv", "loop.csv")
    assert categorize(engine, "in.csv", "out.csv", rejects="loop.csv").written == 3
