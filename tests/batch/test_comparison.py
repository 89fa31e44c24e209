"""Two runs compared, with a pencil: shares, their significance; and how an earlier run is found."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from job_files import content, write_rows

from textshot.batch import categorize
from textshot.batch.comparison import compare, z_score
from textshot.batch.report import Report
from textshot.batch.tally import Tally
from textshot.errors import TableError
from textshot.testing import toy_engine
from textshot.types import Category


def side(counts, *, categories=None, threshold=0.3, encoder="e", **index):
    """A report of rows with these counts."""
    facts = {
        "index": {"generation": 1, "content": "c"} | index,
        "encoder": {"fingerprint": encoder},
        "threshold": threshold,
        "categories": categories or [label for label in counts if label != "unknown"],
    }
    tally = Tally(written=sum(counts.values()), counts=counts)
    return Report(tally=tally, fingerprint="f", facts=facts)


def marks(drift):
    return {change.label: change.mark for change in drift.changes}


def test_two_shares_are_apart_by_standard_errors():
    # 60 % in both together; 0.6 * 0.4 * (1/100 + 1/100) = 0.0048
    assert z_score(50, 100, 70, 100) == pytest.approx(0.2 / math.sqrt(0.0048))
    assert z_score(70, 100, 50, 100) == pytest.approx(-0.2 / math.sqrt(0.0048))
    assert z_score(10, 100, 20, 200) == 0.0


@pytest.mark.parametrize(
    "counts",
    [
        (3, 100, 4, 100),  # 3.5 expected
        (97, 100, 96, 100),  # of the others
        (30, 1000, 1, 10),
        (0, 0, 5, 10),
        (5, 10, 0, 0),
    ],
)
def test_of_too_few_nothing_is_reported(counts):
    assert z_score(*counts) is None


def test_what_is_more_than_chance_is_marked():
    # three comparisons, "unknown" is one: 0.01 / 3 is beyond 2.94 standard errors
    before = side({"a": 50, "b": 50})
    assert marks(compare(before, side({"a": 70, "b": 30}))) == {"a": "", "b": ""}  # 2.89
    assert marks(compare(before, side({"a": 75, "b": 25}))) == {"a": "more", "b": "less"}  # 3.65


def test_the_more_categories_the_rarer_is_a_mark():
    others = {f"c{i}": 0 for i in range(100)}
    drift = compare(side({"a": 50, "b": 50} | others), side({"a": 75, "b": 25} | others))
    assert set(marks(drift).values()) == {""}  # 0.01 / 103 is beyond 3.9


def test_unknown_is_compared_as_well():
    drift = compare(side({"a": 90, "unknown": 10}), side({"a": 60, "unknown": 40}))
    assert (drift.unknown.before, drift.unknown.now, drift.unknown.mark) == (0.1, 0.4, "more")
    assert drift.unknown.points == pytest.approx(30)
    assert "unknown" not in marks(drift)


def test_categories_are_new_or_gone_and_come_first():
    before = side({"a": 50, "b": 30, "c": 20})
    now = side({"a": 20, "b": 31, "d": 49})
    drift = compare(before, now)
    assert [(c.label, c.before, c.now, c.verdict) for c in drift.changes] == [
        ("d", None, 0.49, "new"),
        ("c", 0.2, None, "gone"),
        ("a", 0.5, 0.2, "less"),
        ("b", 0.3, 0.31, "no"),
    ]
    assert drift.n_marked == 3


def test_a_category_that_no_row_got_is_not_gone():
    drift = compare(side({"a": 50}), side({"b": 50}, categories=["a", "b"]))
    assert [(c.label, c.now, c.mark) for c in drift.changes] == [
        ("b", 1.0, "new"),
        ("a", 0, "less"),
    ]


def test_what_differs_beside_the_texts_is_reported():
    before = side({"a": 1})
    assert compare(before, before).notes == ()
    assert compare(before, side({"a": 1}, generation=3, content="d")).notes == (
        "the index was generation 1, now 3",
    )
    assert compare(before, side({"a": 1}, content="d", encoder="f", threshold=None)).notes == (
        "the index has other vectors: another index, or adapted to other texts",
        "the encoder changed",
        "the threshold was 0.300, now none",
    )


def test_nothing_can_be_compared_with_nothing():
    drift = compare(side({}), side({}))
    assert (drift.changes, drift.unknown.verdict) == ((), "too few to tell")


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows("in.csv", 300)
    write_rows("next.csv", 200, bad_every=2)
    return toy_engine(threshold=0.25)


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ("old.csv", "old.csv"),
        ("old.csv", "old.csv.run"),
        ("old.csv", "old.csv.run/summary.json"),
        ("old/", "old"),
        ("old/", "old/_textshot/summary.json"),
    ],
)
def test_an_earlier_run_is_found_by_what_there_is_of_it(engine, output, named):
    engine.save("index")
    first = categorize(engine, "in.csv", output)
    engine.add([Category("lost card", examples=["my card is gone"])])
    engine.save("index")
    second = categorize(engine, "next.csv", "out.csv", compare=named)
    assert second.drift.before == first.fingerprint
    assert (second.drift.generations, second.drift.rows) == ((1, 2), (297, 100))
    assert second.drift.changes[0].label == "lost card"
    assert second.drift == compare(first, second)


def test_a_copy_of_a_summary_will_do(engine):
    first = categorize(engine, "in.csv", "out.csv")
    shutil.copy("out.csv.run/summary.json", "last-week.json")
    second = categorize(engine, "next.csv", "out.csv", compare=Path("last-week.json"))
    assert second.drift.before == first.fingerprint


def test_the_comparison_is_no_part_of_the_run(engine):
    categorize(engine, "in.csv", "old.csv")
    plain = categorize(engine, "next.csv", "out.csv")
    before = content(".")
    again = categorize(engine, "next.csv", "out.csv", compare="old.csv")
    assert (again.fingerprint, again.n_resumed) == (plain.fingerprint, 1)
    assert again.drift is not None
    assert again.to_dict() == plain.to_dict()
    changed = {name for name, data in content(".").items() if before[name] != data}
    assert changed == {"out.csv.run/summary.html"}
    categorize(engine, "next.csv", "out.csv")
    assert content(".") == before


def test_a_run_is_not_compared_with_itself(engine):
    categorize(engine, "in.csv", "out.csv")
    before = content(".")
    for named in ("out.csv", "out.csv.run", "./out.csv.run/summary.json"):
        with pytest.raises(TableError, match=r"this run writes there.*copy"):
            categorize(engine, "next.csv", "out.csv", compare=named)
    assert content(".") == before


def test_a_run_that_is_not_finished_has_no_summary(engine):
    categorize(engine, "in.csv", "old/")
    Path("old/_textshot/summary.json").unlink()
    with pytest.raises(TableError, match=r"old: its run is not finished"):
        categorize(engine, "next.csv", "out.csv", compare="old")


@pytest.mark.parametrize(
    ("named", "body", "message"),
    [
        ("nowhere.csv", None, "nowhere.csv: there is no summary of a run beside it. Name the"),
        ("in.csv", None, "in.csv: there is no summary of a run beside it"),
        ("a.json", "{", "a.json: is not a summary of textshot"),
        ("a.json", "[]", "a.json: is not a summary of textshot"),
        (
            "a.json",
            json.dumps({"tally": {}}),
            "a.json: is not a summary of textshot",
        ),
    ],
)
def test_what_is_no_summary_is_reported_before_anything_is_done(engine, named, body, message):
    if body is not None:
        Path(named).write_text(body)
    before = content(".")
    with pytest.raises(TableError, match=message):
        categorize(engine, "next.csv", "out.csv", compare=named)
    assert content(".") == before


def test_a_pipe_has_nothing_to_compare(engine):
    categorize(engine, "in.csv", "old.csv")
    with pytest.raises(TableError, match=r"a pipe leaves no summary to compare. Name files"):
        categorize(engine, "next.csv", "-", compare="old.csv")
