"""Tables of labelled texts to learn from, and of which categories are held out."""

import pytest

from textshot.errors import TableError, TableWarning
from textshot.io import TableOptions
from textshot.io.categories import (
    read_category_table,
    read_labelled_texts,
    read_split,
    read_training_rows,
)


@pytest.fixture
def written(tmp_path):
    def put(text, name="history.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return put


def test_texts_labels_and_places(written):
    path = written('label,text\nrefund,"my money\nback"\nparcel,where is it\n')
    found = read_training_rows(path)
    assert found.rows == [
        ("my money\nback", "refund", f"{path}:2"),
        ("where is it", "parcel", f"{path}:4"),
    ]
    assert found.descriptions == {}
    assert found.rejects == []


def test_the_order_of_the_columns_and_their_capitals_do_not_matter(written):
    found = read_training_rows(written("Text,LABEL\nmy money,refund\n"))
    assert [row[:2] for row in found.rows] == [("my money", "refund")]


def test_the_one_column_beside_the_label_is_the_text(written):
    found = read_training_rows(written("label,message\nrefund,my money\n"))
    assert [row[:2] for row in found.rows] == [("my money", "refund")]
    found = read_training_rows(written("label,description,message\nrefund,Money.,my money\n"))
    assert [row[:2] for row in found.rows] == [("my money", "refund")]


def test_named_columns(written):
    path = written("topic,subject,body,text\nrefund,hello,my money,no\n")
    found = read_training_rows(path, TableOptions(["subject", "body"], "topic"))
    assert [row[1] for row in found.rows] == ["refund"]
    assert "hello" in found.rows[0][0]
    assert "my money" in found.rows[0][0]


def test_rows_without_a_text_or_a_label_are_among_them(written):
    found = read_training_rows(written("label,text\n,a text\nrefund,\nrefund,more\n"))
    assert [row[:2] for row in found.rows] == [("a text", ""), ("", "refund"), ("more", "refund")]


def test_the_first_description_of_a_label_is_taken(written):
    found = read_training_rows(
        written(
            "label,text,Description\n"
            "refund,a,\n"
            "refund,b,  Money is wanted back. \n"
            "refund,c,Another one.\n"
            " refund ,d,A third one.\n"
            "parcel,e,\n"
        )
    )
    assert found.descriptions == {"refund": "Money is wanted back."}
    assert len(found.rows) == 5


def test_bad_rows_are_reported_and_the_others_read(written):
    path = written("label,text\nrefund,a\nrefund,b,c,d\nparcel,e\n")
    found = read_training_rows(path)
    assert [row[0] for row in found.rows] == ["a", "e"]
    [reject] = found.rejects
    assert reject.line == 3


def test_other_formats(written):
    found = read_training_rows(
        written('{"label": "refund", "text": "my money"}\n', "history.jsonl")
    )
    assert [row[:2] for row in found.rows] == [("my money", "refund")]
    found = read_training_rows(written("label\ttext\nrefund\tmy money\n", "history.tsv"))
    assert [row[:2] for row in found.rows] == [("my money", "refund")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,note,text\na,x,b\n", "label"),
        ("label\na\n", "text"),
        ("label,one,two\na,b,c\n", "text"),
    ],
)
def test_columns_that_are_missing(written, text, message):
    with pytest.raises(TableError, match=message):
        read_training_rows(written(text))


@pytest.mark.parametrize("named", [{"label_column": "topic"}, {"text_columns": ["body"]}])
def test_named_columns_that_are_missing(written, named):
    with pytest.raises(TableError, match=r"topic|body"):
        read_training_rows(written("label,text\na,b\n"), TableOptions(**named))


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(TableError, match=r"nowhere\.csv"):
        read_training_rows(tmp_path / "nowhere.csv")


def test_a_split(written):
    path = written("part,label\nvalid,refund\n TRAIN,parcel\n", "split.csv")
    assert read_split(path) == [("refund", "valid", f"{path}:2"), ("parcel", " TRAIN", f"{path}:3")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,where\na,valid\n", "part"),
        ("name,part\na,valid\n", "label"),
        ("label,part\na,valid,c\n", r"split\.csv:2: "),
    ],
)
def test_a_split_that_cannot_be_read(written, text, message):
    with pytest.raises(TableError, match=message):
        read_split(written(text, "split.csv"))


@pytest.mark.parametrize("suffix", ["", "_textshot", "_textshot2"])
def test_labels_beside_score_and_margin_are_told_to_be_our_own_answers(written, suffix):
    table = f"text,label{suffix},score{suffix},margin\nmy parcel,late parcel,0.9,0.1\n"
    path = written(table, "out.csv")
    options = TableOptions(label_column=f"label{suffix}")
    message = rf"out\.csv: the column 'label{suffix}' stands beside score and margin, as in an out"
    for read in (read_labelled_texts, read_training_rows, read_category_table):
        with pytest.warns(TableWarning, match=message):
            read(path, options)


def test_labels_of_ones_own_in_an_output_are_not_warned_of(written):
    table = "text,label,label_textshot,score,margin\nmy parcel,late parcel,refund,0.9,0.1\n"
    assert read_labelled_texts(written(table, "out.csv")).truths == ["late parcel"]
    reordered = "text,label,score,margins\nmy parcel,late parcel,0.9,0.1\n"
    assert read_labelled_texts(written(reordered, "b.csv")).truths == ["late parcel"]
