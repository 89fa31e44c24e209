"""Categories and labelled texts out of tables, and what is wrong with them by file and line."""

from __future__ import annotations

import codecs
import re

import pyarrow as pa
import pytest

from textshot import Category
from textshot.errors import TableError
from textshot.io import Format, TableOptions, open_table, open_writer
from textshot.io.categories import read_categories, read_labelled_texts
from textshot.io.column_choice import text_columns_of

SHOP = (
    "label,text,description,team\n"
    "refund,money back,Wants money.,billing\n"
    "parcel,,The parcel is late.,\n"
    'refund,"charged\ntwice",,sales\n'
    "login,,,\n"
)
CATEGORIES = [
    Category("refund", description="Wants money.", examples=["money back", "charged\ntwice"]),
    Category("parcel", description="The parcel is late."),
    Category("login"),
]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def written(content, name="c.csv"):
        if isinstance(content, str):
            content = content.encode()
        (tmp_path / name).write_bytes(content)
        return name

    return written


def plain(categories):
    return [(c.name, c.description, [e.text for e in c.examples]) for c in categories]


def test_the_rows_of_a_label_are_one_category(file):
    found = read_categories(file(SHOP))
    assert plain(found) == plain(CATEGORIES)


def test_other_columns_become_metadata_and_the_first_value_counts(file):
    found = read_categories(file(SHOP))
    assert [dict(c.metadata) for c in found] == [{"team": "billing"}, {}, {}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.csv", codecs.BOM_UTF8 + SHOP.encode()),
        ("c.csv", SHOP.encode("utf-16")),
        ("c.csv", SHOP.replace("\n", "\r\n").replace("charged\r\n", "charged\n").encode()),
        ("c.tsv", SHOP.replace(",", "\t").encode()),
        (
            "c.jsonl",
            b'{"label": "refund", "text": "money back", "description": "Wants money."}\n'
            b'{"label": "parcel", "description": "The parcel is late."}\n'
            b'{"label": "refund", "text": "charged\\ntwice"}\n'
            b'{"label": "login", "text": null}\n',
        ),
    ],
)
def test_every_format_gives_the_same_categories(file, name, content):
    assert plain(read_categories(file(content, name))) == plain(CATEGORIES)


@pytest.mark.parametrize("name", ["c.xlsx", "c.parquet", "c.csv.gz"])
def test_binary_formats_give_the_same_categories(file, name):
    with open_table(file(SHOP)) as table, open_writer(name, table.schema) as writer:
        for batch in table.batches():
            writer.write(batch.data)
    assert plain(read_categories(name)) == plain(CATEGORIES)


def test_a_text_file_holds_a_name_a_line(file):
    found = read_categories(file("refund request\n\nlate parcel\n", "c.txt"))
    assert plain(found) == [("refund request", "", []), ("late parcel", "", [])]


def test_columns_can_be_named_and_capitals_do_not_matter_for_the_optional_ones(file):
    path = file("Class,Text,DESCRIPTION\nrefund,money back,Wants money.\n")
    [found] = read_categories(path, TableOptions(label_column="Class"))
    assert plain([found]) == [("refund", "Wants money.", ["money back"])]
    assert read_categories(path, TableOptions(label_column="CLASS")) == [found]
    [other] = read_categories(path, TableOptions(["DESCRIPTION"], "Class"))
    assert [e.text for e in other.examples] == ["Wants money."]


def test_cells_are_trimmed_and_the_same_example_counts_once(file):
    [found] = read_categories(file("label,text\n refund ,money\nrefund,money\nrefund, \n"))
    assert plain([found]) == [("refund", "", ["money"])]


def test_the_format_and_the_encoding_can_be_said(file):
    path = file("label,text\ncafé,kaffee\n".encode("cp1252"), "c.data")
    [found] = read_categories(path, TableOptions(format=Format.CSV, encoding="cp1252"))
    assert found.name == "café"


