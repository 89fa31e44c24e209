"""Files of other tools become the same categories, and what is wrong with one is told."""

import json

import pytest

from textshot.errors import InvalidCategoriesError, TableError
from textshot.io.categories import read_categories
from textshot.io.category_rows import write_categories
from textshot.io.importers import from_classy, from_semantic_router, from_setfit
from textshot.types import Category

ROUTES = [
    {
        "name": "refund",
        "utterances": ["give me my money back", "I was charged, twice"],
        "description": "Money goes back.",
        "function_schemas": None,
        "llm": None,
        "score_threshold": 0.82,
        "metadata": {},
    },
    {"name": "parcel", "utterances": ["where is it?"], "description": None},
]
CATEGORIES = [
    Category("refund", description="Money goes back.", examples=[*ROUTES[0]["utterances"]]),
    Category("parcel", examples=["where is it?"]),
]
YAML = """
encoder_name: text-embedding-3-small
encoder_type: openai
routes:
- description: Money goes back.
  name: refund
  utterances: [give me my money back, 'I was charged, twice']
- name: parcel
  utterances:
  - where is it?
"""
DATA = {"refund": ["money back"], "parcel": ["where is it?", "not here"]}
AS_DATA = [Category(name, examples=[*texts]) for name, texts in DATA.items()]


@pytest.fixture
def file(tmp_path):
    def made(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return made


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("router.json", {"encoder_type": "openai", "encoder_name": "x", "routes": ROUTES}),
        ("routes.json", ROUTES),
        ("router.yaml", YAML),
    ],
)
def test_routes(file, name, content):
    assert from_semantic_router(file(name, content)) == CATEGORIES


@pytest.mark.parametrize(
    "content", [DATA, {"data": DATA, "model": "all-MiniLM-L6-v2"}, {"data": DATA}]
)
def test_data_of_classy(file, content):
    assert from_classy(file("data.json", content)) == AS_DATA


def test_names_alone_of_classy(file):
    names = [Category("refund"), Category("parcel")]
    assert from_classy(file("data.json", ["refund", "parcel"])) == names
    config = {"data": ["refund", "parcel"], "cat_type": "zero"}
    assert from_classy(file("config.json", config)) == names


def test_a_category_called_data_is_one(file):
    found = from_classy(file("data.json", {"data": ["a table"], "text": ["a book"]}))
    assert [category.name for category in found] == ["data", "text"]


def test_examples_of_setfit(file):
    rows = [("money back", 1), ("where is it?", 0), ("not here", 0), ("money back", 1)]
    lines = "\n".join(json.dumps({"text": text, "label": label}) for text, label in rows)
    table = file("train.jsonl", lines + "\n")
    names = file("config_setfit.json", {"labels": ["parcel", "refund"], "normalize": False})
    assert from_setfit(table, names) == (AS_DATA, [])
    assert from_setfit(table, file("names.json", ["parcel", "refund"])) == (AS_DATA, [])
    assert [category.name for category in from_setfit(table)[0]] == ["1", "0"]


def test_the_names_of_setfit_stand_in_a_column_and_bad_rows_are_reported(file):
    table = file("train.csv", "text,label,label_text\nmoney back,1,refund\n ,0,parcel\nhm,0,\n")
    found, rejects = from_setfit(table)
    assert found == [Category("refund", examples=["money back"])]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (3, "the text is empty"),
        (4, "the label is empty"),
    ]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet", "out.xlsx"])
def test_what_is_written_is_read_as_the_same_categories(tmp_path, name):
    there = [*CATEGORIES, Category("a name alone")]
    write_categories(str(tmp_path / name), there)
    assert read_categories(tmp_path / name) == there


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", r"a\.json: is no \.json file \(Expecting property name"),
        ("a.yaml", "a: [", r"a\.yaml: is no \.yaml file"),
        ("a.yaml", "!!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("a.json", {"encoder_type": "openai"}, "holds no routes"),
        ("a.json", {"routes": []}, "holds no routes"),
        ("a.json", ["refund"], "route 1 is no object with a `name`"),
        ("a.json", [{"name": 3}], "the name of route 1 is 3; a string is needed"),
        (
            "a.json",
            [{"name": "a", "utterances": "b"}],
            "'a' has no list of examples, but str",
        ),
        ("a.json", [{"name": "a", "utterances": ["b", " "]}], "example 2 of 'a' is no text"),
        ("a.json", [{"name": "a", "utterances": [["b"]]}], "example 1 of 'a' is no text"),
    ],
)
def test_what_is_no_routes_is_reported(file, name, content, message):
    with pytest.raises(TableError, match=message):
        from_semantic_router(file(name, content))


def test_a_route_that_comes_twice_is_reported_with_its_file(file):
    with pytest.raises(InvalidCategoriesError, match=r"a\.json: category 'a' is given twice"):
        from_semantic_router(file("a.json", [{"name": "a"}, {"name": "a"}]))


@pytest.mark.parametrize("content", [{}, [], "3", '"refund"'])
def test_what_is_no_data_of_classy_is_reported(file, content):
    with pytest.raises(TableError, match="holds no data of classy-classification"):
        from_classy(file("a.json", content))


def test_a_label_of_yaml_that_is_no_string_is_reported(file):
    with pytest.raises(TableError, match=r"a label is True; a string is needed\. Put it in quotes"):
        from_classy(file("a.yaml", "yes: [of course]\n"))


@pytest.mark.parametrize(
    ("table", "names", "message"),
    [
        ("text,topic\na,b\n", None, "there is no column 'label'; it has 'text', 'topic'"),
        ("text,label\n", None, "holds no example|no rows|header"),
        ("text,label\na,2\n", ["x", "y"], r"t\.csv:2: the label is '2'; a number from 0 to 1"),
        ("text,label\na,b\n", ["x", "y"], r"t\.csv:2: the label is 'b'; a number from 0 to 1"),
        ("text,label\na,0\n", [1], "holds no list of labels"),
    ],
)
def test_what_is_no_example_of_setfit_is_reported(file, table, names, message):
    with pytest.raises(TableError, match=message):
        from_setfit(file("t.csv", table), None if names is None else file("n.json", names))


def test_a_file_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(TableError, match=r"no\.yaml: cannot be read \(No such file"):
        from_classy(tmp_path / "no.yaml")
