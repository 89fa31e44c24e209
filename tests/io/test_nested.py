"""Lists and objects in place of a text or a label: refused, or rejected with file and line."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textshot.errors import TableError
from textshot.io import open_table
from textshot.io.categories import (
    read_categories,
    read_labelled_texts,
    read_split,
    read_training_rows,
)

REASON = "is a list or an object; one text is needed"


def write_json(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("value", [["refund"], [], {"name": "refund"}, {}])
@pytest.mark.parametrize("column", ["label", "text"])
@pytest.mark.parametrize("read", [read_labelled_texts, read_training_rows])
def test_a_row_with_a_list_as_label_or_text_is_rejected(tmp_path, read, column, value):
    odd = {"text": "my money", "label": "refund"} | {column: value}
    good = {"text": "where is it", "label": "late parcel"}
    data = read(write_json(tmp_path / "a.jsonl", good, odd, good))
    assert len(getattr(data, "texts", getattr(data, "rows", None))) == 2
    [reject] = data.rejects
    assert (reject.line, reject.reason) == (2, f"'{column}' {REASON}")


@pytest.mark.parametrize("column", ["label", "text", "description"])
def test_a_table_of_categories_with_a_list_is_refused(tmp_path, column):
    row = {"label": "refund", "text": "my money", "description": "Money."} | {column: ["refund"]}
    path = write_json(tmp_path / "a.jsonl", {"label": "late", "text": "late"}, row)
    with pytest.raises(TableError, match=rf"a.jsonl:2: '{column}' {REASON}"):
        read_categories(path)


def test_a_split_with_a_list_is_refused(tmp_path):
    path = write_json(tmp_path / "a.jsonl", {"label": ["a", "b"], "part": "train"})
    with pytest.raises(TableError, match=f"a.jsonl:1: 'label' {REASON}"):
        read_split(path)


@pytest.mark.parametrize("read", [read_categories, read_labelled_texts, read_training_rows])
def test_a_column_of_lists_is_refused(tmp_path, read):
    table = pa.table({"text": ["my money"], "label": [["refund"]]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(TableError, match=r"the column 'label' holds list<.*--label-column"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("column", ["text", "description"])
def test_a_table_of_categories_with_a_column_of_lists_is_refused(tmp_path, column):
    columns = {"label": ["refund"], "text": ["my money"], "description": ["Money."]}
    pq.write_table(pa.table(columns | {column: [["my money"]]}), tmp_path / "a.parquet")
    with pytest.raises(TableError, match=rf"the column '{column}' holds list<"):
        read_categories(tmp_path / "a.parquet")


def test_texts_that_only_look_like_lists_stay_and_so_do_lists_elsewhere(tmp_path):
    rows = [{"text": "[urgent] my money", "tags": ["a"]}, {"text": "{{name}}"}, {"text": None}]
    with open_table(write_json(tmp_path / "a.jsonl", *rows)) as table:
        [batch] = table.batches(["text"])
    assert batch.lines == [1, 2, 3]
    assert batch.data.column("tags").to_pylist() == ['["a"]', None, None]
