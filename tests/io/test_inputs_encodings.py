"""Encodings: what is declared is followed, what does not fit is rejected and never guessed."""

import gzip

import pytest

from textshot.errors import TableError
from textshot.io import open_table

ROWS = "id,text\n1,Grüße\n2,日本 🎉\n"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides_and_is_no_part_of_the_name(read_bytes, codec):
    found = read_bytes("a.csv", ROWS.encode(codec))
    assert found.columns == ("id", "text")
    assert found.rows == [("1", "Grüße"), ("2", "日本 🎉")]


def test_utf_16_big_endian_is_known_by_its_mark(read_bytes):
    data = b"\xfe\xff" + ROWS.encode("utf-16-be")
    assert read_bytes("a.csv", data).rows[0] == ("1", "Grüße")


def test_cp1252_without_encoding_is_rejected_with_the_remedy(read_bytes):
    found = read_bytes("a.csv", "id,text\n1,café\n2,tea\n".encode("cp1252"))
    assert found.rows == [("2", "tea")]
    assert found.reasons == [
        "byte 0xe9 is not utf-8; if the file is in another encoding give --encoding cp1252"
    ]
    assert found.rejects[0].row == '["1", "caf\\xe9"]'


def test_cp1252_with_encoding_is_read(read_bytes):
    data = "id,text\n1,café €\n".encode("cp1252")
    assert read_bytes("a.csv", data, encoding="cp1252").rows == [("1", "café €")]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8_sig"])
def test_a_mark_is_dropped_where_utf_8_is_named(read_bytes, encoding):
    data = b"\xef\xbb\xbf" + ROWS.encode()
    assert read_bytes("a.csv", data, encoding=encoding).columns == ("id", "text")


@pytest.mark.parametrize("encoding", ["nonsense", "rot13", "base64", "", "a\0b"])
def test_an_unknown_encoding_is_an_error(tmp_path, encoding):
    (tmp_path / "a.csv").write_text(ROWS)
    with pytest.raises(TableError, match="there is no encoding"):
        open_table(tmp_path / "a.csv", encoding=encoding)


def test_half_a_utf_16_character_is_an_error_with_the_line(read_bytes):
    with pytest.raises(TableError, match="not utf-16 after line 3"):
        read_bytes("a.csv", ROWS.encode("utf-16") + b"a")


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt"])
def test_undecodable_bytes_are_rejected_in_every_text_format(read_bytes, name):
    found = read_bytes(name, b'{"a": "ok"}\n{"a": "caf\xe9"}\n')
    assert found.lines == [1]
    assert "byte 0xe9 is not utf-8" in found.reasons[0]
    assert found.rejects[0].row == '{"a": "caf\\xe9"}'


def test_gzip_is_known_by_its_ending(read_bytes):
    assert read_bytes("a.csv.gz", gzip.compress(ROWS.encode("utf-16"))).rows[0] == ("1", "Grüße")


def test_a_broken_gzip_is_an_error(tmp_path, read_bytes):
    with pytest.raises(TableError, match=r"cannot be read .*Not a gzipped file"):
        read_bytes("a.csv.gz", ROWS.encode())
    whole = gzip.compress(("a\n" + "b\n" * 100_000).encode())
    with pytest.raises(TableError, match=r"cannot be read after line [0-9]+ .*file is\s+complete"):
        read_bytes("b.csv.gz", whole[:-20])
    with pytest.raises(TableError, match="cannot be read"):
        read_bytes("c.csv.gz", whole[:12] + b"\xff" * 20 + whole[32:])
