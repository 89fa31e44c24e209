"""The benchmark of reviews, on a tiny set; and its page is made of its results."""

from __future__ import annotations

import json

import pytest

from benchmarks import review
from benchmarks.accuracy.sets import Set
from textshot.testing import HashingEncoder

WORDS = {"parcel": ["late", "lost", "broken", "wet"], "money": ["back", "twice", "gone", "owed"]}


@pytest.fixture
def some(tmp_path):
    for split, ending in (("train", ""), ("test", " please")):
        rows = [
            {"text": f"{word} {kind} {n}{ending}", "label": kind}
            for kind, words in WORDS.items()
            for word in words
            for n in range(5)
        ]
        (tmp_path / "tiny").mkdir(exist_ok=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "tiny" / f"{split}.jsonl").write_text(lines)
    return Set(tmp_path, "tiny", "label")


def test_a_cell_asks_both_ways_and_measures_the_same_rows(some):
    table = some.table(HashingEncoder(), [1], 3)
    found = review.cell(some, table, draws=3, rows=6)
    assert found == review.cell(some, table, draws=3, rows=6)
    doubtful, random = found["doubtful"], found["random"]
    assert list(found) == list(review.WAYS)
    assert {len(values) for values in doubtful.values()} == {3}
    assert doubtful["before"] == random["before"]
    assert doubtful["written before"] == random["written before"]
    assert all(0 <= value <= 100 for way in found.values() for v in way.values() for value in v)


def test_the_page_in_the_docs_is_made_of_the_results():
    found = json.loads(review.RESULTS.read_text(encoding="utf-8"))
    root = review.RESULTS.parents[2]
    assert (root / review.PAGE).read_text(encoding="utf-8") == review.page(found)
    assert list(found) == list(review.NAMES)


def test_the_picture_is_drawn(tmp_path):
    review.plot(json.loads(review.RESULTS.read_text(encoding="utf-8")), tmp_path / "a" / "b.png")
    assert (tmp_path / "a" / "b.png").stat().st_size > 10_000
