"""textshot categorize: a table in, the same table with categories out."""

import json
from pathlib import Path

import pytest

from textshot import Engine

SUMMARY = (
    "category        texts   share  nearest text\n"
    "late parcel         1  33.3 %  my parcel has not come\n"
    "refund request      1  33.3 %  my money back\n"
    "unknown             1  33.3 %  zzz qqq\n"
    "4 rows read, 3 written to out.csv, 1 unknown, 1 rejected\n"
)
PAGE = "summary: out.csv.run/summary.html\n"


def expected_csv(index):
    texts = ["my parcel has not come", "my money\nback", "zzz qqq"]
    shown = [texts[0], '"my money\nback"', texts[2]]
    lines = [
        f"{number},{text},{p.label or 'unknown'},{round(p.score, 6)},{round(p.margin, 6)}\n"
        for number, text, p in zip(
            (1, 2, 4), shown, Engine.load(index).classify(texts), strict=True
        )
    ]
    return "id,text,label,score,margin\n" + "".join(lines)


def test_the_output_has_the_rows_and_a_summary_is_shown(run, index, inbox):
    result = run("categorize", index, inbox, "-o", "out.csv")
    assert Path("out.csv").read_text(encoding="utf-8") == expected_csv(index)
    assert result.stdout == SUMMARY
    assert result.stderr == f"1 invalid row: see out.csv.rejects.csv\n{PAGE}"
    assert Path("out.csv.rejects.csv").read_text() == (
        'source,line,reason,row\ninbox.csv,5,the text is empty (text),"[""3"", """"]"\n'
    )


def test_json_is_the_summary_for_a_program(run, index, inbox):
    result = run("categorize", index, inbox, "-o", "out.csv", "--json")
    assert json.loads(result.stdout) == {
        "read": 4,
        "written": 3,
        "rejected": 1,
        "unknown": 1,
        "failed": [],
        "counts": {"late parcel": 1, "refund request": 1, "unknown": 1},
    }


@pytest.mark.parametrize("output", [[], ["-o", "-"]])
def test_rows_go_to_stdout_and_the_summary_to_stderr(run, index, inbox, output):
    result = run("categorize", index, inbox, *output)
    assert result.stdout == expected_csv(index)
    assert result.stderr == (
        "1 invalid row: see textshot.rejects.csv\n" + SUMMARY.replace("to out.csv", "to -")
    )


def test_stdin_to_stdout_makes_a_filter(run, index):
    result = run("categorize", index, "-", "--format", "txt", stdin="my money back\n", code=0)
    assert result.stdout.startswith("text,label,score,margin\nmy money back,refund request,0.")
    words = ["categorize", index, "-", "--format", "txt", "--output-format", "jsonl"]
    as_json = run(*words, stdin="my money back\n")
    assert json.loads(as_json.stdout)["label"] == "refund request"
    from_csv = run("categorize", index, "-", "--format", "csv", stdin="text,n\nmy money back,1\n")
    assert from_csv.stdout.startswith(
        "text,n,label,score,margin\nmy money back,1,refund request,0."
    )


def test_a_column_that_is_taken_is_reported(run, index):
    Path("in.csv").write_text("text,label\nmy money,old\n")
    result = run("categorize", index, "in.csv", "-o", "out.csv")
    assert result.stderr == (
        f"the input has a column 'label' already: ours is called 'label_textshot'\n{PAGE}"
    )
    assert Path("out.csv").read_text().startswith("text,label,label_textshot,score,margin\n")


def test_the_options_reach_the_job(run, index):
    Path("in.data").write_bytes("subject;=body\n".replace(";", "\t").encode())
    Path("in.data").write_bytes("subject\tbody\nmon café\t=1+1\n".encode("cp1252"))
    options = ["--format", "tsv", "--encoding", "cp1252", "--text-column", "subject,body"]
    more = ["--output-format", "csv", "--no-escape", "--rejects", "bad.csv", "--no-unknown"]
    run("categorize", index, "in.data", "-o", "out.data", *options, *more)
    header, row = Path("out.data").read_text(encoding="utf-8").splitlines()
    assert header == "subject,body,label,score,margin"
    assert row.startswith("mon café,=1+1,")
    assert ",unknown," not in row


