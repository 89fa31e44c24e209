"""Parquet keeps its types; a broken file is an error."""

import datetime
import decimal
import json
import math
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textshot.errors import TableError
from textshot.io import open_table, parquet
from textshot.io.values import json_field


def every_type() -> pa.Table:
    noon = datetime.datetime(2026, 3, 4, 12, 0, 1, tzinfo=datetime.UTC)
    columns = {
        "int": pa.array([-5, None], pa.int64()),
        "single": pa.array([0.1, math.nan], pa.float32()),
        "double": pa.array([0.5, math.inf]),
        "bool": pa.array([True, None]),
        "text": pa.array(["é", None]),
        "large": pa.array(["a", "b"], pa.large_string()),
        "kind": pa.array(["x", None]).dictionary_encode(),
        "bytes": pa.array([b"ab", b"\xff"]),
        "decimal": pa.array([decimal.Decimal("1.50"), None]),
        "nanos": pa.array([1_000_000_001, None], pa.timestamp("ns")),
        "zoned": pa.array([noon, None], pa.timestamp("s", "Europe/Berlin")),
        "date": pa.array([noon.date(), None]),
        "time": pa.array([datetime.time(1, 2, 3), None]),
        "took": pa.array([3, None], pa.duration("ms")),
        "list": pa.array([[1.5, math.nan], None]),
        "fixed": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
        "struct": pa.array([{"a": 1, "t": datetime.date(2026, 1, 2)}, None]),
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        "nothing": pa.nulls(2),
    }
    return pa.table(columns)


