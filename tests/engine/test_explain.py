"""Why a text got its answer: words left out by hand, and the reason that is told."""

import re

import numpy as np
import pytest

from textshot import Category, Engine, Explanation, FunctionEncoder
from textshot.engine.explain import MAX_WORDS, Word
from textshot.errors import InvalidTextsError

WORDS = ("cat", "dog", "fish")
CATEGORIES = [Category("cat"), Category("dog")]


def counts(texts):
    """How often each of three words comes, and how many others there are."""
    found = []
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        known = [words.count(word) for word in WORDS]
        found.append([*known, len(words) - sum(known) + 1e-6])
    return np.array(found, np.float32)


class Counting:
    """Counts how often and with how many texts it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        self.asked.append(len(texts))
        return counts(texts)


def engine(categories=CATEGORIES, threshold=0.5, function=counts):
    encoder = FunctionEncoder(function, name="counts")
    return Engine.build(categories, encoder=encoder, threshold=threshold)


def by_name(explanation: Explanation) -> dict[str, Word]:
    return {word.text: word for word in explanation.words}


def test_what_words_add_by_hand():
    # "cat cat dog" is (2, 1): 2/sqrt 5 from cat and 1/sqrt 5 from dog
    found = engine().explain("cat cat dog")
    words = by_name(found)
    assert found.prediction == engine().classify(["cat cat dog"])[0]
    assert words["cat"].count == 2
    assert words["cat"].score == pytest.approx(2 / 5**0.5 - 0, abs=1e-5)
    assert words["cat"].margin == pytest.approx(1 / 5**0.5 - (0 - 1), abs=1e-5)
    assert words["dog"].score == pytest.approx(2 / 5**0.5 - 1, abs=1e-5)
    assert words["dog"].margin == pytest.approx(1 / 5**0.5 - (1 - 0), abs=1e-5)
    assert [word.text for word in found.words] == ["cat", "dog"]


def test_the_same_word_in_another_case_is_the_same_word_as_it_stands_first():
    assert by_name(engine().explain("Cat, dog and CAT"))["Cat"].count == 2


def test_what_is_left_is_the_text_without_the_word():
    """As by asking for the shortened text."""
    whole, without = engine().classify(["my cat, the fish", "my cat, the"])
    [fish] = [w for w in engine().explain("my cat, the fish").words if w.text == "fish"]
    assert fish.score == pytest.approx(whole.score - without.score, abs=1e-6)


def test_all_is_encoded_in_one_batch():
    counting = Counting()
    asked = engine(function=counting)
    counting.asked.clear()
    asked.explain("cat dog fish")
    assert counting.asked == [4]


def test_one_category_leads_by_its_score():
    found = engine([Category("cat")]).explain("cat dog")
    assert [w.score for w in found.words] == [w.margin for w in found.words]


@pytest.mark.parametrize(
    ("text", "threshold", "label", "reason"),
    [
        ("cat", 0.5, "cat", "its score 1.000 reaches the threshold 0.500"),
        ("fish cow", 0.5, None, "the best score 0.000 is below the threshold 0.500"),
        ("fish cow", None, "cat", "abstaining is off, so the best category is the answer"),
        ("  ", 0.5, None, "the text says nothing"),
    ],
)
def test_the_reason_is_reported(text, threshold, label, reason):
    found = engine().explain(text, threshold=threshold)
    assert (found.prediction.label, found.reason) == (label, reason)


def test_an_index_without_categories_says_so():
    asked = engine()
    asked.remove("cat", "dog")
    found = asked.explain("cat and dog")
    assert (found.reason, found.words) == ("the index has no categories", ())


def test_a_text_of_one_word_has_no_words_to_leave_out():
    assert engine().explain("cat").words == ()


def test_of_a_long_text_the_first_words_are_tried_and_the_others_counted():
    text = " ".join(f"w{i}" for i in range(MAX_WORDS + 7))
    found = engine().explain(text)
    assert (len(found.words), found.n_left) == (MAX_WORDS, 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't e-mail me", {"don't", "e-mail", "me"}),
        ("お金を", {"お", "金", "を"}),
        ("größe: 42 €", {"größe", "42"}),
    ],
)
def test_words_of_other_scripts(text, words):
    assert set(by_name(engine().explain(text))) == words


def test_fewer_than_two_matches_are_refused():
    with pytest.raises(InvalidTextsError, match="k is 1; at least 2 is needed"):
        engine().explain("cat", 1)


def test_a_text_that_is_none_is_refused():
    with pytest.raises(InvalidTextsError, match=r"text 0 is missing \(None\)"):
        engine().explain(None)
