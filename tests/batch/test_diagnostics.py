"""Categories that look wrong, with a pencil: each rule at its edge."""

from __future__ import annotations

from textshot.batch.diagnostics import diagnose
from textshot.batch.tally import Tally
from textshot.engine.check import FindingKind


def diagnosed(counts, *, categories=None, threshold=None, thresholds=None, **other):
    """The diagnostics of rows with these counts; their mean score is 1."""
    known = {
        "written": sum(counts.values()),
        "counts": counts,
        "sums": {label: float(n) for label, n in counts.items()},
    }
    names = [label for label in counts if label != "unknown"]
    found = diagnose(Tally(**{**known, **other}), categories or names, threshold, thresholds)
    return [(doubt.kind, doubt.label, doubt.reason) for doubt in found]


def test_equal_shares_look_well():
    assert diagnosed({"a": 40, "b": 30, "unknown": 30}, threshold=0.5) == []


def test_nothing_at_all_looks_well():
    assert diagnosed({}) == []
    assert diagnosed({}, categories=["a", "b"], threshold=0.3) == []


def test_unknown_is_reported_when_most_are():
    assert diagnosed({"a": 50, "unknown": 50}) == []
    assert diagnosed({"a": 49, "unknown": 51}) == [
        (FindingKind.UNKNOWN, "unknown", "51 of 100 (51.0 %) texts")
    ]
    assert diagnosed({"a": 2, "unknown": 17}) == []  # 19 rows are too few
    assert len(diagnosed({"a": 2, "unknown": 18})) == 1


def test_of_few_categories_one_is_large_with_most_of_the_rows():
    assert diagnosed({"a": 60, "b": 20, "c": 20}) == []
    assert diagnosed({"a": 61, "b": 20, "c": 19, "unknown": 40}) == [
        (
            FindingKind.LARGE,
            "a",
            "61 of 100 (61.0 %) texts with a category; 1.8 times an equal share",
        )
    ]
    assert diagnosed({"a": 89, "b": 11}) == []  # of two, one is the larger


def test_of_many_categories_one_is_large_with_five_times_its_share():
    others = {f"c{i:02}": 20 for i in range(18)}  # with "a" and "b" 20 categories, 5 % each
    assert diagnosed({"a": 118, "b": 20} | others) == []  # 118 of 498: 24 %
    [found] = diagnosed({"a": 135, "b": 20} | others)  # 135 of 515: 26 %
    assert found[:2] == (FindingKind.LARGE, "a")
    assert found[2].endswith("5.2 times an equal share")


def test_a_category_without_rows_is_reported_when_there_are_plenty():
    assert diagnosed({"a": 29, "b": 30}, categories=["a", "b", "c"]) == []  # 20 for each are needed
    assert diagnosed({"a": 30, "b": 30}, categories=["a", "b", "c"]) == [
        (FindingKind.SMALL, "c", "none of 60 texts with a category"),
    ]


def test_hardly_any_rows_are_less_than_a_fifth_of_an_equal_share():
    assert (
        diagnosed({"a": 48, "b": 48, "c": 4}, categories=["a", "b", "c"])[0][0] is FindingKind.SMALL
    )
    assert diagnosed({"a": 46, "b": 46, "c": 7}, categories=["a", "b", "c"]) == []  # 6.6 is a fifth


def test_the_smallest_comes_first_and_names_what_it_was_second_to():
    pairs = [("unknown", "d", 9), ("a", "d", 7), ("b", "d", 3)]
    found = diagnosed({"a": 100, "b": 100, "c": 5}, categories=["a", "b", "c", "d"], pairs=pairs)
    assert found == [
        (
            FindingKind.SMALL,
            "d",
            "none of 205 texts with a category; second to “a” in 7 close calls",
        ),
        (FindingKind.SMALL, "c", "5 of 205 (2.4 %) texts with a category"),
    ]


def test_half_of_the_rows_close_is_mostly_chance():
    counts, pairs = {"a": 40, "b": 40}, [("a", "b", 15), ("a", "c", 5)]
    assert diagnosed(counts, close={"a": 19}, pairs=pairs) == []
    assert diagnosed(counts, close={"a": 20}, pairs=pairs) == [
        (FindingKind.CLOSE, "a", "20 of 40 (50.0 %) texts, 15 of them with “b”")
    ]
    assert diagnosed(counts, close={"a": 20})[0][2] == "20 of 40 (50.0 %) texts"
    assert diagnosed({"a": 19, "b": 40}, close={"a": 19}) == []


def test_close_calls_of_unknown_are_nobodys():
    assert diagnosed({"a": 60, "unknown": 40}, close={"unknown": 40}) == []


def test_a_mean_barely_above_the_threshold():
    counts = {"a": 20, "b": 20}
    assert diagnosed(counts, threshold=0.4, sums={"a": 8.8, "b": 8.8}) == []  # 0.44
    assert diagnosed(counts, threshold=0.4, sums={"a": 8.4, "b": 8.8}) == [
        (FindingKind.FAINT, "a", "mean score 0.420 of 20 texts; the threshold is 0.400")
    ]
    assert diagnosed(counts, threshold=None, sums={"a": 0.0, "b": 0.0}) == []
    assert diagnosed({"a": 19, "b": 20}, threshold=0.4, sums={"a": 7.6, "b": 8.8}) == []


def test_a_category_has_its_own_threshold():
    counts, sums = {"a": 20, "b": 20}, {"a": 8.4, "b": 12.0}
    found = diagnosed(counts, threshold=0.4, thresholds={"a": 0.1, "b": 0.59}, sums=sums)
    assert [doubt[:2] for doubt in found] == [(FindingKind.FAINT, "b")]
    assert diagnosed(counts, threshold=None, thresholds={"b": 0.59}, sums=sums) == found


def test_the_kinds_come_in_their_order():
    counts = {"a": 90, "b": 30, "c": 30, "unknown": 151}
    found = diagnosed(
        counts,
        categories=["a", "b", "c", "d"],
        threshold=0.5,
        close={"b": 30},
        sums={"a": 90, "b": 30, "c": 15.3},
    )
    assert [doubt[:2] for doubt in found] == [
        (FindingKind.UNKNOWN, "unknown"),
        (FindingKind.SMALL, "d"),
        (FindingKind.CLOSE, "b"),
        (FindingKind.FAINT, "c"),
    ]