def test_typed_columns_are_kept(tmp_path, convert):
    pq.write_table(every_type(), tmp_path / "a.parquet")
    convert(tmp_path / "a.parquet", tmp_path / "b.parquet")
    before, after = (pq.read_table(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert after.schema == before.schema
    assert str(after) == str(before)  # equals() would say that NaN is not NaN


def test_every_type_becomes_json(tmp_path, convert):
    pq.write_table(every_type(), tmp_path / "a.parquet")
    path = convert(tmp_path / "a.parquet", tmp_path / "b.jsonl")
    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert first == {
        "int": -5,
        "single": 0.1,
        "double": 0.5,
        "bool": True,
        "text": "é",
        "large": "a",
        "kind": "x",
        "bytes": "ab",
        "decimal": 1.5,
        "nanos": "1970-01-01T00:00:01.000000001",
        "zoned": "2026-03-04T12:00:01.000Z",
        "date": "2026-03-04",
        "time": "01:02:03.000000",
        "took": "3 ms",
        "list": [1.5, None],
        "fixed": [1.0, 2.0],
        "struct": {"a": 1, "t": "2026-01-02"},
        "map": [["k", 1]],
        "nothing": None,
    }
    told = {key: value for key, value in second.items() if value is not None}
    assert told == {"double": "inf", "large": "b", "bytes": "\\xff"}


def test_every_type_becomes_text_and_nested_ones_json(tmp_path, convert, read):
    pq.write_table(every_type(), tmp_path / "a.parquet")
    found = read(convert(tmp_path / "a.parquet", tmp_path / "b.csv"))
    row = dict(zip(found.columns, found.rows[0], strict=True))
    assert row["int"] == "-5"
    assert row["bool"] == "true"
    assert row["decimal"] == "1.50"
    assert row["struct"] == '{"a": 1, "t": "2026-01-02"}'
    assert found.rows == read(tmp_path / "a.parquet").rows
    assert len(read(convert(tmp_path / "a.parquet", tmp_path / "c.xlsx")).rows) == 2


def test_lines_are_row_numbers_across_batches(tmp_path, read):
    pq.write_table(pa.table({"n": list(range(10))}), tmp_path / "a.pq", row_group_size=3)
    found = read(tmp_path / "a.pq", batch_rows=4)
    assert found.lines == list(range(1, 11))
    assert [row[0] for row in found.rows] == [str(n) for n in range(10)]


def test_small_batches_become_large_row_groups(tmp_path, convert, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 6000)
    (tmp_path / "a.csv").write_text("n\n" + "1\n" * 20_000)
    convert(tmp_path / "a.csv", tmp_path / "a.parquet")
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert file.num_row_groups == 3  # 8192, 8192 and the rest
    assert file.metadata.num_rows == 20_000


def test_json_texts_are_written_as_what_they_say(tmp_path, convert):
    (tmp_path / "a.jsonl").write_text('{"a": "x", "b": 1}\n{"a": null, "b": [1]}\n')
    table = pq.read_table(convert(tmp_path / "a.jsonl", tmp_path / "a.parquet"))
    assert table.to_pydict() == {"a": ["x", None], "b": ["1", "[1]"]}
    assert table.schema.field("a").metadata is None


def test_a_file_cannot_pass_its_strings_off_as_json(tmp_path, convert):
    schema = pa.schema([json_field("a")])
    pq.write_table(pa.table({"a": ["not, json"]}, schema=schema), tmp_path / "a.parquet")
    path = convert(tmp_path / "a.parquet", tmp_path / "a.jsonl")
    assert path.read_text() == '{"a": "not, json"}\n'


def test_a_broken_file_is_an_error(tmp_path, read):
    pq.write_table(pa.table({"n": ["abc" * 50] * 1000}), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    for data in (b"", b"id,text\n", whole[: len(whole) // 2], whole[:4] + bytes(50) + whole[54:]):
        (tmp_path / "b.parquet").write_bytes(data)
        with pytest.raises(TableError, match="cannot be read as Parquet"):
            read(tmp_path / "b.parquet")


def test_a_string_that_is_not_utf_8_is_an_error(tmp_path, read):
    data = pa.array([b"ok", b"\xff"]).view(pa.string())
    pq.write_table(pa.table({"a": data}), tmp_path / "a.parquet")
    with pytest.raises(TableError, match=r"after row 0 \(.*UTF8"):
        read(tmp_path / "a.parquet")


def test_a_changed_page_is_an_error_if_the_file_has_checksums(tmp_path, read_until):
    table = pa.table({"n": [f"text {i}" for i in range(200)]})
    pq.write_table(
        table,
        tmp_path / "a.parquet",
        row_group_size=100,
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
    )
    damaged = (tmp_path / "a.parquet").read_bytes().replace(b"text 150", b"text 950")
    (tmp_path / "a.parquet").write_bytes(damaged)
    found = read_until(tmp_path / "a.parquet", r"after row 100 \(.*CRC")
    assert len(found.rows) == 100


def test_a_name_that_is_not_utf_8_is_an_error(tmp_path):
    pq.write_table(pa.table({"name": ["a"]}), tmp_path / "a.parquet", store_schema=False)
    damaged = (tmp_path / "a.parquet").read_bytes().replace(b"name", b"n\xe4me")
    (tmp_path / "a.parquet").write_bytes(damaged)
    with pytest.raises(TableError, match=r"a.parquet: cannot be read as Parquet"):
        open_table(tmp_path / "a.parquet")


def test_fewer_rows_than_the_footer_states_are_an_error(tmp_path, read_until, monkeypatch):
    pq.write_table(pa.table({"n": list(range(10))}), tmp_path / "a.parquet", row_group_size=5)
    whole = parquet._slices
    monkeypatch.setattr(parquet, "_slices", lambda *arguments: islice(whole(*arguments), 1))
    found = read_until(
        tmp_path / "a.parquet", r"after row 4 \(it should have 10 rows", batch_rows=4
    )
    assert len(found.rows) == 4


def test_a_file_without_columns_is_an_error(tmp_path):
    pq.write_table(pa.table({}), tmp_path / "a.parquet")
    with pytest.raises(TableError, match="the header is empty"):
        open_table(tmp_path / "a.parquet")


def test_columns_of_one_name_are_an_error(tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(TableError, match="both called 'a'"):
        open_table(tmp_path / "a.parquet")
