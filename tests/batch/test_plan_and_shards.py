"""The columns of many files, and the shards of each: every row once, in its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textshot.batch.inputs import find_sources
from textshot.batch.options import JobOptions, RowSelection
from textshot.batch.plan import make_plan
from textshot.batch.shards import FileEnd, Shard, read_shards
from textshot.errors import TableError
from textshot.io import TableOptions


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def plan_of(*inputs, **options):
    return make_plan(find_sources(inputs).sources, TableOptions(**options))


def rows(plan, **options):
    """All rows as dictionaries, and the ends."""
    found, ends = [], []
    for event in read_shards(plan, **options):
        if isinstance(event, FileEnd):
            ends.append(event)
        else:
            found += event.data.to_pylist()
    return found, ends


def test_the_columns_are_those_of_all_files_in_order():
    Path("a.csv").write_text("id,text\n1,x\n")
    Path("b.csv").write_text("text,extra\ny,e\n")
    plan = plan_of("a.csv", "b.csv")
    assert plan.schema.names == ["id", "text", "extra"]
    found, ends = rows(plan)
    assert found == [
        {"id": "1", "text": "x", "extra": None},
        {"id": None, "text": "y", "extra": "e"},
    ]
    assert ends == [FileEnd(0, 1), FileEnd(1, 1)]


def test_a_type_that_holds_both_is_taken_and_text_where_there_is_none():
    pq.write_table(pa.table({"n": pa.array([1], pa.int32()), "m": [1], "text": ["x"]}), "a.parquet")
    pq.write_table(pa.table({"n": pa.array([2.5]), "m": ["two"], "text": ["y"]}), "b.parquet")
    plan = plan_of("a.parquet", "b.parquet")
    assert [str(field.type) for field in plan.schema] == ["double", "string", "string"]
    assert rows(plan)[0] == [{"n": 1.0, "m": "1", "text": "x"}, {"n": 2.5, "m": "two", "text": "y"}]


def test_a_value_that_the_type_of_all_files_cannot_hold_ends_its_file_with_the_reason():
    pq.write_table(pa.table({"n": [1, 2**60 + 1], "text": ["x", "y"]}), "a.parquet")
    pq.write_table(pa.table({"n": [0.5], "text": ["z"]}), "b.parquet")
    found, ends = rows(plan_of("a.parquet", "b.parquet"))
    assert found == [{"n": 0.5, "text": "z"}]
    assert ends[0].error.startswith(
        "a.parquet: the column 'n' is int64, with other files double, and not every value fits"
    )


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.struct([("a", pa.int64())]), [{"a": 1}]),
        (pa.list_(pa.string()), [["x"]]),
        (pa.binary(), [b"x"]),
        (pa.large_binary(), [b"x"]),
        (pa.binary(1), [b"x"]),
        (pa.dictionary(pa.int8(), pa.binary()), [b"x"]),
    ],
)
def test_a_column_that_holds_no_text_is_none(kind, values):
    values = pa.array(values, kind.value_type if pa.types.is_dictionary(kind) else kind)
    column = values.dictionary_encode() if pa.types.is_dictionary(kind) else values
    pq.write_table(pa.table({"text": column}), "a.parquet")
    with pytest.raises(TableError, match=r"'text' holds .*, which is not text"):
        plan_of("a.parquet")


def test_numbers_and_times_have_a_text():
    columns = {
        "int": pa.array([7, None]),
        "float": pa.array([0.5, 1.0]),
        "bool": pa.array([True, False]),
        "kind": pa.array(["x", "y"]).dictionary_encode(),
        "nanos": pa.array([1_000_000_001, None], pa.timestamp("ns")),
    }
    for name, column in columns.items():
        pq.write_table(pa.table({"text": column}), f"{name}.parquet")
        [shard, end] = read_shards(plan_of(f"{name}.parquet"))
        assert end.error is None
        assert len(shard.lines) == 2 - column.null_count
    pq.write_table(pa.table({"text": ["", "x"], "at": columns["nanos"]}), "empty.parquet")
    [shard, _] = read_shards(plan_of("empty.parquet"))
    assert shard.rejects[0].row == '["", "1970-01-01T00:00:01.000000001"]'


def test_json_and_csv_meet_as_text():
    Path("a.jsonl").write_text(json.dumps({"n": 5, "text": "x", "list": [1, 2]}) + "\n")
    Path("b.csv").write_text("n,text\n7,y\n")
    found, _ = rows(plan_of("a.jsonl", "b.csv"))
    assert [(row["n"], row["text"]) for row in found] == [("5", "x"), ("7", "y")]
    assert found[0]["list"] == "[1, 2]"


def test_names_of_folders_come_last_and_a_column_of_the_file_goes_before_them():
    Path("in/country=de/year=2026").mkdir(parents=True)
    Path("in/country=de/year=2026/a.csv").write_text("text,year\nx,1999\n")
    plan = plan_of("in")
    assert plan.schema.names == ["text", "year", "country"]
    assert rows(plan)[0] == [{"text": "x", "year": "1999", "country": "de"}]


def test_a_file_without_the_text_is_left_out_with_the_reason():
    Path("a.csv").write_text("id,text\n1,x\n")
    Path("b.csv").write_text("id,body\n2,y\n")
    Path("c.csv").write_text("id,Text\n3,z\n")
    plan = plan_of("a.csv", "b.csv", "c.csv")
    found, ends = rows(plan)
    assert [row["id"] for row in found] == ["1"]
    assert ends[1].error.startswith("b.csv: there is no column 'text'; it has 'id', 'body'")
    assert ends[2].error.startswith("c.csv: its text is in ('Text',), that of the files before")


def test_where_no_file_can_be_used_the_first_reason_is_reported():
    Path("a.csv").write_text("id,body\n1,x\n")
    Path("b.csv").write_text("")
    with pytest.raises(TableError, match=r"a.csv: there is no column 'text'.*and 1 more files"):
        plan_of("a.csv", "b.csv")


@pytest.mark.parametrize("n_rows", [0, 1, 9, 10, 11, 25])
def test_shards_hold_every_row_once_and_in_order(n_rows):
    Path("a.csv").write_text("text\n" + "".join(f"t{i}\n" for i in range(n_rows)))
    found = list(read_shards(plan_of("a.csv"), 10))
    shards = [event for event in found if isinstance(event, Shard)]
    assert [shard.n_read for shard in shards] == [10] * (n_rows // 10) + [n_rows % 10] * (
        n_rows % 10 > 0
    )
    assert [shard.key for shard in shards] == [(0, i) for i in range(len(shards))]
    texts = [text for shard in shards for text in shard.data.column("text").to_pylist()]
    assert texts == [f"t{i}" for i in range(n_rows)]
    assert found[-1] == FileEnd(0, len(shards))


@pytest.mark.parametrize("row", [f"{'x' * 1000},{'y' * 1000}", "," * 60])
def test_long_texts_and_many_columns_make_smaller_shards(monkeypatch, row):
    monkeypatch.setattr("textshot.batch.shards._MAX_SHARD_BYTES", 100_000)
    monkeypatch.setattr("textshot.batch.shards._BATCH_ROWS", 10)
    names = ",".join(f"c{i}" for i in range(row.count(",")))
    Path("a.csv").write_text(f"text,{names}\n" + f"{row}\n" * 200)
    *shards, _ = read_shards(plan_of("a.csv"))
    assert [shard.n_read for shard in shards] in ([60, 60, 60, 20], [50] * 4)


def test_rejected_rows_count_and_are_where_they_were():
    Path("a.csv").write_text("id,text\n1,x\n2,\n3,y,z\n4,w\n5,v\n")
    first, second, end = read_shards(plan_of("a.csv"), 3)
    assert (first.n_read, second.n_read, end.n_shards) == (3, 2, 2)
    assert [(r.line, r.reason, r.row) for r in first.rejects] == [
        (3, "the text is empty (text)", '["2", ""]'),
        (4, "has 3 fields, the header has 2", '["3", "y", "z"]'),
    ]
    assert second.lines == [5, 6]


def test_a_packed_file_that_is_cut_off_has_the_rows_before_that():
    body = "text\n" + "".join(f"row number {i} of the file\n" for i in range(5000))
    Path("a.csv.gz").write_bytes(gzip.compress(body.encode(), mtime=0)[:-2000])
    found, [end] = rows(plan_of("a.csv.gz"), rows=100)
    assert 100 < len(found) < 5000
    assert [row["text"] for row in found] == [
        f"row number {i} of the file" for i in range(len(found))
    ]
    assert end.error.startswith("a.csv.gz: cannot be read after line")


@pytest.mark.parametrize("n_rows", [3, 10])
def test_a_file_that_breaks_has_all_rows_before_that_in_shards(n_rows):
    body = "text\n" + "".join(f"t{i}\n" for i in range(25))
    Path("a.csv.gz").write_bytes(gzip.compress(body.encode())[:-4])
    Path("b.csv").write_text("text\nlast\n")
    found, ends = rows(plan_of("a.csv.gz", "b.csv"), rows=n_rows)
    assert [row["text"] for row in found] == [*(f"t{i}" for i in range(25)), "last"]
    assert (ends[0].n_shards, ends[1]) == (-(-25 // n_rows), FileEnd(1, 1))
    assert ends[0].error.startswith("a.csv.gz: cannot be read after line 26")


def test_a_file_that_changes_while_it_is_read_ends_there():
    Path("a.csv").write_text("text\n" + "x\n" * 30)
    found = read_shards(plan_of("a.csv"), 10)
    assert next(found).n_read == 10
    with Path("a.csv").open("a") as file:
        file.write("y\n")
    [end] = found
    assert end == FileEnd(0, 1, end.error)
    assert end.error.startswith("a.csv: changed while it was read")


def test_files_that_are_done_are_not_opened():
    Path("a.csv").write_text("text\nx\n")
    Path("b.csv").write_text("text\ny\n")
    plan = plan_of("a.csv", "b.csv")
    Path("a.csv").unlink()
    found, ends = rows(plan, finished={0: 1})
    assert (found, ends) == ([{"text": "y"}], [FileEnd(1, 1)])


def test_a_limit_counts_over_files_with_those_that_are_done():
    for name in "abc":
        Path(f"{name}.csv").write_text("text\n" + f"{name}\n" * 10)
    plan = plan_of("a.csv", "b.csv", "c.csv")
    found, ends = rows(plan, rows=4, finished={0: 10}, selection=RowSelection(limit=17))
    assert [row["text"] for row in found] == ["b"] * 7
    assert ends == [FileEnd(1, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit is 0; it must be"),
        ({"sample": 0.0}, "sample is 0.0"),
        ({"sample": 1.5}, "1.5"),
    ],
)
def test_a_selection_of_no_rows_is_refused(options, message):
    with pytest.raises(TableError, match=message):
        JobOptions(**options)


def test_a_file_of_very_many_columns_is_not_joined_with_others():
    Path("a.csv").write_text("text\nx\n")
    names = ",".join(f"c{i}" for i in range(10_000))
    Path("wide.csv").write_text(f"text,{names}\n" + "y," + ",".join("1" * 10_000) + "\n")
    plan = plan_of("a.csv", "wide.csv")
    assert plan.schema.names == ["text"]
    assert plan.failed[1].startswith("wide.csv: has 10,001 columns; one file")
    assert len(plan_of("wide.csv").schema) == 10_001
