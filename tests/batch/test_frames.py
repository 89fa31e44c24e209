"""Frames of every kind: the same rows, in their order, with the answers that the job gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_files import text_of

from textshot import Category, Engine, Example
from textshot.batch import categorize, categorize_frame
from textshot.errors import InvalidCategoriesError, TableError
from textshot.testing import HashingEncoder, toy_engine

TEXTS = [*(text_of(i) for i in range(60)), "my parcel", "", None, "  ", "zzz qqq", "my parcel"]
KINDS = {
    "pandas": lambda table: table.to_pandas(),
    "polars": pl.from_arrow,
    "arrow": lambda table: table,
    "batch": lambda table: table.combine_chunks().to_batches()[0],
}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


def table_of(texts, **columns):
    return pa.table(
        {"id": list(range(len(texts))), "text": pa.array(texts, pa.string()), **columns}
    )


def as_arrow(df):
    if isinstance(df, pd.DataFrame):
        return pa.Table.from_pandas(df, preserve_index=False)
    if isinstance(df, pl.DataFrame):
        return df.to_arrow()
    return pa.Table.from_batches([df]) if isinstance(df, pa.RecordBatch) else df


def rows_of(df):
    return as_arrow(df).to_pylist()


def expected(engine, table, **options):
    """What the job writes of these rows, by their id, and nulls for those that it rejects."""
    pq.write_table(table, "in.parquet")
    categorize(engine, "in.parquet", "out.parquet", **options)
    written = pq.read_table("out.parquet")
    by_id = {row["id"]: row for row in written.to_pylist()}
    nothing = dict.fromkeys(written.schema.names)
    return [by_id.get(row["id"], nothing | row) for row in table.to_pylist()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_frame_gets_what_the_job_writes(engine, kind):
    given = KINDS[kind](table_of(TEXTS))
    found = categorize_frame(given, engine)
    assert type(found) is type(given)
    assert rows_of(found) == expected(engine, table_of(TEXTS))
    assert [row["label"] for row in rows_of(found)[60:]] == [
        "late parcel",
        None,
        None,
        None,
        "unknown",
        "late parcel",
    ]
    assert as_arrow(given).column_names == ["id", "text"]  # stays as it is


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_taken_metadata_and_several_columns(kind):
    about = {"team": "finance"}
    engine = Engine.build(
        [
            Category("refund", "", (Example("I want my money back"),), metadata=about),
            Category("parcel", examples=["my parcel has not come"]),
        ],
        encoder=HashingEncoder(),
        threshold=0.2,
    )
    table = table_of(["my", "money", None], body=["parcel", None, "money back"], label=[1, 2, 3])
    options = {"metadata": ["team"], "threshold": 0.1}
    found = rows_of(categorize_frame(KINDS[kind](table), engine, ["Text", "body"], **options))
    assert found == expected(engine, table, text_columns=["text", "body"], **options)
    assert list(found[0]) == [
        "id",
        "text",
        "body",
        "label",
        "label_textshot",
        "score",
        "margin",
        "team",
    ]
    assert [row["team"] for row in found] == [None, "finance", "finance"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_without_rows_and_one_without_texts(engine, kind):
    found = as_arrow(categorize_frame(KINDS[kind](table_of([None, ""])), engine))
    assert found["score"].null_count == found["label"].null_count == 2
    none = categorize_frame(KINDS[kind](table_of(["a"])).__getitem__(slice(0, 0)), engine)
    assert as_arrow(none).num_rows == 0
    assert as_arrow(none).column_names == ["id", "text", "label", "score", "margin"]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_longer_than_a_shard_and_with_probabilities(engine, kind, monkeypatch):
    labels = engine.index.labels
    engine.tune([text_of(i) for i in range(60)], [labels[i % 3] for i in range(60)])
    whole = rows_of(categorize_frame(KINDS[kind](table_of(TEXTS)), engine))
    assert whole == expected(engine, table_of(TEXTS))
    assert whole[0]["probability"] > 0
    monkeypatch.setattr("textshot.batch.frames.DEFAULT_SHARD_ROWS", 7)
    assert rows_of(categorize_frame(KINDS[kind](table_of(TEXTS)), engine)) == whole


def test_an_index_by_its_folder_and_one_that_adapts(engine):
    engine.save("index")
    table = table_of([text_of(i) for i in range(200)])
    assert categorize_frame(table, "index").equals(categorize_frame(table, engine))
    assert categorize_frame(table, Path("index")).equals(categorize_frame(table, engine))
    assert rows_of(categorize_frame(table, engine, adapt=True)) == expected(
        engine, table, adapt=True
    )
    labels = engine.index.labels
    engine.tune([text_of(i) for i in range(60)], [labels[i % 3] for i in range(60)])
    assert rows_of(categorize_frame(table, engine, adapt=True)) == expected(
        engine, table, adapt=True
    )


def test_pandas_keeps_its_index_its_types_and_its_columns(engine):
    given = pd.DataFrame(
        {
            "when": pd.date_range("2026-01-01", periods=3),
            7: pd.Categorical(["a", "b", "a"]),
            "text": ["my parcel", None, "I want my money"],
        },
        index=pd.Index([5, 5, 2], name="nr"),
    )
    found = categorize_frame(given, engine)
    pd.testing.assert_frame_equal(found[list(given.columns)], given)
    assert list(found.columns) == [*given.columns, "label", "score", "margin"]
    assert found["label"].isna().tolist() == [False, True, False]
    assert found["score"].dtype == float
    assert list(given.columns) == ["when", 7, "text"]


@pytest.mark.parametrize(
    "texts",
    [
        pd.Series(["my parcel", None, 7], dtype=object),
        pd.Series(pd.Categorical(["my parcel", None, "7"])),
        pd.Series(["my parcel", None, "7"], dtype="string[pyarrow]"),
    ],
)
def test_pandas_texts_of_any_type_are_read_as_people_see_them(engine, texts):
    found = categorize_frame(pd.DataFrame({"text": texts}), engine)
    shown = [p.label or "unknown" for p in engine.classify(["my parcel", "7"])]
    assert found["label"].dropna().tolist() == shown
    assert found["label"].isna().tolist() == [False, True, False]


def test_polars_keeps_its_types(engine):
    given = pl.DataFrame(
        {"text": ["my parcel", None], "n": [1, 2]}, schema_overrides={"n": pl.Int8}
    )
    given = given.with_columns(pl.col("text").cast(pl.Categorical).alias("kind"))
    found = categorize_frame(given, engine, "kind")
    assert found.select(given.columns).equals(given)
    assert found.schema["n"] == pl.Int8
    assert found["label"].to_list() == ["late parcel", None]


@pytest.mark.parametrize("name", [0, 7, "0"])
def test_a_column_can_have_a_number_as_its_name(engine, name):
    given = pd.DataFrame({name: ["my parcel", "zzz qqq"], "text": ["refund", "refund"]})
    shown = [p.label or "unknown" for p in engine.classify(["my parcel", "zzz qqq"])]
    assert categorize_frame(given, engine, name)["label"].tolist() == shown
    assert categorize_frame(given, engine, [name])["label"].tolist() == shown


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"text": [["a"], ["b"]]}), "the column 'text' holds list<"),
        (pl.DataFrame({"text": [["a"], ["b"]]}), r"the column 'text' holds (large_)?list<"),
        (
            pd.DataFrame({"text": ["a", ["b"], ("c",)]}),
            r"row 1 of 'text' is a list \(2 rows of 3\)",
        ),
        (pa.table({"text": [{"a": 1}]}), "the column 'text' holds struct<"),
    ],
)
def test_lists_and_objects_are_no_texts(engine, frame, message):
    with pytest.raises(TableError, match=message):
        categorize_frame(frame, engine)


def test_what_is_no_frame_is_reported_with_what_to_do(engine):
    with pytest.raises(TableError, match=r"a LazyFrame has no rows yet. Pass what its collect\(\)"):
        categorize_frame(pl.LazyFrame({"text": ["a"]}), engine)
    with pytest.raises(TableError, match=r"a builtins.list is not a supported frame"):
        categorize_frame(["my parcel"], engine)
    with pytest.raises(
        TableError, match="the frame: there is no column 'body'; it has 'id', 'text'"
    ):
        categorize_frame(table_of(["a"]), engine, "body")
    twice = pd.DataFrame([["a", "b"]], columns=["text", "text"])
    with pytest.raises(TableError, match=r"'text' 2 times\. Rename one"):
        categorize_frame(twice, engine)
    with pytest.raises(InvalidCategoriesError, match="no category has metadata 'team'"):
        categorize_frame(table_of(["a"]), engine, metadata=["team"])


WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("pandas", "polars"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import pyarrow as pa
from textshot.batch import categorize_frame
from textshot.testing import toy_engine

print(categorize_frame(pa.table({"text": ["my parcel"]}), toy_engine())["label"][0])
"""


def test_neither_pandas_nor_polars_has_to_be_there():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("late parcel\n", "")
