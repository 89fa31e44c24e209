"""Labelled texts organised by category: what is kept, what is left out, and what is said."""

from __future__ import annotations

import time

import numpy as np
import pytest

from textshot.errors import InvalidTextsError
from textshot.training.corpus import (
    Corpus,
    check_enough,
    join,
    split_categories,
    split_lists,
)
from textshot.training.corpus_preparation import prepare_corpus


def made(*pairs, **settings):
    rows = [(text, label, f"f.csv:{i}") for i, (text, label) in enumerate(pairs, 2)]
    return prepare_corpus(rows, **settings)


def filler(*labels, n=3):
    """Return rows that give each label n texts of its own."""
    words = ["apple", "boat", "cloud", "drum", "egg", "fish", "glass"]
    return [(f"{label} {word}", label) for label in labels for word in words[:n]]


def many(n_categories, n=4):
    return made(*filler(*(f"c{chr(97 + i)}" for i in range(n_categories)), n=n))[0]


def test_texts_come_by_category_in_the_order_of_the_file():
    corpus, report = made(("x", "late"), ("y", "early"), ("z", "late"), ("v", " early "))
    assert corpus.names == ("early", "late")
    assert corpus.texts == ("x", "y", "z", "v")
    assert corpus.labels.tolist() == [1, 0, 1, 0]
    assert corpus.counts.tolist() == [2, 2]
    assert corpus.descriptions == ("", "")
    assert corpus.domains.tolist() == [0, 0]
    assert report.lines() == ["4 texts of 2 categories, from 4 rows"]
    assert len(corpus) == 4


def test_descriptions_come_by_name():
    corpus, _ = made(*filler("a", "b"), descriptions={"b": "about b", "else": "?"})
    assert corpus.descriptions == ("", "about b")


@pytest.mark.parametrize(
    ("row", "count"),
    [
        ((None, "a"), "no_text"),
        ((" ", "a"), "no_text"),
        (("hello", None), "no_label"),
        (("hello", " "), "no_label"),
        (("hello", "Unknown"), "no_label"),
        (("a apple", "a"), "duplicates"),
        ((" a apple ", "a"), "duplicates"),
        (("A  Apple!", "a"), "duplicates"),
    ],
)
def test_rows_of_no_use_are_left_out_and_counted(row, count):
    corpus, report = made(*filler("a", "b"), row)
    assert (report.rows, report.kept, getattr(report, count)) == (7, 6, 1)
    assert len(corpus) == 6
    assert len(report.lines()) == 2


def test_a_text_of_two_categories_is_dropped_from_both_and_its_sources_are_named():
    corpus, report = made(*filler("a", "b"), ("both", "a"), ("both", "b"), ("both", "b"))
    assert "both" not in corpus.texts
    assert (report.contradictions, report.kept) == (3, 6)
    assert report.sources == ("f.csv:8 ('a'), f.csv:9 ('b')",)
    assert "both" not in " ".join(report.lines())


def test_nearly_the_same_text_in_two_categories_is_dropped_too():
    corpus, report = made(*filler("a", "b"), ("Card 12 lost", "a"), ("card 7 lost!", "b"))
    assert len(corpus) == 6
    assert report.contradictions == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where is my CARD?", "where is my card", True),
        ("order 12 is late", "order 345 is late", True),
        ("pay 1,000 now", "pay 20 now", True),
        ("cafe\u0301 please", "caf\u00e9 please", True),
        ("ｆｕｌｌ width", "full width", True),  # noqa: RUF001
        ("a_b", "a b", True),
        ("C#", "C", False),
        ("12", "13", False),  # nothing but numbers: they are what it says
        ("???", "!!!", False),
        ("🙂", "🙁", False),
        ("pay $", "pay €", False),
        ("कि", "की", False),  # these marks are letters to those who read them
        ("no", "not", False),
    ],
)
def test_what_counts_as_nearly_the_same(one, other, same):
    _, report = made(*filler("a", "b"), (one, "a"), (other, "a"))
    assert report.duplicates == same


