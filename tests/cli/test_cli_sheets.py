"""--sheet and --header-row, and what is said of workbooks, for the commands that read tables."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest

OTHER = "report.xlsx: only the sheet 'Cover' is read, the first of 2 (also 'Data'). Choose"


@pytest.fixture
def report(tmp_path):
    """A workbook whose table is on the second sheet, below a title."""
    book = openpyxl.Workbook()
    book.active.title = "Cover"
    book.active.append(["Tickets of May"])
    sheet = book.create_sheet("Data")
    for row in (
        ["Tickets", "of May"],
        [],
        ["label", "text"],
        ["refund request", "I want my money back"],
        ["late parcel", "my parcel has not come yet"],
    ):
        sheet.append(row)
    book.save("report.xlsx")
    return ["report.xlsx", "--sheet", "data", "--header-row", "3"]


def test_every_command_reads_the_sheet_and_the_header_that_are_named(run, report):
    path, *options = report
    run("index", path, *options, "-o", "ix", "--encoder", "hashing")
    assert run("evaluate", "ix", path, *options, "--include-learned").stderr == ""
    assert "30 are needed" in run("tune", "ix", path, *options, code=1).stderr
    run("correct", "ix", "--from", path, *options)
    run("check", path, *options, "--encoder", "hashing")
    run("categorize", "ix", path, *options, "-o", "out.jsonl")
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == ["I want my money back", "my parcel has not come yet"]
    assert run("classify", "ix", "--file", path, *options).stdout.count("\n") == 3
    run("import", "setfit", *report, "-o", "c.csv")


def test_a_workbook_is_edited_in_place_and_the_copy_named(run, report, index):
    for _ in range(2):
        result = run("categorize", index, *report, "--in-place")
        assert openpyxl.load_workbook("report.xlsx").sheetnames == ["Cover", "Data"]
        rows = list(openpyxl.load_workbook("report.xlsx")["Data"].iter_rows(values_only=True))
        assert rows[2] == ("label", "text", "label_textshot", "score", "margin")
        assert rows[3][2] == "refund request"
    assert sorted(path.name for path in Path().glob("report*.xlsx")) == [
        "report.backup.xlsx",
        "report.xlsx",
    ]
    assert "of an earlier run are replaced" in result.stderr


@pytest.mark.parametrize("extra", [["-o", "out.xlsx"], ["other.xlsx"]])
def test_in_place_takes_one_input_and_no_output(run, report, index, extra):
    result = run("categorize", index, "report.xlsx", *extra, "--in-place", code=2)
    assert "--in-place edits one INPUT; leave out --output" in result.stderr


def test_a_sheet_left_out_is_named_once_and_the_header_is_looked_for(run, report, index):
    result = run("categorize", index, report[0], "-o", "out.csv")
    assert result.stderr.count(OTHER) == 1
    result = run("categorize", index, report[0], "--sheet", "2", "-o", "out.csv", code=1)
    assert "the header seems to be in row 3. Give it with --header-row 3" in result.stderr
