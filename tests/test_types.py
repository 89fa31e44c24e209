import copy
import pickle

import numpy as np
import pytest

from textshot.errors import InvalidCategoriesError, InvalidTextsError, TextshotError
from textshot.index.entries import without_texts
from textshot.types import Category, Example, Key, KeyKind, category_dict, parse_truth, spoken_name

CARD = Category("card_arrival", "about cards", (Example("where is my card"), Example("late card")))


def texts_of(keys):
    return [(key.kind.value, key.text) for key in keys]


def test_keys_are_name_description_and_examples_in_that_order():
    assert texts_of(CARD.keys()) == [
        ("name", "card arrival"),
        ("description", "about cards"),
        ("example", "where is my card"),
        ("example", "late card"),
    ]


def test_opaque_names_are_no_keys():
    assert texts_of(CARD.keys(names=False))[0] == ("description", "about cards")
    assert texts_of(Category("c17").keys()) == [("name", "c17")]


def test_a_category_that_nothing_stands_for_is_refused():
    with pytest.raises(InvalidCategoriesError, match="'c17' has no example and no description"):
        Category("c17").keys(names=False)


def test_a_correction_keeps_its_source():
    key = Category("a", examples=(Example("x", "correction"),)).keys()[1]
    assert key == Key(KeyKind.EXAMPLE, "x", "correction")


def test_without_texts_there_are_as_many_keys_of_the_same_kinds():
    private = without_texts(CARD)
    assert texts_of(private.keys()) == [
        ("name", "card arrival"),
        ("description", None),
        ("example", None),
        ("example", None),
    ]
    assert without_texts(private) == private
    assert without_texts(Category("a")) == Category("a")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("card_arrival", "card arrival"),
        ("  two__words \t here ", "two words here"),
        ("plain", "plain"),
        ("a-b/c", "a-b/c"),
        ("日本_語", "日本 語"),
        ("___", "___"),
        ("?", "?"),
    ],
)
def test_names_are_read_as_people_would_say_them(name, words):
    assert spoken_name(name) == words


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "has an empty name"),
        (" \t\u2003", "has an empty name"),
        ("unknown", "cannot be called 'unknown': that is the answer"),
        (" Unknown ", "cannot be called ' Unknown '"),
        ("UNKNOWN", "cannot be called"),
        ("a\nb", "has a control character"),
        ("a\x00", "has a control character"),
        ("\ud800", "has a control character"),
        (None, "is a string, not None"),
        (5, "is a string, not 5"),
        (b"a", "is a string, not b'a'"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name, message):
    with pytest.raises(InvalidCategoriesError, match=message):
        Category(name)


@pytest.mark.parametrize("name", ["unknown caller", "a/b", "..", "日本", "a\u2028b", "🎉", "0"])
def test_any_other_name_is_fine(name):
    assert Category(name).name == name


@pytest.mark.parametrize("threshold", [1.01, -2, float("nan"), float("inf"), "high", [0.5]])
def test_a_threshold_is_a_cosine(threshold):
    with pytest.raises(InvalidCategoriesError, match="a cosine lies in -1 to 1"):
        Category("a", threshold=threshold)


@pytest.mark.parametrize("threshold", [-1, 0, 1, 0.5, np.float32(0.5), np.float64(0.5)])
def test_a_threshold_of_any_number_type_becomes_a_float(threshold):
    assert type(Category("a", threshold=threshold).threshold) is float


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"description": 5}, "description or parent 5"),
        ({"parent": ["x"]}, "description or parent"),
        ({"metadata": {"priority": 1}}, "metadata {'priority': 1}; strings by name"),
        ({"metadata": {1: "x"}}, "strings by name"),
        ({"metadata": ["x"]}, "strings by name"),
        ({"metadata": None}, "strings by name"),
    ],
)
def test_what_json_would_not_bring_back_as_it_was_is_refused(members, message):
    with pytest.raises(InvalidCategoriesError, match=message):
        Category("a", **members)


@pytest.mark.parametrize("members", [(5,), (b"x",), (["x"],), ("x", None)])
def test_an_example_is_a_string_with_a_source(members):
    with pytest.raises(InvalidCategoriesError, match="an example is a string with a source"):
        Example(*members)


def test_a_name_given_twice_is_refused():
    assert list(category_dict([Category("a"), Category("b")])) == ["a", "b"]
    with pytest.raises(InvalidCategoriesError, match="'a' is given twice"):
        category_dict([Category("a"), Category("b"), Category("a")])


def test_the_errors_are_value_errors_of_ours():
    assert issubclass(InvalidCategoriesError, ValueError)
    assert issubclass(InvalidCategoriesError, TextshotError)


@pytest.mark.parametrize("category", [CARD, Category("a", metadata={"x": "y"}, threshold=0.5)])
def test_a_category_can_be_pickled_and_copied(category):
    assert pickle.loads(pickle.dumps(category)) == category
    assert copy.deepcopy(category) == category


def test_a_name_is_trimmed_and_composed_and_an_example_counts_once():
    category = Category(" cafe\u0301 ", examples=["one", "two", "one"])
    assert category.name == "caf\u00e9"
    assert [e.text for e in category.examples] == ["one", "two"]
    assert parse_truth(" cafe\u0301") == category.name


def test_a_string_among_the_examples_is_an_example_of_its_text():
    assert Category("a", examples=("text", Example("more", "import"))).examples == (
        Example("text"),
        Example("more", "import"),
    )


@pytest.mark.parametrize("examples", ["text", [1], None, {"text"}])
def test_examples_that_are_no_examples_are_refused(examples):
    with pytest.raises(InvalidCategoriesError, match="a list of texts is needed"):
        Category("a", examples=examples)


def test_a_truth_is_a_string():
    with pytest.raises(InvalidTextsError, match="a truth is a string or None, not 1"):
        parse_truth(1)
