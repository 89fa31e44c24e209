"""What is blank in a text, and what similar names have in common."""

import pytest

from textshot._characters import is_blank, name_key


@pytest.mark.parametrize(
    "text",
    ["", " \t\n", "\u00a0\u3000", "\u200b\u200d\u2060\ufeff", "\x01\x7f", "\u00ad", "\u3164\u2800"],
)
def test_what_cannot_be_seen_is_blank(text):
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", "\u200ba", ".", "0", "👍", "☺\ufe0f", "ดี", "\ue000"])
def test_what_can_be_seen_is_not_blank(text):
    assert not is_blank(text)


@pytest.mark.parametrize(
    "name",
    [
        "council tax",
        "Council Tax ",
        "council  tax",
        "council\u00a0tax",
        "coun\u200bcil tax",
        "\uff43\uff4f\uff55\uff4e\uff43\uff49\uff4c tax",
        "council\ttax\ufeff",
    ],
)
def test_similar_names_have_one_key(name):
    assert name_key(name) == "council tax"


def test_names_that_differ_have_keys_that_differ():
    names = ["council tax", "counciltax", "council-tax", "council taxes", "Straße", "Strase"]
    assert len({name_key(name) for name in names}) == len(names)
    assert name_key("Straße") == name_key("STRASSE")
    assert name_key("cafe\u0301") == name_key("café") != name_key("cafe")