def test_the_output_cannot_take_the_place_of_the_input(run, index, inbox):
    before = Path(inbox).read_bytes()
    result = run("categorize", index, inbox, "-o", inbox, code=1)
    assert "inbox.csv: is the input inbox.csv, which would be replaced. Name another" in (
        result.stderr
    )
    assert Path(inbox).read_bytes() == before


def test_everything_unknown_still_is_an_output(run, index, inbox):
    result = run("categorize", index, inbox, "-o", "out.csv", "--threshold", "1")
    assert "3 unknown" in result.stdout
    run("labels", "remove", index, *Engine.load(index).index.labels)
    assert "3 unknown" in run("categorize", index, inbox, "-o", "out.csv").stdout


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("nowhere.csv", [], "nowhere.csv: there is no such file. Check the name and the folder"),
        ("folder.csv", [], "a pipe takes one table. Name one file as input, or a file as output"),
        ("folder.csv", ["-o", "out.csv"], "folder.csv: no file is there"),
        ("inbox.csv", ["--text-column", "body"], "there is no column 'body'; it has 'id', 'text'"),
        ("inbox.csv", ["-o", "no/out.csv"], "no/out.csv: the folder no does not exist. Make it"),
        ("inbox.csv", ["-o", "index"], "index: this folder holds files"),
        ("inbox.csv", ["-o", "out.doc"], "out.doc: the extension does not tell the format"),
        ("inbox.csv", ["-o", "out.txt"], "a table cannot be written as plain text"),
        ("inbox.csv", ["-o", "out.csv", "--rejects", "out.csv"], "would replace the input or"),
        ("inbox.csv", ["-o", ""], "the name of the output is empty"),
        ("inbox.csv", ["--encoding", "nope"], "there is no encoding 'nope'"),
        ("inbox", [], "inbox: the extension does not tell the format"),
    ],
)
def test_what_cannot_be_done_is_reported_and_leaves_nothing(
    run, index, inbox, source, options, message
):
    Path("folder.csv").mkdir()
    before = sorted(Path().iterdir())
    result = run("categorize", index, source, *options, code=1)
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stdout == ""
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("words", [["index", "-", "-o", "x"], ["categorize"], ["evaluate"]])
def test_what_stdin_holds_has_to_be_said(run, index, words):
    words = words if words[0] == "index" else [*words, index, "-"]
    result = run(*words, stdin="label,text\na,b\n", code=2)
    assert "name the format of stdin: --format csv" in result.stderr


def test_rejects_cannot_go_to_stdout(run, index):
    Path("in.csv").write_text("text\nmy money\n")
    result = run("categorize", index, "in.csv", "--rejects", "-", code=1)
    assert "rejected rows cannot go to the standard output" in result.stderr


def test_a_column_that_was_taken_for_the_text_is_named(run, index):
    Path("in.csv").write_text("hello there\nhow are you\n")
    result = run("categorize", index, "in.csv", "-o", "out.csv")
    assert result.stderr == f"the text is in the column 'hello there'\n{PAGE}"


@pytest.mark.parametrize("output", ["out.csv", "-"])
def test_most_rows_rejected_is_a_failure_that_names_the_likely_encoding(run, index, output):
    rows = ["my parcel", *["où est mon colis"] * 3, "déjà payé"]
    Path("in.csv").write_bytes("\n".join(["text", *rows]).encode("cp1252"))
    arguments = ["categorize", index, "in.csv", "-o", output, "--rejects", "bad.csv"]
    result = run(*arguments, code=1)
    assert "Error: 4 of 5 rows were rejected, most often because: byte 0xf9 is not utf-8;" in (
        result.stderr
    )
    assert "give --encoding cp1252. bad.csv lists them all" in result.stderr
    assert "my parcel" in (result.stdout if output == "-" else Path(output).read_text())
    run(*arguments, "--encoding", "cp1252")


def test_a_few_rejected_rows_are_no_failure(run, index):
    Path("in.csv").write_text("text,n\nmy parcel,1\nmy money\n")
    run("categorize", index, "in.csv", "-o", "out.csv")
