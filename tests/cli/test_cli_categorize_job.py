"""textshot categorize as a job: where its page is, and what is another than in an earlier run."""

import json
from pathlib import Path

import pytest

from textshot import Engine


@pytest.fixture
def weeks():
    """Two files of texts: parcels and money in equal parts, then hardly any money."""
    first = ["my parcel has not come", "my money back"] * 100
    second = ["my parcel has not come"] * 180 + ["my money back"] * 20 + ["zzz qqq"] * 50
    for name, texts in (("one.csv", first), ("two.csv", second)):
        Path(name).write_text("text\n" + "\n".join(texts) + "\n")
    return "one.csv", "two.csv"


DRIFT = """
since run {}:
category         before     now  points  significant
unknown           0.0 %  20.0 %   +20.0  more
refund request   50.0 %   8.0 %   -42.0  less
late parcel      50.0 %  72.0 %   +22.0  more
job application   0.0 %   0.0 %    +0.0  too few to tell
login problem     0.0 %   0.0 %    +0.0  too few to tell
opening hours     0.0 %   0.0 %    +0.0  too few to tell
"""


@pytest.mark.parametrize(
    ("output", "page"),
    [("out.csv", "out.csv.run/summary.html"), ("parts/", "parts/_textshot/summary.html")],
)
def test_it_says_where_the_page_is(run, index, inbox, output, page):
    result = run("categorize", index, inbox, "-o", output)
    assert result.stderr.splitlines()[-1] == f"summary: {page}"
    assert Path(page).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    again = run("categorize", index, inbox, "-o", output, "--json")
    assert again.stderr.splitlines()[-1] == f"summary: {page}"


def test_a_pipe_has_no_page(run, index, inbox):
    assert "summary: " not in run("categorize", index, inbox).stderr


def test_a_comparison_is_a_table(run, index, weeks):
    run("categorize", index, weeks[0], "-o", "first.csv")
    result = run("categorize", index, weeks[1], "-o", "second.csv", "--compare", "first.csv")
    earlier = json.loads(Path("first.csv.run/summary.json").read_text())["fingerprint"]
    assert result.stdout.endswith(
        "250 written to second.csv, 50 unknown, 0 rejected\n" + DRIFT.format(earlier)
    )
    page = Path("second.csv.run/summary.html").read_text(encoding="utf-8")
    assert f"What changed since run {earlier}" in page


def test_a_run_that_was_finished_is_compared_as_well(run, index, weeks):
    run("categorize", index, weeks[0], "-o", "first.csv")
    run("categorize", index, weeks[1], "-o", "parts/")
    result = run(
        "categorize", index, weeks[1], "-o", "parts/", "--compare", "first.csv.run/summary.json"
    )
    assert "resumed: 1 shard finished earlier" in result.stderr
    assert "refund request   50.0 %   8.0 %   -42.0  less\n" in result.stdout


def test_json_has_the_comparison(run, index, weeks):
    run("categorize", index, weeks[0], "-o", "first/")
    words = ["categorize", index, weeks[1], "-o", "second/", "--json"]
    assert "drift" not in json.loads(run(*words).stdout)
    drift = json.loads(run(*words, "--compare", "first/").stdout)["drift"]
    assert drift["rows"] == [200, 250]
    assert drift["generations"] == [1, 1]
    assert drift["unknown"]["mark"] == "more"
    assert (
        drift["changes"][0].items()
        >= {"label": "refund request", "before": 0.5, "now": 0.08}.items()
    )
    assert drift["notes"] == []


def test_many_categories_are_cut_to_a_screen(run, weeks):
    names = [f"name{i:02}" for i in range(30)]
    Path("c.csv").write_text("label,text\n" + "".join(f"{name},word{name}\n" for name in names))
    run("index", "c.csv", "-o", "many", "--encoder", "hashing")
    run("categorize", "many", weeks[0], "-o", "first.csv")
    result = run("categorize", "many", weeks[1], "-o", "second.csv", "--compare", "first.csv")
    assert result.stdout.endswith("\nand 10 more categories\n")


def test_what_differs_beside_the_texts_is_reported(run, index, weeks):
    run("categorize", index, weeks[0], "-o", "first.csv")
    run("labels", "add", index, "lost card", "my card is gone")
    words = ["categorize", index, weeks[0], "-o", "second.csv", "--threshold", "0.3"]
    result = run(*words, "--compare", "first.csv")
    assert Engine.load(index).index.generation == 2
    assert "\nlost card " in result.stdout
    assert result.stdout.endswith(
        "note: the index was generation 1, now 2\nnote: the threshold was 0.250, now 0.300\n"
    )


@pytest.mark.parametrize(
    ("named", "output", "message"),
    [
        ("nowhere", "out.csv", "nowhere: there is no summary of a run beside it. Name the summary"),
        ("one.csv", "out.csv", "one.csv: there is no summary of a run beside it"),
        ("first.csv", "first.csv", "first.csv: this run writes there"),
        ("first.csv", "-", "a pipe leaves no summary to compare. Name files"),
    ],
)
def test_what_cannot_be_compared_is_reported(run, index, weeks, named, output, message):
    run("categorize", index, weeks[0], "-o", "first.csv")
    result = run("categorize", index, weeks[1], "-o", output, "--compare", named, code=1)
    assert result.stderr.startswith(f"Error: {message}")
    assert result.stdout == ""


def test_a_dry_run_says_what_it_would_be_and_writes_nothing(run, index, inbox):
    before = sorted(Path().rglob("*"))
    shown = run("categorize", index, inbox, "-o", "out/", "--dry-run").stdout.splitlines()
    assert shown[0].startswith("input:  1 file, ")
    assert shown[1] == "rows:   about 4, text in text"
    assert shown[2].endswith(" bytes to out/")
    assert shown[3].startswith("time:   about a second here, at ")
    found = json.loads(run("categorize", index, inbox, "-o", "o.csv", "--dry-run", "--json").stdout)
    assert (found["rows"], found["is_counted"]) == (4, False)
    assert sorted(Path().rglob("*")) == before
