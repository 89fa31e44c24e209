"""A file that breaks in the middle: all rows before the break, then the error."""

import bz2
import gzip
import lzma
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textshot.io import batches, open_table

N_ROWS = 20_000


def zstd(data):
    """Small frames, as a frame that is cut off loses its last 128 KiB."""
    codec, parts = pa.Codec("zstd"), range(0, len(data), 5000)
    return b"".join(codec.compress(data[i : i + 5000], asbytes=True) for i in parts)


PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


def rows_of(n_rows=N_ROWS):
    return [f"t{i} {i * i % 9973}" for i in range(n_rows)]


def lines_of(kind, n_rows=N_ROWS):
    if kind == "jsonl":
        return [f'{{"text": "{row}"}}\n' for row in rows_of(n_rows)]
    return ["text\n"] * (kind == "csv") + [f"{row}\n" for row in rows_of(n_rows)]


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zst"])
@pytest.mark.parametrize("kind", ["csv", "txt", "jsonl"])
def test_a_packed_file_that_is_cut_off(tmp_path, read_until, kind, ending):
    packed = PACK[ending]("".join(lines_of(kind)).encode())
    (tmp_path / f"a.{kind}{ending}").write_bytes(packed[: len(packed) * 3 // 4])
    found = read_until(
        tmp_path / f"a.{kind}{ending}", r"cannot be read after line \d+ \(.*file is\s+complete"
    )
    n_rows = len(found.rows)
    assert 0.6 * N_ROWS < n_rows < 0.9 * N_ROWS
    assert [row[0] for row in found.rows] == rows_of(n_rows)
    assert found.lines == [i + 1 + (kind == "csv") for i in range(n_rows)]


@pytest.mark.parametrize("ending", PACK)
def test_no_row_is_lost_that_comes_before_the_break(tmp_path, read_until, ending):
    whole = PACK[ending]("".join(lines_of("txt")).encode())
    (tmp_path / f"a.txt{ending}").write_bytes(whole + PACK[ending](b"more\n" * 1000)[:-9])
    found = read_until(tmp_path / f"a.txt{ending}", "cannot be read after line")
    assert [row[0] for row in found.rows[:N_ROWS]] == rows_of()
    (tmp_path / f"b.txt{ending}").write_bytes(whole[:-1])
    read_until(tmp_path / f"b.txt{ending}", "cannot be read after line")


@pytest.mark.parametrize("batch_rows", [1, 7, 4096])
def test_the_line_in_the_message_is_the_last_good_one(tmp_path, read_until, batch_rows):
    data = "".join(lines_of("csv")).encode()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(data, 0)[:50_000])
    found = read_until(tmp_path / "a.csv.gz", "cannot be read", batch_rows=batch_rows)
    assert found.lines == list(range(2, found.lines[-1] + 1))
    assert f"after line {found.lines[-1]} (" in found.broken
    assert found.lines[-1] > 4000


@pytest.mark.parametrize("kind", ["csv", "txt", "jsonl"])
@pytest.mark.parametrize(("codec", "bad"), [("utf-16", b"\x41\xd8"), ("utf-32", b"\0\0\x11\0")])
def test_half_a_character_between_rows(tmp_path, read_until, kind, codec, bad):
    lines = lines_of(kind, 300)
    before, after = "".join(lines[:200]), "".join(lines[200:])
    data = "".encode(codec) + before.encode(f"{codec}-le") + bad + after.encode(f"{codec}-le")
    (tmp_path / f"a.{kind}").write_bytes(data)
    message = rf"a.{kind}: not {codec} after line 200 \(half a character\). .*--encoding"
    found = read_until(tmp_path / f"a.{kind}", message)
    assert [row[0] for row in found.rows] == rows_of(200 - (kind == "csv"))


def test_half_a_character_far_into_a_line_that_is_too_long(tmp_path, read_until, monkeypatch):
    monkeypatch.setattr(batches, "MAX_ROW_CHARS", 1000)
    data = ("ok\n" + "x" * 100_000).encode("utf-16") + b"\x41\xd8" + "\nmore\n".encode("utf-16-le")
    (tmp_path / "a.txt").write_bytes(data)
    found = read_until(tmp_path / "a.txt", "not utf-16 after line 2")
    assert (found.rows, found.rejects[0].line) == ([("ok",)], 2)


def test_rejects_before_the_break_are_kept(tmp_path, read_until):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,text\n1,x\n2,,2\n3,y\n")[:-4])
    found = read_until(tmp_path / "a.csv.gz", "cannot be read after line 4")
    assert found.rows == [("1", "x"), ("3", "y")]
    assert [reject.line for reject in found.rejects] == [3]


def test_the_keys_of_json_lines_that_break_are_those_before(tmp_path, read_until):
    lines = b'{"text": "a"}\n{"text": "b", "more": 1}\n'
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines)[:-4])
    found = read_until(tmp_path / "a.jsonl.gz", "cannot be read after line 2")
    assert found.columns == ("text", "more")
    assert found.rows == [("a", ""), ("b", "1")]


def damage(path, group):
    """Write over the middle of a row group."""
    about = pq.ParquetFile(path).metadata.row_group(group).column(0)
    begin = about.dictionary_page_offset or about.data_page_offset
    middle = begin + about.total_compressed_size // 2
    data = bytearray(path.read_bytes())
    data[middle : middle + 60] = b"\xff" * 60
    path.write_bytes(data)


@pytest.mark.parametrize("batch_rows", [1, 100, 128, 300, 4096])
def test_a_damaged_row_group_of_parquet(tmp_path, read_until, batch_rows):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": rows_of(1000)}), path, row_group_size=300, compression="zstd")
    damage(path, group=2)
    message = r"cannot be read as Parquet after row 600 \(.*Check that the file is complete"
    found = read_until(path, message, batch_rows=batch_rows)
    assert [row[0] for row in found.rows] == rows_of(600)
    assert found.lines == list(range(1, 601))


def test_a_sheet_that_is_cut_off(tmp_path, write, read_until):
    path = write(tmp_path / "a.xlsx", {"text": rows_of(1000)})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    [sheet] = [name for name in parts if name.startswith("xl/worksheets/")]
    # Excel says how large a sheet is; where nothing does, it is read to its end to find out.
    whole = parts[sheet].replace(b"<sheetData>", b'<dimension ref="A1"/><sheetData>')
    parts[sheet] = whole[: len(whole) // 2]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    found = read_until(path, r"Excel workbook after row \d+ \(", batch_rows=150)
    assert len(found.rows) > 400
    assert [row[0] for row in found.rows] == rows_of(len(found.rows))


def test_many_columns_of_csv_make_short_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MAX_BATCH_CELLS", 30)
    (tmp_path / "a.csv").write_text("a,b,c,d,e,f,g,h,i,j\n" + "1,2,3,4,5,6,7,8,9,0\n" * 10)
    with open_table(tmp_path / "a.csv") as table:
        assert [batch.data.num_rows for batch in table.batches()] == [3, 3, 3, 1]
