"""Review by people on the command line: categorize, fill in, correct, categorize again."""

import csv
import json
from pathlib import Path

import openpyxl
import pytest

from textshot import Engine

TEXTS = [
    "when is the courier open",
    "my parcel has not come",
    "I want my money",
    "=money()",
    "the shop lost my parcel",
    "zzz qqq",
    "vvv www",
    "my password is late",
]
SAID = {
    "when is the courier open": "late parcel",  # opening hours by us
    "I want my money": "refund request",  # confirmed
    "=money()": "refund request",
    "zzz qqq": "unknown",
    "my password is late": "login problems",  # misspelt
}


@pytest.fixture
def inbox():
    with Path("inbox.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(TEXTS, 1)])
    return "inbox.csv"


def answers(path):
    with Path(path).open(newline="") as file:
        return {row["text"]: row["label"] for row in csv.DictReader(file)}


def fill_in(path):
    """Write what people say into a review, as a spreadsheet does it; return the misspelt row."""
    if path.endswith(".xlsx"):
        workbook = openpyxl.load_workbook(path)
        sheet = workbook.worksheets[0]
        place = [cell.value for cell in sheet[1]].index("label")
        for row in sheet.iter_rows(min_row=2):
            row[place].value = SAID.get(row[0].value)
        found = [row[0].value for row in sheet.iter_rows()]
        workbook.save(path)
    else:
        with Path(path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row["label"] = SAID.get(row["text"].removeprefix("' "), "")
        with Path(path).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        found = ["text", *(row["text"] for row in rows)]
    return 1 + found.index("my password is late")


@pytest.mark.parametrize("review", ["review.xlsx", "review.csv"])
def test_a_review_goes_there_and_back(run, categories, inbox, review):
    run("index", categories, "-o", "made", "--encoder", "hashing", "--threshold", "0.25")
    result = run("categorize", "made", inbox, "-o", "one.csv", "--review", review)
    assert result.stderr == (
        "summary: one.csv.run/summary.html\n"
        f"8 uncertain rows for review in {review}: fill in the column label, then\n"
        f"  textshot correct made --from {review}\n"
    )
    before = answers("one.csv")
    assert before["when is the courier open"] == "opening hours"
    line = fill_in(review)
    result = run("correct", "made", "--from", review)
    assert result.stderr == (
        f"warning: {review}:{line}: no category 'login problems' among the 5 of this index; did you"
        " mean 'login problem'?; skipped\n"
        "3 rows without a label skipped\n"
    )
    assert "4 corrections, " in result.stdout
    assert "unknown" in result.stdout
    engine = Engine.load("made")
    learnt = {e.text: c.name for c in engine.categories for e in c.examples if e.correction_order}
    assert learnt == {
        "when is the courier open": "late parcel",
        "I want my money": "refund request",
        "=money()": "refund request",
    }
    assert [example.text for example in engine.index.state.out_of_scope.examples] == ["zzz qqq"]
    run("categorize", "made", inbox, "-o", "two.csv")
    after = answers("two.csv")
    assert after["when is the courier open"] == "late parcel"
    assert after["' =money()"] == "refund request"
    changed = [text for text in before if after[text] != before[text]]
    assert "when is the courier open" in changed


def test_how_many_of_the_reviewed_answers_changed_is_reported(run, index, inbox):
    run("categorize", index, inbox, "-o", "out.csv", "--review", "review.xlsx")
    fill_in("review.xlsx")
    found = json.loads(run("correct", index, "--from", "review.xlsx", "--json").stdout)
    assert (found["corrected"], found["skipped"], found["rejected"]) == (4, 3, 1)
    changed = [one for one in found["answers"] if one["before"] != one["after"]]
    assert found["changed"] == len(changed) >= 1
    assert {"text": "zzz qqq", "before": None, "after": None} in found["answers"]


def test_a_review_that_nobody_filled_in_changes_nothing(run, index, inbox):
    run("categorize", index, inbox, "-o", "out.csv", "--review", "r.csv", "--review-rows", "3")
    result = run("correct", index, "--from", "r.csv")
    assert result.stdout == "nothing to correct: index is unchanged\n"
    assert result.stderr == "3 rows without a label skipped\n"


def test_unknown_in_the_output_of_categorize_still_teaches_nothing(run, index, inbox):
    run("categorize", index, inbox, "-o", "out.csv")
    run("correct", index, "--from", "out.csv")
    assert Engine.load(index).index.state.out_of_scope is None


def test_the_same_command_makes_the_review_later(run, index, inbox):
    run("categorize", index, inbox, "-o", "out.csv")
    words = ["categorize", index, inbox, "-o", "out.csv", "--review", "r.jsonl"]
    result = run(*words, "--review-rows", "2")
    assert "resumed: 1 shard finished earlier\n" in result.stderr
    assert "2 uncertain rows for review in r.jsonl" in result.stderr
    assert len(Path("r.jsonl").read_text().splitlines()) == 2


def test_the_rows_of_a_pipe_cannot_be_reviewed(run, index, inbox):
    result = run("categorize", index, inbox, "--review", "r.xlsx", code=1)
    assert "cannot be read again. Name files for" in result.stderr
    assert result.stdout == ""
    assert not Path("r.xlsx").exists()


CARRIED = "Ref,Date,text,label,note\n" + "".join(
    f'C-{i},2026-03-0{i},{text},mine,"{"x" * 2000 if i == 1 else "=1+1"}"\n'
    for i, text in enumerate(TEXTS[:3], 1)
)


def reviewed(path):
    if path.endswith(".xlsx"):
        [header, *rows] = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
        return [dict(zip(header, row, strict=True)) for row in rows]
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["r.csv", "r.xlsx"])
@pytest.mark.parametrize("command", ["categorize", "suggest"])
def test_a_file_to_label_has_the_other_columns_of_the_input(run, index, name, command):
    Path("in.csv").write_text(CARRIED)
    more = ["-o", "out.csv", "--review", name] if command == "categorize" else ["-o", name, "-n", 3]
    run(command, index, "in.csv", *more)
    rows = {row["Ref"]: row for row in reviewed(name)}
    assert set(rows) == {"C-1", "C-2", "C-3"}
    assert rows["C-2"]["Date"] == "2026-03-02"
    assert rows["C-2"]["text"] == TEXTS[1]
    assert rows["C-2"]["label_textshot"] == "mine"  # the column label is to be filled in
    assert not rows["C-2"]["label"]
    assert rows["C-1"]["note"] == "x" * 1000 + "…"
    assert rows["C-2"]["note"] == ("' =1+1" if name == "r.csv" else "=1+1")
    run("correct", index, "--from", name)


@pytest.mark.parametrize("command", ["categorize", "suggest"])
def test_columns_to_carry_are_named(run, index, command):
    Path("in.csv").write_text(CARRIED)
    more = ["-o", "out.csv", "--review", "r.csv"] if command == "categorize" else ["-o", "r.csv"]
    run(command, index, "in.csv", *more, "--carry", "note,Ref")
    assert list(reviewed("r.csv")[0])[-2:] == ["note", "Ref"]
    Path("r.csv").unlink()
    for path in Path().glob("out*"):
        path.rename(f"old-{path}")
    refused = run(command, index, "in.csv", *more, "--carry", "Reff", code=1).stderr
    assert "there is no column 'Reff'; it has 'Ref', 'Date', 'text', 'label', 'note'" in refused
    assert not Path("out.csv").exists()


def test_of_many_columns_the_first_are_carried_and_that_is_told(run, index):
    names = [f"c{i}" for i in range(20)]
    Path("in.csv").write_text(f"text,{','.join(names)}\nmy parcel,{','.join(names)}\n")
    told = run("categorize", index, "in.csv", "-o", "out.csv", "--review", "r.csv").stderr
    assert "the review has the first 12 of 20 other columns. Choose them with --carry" in told
    assert list(reviewed("r.csv")[0])[-12:] == names[:12]
