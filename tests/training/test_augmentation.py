from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textshot.errors import InvalidTextsError
from textshot.training.augmentation import AUGMENTATIONS, augment

TEXT = "Where is my new card, it has not come yet?"


@given(st.text(), st.sampled_from(AUGMENTATIONS), st.integers(0, 99))
def test_nothing_becomes_empty_and_what_has_no_letters_stays(text, kind, seed):
    found = augment(text, kind, seed)
    if any(c.isalpha() for c in text):
        assert any(c.isalpha() for c in found)
    else:
        assert found == text


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_the_same_seed_gives_the_same_text(kind):
    assert augment(TEXT, kind, 5) == augment(TEXT, kind, Random(5))
    assert len({augment(TEXT, kind, seed) for seed in range(20)}) > 1


def test_a_source_of_chance_moves_on():
    rng = Random(0)
    assert len({augment(TEXT, "swap", rng) for _ in range(20)}) > 1


def test_a_typo_changes_a_letter_or_two_neighbours():
    for seed in range(50):
        word = "keyboard"
        found = augment(word, "typos", seed)
        changed = [i for i, (a, b) in enumerate(zip(word, found, strict=True)) if a != b]
        if len(changed) == 2:
            i = changed[0]
            assert found == word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        else:
            assert len(changed) == 1


def test_typos_grow_with_the_text_and_keep_capitals():
    long = "ABCDEFGHIJ " * 20  # 200 letters
    found = augment(long, "typos", 1)
    assert 8 <= sum(a != b for a, b in zip(long, found, strict=True)) <= 20
    assert found.isupper()


def test_other_scripts_have_typos_too():
    assert sorted(augment("где моя карта", "typos", 3)) == sorted("где моя карта")
    assert any(augment("где", "typos", s) != "где" for s in range(9))


def test_dropped_words_are_about_one_in_seven_and_the_rest_keeps_its_order():
    words = [f"w{i}" for i in range(1000)]
    left = augment(" ".join(words), "drop", 0).split()
    assert 800 < len(left) < 900
    assert left == sorted(left, key=words.index)
    assert augment("card", "drop", 0) == "card"
    assert {augment("card 5", "drop", seed) for seed in range(200)} == {"card 5", "card"}


def test_swapped_are_two_neighbours():
    found = {augment("one two three", "swap", seed) for seed in range(20)}
    assert found == {"two one three", "one three two"}
    assert augment("one", "swap", 0) == "one"


def test_case_is_small_or_capitals_or_without_punctuation():
    assert {augment("Hello, you!", "case", seed) for seed in range(20)} == {
        "hello, you!",
        "HELLO, YOU!",
        "Hello you",
    }


def test_other_kinds_are_refused():
    with pytest.raises(InvalidTextsError, match="'paraphrase'; there are typos, drop, swap, case"):
        augment("x", "paraphrase", 0)