def test_counts_add_up_to_the_rows():
    rng = np.random.default_rng(0)
    texts = ["one", "One!", "two", "two ", "three", "", "four 4", "four 5", "five"]
    pairs = [
        (texts[i], "abc"[j])
        for i, j in zip(rng.integers(9, size=60), rng.integers(3, size=60), strict=True)
    ]
    _, report = made(*pairs, *filler("d"), ("lonely", "e"))
    parts = (
        report.kept,
        report.no_text,
        report.no_label,
        report.duplicates,
        report.contradictions,
        report.too_few_texts,
    )
    assert sum(parts) == report.rows == 64


def test_categories_with_too_few_texts_are_left_out_and_named():
    corpus, report = made(*filler("a", "b"), ("lonely", "z"), ("alone", "y"))
    assert corpus.names == ("a", "b")
    assert (report.too_few, report.too_few_texts) == (("y", "z"), 2)
    assert report.lines()[-1] == "2 categories with fewer than 2 texts, left out: 'y', 'z'"


def test_one_text_per_category_is_an_error_that_explains_itself():
    with pytest.raises(InvalidTextsError, match=r"2 categories, 2 texts.*support.*textshot index"):
        made(("one", "a"), ("two", "b"))


def test_nothing_to_learn_from_says_what_was_there():
    with pytest.raises(InvalidTextsError, match=r"no labelled text.*1 rows without a label"):
        made(("one", ""))
    with pytest.raises(InvalidTextsError, match="from 0 rows"):
        made()


@pytest.mark.parametrize("row", [(5, "a"), ("x", 5), ("x", "a\x07b")])
def test_what_is_no_string_is_refused_with_its_place(row):
    with pytest.raises(InvalidTextsError, match=r"f\.csv:2: "):
        made(row)


def test_broken_characters_are_texts_like_any_other():
    corpus, _ = made(("half \ud800", "a"), ("whole", "a"))
    assert len(corpus) == 2


def seconds(n):
    words = [f"w{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(n)]
    rows = [(f"where is {word} today", f"c{i % 50}", "f:1") for i, word in enumerate(words)]
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        corpus, _ = prepare_corpus(rows)
        best = min(best, time.process_time() - start)
    assert len(corpus) == min(n, 26**3)
    return best


def test_preparation_is_linear_in_the_texts():
    assert seconds(16_000) < 6 * seconds(4_000)


def test_only_takes_categories_with_their_texts():
    corpus = many(4)
    part = corpus.only(["cd", " ca "])
    assert part.names == ("ca", "cd")
    assert {part.names[c] for c in part.labels} == {"ca", "cd"}
    for text, label in zip(part.texts, part.labels, strict=True):
        assert text.startswith(part.names[label])
    with pytest.raises(InvalidTextsError, match=r"'x', 'y': not among the 4 .*2 in all"):
        corpus.only(["ca", "x", "y"])


def test_splits_share_no_category_and_are_seeded():
    corpus = many(20)
    splits = split_categories(corpus, seed=3)
    parts = (splits.train, splits.valid, splits.test)
    assert [len(part.names) for part in parts] == [12, 4, 4]
    assert sorted(name for part in parts for name in part.names) == list(corpus.names)
    assert sum(len(part) for part in parts) == len(corpus)
    assert split_categories(corpus, seed=3).test.names == splits.test.names
    assert split_categories(corpus, seed=4).test.names != splits.test.names


def test_the_split_does_not_depend_on_the_order_of_the_rows():
    rows = filler(*"abcdefgh")
    one = split_categories(made(*rows)[0])
    other = split_categories(made(*reversed(rows))[0])
    assert (one.train.names, one.test.names) == (other.train.names, other.test.names)


def test_a_number_is_the_share_of_valid():
    splits = split_categories(many(10), shares=0.2)
    assert (len(splits.train.names), len(splits.valid.names)) == (8, 2)
    assert (len(splits.test), splits.test.names) == (0, ())


def test_each_part_has_two_categories_at_least():
    splits = split_categories(many(6))
    assert [len(p.names) for p in (splits.train, splits.valid, splits.test)] == [2, 2, 2]
    with pytest.raises(InvalidTextsError, match=r"5 categories cannot be split into 3.*6 at the"):
        split_categories(many(5))
    with pytest.raises(InvalidTextsError, match="3 categories cannot be split into 2"):
        split_categories(many(3), shares=0.5)


@pytest.mark.parametrize(
    "shares", [0.0, 1.0, -0.1, (0.5, 0.2, 0.2), (0.5, 0.5), (1.2, -0.1, -0.1), (0.0, 0.5, 0.5)]
)
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(InvalidTextsError, match="shares"):
        split_categories(many(20), shares=shares)


def test_splits_as_given():
    given = split_lists(
        [
            ("ca", "train", "s:2"),
            ("cb", "Train ", "s:3"),
            ("cc", "valid", "s:4"),
            ("cd ", "valid", "s:5"),
        ]
    )
    splits = split_categories(many(6), lists=given)
    assert splits.train.names == ("ca", "cb")
    assert splits.valid.names == ("cc", "cd")
    assert splits.test.names == ()


def test_without_train_it_is_all_the_others():
    splits = split_categories(many(6), lists={"valid": ["cc", "cd"]})
    assert splits.train.names == ("ca", "cb", "ce", "cf")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train": ["ca", "cb"], "valid": ["cb", "cc"]}, "'cb': in train and in valid"),
        ({"test": ["ca", "cb"], "valid": ["cb", "cc"]}, "'cb': in valid and in test"),
        ({"valid": ["ca", "nope"]}, "'nope': not among the 6"),
        ({"valid": []}, "valid has 0 categories"),
        ({"train": ["ca", "cb"]}, "valid has 0 categories"),
        ({"valid": ["ca", "cb"], "test": ["cc"]}, "test has 1 categories"),
        ({"validation": ["ca"]}, "'validation': not one of train, valid, test"),
    ],
)
def test_lists_that_do_not_fit_are_refused(given, message):
    with pytest.raises(InvalidTextsError, match=message):
        split_categories(many(6), lists=given)


