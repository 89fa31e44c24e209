"""Every type of Arrow: answered, or refused with the column, in files and in frames."""

import json
import uuid
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textshot import OneShotClassifier
from textshot.batch import categorize, categorize_frame
from textshot.errors import InvalidTextsError, TableError
from textshot.io import open_table
from textshot.io.values import plain_array, plain_type, to_python
from textshot.testing import HashingEncoder, toy_engine

TEXTS = ["where is my parcel", "", "my money back", None]
LABELS = ["late parcel", None, "refund request", None]
STRINGS = pa.array(TEXTS)
INDICES = pa.array([0, 1, 2, None], pa.int8())
VALUES = pa.array(TEXTS[:3])
ITEMS = [["a", None], None, [], ["b"]]
BYTES = [uuid.UUID(int=i).bytes for i in range(3)]


def views_in_map() -> pa.Array:
    return pa.array([[("a", "b")], None, [], []], pa.map_(pa.string_view(), pa.string_view()))


TEXT_TYPES = {
    "string_view": STRINGS.cast(pa.string_view()),
    "large_string": STRINGS.cast(pa.large_string()),
    "dictionary": STRINGS.dictionary_encode(),
    "ordered dictionary": pa.DictionaryArray.from_arrays(INDICES, VALUES, ordered=True),
    "opaque": pa.ExtensionArray.from_storage(
        pa.opaque(pa.string_view(), "t", "v"), STRINGS.cast(pa.string_view())
    ),
}
FRAME_TEXT_TYPES = TEXT_TYPES | {
    "runs": pa.RunEndEncodedArray.from_arrays([1, 2, 3, 4], STRINGS),
    "runs of dictionary": pa.RunEndEncodedArray.from_arrays(
        [1, 2, 3, 4], STRINGS.dictionary_encode()
    ),
    "dictionary of views": pa.DictionaryArray.from_arrays(INDICES, VALUES.cast(pa.string_view())),
    "dictionary with null": pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 2, 3], pa.int8()), STRINGS
    ),
    "nested dictionary": pa.DictionaryArray.from_arrays(INDICES, VALUES.dictionary_encode()),
}
OTHER_TYPES = {
    "binary_view": pa.array([b"a", None, b"\xff", b""], pa.binary_view()),
    "list_view": pa.array(ITEMS, pa.list_view(pa.string())),
    "large_list_view": pa.array(ITEMS, pa.large_list_view(pa.string_view())),
    "list of views": pa.array(ITEMS, pa.list_(pa.string_view())),
    "list of dictionary": pa.array(ITEMS, pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    "struct of views": pa.array(
        [{"a": ["x"]}, None, {"a": None}, {"a": []}],
        pa.struct([("a", pa.list_view(pa.string_view()))]),
    ),
    "map of views": views_in_map(),
    "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}', None, "[]", "1"])),
}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", TEXT_TYPES)
def test_texts_of_every_type_are_classified(name):
    table = pa.table({"text": TEXT_TYPES[name]})
    pq.write_table(table, "in.parquet", row_group_size=3)
    report = categorize(toy_engine(threshold=0.25), "in.parquet", "out.jsonl")
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [(row["text"], row["label"]) for row in rows] == [(TEXTS[i], LABELS[i]) for i in (0, 2)]
    assert report.rejected == 2


@pytest.mark.parametrize("name", FRAME_TEXT_TYPES)
@pytest.mark.parametrize("n_chunks", [1, 2])
def test_frames_with_texts_of_every_type_are_classified(name, n_chunks):
    chunks = [FRAME_TEXT_TYPES[name]] * n_chunks
    table = pa.table({"text": pa.chunked_array(chunks)})
    answered = categorize_frame(table, toy_engine(threshold=0.25))
    assert answered["label"].to_pylist() == LABELS * n_chunks
    assert answered.schema.field("text") == table.schema.field("text")
    [batch] = pa.table({"text": chunks[0]}).to_batches()
    labels = categorize_frame(batch, toy_engine(threshold=0.25)).column("label")
    assert labels.to_pylist() == LABELS


@pytest.mark.parametrize("output", ["csv", "jsonl", "parquet", "xlsx"])
@pytest.mark.parametrize("name", OTHER_TYPES)
def test_other_columns_of_every_type_are_kept(name, output):
    table = pa.table({"text": STRINGS, "x": OTHER_TYPES[name]})
    pq.write_table(table, "in.parquet")
    report = categorize(toy_engine(threshold=0.25), "in.parquet", f"out.{output}")
    assert (report.written, report.rejected) == (2, 2)
    if output == "parquet":
        column = pq.read_table("out.parquet")["x"]
        expected = [OTHER_TYPES[name].to_pylist()[i] for i in (0, 2)]
        assert column.to_pylist() == expected


@pytest.mark.parametrize("name", OTHER_TYPES)
def test_columns_that_hold_no_text_are_refused(name):
    table = pa.table({"text": OTHER_TYPES[name]})
    with pytest.raises(TableError, match=r"the column 'text' holds .* which is not text"):
        categorize_frame(table, toy_engine())
    pq.write_table(table, "in.parquet")
    with pytest.raises(TableError, match=r"in.parquet: the column 'text' holds .* not text"):
        categorize(toy_engine(), "in.parquet", "out.csv")


def test_the_types_of_parquet_that_need_no_change_stay():
    table = pa.table(
        {"text": STRINGS.dictionary_encode(), "id": pa.array([*BYTES, None], pa.uuid())}
    )
    pq.write_table(table, "in.parquet")
    with open_table("in.parquet") as read:
        assert read.schema.types == table.schema.types


def test_an_identifier_is_shown_as_people_write_it():
    nested = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), pa.array(BYTES, pa.uuid()))
    texts = [str(uuid.UUID(bytes=value)) for value in BYTES]
    assert to_python(nested) == [texts[:2], texts[2:]]


