"""Which column holds the texts or the labels, where nobody says so and no name does."""

import re

import pytest

from textshot.errors import TableError, TableWarning
from textshot.io import TableOptions
from textshot.io.categories import read_category_table, read_labelled_texts
from textshot.io.column_choice import are_texts, text_columns_of

REQUESTS = """Ref,Date,Channel,Customer,Nachricht
C-1,2026-03-02 08:30:28,mail,Maria Schmidt,Die Lampe an der Ecke ist dunkel
C-2,2026-03-02 08:55:43,phone,Jo Lee,"Unser Müll wurde nicht abgeholt, bitte kommen"
C-3,2026-03-03 09:15:15,form,Ada von Zett,In der Straße ist ein tiefes Loch
"""


@pytest.fixture
def made(tmp_path):
    def put(text, name="a.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return put


def chosen(path, *names):
    with TableOptions().open(path) as table:
        columns = text_columns_of(table, names)
        n_rows = sum(batch.data.num_rows for batch in table.batches(columns))
    return columns, n_rows


def test_the_only_column_that_holds_texts_is_taken_and_told(made):
    message = "a.csv: the texts are in the column 'Nachricht', by what it holds. Name another one"
    with pytest.warns(TableWarning, match=message):
        assert chosen(made(REQUESTS)) == (["Nachricht"], 3)


def test_a_column_that_is_named_is_not_guessed(made):
    assert chosen(made(REQUESTS), "Customer") == (["Customer"], 3)  # a warning would be an error


@pytest.mark.parametrize(
    "table",
    [
        "subject,body\nmy lamp is dark,please come and repair it soon\n",
        "a,b\nx,y\n",
        "a,b\n",
        "a,b\n1,2026-03-02\n",
        "path,url\nC:/x/y z,https://www.example.com/my/long/address/of/it\n",
    ],
)
def test_where_several_or_none_hold_texts_the_columns_and_the_option_are_named(made, table):
    first, second = table.split("\n")[0].split(",")
    message = f"it has {first!r}, {second!r}. Name one of these (--text-column), or rename"
    with pytest.raises(TableError, match=re.escape(message)) as caught:
        chosen(made(table))
    assert caught.value.columns == (first, second)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["my card is lost"], True),
        (["", " ", "my card is lost"], True),
        (["refund request", "late parcel"], False),
        (["2026-03-02 08:30:28 Monday"], False),
        (["Mo 2 Mar 2026"], False),
        (["カードを なくしました"], True),
        (["サイズ"], False),
        (["บัตรของฉันหายไปแล้ว"], True),
        (["моя карта потеряна вчера"], True),
        (["https://www.example.com/a/b/c/d/e"], False),
        (["waiting for the customer"] * 20, False),
        ([], False),
        (["", ""], False),
    ],
)
def test_what_counts_as_texts(cells, expected):
    assert are_texts(cells) == expected


@pytest.mark.parametrize("name", ["text", "message"])
@pytest.mark.parametrize("label", ["topic", "Kategorie"])
def test_the_only_column_beside_the_texts_has_the_labels(made, name, label):
    path = made(f"{label},{name}\nrefund,I want my money back\nparcel,where is my parcel now\n")
    with pytest.warns(TableWarning) as caught:
        assert read_labelled_texts(path).truths == ["refund", "parcel"]
    messages = [str(warning.message) for warning in caught]
    assert f"the labels are in the column {label!r}, the only one beside the texts" in messages[0]
    with pytest.warns(TableWarning):
        categories, _ = read_category_table(path)
    assert [(c.name, c.examples[0].text) for c in categories] == [
        ("refund", "I want my money back"),
        ("parcel", "where is my parcel now"),
    ]


def test_labels_are_not_guessed_among_several_columns(made):
    with pytest.raises(TableError, match=r"no column 'label'.*\(--label-column\)"):
        read_labelled_texts(made("topic,channel,text\nrefund,mail,my money\n"))


def test_examples_are_found_beside_a_label_that_is_named(made):
    path = made("Category,Owner,Beispiel\nrefund,Ann,I want my money back\n")
    with pytest.warns(TableWarning, match="the texts are in the column 'Beispiel'"):
        categories, _ = read_category_table(path, TableOptions(label_column="Category"))
    assert categories[0].examples[0].text == "I want my money back"
    assert categories[0].metadata == {"Owner": "Ann"}


def test_an_index_without_examples_is_not_made_by_mistake(made):
    path = made("Category,Beispiel\nrefund,money back\nparcel,parcel late\n")
    options = TableOptions(label_column="Category")
    with pytest.raises(TableError, match=r"no column 'text'; it has 'Beispiel'.*--text-column"):
        read_category_table(path, options)
    names = made("Category,description\nrefund,Money is to be paid back.\n", "names.csv")
    assert read_category_table(names, options).categories[0].examples == ()


def test_rows_without_anything_in_a_table_of_categories_are_none(made):
    path = made("label,text,owner\nrefund,my money,\n,,\n , ,\n")
    assert len(read_category_table(path).categories) == 1


@pytest.mark.parametrize(
    "first",
    [
        "17,my parcel is late,refund",
        "C-17,my parcel is late again,refund",
        "2026-03-02,late parcel,refund",
        "C-1,late parcel,refund",
    ],
)
def test_a_first_row_that_is_no_header_is_not_taken_for_one(made, first):
    rows = "C-1,where is my parcel now,refund\nC-2,I want my money back,parcel\n"
    with pytest.raises(TableError, match="there is no column 'text'"):
        chosen(made(f"{first}\n{rows}"))


def test_labels_are_not_taken_from_a_first_row_that_is_no_header(made):
    path = made("refund,give me my money\nrefund,I want my money back\nparcel,where is it now\n")
    with pytest.raises(TableError, match="there is no column 'label'"):
        read_labelled_texts(path)