def test_files_of_splits_that_do_not_fit_are_refused():
    with pytest.raises(InvalidTextsError, match="s:2: 'dev' is not one of train"):
        split_lists([("a", "dev", "s:2")])
    with pytest.raises(InvalidTextsError, match="has no row"):
        split_lists([])


def test_joined_domains_keep_their_categories_apart():
    one, other = many(3), made(*filler("ca", "zz"))[0]
    both = join([("first", one), ("second", other)])
    assert both.names == ("ca", "cb", "cc", "ca", "zz")
    assert both.domains.tolist() == [0, 0, 0, 1, 1]
    assert both.domain_names == ("first", "second")
    assert len(both) == len(one) + len(other)
    assert both.labels.tolist() == [*one.labels, *(other.labels + 3)]
    assert both.only(["ca"]).domains.tolist() == [0, 1]
    part = both.take([4, 1])
    assert (part.names, part.domains.tolist()) == (("cb", "zz"), [0, 1])


def test_domains_need_names_of_their_own():
    for parts in ([], [("a", many(2)), ("a", many(2))]):
        with pytest.raises(InvalidTextsError, match="a unique name for each"):
            join(parts)


def test_enough_for_the_episodes_or_an_error_with_numbers():
    corpus = made(*filler(*"abcdefg"), *[(f"h {x}", "h") for x in ("up", "to", "my", "eye")])[0]
    check_enough(corpus, 2, 1)
    with pytest.raises(
        InvalidTextsError, match=r"need 4 texts .*'a' has 3.*'e' has 3, \.\.\. \(7 of 8 categories"
    ):
        check_enough(corpus, 3, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": np.array([0])},
        {"labels": np.array([0, 2])},
        {"labels": np.array([0, -1])},
        {"descriptions": ("x",)},
        {"domains": np.zeros(3)},
    ],
)
def test_a_corpus_that_does_not_fit_together_is_refused(wrong):
    fine = {"texts": ("x", "y"), "labels": np.array([0, 1]), "names": ("a", "b")}
    Corpus(**fine)
    with pytest.raises(InvalidTextsError):
        Corpus(**{**fine, **wrong})
