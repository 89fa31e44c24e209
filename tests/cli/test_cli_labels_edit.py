"""Categories as a table and back: what changes is shown, agreed to, and done in one step."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import click
import openpyxl
import pytest

from textshot import Engine
from textshot.cli import labels_edit


@pytest.fixture
def table(run, index):
    """The table of an index with a correction and an out-of-scope text."""
    run("correct", index, "the van is late", "late parcel")
    run("labels", "add", index, "unknown", "lovely weather")
    run("labels", "export", index, "-o", "t.csv")
    return "t.csv"


def changed(path, change):
    """Write a table again with other rows."""
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows = [row for row in map(change, rows) if row]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with Path(path).open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def edit_of(row):
    if row["label"] == "job application":
        return None
    if row["label"] == "opening hours":
        return row | {"label": "opening times"}
    if row["text"] == "I want my money back":
        return row | {"text": "give my money back", "description": "Money back."}
    if row["text"] == "lovely weather":
        return row | {"text": "who won the match"}
    return row


def with_threshold(row):
    return row | {"_threshold": "0.9"} if row["label"] == "opening hours" else row


def test_an_unchanged_table_changes_nothing(run, index, table):
    generation = Engine.load(index).info.generation
    assert "nothing changed" in run("labels", "edit", index, "--from", table, "--yes").stdout
    assert Engine.load(index).info.generation == generation


def test_changes_are_shown_and_applied_in_one_step(run, index, table):
    before = Engine.load(index)
    changed(table, edit_of)
    shown = run("labels", "edit", index, "--from", table)
    lines = [line.split(maxsplit=2) for line in shown.stdout.splitlines()[1:]]
    assert sorted(" ".join(line) for line in lines) == [
        "job application removed, 1 example",
        "opening hours renamed to opening times",
        "refund request + give my money back",
        "refund request - I want my money back",
        "refund request description: Money back.",
        "unknown + who won the match",
        "unknown - lovely weather",
    ]
    assert "7 changes, not applied: add --yes" in shown.stderr
    assert Engine.load(index).info.generation == before.info.generation
    run("labels", "edit", index, "--from", table, "--yes")
    after = Engine.load(index)
    assert after.info.generation == before.info.generation + 1
    assert after.info.labels == ("late parcel", "login problem", "opening times", "refund request")
    assert [e.text for e in after.out_of_scope] == ["who won the match"]
    assert [e.source for e in after.category("late parcel").examples] == ["example", "correction"]
    assert after.classify(["the van is late"])[0].label == "late parcel"
    run("labels", "export", index, "-o", "again.csv")
    assert sorted(Path("again.csv").read_text()) == sorted(Path(table).read_text())


def test_a_new_category_needs_no_more_than_a_row(run, index, table):
    Path(table).write_text(Path(table).read_text() + "gift card,how do I use a voucher,\n")
    assert "new, 1 example" in run("labels", "edit", index, "--from", table, "--yes").stdout
    assert "gift card" in Engine.load(index).info.labels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,text\nlate parcel,\n,x\n", "t.csv:3: the row has no label"),
        ("label,text\nlate parcel,a\nLate  Parcel,b\n", "--allow-similar|differs only|similar"),
    ],
)
def test_a_table_that_cannot_be_leaves_the_index_as_it_is(run, index, text, message):
    before = Engine.load(index).info
    Path("t.csv").write_text(text)
    result = run("labels", "edit", index, "--from", "t.csv", "--yes", code=1)
    assert Engine.load(index).info.generation == before.generation
    assert re.search(message, result.stderr)


def test_the_table_is_opened_edited_and_taken_back(run, index, monkeypatch):
    def edited(path):
        book = openpyxl.load_workbook(path)
        book.active.append(["gift card", "how do I use a voucher"])
        book.save(path)

    monkeypatch.setattr(click, "launch", edited)
    monkeypatch.setattr(labels_edit, "_is_terminal", lambda: True)
    run("labels", "edit", index, stdin="\ny\n")
    assert "gift card" in Engine.load(index).info.labels
    refused = run("labels", "edit", index, code=1, stdin="\n").stderr
    assert "index.labels.xlsx exists, perhaps with your changes" in refused
    monkeypatch.setattr(labels_edit, "_is_terminal", lambda: False)
    assert "give the edited table with --from" in run("labels", "edit", index, code=2).stderr


def test_who_does_not_agree_changes_nothing(run, index, table, monkeypatch):
    monkeypatch.setattr(labels_edit, "_is_terminal", lambda: True)
    before = Engine.load(index).info.generation
    changed(table, edit_of)
    run("labels", "edit", index, "--from", table, stdin="n\n", code=1)
    assert Engine.load(index).info.generation == before


def test_a_private_index_has_no_texts_to_edit(run, categories):
    run("index", categories, "-o", "secret", "--encoder", "hashing", "--private")
    refused = run("labels", "edit", "secret", "--from", categories, code=1).stderr
    assert "secret is private: it has no texts to edit" in refused


def test_categories_are_listed_with_thresholds_keys_and_answers(run, index, table):
    changed(table, with_threshold)
    run("labels", "edit", index, "--from", table, "--yes")
    assert "0.900" in run("labels", "list", index).stdout
    keys = run("labels", "list", index, "--keys").stdout
    assert "late parcel" in keys
    assert "correction" in keys
    Path("in.csv").write_text("text\nmy parcel has not come yet\nmy parcel\n")
    run("categorize", index, "in.csv", "-o", "out.csv")
    listed = run("labels", "list", index, "--run", "out.csv", "--json").stdout.splitlines()
    answers = {line["label"]: line.get("answers") for line in map(json.loads, listed)}
    assert answers["late parcel"] == 2
    assert answers["login problem"] == 0
    shown = run("labels", "list", index, "--run", "out.csv").stdout
    assert "answers" in shown.splitlines()[0]
    assert "there is no" in run("labels", "list", index, "--run", "no.csv", code=1).stderr
