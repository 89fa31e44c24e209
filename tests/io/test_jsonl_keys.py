"""The keys of JSON Lines become columns: all those of a file, the early ones of a pipe."""

import gzip
import os
import threading

import pytest

from textshot.errors import TableError
from textshot.io import Format, batches, jsonl, open_table

LATE = b"".join(b'{"b": %d}\n' % n for n in range(9)) + b'{"new": 9, "b": 8}\n{"a": 10}\n'


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_key_that_comes_late_in_a_file_is_a_column(read_bytes, name):
    data = gzip.compress(LATE) if name.endswith("gz") else LATE
    found = read_bytes(name, data, batch_rows=2)
    assert found.columns == ("b", "new", "a")
    assert found.rejects == []
    assert found.rows[-3:] == [("8", "", ""), ("8", "9", ""), ("", "", "10")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-be"])
def test_a_file_is_read_again_in_its_encoding(read_bytes, encoding):
    data = '{"é": "ü"}\n{"🎉": "ö"}\n'.encode(encoding)
    given = "utf-16-be" if encoding == "utf-16-be" else None
    found = read_bytes("a.jsonl", data, batch_rows=1, encoding=given)
    assert found.columns == ("é", "🎉")
    assert found.rows == [("ü", ""), ("", "ö")]


@pytest.mark.parametrize(
    "line",
    [
        b'{"x": 1, "x": 2}',
        b'{"x": NaN}',
        b'{"x": "\0"}',
        b'{"x": "\xe9"}',
        b'{"x": 1',
        b'["x"]',
        b'{"x": 1, "\\ud800": 2}',
        b'{"x": 1}' + b" " * 10_000_000,
    ],
)
def test_a_row_that_is_rejected_makes_no_column(read_bytes, line):
    found = read_bytes("a.jsonl", b'{"a": 1}\n' + line + b'\n{"b": 2}\n', batch_rows=1)
    assert found.columns == ("a", "b")
    assert [reject.line for reject in found.rejects] == [2]
    assert "new key" not in found.reasons[0]


def test_good_rows_after_many_bad_ones_are_read(read_bytes):
    found = read_bytes("a.jsonl", b"bad\n{}\n" * 5 + b'{"a": 1}\n', batch_rows=2)
    assert found.columns == ("a",)
    assert found.rows[-1] == ("1",)
    assert len(found.rejects) == 5


def test_a_new_key_in_a_pipe_is_rejected_and_a_file_advised(read, stdin):
    stdin(LATE)
    found = read("-", format=Format.JSONL, batch_rows=9)
    assert found.columns == ("b",)
    assert found.rejects[0].line == 10
    assert found.rejects[0].row == '{"new": 9, "b": 8}'
    assert found.reasons[0] == (
        "has the new key 'new'; of a pipe, only the first rows make the columns. Save it as a file,"
        " and all do"
    )


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_named_pipe_is_read_once(tmp_path, read, name):
    os.mkfifo(tmp_path / name)
    data = gzip.compress(LATE) if name.endswith("gz") else LATE
    feeder = threading.Thread(target=(tmp_path / name).write_bytes, args=[data])
    feeder.start()
    found = read(tmp_path / name, batch_rows=9)
    feeder.join(60)
    assert found.columns == ("b",)
    assert [reject.line for reject in found.rejects] == [10, 11]


def test_a_key_that_was_added_while_the_file_was_read_is_rejected(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n')
    with open_table(path) as table:
        path.write_bytes(b'{"a": 1}\n{"z": 1}\n')
        [batch] = table.batches()
    assert "the file changed while it was read" in batch.rejects[0].reason


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_progress_begins_at_0_after_the_keys_were_collected(tmp_path, name):
    data = LATE * 20_000
    (tmp_path / name).write_bytes(gzip.compress(data, 0) if name.endswith("gz") else data)
    with open_table(tmp_path / name) as table:
        seen = [table.fraction, *(table.fraction for _ in table.batches()), table.fraction]
        assert max(seen[:-1]) < 1  # what is read ahead is not read yet
    assert seen[0] == 0
    assert 0 < seen[1] < 0.5
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_more_keys_than_columns_can_be_are_an_error(tmp_path, read_bytes, stdin, monkeypatch):
    monkeypatch.setattr(jsonl, "MAX_COLUMNS", 20)
    lines = [b'{"k%d": 1}\n' % n for n in range(21)]
    assert len(read_bytes("a.jsonl", b"".join(lines[:20])).columns) == 20
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(TableError, match=r"a.jsonl: the objects have more than 20 different keys"):
        open_table(tmp_path / "a.jsonl")
    stdin(b"".join(lines))
    with pytest.raises(TableError, match=r"<stdin>: the objects have more than 20 different keys"):
        open_table("-", format=Format.JSONL)


def test_very_long_keys_are_an_error_before_they_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl, "MAX_BATCH_CHARS", 1000)
    (tmp_path / "a.jsonl").write_bytes(b"".join(b'{"%0400d": 1}\n' % n for n in range(3)))
    with pytest.raises(TableError, match=r"or 1,000 characters in them"):
        open_table(tmp_path / "a.jsonl")


def test_many_columns_make_short_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MAX_BATCH_CELLS", 30)
    (tmp_path / "a.jsonl").write_bytes(b"".join(b'{"k%d": 1}\n' % n for n in range(10)))
    with open_table(tmp_path / "a.jsonl") as table:
        assert [batch.data.num_rows for batch in table.batches()] == [3, 3, 3, 1]
