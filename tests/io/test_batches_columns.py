"""Columns are found by name, joined as text, and new ones get names that are free."""

import pyarrow as pa
import pytest

from textshot.errors import TableError
from textshot.io import (
    Batch,
    Reject,
    RejectsFile,
    find_column,
    free_names,
    text_column,
    with_columns,
    with_fields,
)


def batch(**columns):
    data = pa.RecordBatch.from_pydict(columns)
    return Batch(data, list(range(1, data.num_rows + 1)), [])


def test_the_wanted_column_goes_before_the_default():
    assert find_column(["id", "text", "body"], "body", "text", "a.csv") == "body"
    assert find_column(["id", "text"], None, "text", "a.csv") == "text"


def test_a_missing_column_is_an_error_that_lists_the_others():
    with pytest.raises(TableError, match=r"a.csv: there is no column 'text'; it has 'id', 'Txt'"):
        find_column(["id", "Txt"], None, "text", "a.csv")
    with pytest.raises(TableError, match=r"Did you mean 'Message'\?"):
        find_column(["id", "Message"], "mesage", "text", "a.csv")
    with pytest.raises(TableError, match=r"'19' and 10 more. Name one of these"):
        find_column([str(n) for n in range(30)], None, "text", "a.csv")


@pytest.mark.parametrize(("wanted", "default"), [(None, "text"), (" TEXT", "label")])
@pytest.mark.parametrize("column", ["Text", "TEXT ", " text"])
def test_case_and_blanks_do_not_hide_a_column(column, wanted, default):
    assert find_column(["id", column], wanted, default, "a.csv") == column


def test_the_exact_name_goes_before_one_of_another_case():
    assert find_column(["Text", "text", " text"], None, "text", "a.csv") == "text"
    assert find_column(["text", "Text"], "Text", "text", "a.csv") == "Text"


def test_two_columns_that_differ_in_case_are_not_guessed_between():
    with pytest.raises(TableError, match=r"no column 'text'.*Did you mean 'Text' or 'TEXT '\?"):
        find_column(["Text", "TEXT ", "id"], None, "text", "a.csv")


def test_columns_are_joined_by_newlines_without_empty_parts():
    found = batch(a=["x", "", None, ""], b=[1, 2, None, None], c=["y", "z", "w", None])
    assert text_column(found.data, ["a", "b", "c"]) == ["x\n1\ny", "2\nz", "w", ""]
    assert text_column(found.data, ["a"]) == ["x", "", "", ""]


def test_a_taken_name_gets_an_ending():
    assert free_names(["id"], ["label", "score"]) == {"label": "label", "score": "score"}
    assert free_names(["label"], ["label"]) == {"label": "label_textshot"}
    assert free_names(["label", "label_textshot"], ["label"]) == {"label": "label_textshot2"}
    taken = ["label", "label_textshot", "label_textshot2"]
    assert free_names(taken, ["label"]) == {"label": "label_textshot3"}


def test_new_names_do_not_take_each_others_place():
    assert free_names(["label"], ["label", "label_textshot"]) == {
        "label": "label_textshot",
        "label_textshot": "label_textshot_textshot",
    }


def test_new_columns_stand_behind_the_old():
    found = with_columns(batch(a=["x"]).data, {"label": pa.array(["l"]), "score": pa.array([0.5])})
    assert found.to_pydict() == {"a": ["x"], "label": ["l"], "score": [0.5]}
    added = {"label": pa.string(), "score": pa.float64()}
    assert with_fields(batch(a=["x"]).data.schema, added) == found.schema


def test_new_columns_leave_the_old_what_they_are():
    field = pa.field("a", pa.string(), metadata={"textshot": "json"})
    data = pa.RecordBatch.from_arrays([pa.array(["1"])], schema=pa.schema([field]))
    found = with_columns(data, {"label": pa.array(["l"])}).schema
    assert found.field("a").equals(field, check_metadata=True)
    assert found.field("label").metadata is None
    assert with_fields(data.schema, {"label": pa.string()}).equals(found, check_metadata=True)


def test_a_new_column_of_a_taken_name_is_an_error():
    with pytest.raises(TableError, match="there is a column 'a' already"):
        with_columns(batch(a=["x"]).data, {"a": pa.array(["l"])})


def test_rejects_are_written_where_they_can_be_mended(tmp_path, read):
    with RejectsFile(tmp_path / "r.csv") as rejects:
        rejects.write(Reject("in.csv", 3, "has 1 field", '["a"]'))
        assert not (tmp_path / "r.csv").exists()
        rejects.write(Reject("in.csv", 5, "is bad", "=1+1"), Reject("b", 6, "x", "a\nb"))
    assert rejects.count == 3
    assert rejects.path == tmp_path / "r.csv"
    assert (tmp_path / "r.csv").read_text() == (
        'source,line,reason,row\nin.csv,3,has 1 field,"[""a""]"\n'
        'in.csv,5,is bad,\' =1+1\nb,6,x,"a\nb"\n'
    )


def test_no_rejects_make_no_file(tmp_path):
    with RejectsFile(tmp_path / "r.csv") as rejects:
        rejects.write()
    assert rejects.count == 0
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_no_rejects_file(tmp_path):
    def failing():
        with RejectsFile(tmp_path / "r.csv") as rejects:
            rejects.write(Reject("in.csv", 3, "x", "y"))
            raise KeyboardInterrupt("stop")

    with pytest.raises(KeyboardInterrupt, match="stop"):
        failing()
    assert list(tmp_path.iterdir()) == []
