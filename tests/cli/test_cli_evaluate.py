"""textshot evaluate: the figures of the library, for people and for programs."""

import json
from pathlib import Path

import pytest

from textshot import Engine, evaluate

LABELLED = (
    "text,label\n"
    "my parcel has not come,late parcel\n"
    "I want my money,refund request\n"
    "the shop is open,login problem\n"
    "zzz qqq,opening hours\n"
    "the weather,\n"
    "my password is wrong,unknown\n"
)


@pytest.fixture
def labelled():
    Path("labelled.csv").write_text(LABELLED)
    return "labelled.csv"


def test_the_figures_are_shown_as_tables_and_lines(run, index, labelled):
    result = run("evaluate", index, labelled)
    assert result.stdout == (
        "category        texts  precision   recall       f1\n"
        "late parcel         1    100.0 %  100.0 %  100.0 %\n"
        "login problem       1      0.0 %    0.0 %    0.0 %\n"
        "opening hours       1      0.0 %    0.0 %    0.0 %\n"
        "refund request      1    100.0 %  100.0 %  100.0 %\n"
        "\n"
        "texts  of             answered as\n"
        "    1  login problem  opening hours\n"
        "    1  opening hours  unknown\n"
        "    1  unknown        login problem\n"
        "\n"
        "accuracy               50.0 %  (95 % interval 15.0 % to 85.0 %; 4 texts in scope)\n"
        "coverage               75.0 %\n"
        "precision of answers   66.7 %\n"
        "macro F1               50.0 %\n"
        "unknown                recall 50.0 %, precision 50.0 %  (2 texts out of scope)\n"
    )
    assert result.stderr == ""


def test_json_is_what_the_library_finds(run, index, labelled):
    found = json.loads(run("evaluate", index, labelled, "--json").stdout)
    rows = [line.rsplit(",", 1) for line in LABELLED.splitlines()[1:]]
    expected = evaluate(Engine.load(index), [r[0] for r in rows], [r[1] for r in rows])
    assert found == {**json.loads(json.dumps(expected.to_dict())), "rejected": 0}
    assert {
        "n",
        "accuracy",
        "accuracy_answered",
        "coverage",
        "macro_f1",
        "unknown_recall",
        "unknown_precision",
        "labels",
    } <= set(found)
    assert set(found["labels"]["late parcel"]) == {"precision", "recall", "f1", "support"}


def test_no_unknown_switches_abstaining_off(run, index, labelled):
    found = json.loads(run("evaluate", index, labelled, "--no-unknown", "--json").stdout)
    assert (found["coverage"], found["unknown_recall"]) == (1.0, 0.0)
    assert found["unknown_precision"] is None


def test_texts_without_any_truth_are_all_right(run, index):
    Path("strange.csv").write_text("text,label\nthe weather,\n")
    shown = run("evaluate", index, "strange.csv").stdout
    assert "accuracy               -  (95 % interval - to -; 0 texts in scope)" in shown
    assert "(1 text out of scope)" in shown


def test_rows_that_cannot_be_used_are_left_out_and_counted(run, index):
    Path("l.csv").write_text("text,label\nmy parcel,late parcel\n,late parcel\n")
    result = run("evaluate", index, "l.csv", "--json")
    assert (json.loads(result.stdout)["n"], json.loads(result.stdout)["rejected"]) == (1, 1)
    assert result.stderr == "warning: l.csv:3: the text is empty; skipped\n"


def test_columns_can_be_named(run, index):
    Path("l.csv").write_text("subject,body,truth\nmy,parcel,late parcel\n")
    options = ["--text-column", "subject,body", "--label-column", "truth", "--json"]
    assert json.loads(run("evaluate", index, "l.csv", *options).stdout)["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "l.csv: there is no such file"),
        ("text,truth,x\na,b,c\n", "there is no column 'label'; it has 'text', 'truth', 'x'"),
        ("text,label\n", "there is nothing to evaluate: no labelled text was read"),
        ("text,label\na,late parcels\n", "'late parcels': not among the 5 categories of the index"),
    ],
)
def test_what_cannot_be_evaluated_is_reported(run, index, content, message):
    if content is not None:
        Path("l.csv").write_text(content)
    result = run("evaluate", index, "l.csv", code=1)
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stdout == ""


def test_it_can_try_what_adapting_would_do(run, index):
    words = ("parcel has", "money back", "log in", "on Saturday", "the job")
    names = [
        "late parcel",
        "refund request",
        "login problem",
        "opening hours",
        "job application",
    ]
    rows = [f"my {words[i % 5]} number {i},{names[i % 5]}" for i in range(100)]
    Path("many.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    before = Engine.load(index)
    shown = run("evaluate", index, "many.csv", "--adapt", "--json")
    assert shown.stderr.startswith("adapted to 100 different texts of the input; threshold 0.250")
    texts, truths = zip(*(row.rsplit(",", 1) for row in rows), strict=True)
    expected = evaluate(before.adapted(texts), texts, truths)
    assert json.loads(shown.stdout)["accuracy"] == expected.accuracy


def test_a_report_is_written_beside_the_figures(run, index, labelled):
    result = run("evaluate", index, labelled, "--report", "report.html")
    assert result.stdout == run("evaluate", index, labelled).stdout
    assert "it contains your texts" in result.stderr
    page = Path("report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "<h1>50.0 % accuracy</h1>" in page


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("report.pdf", 2, "report.pdf must end in .html"),
        ("nowhere/report.html", 1, "does not exist. Make it first"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_at_once(
    run, index, labelled, name, code, message
):
    result = run("evaluate", index, labelled, "--report", name, code=code)
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_map_is_written(run, index, inbox):
    assert "map.html: " in run("map", index, "-o", "map.html").stderr
    assert "5 categories</h1>" in Path("map.html").read_text(encoding="utf-8")
    run("map", index, inbox, "-o", "map.html")
    assert "5 categories, 3 texts</h1>" in Path("map.html").read_text(encoding="utf-8")
    assert "nowhere.csv" in run("map", index, "nowhere.csv", "-o", "map.html", code=1).stderr