ERRORS = {
    "no such file": (None, "c.csv: there is no such file"),
    "no label column": (
        "name,note,text\na,x,b\n",
        "c.csv: there is no column 'label'; it has 'name', 'note', 'text'. Name one of these (--la"
        "bel-column), or rename it",
    ),
    "no rows": ("label,text\n", "c.csv has a header but no category. Add a row for each"),
    "neither label nor text": (
        "label,text,note\na,b,\n,,x\n",
        "c.csv:3: the row has no label, and no text either. Remove it",
    ),
    "a text without label": (
        "label,text\na,b\n ,where is it\n",
        "c.csv:3: the row has no label. Name its category",
    ),
    "the line where the row begins": (
        'label,text\na,"two\nlines"\n,c\n',
        "c.csv:4: the row has no label",
    ),
    "two descriptions": (
        "label,text,description\na,b,one\na,c,\na,d,two\n",
        "c.csv:4: category 'a' has another description than in line 2. Keep one of them",
    ),
    "a category called unknown": (
        "label,text\na,b\nUnknown,c\n",
        "c.csv: 1 of its texts have the label unknown, which is no category.",
    ),
    "a control character": ("label,text\na\x07,b\n", "c.csv:2: category name 'a\\x07' has a"),
    "a row with too many cells": ("label,text\na,b,c,d\n", "c.csv:2: "),
    "an open quote": ('label,text\na,"b\n', "c.csv:2: "),
    "bytes of another encoding": (b"label,text\na,b\ncaf\xe9,c\n", "c.csv:3: "),
    "two columns of one name": ("label,label\na,b\n", "columns 1 and 2 of the header are both"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_what_is_wrong_is_reported_with_file_and_line(file, kind):
    content, message = ERRORS[kind]
    path = "c.csv" if content is None else file(content)
    with pytest.raises(TableError, match=re.escape(message)):
        read_categories(path)


def test_a_table_of_categories_must_not_have_invalid_rows(file):
    message = r"c\.csv:2: .* A table of categories must not have invalid rows: fix it \(2 rows so"
    with pytest.raises(TableError, match=message):
        read_categories(file("label,text\na,b,c\nd,e\nf,g,h\n"))


def test_a_named_column_has_to_be_there(file):
    path = file("label,text\na,b\n")
    with pytest.raises(TableError, match="there is no column 'class'; it has 'label', 'text'"):
        read_categories(path, TableOptions(label_column="class"))
    with pytest.raises(TableError, match="there is no column 'body'"):
        read_categories(path, TableOptions(["body"]))


def test_labelled_texts_are_read_with_their_truths(file):
    content = 'text,label\none,a\n"two\nlines", b \nthree,\nfour,unknown\n'
    found = read_labelled_texts(file(content))
    assert found.texts == ["one", "two\nlines", "three", "four"]
    assert found.truths == ["a", "b", None, None]
    assert found.rejects == []


def test_labelled_rows_that_cannot_be_used_are_left_out_with_line_and_reason(file):
    found = read_labelled_texts(file("text,label\none,a\n,b\nx,y,z\nlast,c\n"))
    assert found.texts == ["one", "last"]
    assert found.truths == ["a", "c"]
    assert sorted((r.line, r.source) for r in found.rejects) == [(3, "c.csv"), (4, "c.csv")]
    assert "the text is empty" in {r.reason for r in found.rejects}


def test_the_text_of_labelled_rows_can_be_in_any_column_or_in_several(file):
    assert read_labelled_texts(file("body,label\nhello,a\n")).texts == ["hello"]
    path = file("subject,body,label\nhello,you,a\n,there,b\n")
    assert read_labelled_texts(path, TableOptions(["subject", "body"])).texts == [
        "hello\nyou",
        "there",
    ]
    assert read_labelled_texts(path, TableOptions(["body"], "subject")).truths == ["hello", None]
    with pytest.raises(TableError, match="there is no column 'text'; it has 'subject', 'body'"):
        read_labelled_texts(path)
    with pytest.raises(TableError, match="there is no column 'label'"):
        read_labelled_texts(file("text\nhello\n"))


def test_the_text_column_is_the_one_named_or_called_text_or_the_only_one(file):
    def chosen(header, *wanted, beside=None):
        with open_table(file(f"{header}\n")) as table:
            return text_columns_of(table, wanted, beside=beside)

    assert chosen("id,text") == ["text"]
    assert chosen("anything") == ["anything"]
    assert chosen("label,anything", beside="label") == ["anything"]
    assert chosen("a,b,text", "b", "a") == ["b", "a"]
    with pytest.raises(TableError, match="there is no column 'text'; it has 'id', 'body'"):
        chosen("id,body")


def test_numbers_as_labels_are_names(file):
    batch = pa.RecordBatch.from_pydict({"label": [1, 2], "text": ["one", "two"]})
    with open_writer("c.parquet", batch.schema) as writer:
        writer.write(batch)
    assert [c.name for c in read_categories("c.parquet")] == ["1", "2"]
