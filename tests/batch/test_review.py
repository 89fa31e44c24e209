"""Review by people: which rows they are asked about, and that their sheet can be filled in."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from job_files import content, text_of, write_rows

from textshot.batch import categorize
from textshot.batch.review import ReviewRow, is_review, most_uncertain
from textshot.errors import TableError
from textshot.io import open_table, text_column
from textshot.testing import toy_engine
from textshot.types import Category


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


def rows(path):
    """The rows of a table, as people see them."""
    with open_table(path) as table:
        found = []
        for batch in table.batches():
            cells = [text_column(batch.data, [name]) for name in table.columns]
            found += [
                dict(zip(table.columns, row, strict=True)) for row in zip(*cells, strict=True)
            ]
        return found


def texts(chosen):
    return [row.text for row in chosen]


def test_the_most_doubtful_of_each_category_comes_first_and_then_the_next_of_each():
    given = [
        ReviewRow("a", "x", 0.5, 0.05),
        ReviewRow("b", "x", 0.5, 0.01),
        ReviewRow("c", "y", 0.5, 0.30),
        ReviewRow("d", "x", 0.5, 0.02),
        ReviewRow("e", "z", 0.1, 0.20),
        ReviewRow("f", "y", 0.5, 0.40),
    ]
    assert texts(most_uncertain(given, 6)) == ["b", "e", "c", "d", "f", "a"]
    assert texts(most_uncertain(given, 2)) == ["b", "e"]
    assert texts(most_uncertain(given, 99)) == texts(most_uncertain(given, 6))
    assert most_uncertain([], 5) == []


@pytest.mark.parametrize(
    ("n_resumed", "n_unknown", "expected"), [(90, 10, 2), (50, 50, 10), (10, 90, 10), (5, 95, 15)]
)
def test_unknown_rows_get_their_share_but_half_at_most_while_there_are_others(
    n_resumed, n_unknown, expected
):
    given = [ReviewRow(f"k{i}", f"c{i % 3}", 0.5, i / 100) for i in range(n_resumed)]
    given += [ReviewRow(f"u{i}", "unknown", 0.1, i / 1000) for i in range(n_unknown)]
    found = texts(most_uncertain(given, 20))
    assert len(found) == 20
    assert [text for text in found if text[0] == "u"] == [f"u{i}" for i in range(expected)]
    half = [text for text in found[:10] if text[0] == "u"]
    assert abs(len(half) - expected / 2) <= 1  # spread over the whole


def test_what_is_close_to_the_threshold_is_doubtful_and_a_probability_goes_before_the_margin():
    clear = ReviewRow("a", "x", 0.5, 0.3, distance=0.2)
    close = replace(clear, text="b", distance=0.01)
    assert texts(most_uncertain([clear, close], 2)) == ["b", "a"]
    sure, unsure = (replace(clear, text=f"{p}", probability=p) for p in (0.9, 0.4))
    tight = replace(sure, text="tight", margin=0.001)
    assert texts(most_uncertain([sure, unsure, tight], 3)) == ["0.4", "0.9", "tight"]
    on_it = replace(sure, text="on it", distance=0.0)
    assert texts(most_uncertain([sure, unsure, on_it], 1)) == ["on it"]


def test_a_text_that_comes_twice_is_asked_once():
    given = [ReviewRow("a", "x", 0.5, 0.1, line=i) for i in range(3)] + [
        ReviewRow("b", "x", 0.5, 0.2)
    ]
    found = most_uncertain(given, 3)
    assert [(row.text, row.line) for row in found] == [("a", 0), ("b", 0)]


@pytest.mark.parametrize("seed", range(5))
def test_a_stream_of_rows_gives_what_all_of_them_give_at_once(seed, monkeypatch):
    rng = random.Random(seed)
    given = [
        ReviewRow(
            f"text {rng.randrange(2000)}",
            rng.choice(["unknown", *(f"c{int(rng.expovariate(0.2))}" for _ in range(4))]),
            rng.random(),
            rng.randrange(50) / 100,
            line=i,
        )
        for i in range(3000)
    ]
    given = list({row.text: row for row in given}.values())
    at_once = most_uncertain(given, 40)  # held until the end
    monkeypatch.setattr("textshot.batch.review._MIN_POOL", 1)
    assert most_uncertain(given, 40) == at_once
    counted = Counter(row.answer for row in at_once)
    n_unknown = counted.pop("unknown")
    assert n_unknown == pytest.approx(
        40 * sum(r.answer == "unknown" for r in given) / len(given), abs=1
    )
    there = Counter(row.answer for row in given)
    assert max(counted.values()) <= 1 + min(n for c, n in counted.items() if n < there[c])


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet", "out.xlsx", "parts/"])
def test_the_review_is_the_same_whatever_the_output_is(engine, output):
    write_rows("in.csv", 500)
    categorize(engine, "in.csv", "plain.csv", review="expected.jsonl", review_rows=30)
    options = {"review": "review.jsonl", "review_rows": 30, "shard_rows": 100}
    report = categorize(engine, "in.csv", output, **options)
    assert report.n_review == 30
    without = [{**row, "source": "", "line": ""} for row in rows("review.jsonl")]
    assert without == [{**row, "source": "", "line": ""} for row in rows("expected.jsonl")]


def test_the_columns_say_what_was_answered_and_what_else_it_may_be(engine):
    write_rows("in.csv", 400)
    categorize(engine, "in.csv", "out.csv", review="review.csv", review_rows=50)
    written = {row["text"]: row for row in rows("out.csv")}
    lines = Path("out.csv").read_text().splitlines()
    found = rows("review.csv")
    assert len({row["text"] for row in found}) == 50
    assert {row["answer"] for row in found} == {row["label"] for row in written.values()}
    for row, one in zip(found, engine.classify([row["text"] for row in found]), strict=True):
        there = written[row["text"]]
        assert (row["answer"], row["score"], row["margin"], row["label"]) == (
            there["label"],
            there["score"],
            there["margin"],
            "",
        )
        near = [match.label for match in one.matches if match.label != one.label]
        assert [row["second"], row["third"]] == near[:2]
        assert (row["source"], row["text"] in lines[int(row["line"]) - 1]) == ("out.csv", True)
    assert "probability" not in found[0]


def test_probabilities_are_shown_where_there_are_some(engine):
    labels = engine.index.labels
    texts_of = [text_of(i) for i in range(60)]
    engine.tune(texts_of, [labels[i % len(labels)] for i in range(60)])
    write_rows("in.csv", 100)
    categorize(engine, "in.csv", "out.csv", review="review.csv", review_rows=10)
    written = {row["text"]: row["probability"] for row in rows("out.csv")}
    assert [row["probability"] for row in rows("review.csv")] == [
        written[row["text"]] for row in rows("review.csv")
    ]


def test_the_sheet_has_a_list_to_choose_from_and_nothing_in_it_is_run(engine):
    engine.add([Category("=1+1", examples=["two"])])
    Path("in.csv").write_text("text\n=cmd()\n+1 two\n@x\nmy parcel\n007\n")
    categorize(engine, "in.csv", "out.csv", review="review.xlsx")
    assert "' =cmd()" in Path("out.csv").read_text()
    workbook = openpyxl.load_workbook("review.xlsx")
    sheet, hidden = workbook.worksheets
    assert (sheet.freeze_panes, hidden.sheet_state) == ("A2", "hidden")
    assert [cell.value for cell in hidden["A"]] == [*engine.index.labels, "unknown"]
    header = [cell.value for cell in sheet[1]]
    column = header.index("label")
    [choices] = sheet.data_validations.dataValidation
    assert (choices.type, str(choices.sqref)) == ("list", "G2:G6")
    assert choices.formula1 == f"choices!$A$1:$A${len(engine.index.labels) + 1}"
    for row in sheet.iter_rows(min_row=2):
        assert {cell.data_type for cell in row} <= {"s", "n"}
        assert (row[column].value, row[column].number_format) == (None, "@")
        assert row[column].fill.fgColor.rgb == "00FFF2CC"
    assert {row[0].value for row in sheet.iter_rows(min_row=2)} == {
        "=cmd()",
        "+1 two",
        "@x",
        "my parcel",
        "007",
    }
    assert sheet.column_dimensions["A"].width > sheet.column_dimensions["C"].width
    assert {cell.data_type for cell in hidden["A"]} == {"s"}


def test_names_of_columns_and_texts_of_several_columns_come_back_as_they_were(engine):
    Path("in.csv").write_text("=a,label,b\n=my,x,parcel\n,y,+my money\n")
    categorize(engine, "in.csv", "out.csv", text_columns=["=a", "b"], review="review.jsonl")
    assert {row["text"] for row in rows("review.jsonl")} == {"=my\nparcel", "+my money"}
    categorize(engine, "in.csv", "o.csv", text_columns=["=a", "b"], escape=False, review="r.jsonl")
    assert {row["text"] for row in rows("r.jsonl")} == {"=my\nparcel", "+my money"}


@pytest.mark.parametrize("review", ["review.xlsx", "review.csv"])
def test_a_text_too_long_for_a_cell_is_left_out(engine, review):
    Path("in.csv").write_text(f"text\nmy parcel\n{'money ' * 6000}\n")
    assert categorize(engine, "in.csv", "out.csv", review=review).n_review == 1


def test_what_is_finished_is_not_done_again_for_a_review(engine, monkeypatch):
    write_rows("in.csv", 300)
    categorize(engine, "in.csv", "out.csv")
    before = content(".")

    def refuse(self, data):
        raise AssertionError

    monkeypatch.setattr("textshot.batch.worker.Worker.answer", refuse)
    report = categorize(engine, "in.csv", "out.csv", review="review.xlsx", review_rows=7)
    assert (report.n_resumed, report.n_review) == (1, 7)
    Path("review.xlsx").unlink()
    assert content(".") == before


def test_a_run_that_adapted_and_one_without_a_threshold_are_reviewed(engine):
    write_rows("in.csv", 300)
    categorize(engine, "in.csv", "a.csv", adapt=True, review="a.jsonl", review_rows=20)
    assert len(rows("a.jsonl")) == 20
    categorize(engine, "in.csv", "b.csv", threshold=None, review="b.jsonl", review_rows=20)
    assert "unknown" not in {row["answer"] for row in rows("b.jsonl")}
    categorize(engine, "in.csv", "c.csv", threshold=0.4, review="c.jsonl", review_rows=20)
    assert len(rows("c.jsonl")) == 20


def test_no_rows_make_a_review_without_rows(engine):
    Path("in.csv").write_text("text\n")
    assert categorize(engine, "in.csv", "out.csv", review="review.xlsx").n_review == 0
    assert is_review([cell.value for cell in openpyxl.load_workbook("review.xlsx").active[1]])


def test_what_people_filled_in_is_never_replaced(engine):
    write_rows("in.csv", 50)
    for name in ("review.xlsx", "review.csv"):
        categorize(engine, "in.csv", "out.csv", review=name, review_rows=5)
        categorize(engine, "in.csv", "out.csv", review=name, review_rows=6)  # nothing in it yet
    workbook = openpyxl.load_workbook("review.xlsx")
    workbook.worksheets[0]["G3"] = "unknown"
    workbook.save("review.xlsx")
    before = content(".")
    with pytest.raises(TableError, match="holds 1 label that people filled in"):
        categorize(engine, "in.csv", "other.csv", review="review.xlsx")
    assert content(".") == before


@pytest.mark.parametrize(
    ("review", "message"),
    [
        ("out.csv", "would replace the input or the output"),
        ("in.csv", "would replace the input or the output"),
        ("-", "cannot go to the standard output"),
        ("review", "the extension does not tell the format"),
        ("review.txt", "a review is a table"),
        ("nowhere/review.csv", "the folder nowhere does not exist"),
        ("table.csv", "exists and is not a review"),
    ],
)
def test_a_place_where_a_review_would_do_harm_is_refused_before_anything_is_done(
    engine, review, message
):
    write_rows("in.csv", 20)
    Path("table.csv").write_text("text,label\nmy money,refund\n")
    before = content(".")
    with pytest.raises(TableError, match=message):
        categorize(engine, "in.csv", "out.csv", review=review)
    assert content(".") == before


def test_a_review_in_a_folder_of_rows_and_one_of_no_rows_are_refused(engine):
    write_rows("in.csv", 20)
    Path("mails").mkdir()
    write_rows("mails/a.csv", 20)
    with pytest.raises(TableError, match="or be in its folder"):
        categorize(engine, ["mails"], "out.csv", review="mails/review.csv")
    categorize(engine, "in.csv", "parts/")
    with pytest.raises(TableError, match="or be in its folder"):
        categorize(engine, "in.csv", "parts/", review="parts/review.csv")
    with pytest.raises(TableError, match="review_rows is 0; it must be at least 1"):
        categorize(engine, "in.csv", "out.csv", review="review.csv", review_rows=0)


def test_a_pipe_has_no_review(engine, capfdbinary):
    write_rows("in.csv", 20)
    with pytest.raises(TableError, match="the rows of a pipe cannot be read again"):
        categorize(engine, "in.csv", "-", review="review.csv")
    assert capfdbinary.readouterr().out == b""
