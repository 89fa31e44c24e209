"""textshot check and suggest: what the library says, for people and for programs."""

import csv
import json
from dataclasses import asdict
from io import StringIO
from pathlib import Path

import pytest

from textshot import Engine


@pytest.fixture
def mixed_up():
    rows = "label,text\nparcel,where is my parcel\nmoney,my parcel is here\nlogin,the login fails\n"
    Path("mixed.csv").write_text(rows, encoding="utf-8")
    return "mixed.csv"


def test_json_is_what_the_library_finds(run, mixed_up):
    run("index", mixed_up, "-o", "mixed", "--encoder", "hashing")
    told = Engine.load("mixed").check()
    expected = [
        json.loads(json.dumps({**asdict(f), "title": f.title, "remedy": f.remedy})) for f in told
    ]
    assert expected[0]["kind"] == "astray"
    shown = json.loads(run("check", "mixed", "--json").stdout)
    assert shown == {"categories": 3, "findings": expected, "texts": []}


def test_a_table_of_categories_is_checked_as_its_index_is(run, mixed_up):
    run("index", mixed_up, "-o", "mixed", "--encoder", "hashing")
    shown = run("check", mixed_up, "--encoder", "hashing").stdout
    assert shown == run("check", "mixed").stdout
    assert shown.startswith(
        "An example is nearer to another category (1)\n  money: its example has"
    )
    assert "    “my parcel is here”\n  What to do: Take an example that says" in shown
    assert shown.splitlines()[-1] == "2 issues found in 3 categories."


def test_no_issues_are_reported(run):
    rows = "label,text\nparcel,parcel late\nmoney,money back\nlogin,login fails\n"
    Path("good.csv").write_text(rows, encoding="utf-8")
    shown = run("check", "good.csv", "--encoder", "hashing").stdout
    assert shown == "No issues found in 3 categories.\n"


def test_texts_tell_more(run, index):
    rows = ["zzz qqq", *["my parcel has not come"] * 2] * 40
    Path("texts.csv").write_text("text\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = json.loads(run("check", index, "--texts", "texts.csv", "--json").stdout)
    kinds = {(one["kind"], one["label"]) for one in found["texts"]}
    assert ("large", "late parcel") in kinds
    shown = run("check", index, "--texts", "texts.csv").stdout
    assert "Far more than its share (1)\n  late parcel: 80 of 80 (100.0 %) texts" in shown


def test_what_is_not_there_is_reported(run, index):
    assert "no index" in run("check", "nowhere", code=1).stderr
    assert "nowhere.csv" in run("check", index, "--texts", "nowhere.csv", code=1).stderr


def test_suggestions_are_those_of_the_library(run, index, inbox):
    texts = ["my parcel has not come", "my money\nback", "zzz qqq"]
    told = Engine.load(index).suggest(texts, 2)
    shown = [
        json.loads(line)
        for line in run("suggest", index, inbox, "-n", 2, "--json").stdout.splitlines()
    ]
    assert [one["text"] for one in shown] == told
    table = run("suggest", index, inbox, "-n", 2).stdout.splitlines()
    assert table[0].split() == ["answer", "margin", "text"]
    assert len(table) == 3


@pytest.mark.parametrize("name", ["todo.csv", "todo.xlsx"])
def test_a_table_to_fill_in_and_to_learn_from(run, index, inbox, name):
    told = run("suggest", index, inbox, "-o", name).stderr
    assert f"3 texts to label in {name}; then: textshot correct {index} --from {name}" in told
    assert "exists, perhaps with labels" in run("suggest", index, inbox, "-o", name, code=1).stderr
    if name.endswith("csv"):
        rows = list(csv.DictReader(StringIO(Path(name).read_text("utf-8"))))
        assert {row["text"]: row["line"] for row in rows} == {
            "my parcel has not come": "2",
            "my money\nback": "3",
            "zzz qqq": "6",
        }
        for row in rows:
            row["label"] = {"zzz qqq": "unknown"}.get(row["text"], "late parcel")
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        assert "3 corrections" in run("correct", index, "--from", name).stdout


def test_texts_of_stdin_have_no_lines(run, index):
    run("suggest", index, "-", "--format", "txt", "-o", "todo.csv", stdin="my parcel\nmy money\n")
    rows = list(csv.DictReader(StringIO(Path("todo.csv").read_text("utf-8"))))
    assert [(row["source"], row["line"]) for row in rows] == [("", "")] * 2