@pytest.mark.parametrize("array", [*FRAME_TEXT_TYPES.values(), *OTHER_TYPES.values()])
def test_plain_arrays_hold_the_same_values(array):
    for part in (array, array[1:], array[:0]):
        plain = plain_array(part, plain_type(part.type))
        plain.validate(full=True)
        assert plain.to_pylist() == part.to_pylist()
        assert not any(word in str(plain.type) for word in ("view", "run_end"))


def test_a_frame_with_strings_that_are_not_utf_8_is_refused():
    damaged = pa.array([b"my parcel", b"\xff"]).view(pa.string())
    for array in (damaged, damaged.dictionary_encode()):
        with pytest.raises(TableError, match="the column 'text' is damaged"):
            categorize_frame(pa.table({"text": array}), toy_engine())


@pytest.mark.parametrize("array", FRAME_TEXT_TYPES.values(), ids=FRAME_TEXT_TYPES.keys())
def test_a_column_of_arrow_is_a_list_of_texts_and_of_classes(array):
    engine = toy_engine(threshold=0.25)
    part = array[:1]
    column = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([part])))
    for texts in (part, pa.chunked_array([part]), column):
        assert [prediction.label for prediction in engine.classify(texts)] == LABELS[:1]
        model = OneShotClassifier(encoder=HashingEncoder()).fit(texts, ["parcel"])
        assert model.predict(texts).tolist() == ["parcel"]
        model = OneShotClassifier(encoder=HashingEncoder()).fit(["a parcel"], texts)
        assert model.classes_.tolist() == TEXTS[:1]
    with pytest.raises(InvalidTextsError, match="text 3 is missing"):
        engine.classify(array)


def test_times_beyond_the_calendar_are_said():
    assert to_python(pa.array([2**62], pa.timestamp("s"))) == [f"<value out of range: {2**62}>"]


@pytest.mark.parametrize("value", [b"abc", {"a"}, ("a",), {"a": 1}, ["a"], memoryview(b"a")])
def test_a_frame_of_objects_with_one_that_is_no_text_is_refused(value):
    frame = pd.DataFrame({"text": pd.Series(["my parcel", 1.5, value], dtype=object)})
    with pytest.raises(TableError, match=r"row 2 of 'text' is a .*1 rows of 3.*one text is needed"):
        categorize_frame(frame, toy_engine())


def test_values_that_arrow_cannot_hold_are_classified_by_their_text():
    values = ["my \ud800 parcel", 2**70, 1j]
    frame = pd.DataFrame({"text": pd.Series(values, dtype=object)})
    labels = categorize_frame(frame, toy_engine(threshold=0.25))["label"].tolist()
    assert labels == ["late parcel", "unknown", "unknown"]


def test_a_category_of_polars_and_of_pandas_is_a_text():
    engine = toy_engine(threshold=0.25)
    for frame in (
        pl.DataFrame({"text": pl.Series(TEXTS, dtype=pl.Categorical)}),
        pd.DataFrame({"text": pd.Series(TEXTS, dtype="category")}),
    ):
        labels = list(categorize_frame(frame, engine)["label"])
        assert (labels[0], labels[2]) == (LABELS[0], LABELS[2])
