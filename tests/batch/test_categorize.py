"""The batch job: every row comes out once, good or rejected, and files are whole or untouched."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from textshot import Encoder, Engine
from textshot.batch import categorize
from textshot.batch.report import Report
from textshot.batch.tally import Tally
from textshot.errors import EncoderError, InvalidTextsError, TableError
from textshot.io import Format, open_table, open_writer, text_column
from textshot.testing import HashingEncoder, toy_engine

INBOX = (
    "id,text\n"
    "1,my parcel has not come\n"
    "2,I want my money back\n"
    "3,  \n"
    "4,too,many,cells\n"
    '5,"I cannot log in,\nwrong password"\n'
    "6,zzz qqq\n"
)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


@pytest.fixture
def inbox():
    Path("inbox.csv").write_text(INBOX, encoding="utf-8")
    return "inbox.csv"


def rows(path, **options):
    """A table as lists of strings, header first."""
    with open_table(path, **options) as table:
        found = [list(table.columns)]
        for batch in table.batches():
            columns = [text_column(batch.data, [name]) for name in table.columns]
            found += [list(row) for row in zip(*columns, strict=True)]
    return found


def files():
    return sorted(path.name for path in Path().iterdir())


def test_every_row_comes_out_once_good_or_rejected(engine, inbox):
    report = categorize(engine, inbox, "out.csv", rejects="bad.csv")
    assert (report.read, report.written, report.rejected, report.unknown) == (6, 4, 2, 1)
    assert report.read == report.written + report.rejected
    assert report.rejects_path == Path("bad.csv")
    bad = rows("bad.csv")
    assert bad[0] == ["source", "line", "reason", "row"]
    assert [row[:2] for row in bad[1:]] == [["inbox.csv", "4"], ["inbox.csv", "5"]]
    assert bad[1][2] == "the text is empty (text)"
    assert "4" in bad[2][3]
    assert "cells" in bad[2][3]


def test_rows_keep_their_columns_and_get_the_answers_of_classify(engine, inbox):
    categorize(engine, inbox, "out.csv", rejects="bad.csv")
    header, *found = rows("out.csv")
    assert header == ["id", "text", "label", "score", "margin"]
    assert [row[0] for row in found] == ["1", "2", "5", "6"]
    assert found[2][1] == "I cannot log in,\nwrong password"
    for row, answer in zip(found, engine.classify([row[1] for row in found]), strict=True):
        assert row[2] == (answer.label or "unknown")
        assert float(row[3]) == round(answer.score, 6)
        assert float(row[4]) == round(answer.margin, 6)


def test_the_report_counts_categories_with_their_nearest_text(engine, inbox):
    report = categorize(engine, inbox, "out.csv", rejects="bad.csv")
    assert report.tally.counts == {
        "late parcel": 1,
        "refund request": 1,
        "login problem": 1,
        "unknown": 1,
    }
    assert report.tally.nearest["refund request"][1] == "I want my money back"
    two = categorize(engine, "out.csv", "again.csv", rejects="bad2.csv")
    assert two.tally.counts == report.tally.counts


def test_without_rejects_there_is_no_rejects_file(engine):
    Path("in.txt").write_text("my money\n\nmy parcel\n")
    report = categorize(engine, "in.txt", "out.csv", rejects="bad.csv")
    assert (report.read, report.rejected, report.rejects_path) == (2, 0, None)
    assert files() == ["in.txt", "out.csv", "out.csv.run"]


def test_an_empty_table_gives_an_empty_table(engine):
    Path("in.csv").write_text("id,text\n")
    report = categorize(engine, "in.csv", "out.csv", rejects="bad.csv")
    assert (report.read, report.tally.counts) == (0, {})
    assert rows("out.csv") == [["id", "text", "label", "score", "margin"]]


def test_column_names_that_are_taken_get_a_suffix(engine):
    Path("in.csv").write_text("text,label,score,score_textshot\nrefund my money,old,1,2\n")
    report = categorize(engine, "in.csv", "out.csv", rejects="bad.csv")
    assert report.columns == {
        "label": "label_textshot",
        "score": "score_textshot2",
        "margin": "margin",
    }
    header, [*row] = rows("out.csv")
    assert header[:4] == ["text", "label", "score", "score_textshot"]
    assert header[4:] == ["label_textshot", "score_textshot2", "margin"]
    assert row[:5] == ["refund my money", "old", "1", "2", "refund request"]


@pytest.mark.parametrize("source", ["csv", "tsv", "jsonl", "parquet", "xlsx", "csv.gz"])
@pytest.mark.parametrize("target", ["csv", "tsv", "jsonl", "parquet", "xlsx", "jsonl.gz"])
def test_every_format_in_and_out_gives_the_same_rows(engine, source, target):
    given = {"id": ["a1", "b2"], "text": ["my parcel\nhas not come", "I want my money back"]}
    batch = pa.RecordBatch.from_pydict(given)
    with open_writer(f"in.{source}", batch.schema) as writer:
        writer.write(batch)
    report = categorize(engine, f"in.{source}", f"out.{target}", rejects="bad.csv")
    assert report.written == 2
    header, *found = rows(f"out.{target}")
    assert header == ["id", "text", "label", "score", "margin"]
    answers = engine.classify(given["text"])
    assert [row[:3] for row in found] == [
        ["a1", given["text"][0], "late parcel"],
        ["b2", given["text"][1], "refund request"],
    ]
    for row, answer in zip(found, answers, strict=True):
        assert float(row[3]) == round(answer.score, 6)


def test_plain_lines_come_in_and_the_format_can_be_said(engine):
    Path("in.data").write_text("refund my money\nmy parcel\n")
    categorize(
        engine,
        "in.data",
        "out.data",
        input_format=Format.TEXT,
        output_format=Format.TSV,
        rejects="bad.csv",
    )
    assert [r[:2] for r in rows("out.data", format=Format.TSV)[1:]] == [
        ["refund my money", "refund request"],
        ["my parcel", "late parcel"],
    ]


def test_several_columns_are_joined_and_all_are_kept(engine):
    Path("in.csv").write_text("subject,n,body\nmy money,1,back\n,2,\n,3,my parcel\n")
    report = categorize(
        engine, "in.csv", "out.csv", text_columns=["subject", "body"], rejects="bad.csv"
    )
    assert (report.written, report.rejected) == (2, 1)
    assert rows("bad.csv")[1][2] == "the text is empty (subject, body)"
    found = rows("out.csv")[1:]
    assert [row[:4] for row in found] == [
        ["my money", "1", "back", "refund request"],
        ["", "3", "my parcel", "late parcel"],
    ]
    assert float(found[0][4]) == round(engine.classify(["my money\nback"])[0].score, 6)


def test_a_column_that_is_not_there_is_an_error_before_anything_is_written(engine, inbox):
    with pytest.raises(TableError, match="there is no column 'body'; it has 'id', 'text'"):
        categorize(engine, inbox, "out.csv", text_columns=["body"], rejects="bad.csv")
    assert files() == ["inbox.csv"]


def test_the_threshold_of_the_call_counts(engine, inbox):
    report = categorize(engine, inbox, "out.csv", threshold=None, rejects="bad.csv")
    assert report.unknown == 0
    report = categorize(engine, inbox, "out.csv", threshold=1.0, rejects="bad.csv")
    assert (report.unknown, report.written) == (report.tally.counts["unknown"], 4)
    with pytest.raises(InvalidTextsError, match="threshold is 2"):
        categorize(engine, inbox, "out.csv", threshold=2, rejects="bad.csv")


def test_cells_that_a_spreadsheet_would_run_are_escaped_unless_switched_off(engine):
    Path("in.csv").write_text('id,text\n=1+1,my money\n-5,"@cmd my parcel"\n')
    categorize(engine, "in.csv", "out.csv", rejects="bad.csv")
    assert [row[:2] for row in csv.reader(Path("out.csv").read_text().splitlines())][1:] == [
        ["' =1+1", "my money"],
        ["-5", "' @cmd my parcel"],
    ]
    categorize(engine, "in.csv", "plain.csv", rejects="bad.csv", escape=False)
    assert rows("plain.csv")[1][0] == "=1+1"
    # What was classified is the text itself, with or without the apostrophe.
    assert [r[2:] for r in rows("out.csv")] == [r[2:] for r in rows("plain.csv")]


def test_a_category_that_looks_like_a_formula_is_escaped_too(compass):
    from textshot import Category, Engine

    engine = Engine.build(
        [Category("=HYPERLINK()", examples=["0"])], encoder=compass, threshold=None
    )
    Path("in.txt").write_text("0\n")
    categorize(engine, "in.txt", "out.csv", rejects="bad.csv")
    assert "\n0,' =HYPERLINK()," in Path("out.csv").read_text()
    assert rows("out.csv")[1][1] == "=HYPERLINK()"


def test_encodings_can_be_said(engine):
    Path("in.csv").write_bytes("text\nmein café my money\n".encode("cp1252"))
    assert categorize(engine, "in.csv", "o.csv", rejects="bad.csv").rejected == 1
    report = categorize(engine, "in.csv", "o.csv", encoding="cp1252", rejects="bad.csv")
    assert (report.written, rows("o.csv")[1][0]) == (1, "mein café my money")


def test_stdin_and_stdout_can_be_used(engine, monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"refund my money\nmy parcel\n")))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    report = categorize(engine, "-", "-", rejects="bad.csv")
    assert report.written == 2
    lines = out.getvalue().decode().splitlines()
    assert lines[0] == "text,label,score,margin"
    assert lines[1].startswith("refund my money,refund request,0.")


class Failing(Engine):
    """An engine that answers the first shard and fails at the second."""

    def __init__(self, engine, error):
        super().__init__(engine.encoder, engine.index)
        self.error, self.calls = error, []

    def predict_arrays(self, texts, k, *, threshold):
        self.calls.append(texts)
        if len(self.calls) > 1:
            raise self.error
        return super().predict_arrays(texts, k, threshold=threshold)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt("gone"), EncoderError("gone"), MemoryError("gone")]
)
@pytest.mark.parametrize("there", [False, True])
def test_a_failure_in_the_middle_leaves_what_was_there(engine, error, there):
    Path("in.csv").write_text("text\n" + "my money\n\n" * 5000)
    before = ["in.csv"]
    if there:
        Path("out.csv").write_text("old")
        Path("bad.csv").write_text("old rejects")
        before = ["bad.csv", "in.csv", "out.csv"]
    failing = Failing(engine, error)
    with pytest.raises(type(error), match="gone"):
        categorize(failing, "in.csv", "out.csv", rejects="bad.csv", shard_rows=4000)
    assert len(failing.calls) == 2
    assert files() == sorted([*before, "out.csv.run"])  # no temporary file either
    if there:
        assert (Path("out.csv").read_text(), Path("bad.csv").read_text()) == ("old", "old rejects")


@pytest.mark.parametrize("rejects", ["inbox.csv", "out.csv", "./out.csv", "link.csv"])
def test_rejects_cannot_replace_the_input_or_the_output(engine, inbox, rejects):
    Path("link.csv").symlink_to("inbox.csv")
    with pytest.raises(TableError, match="would replace the input or the output"):
        categorize(engine, inbox, "out.csv", rejects=rejects)
    assert Path(inbox).read_text() == INBOX
    assert not Path("out.csv").exists()


def test_progress_counts_every_row_and_how_much_of_the_input_that_is(engine):
    Path("in.csv").write_text("text\n" + "my money\n" * 9999 + '""\n')
    seen = []
    report = categorize(
        engine, "in.csv", "out.csv", rejects="bad.csv", on_progress=lambda *made: seen.append(made)
    )
    assert report.read == 10_000
    assert sum(rows for rows, _ in seen) == 10_000
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] <= fractions[-1] <= 1


def test_the_rejects_of_an_earlier_run_do_not_stay_beside_a_run_without(engine):
    Path("in.csv").write_text('text\nfine\n""\n')
    assert categorize(engine, "in.csv", "out.csv", rejects="bad.csv").rejected == 1
    Path("in.csv").write_text("text\nfine\n")
    categorize(engine, "in.csv", "out.csv", rejects="bad.csv")
    assert not Path("bad.csv").exists()
    Path("bad.csv").write_text("somebody else's\n")
    categorize(engine, "in.csv", "out.csv", rejects="bad.csv")
    assert Path("bad.csv").read_text() == "somebody else's\n"


def test_a_text_is_encoded_once_wherever_it_comes_again(tmp_path):
    engine, asked = toy_engine(threshold=0.25), []
    encode = engine.encoder.encode

    class Counted(Encoder):
        """The toy encoder, which keeps what it encodes."""

        def __init__(self):
            super().__init__("toy", dim=engine.encoder.dim)

        def encode(self, texts, *, batch_size=32):
            asked.extend(texts)
            return encode(texts)

    different = [f"my parcel number {n} has not come" for n in range(3000)]
    Path("in.txt").write_text("\n".join(different * 3) + "\n", encoding="utf-8")  # three batches
    counted = Engine(Counted(), engine.index)
    report = categorize(counted, "in.txt", "out.csv", rejects="rejects.csv")
    assert report.written == 9000
    assert sorted(asked) == sorted(different)
    with Path("out.csv").open(encoding="utf-8", newline="") as stream:
        found = [tuple(row.values()) for row in csv.DictReader(stream)]
    assert [row[0] for row in found] == different * 3
    assert found[:3000] == found[3000:6000] == found[6000:]


def test_of_a_pipe_too_a_text_is_encoded_once(monkeypatch):
    engine, asked = toy_engine(threshold=0.25), []
    encode = engine.encoder.encode

    class Counted(HashingEncoder):
        def encode(self, texts, *, batch_size=32):
            asked.extend(texts)
            return encode(texts)

    different = [f"my parcel number {n} has not come" for n in range(3000)]
    data = "\n".join(different * 3).encode()  # three batches
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    report = categorize(Engine(Counted(), engine.index), "-", "out.csv", rejects="bad.csv")
    assert report.written == 9000
    assert sorted(asked) == sorted(different)


def test_a_report_shows_its_counts():
    counts = {f"category {i:02}": 30 - i for i in range(12)}
    shown = repr(Report(tally=Tally(written=264, counts=counts))).splitlines()
    assert shown[0] == "<Report: 264 rows read, 264 written, 0 unknown, 0 rejected"
    assert shown[1] == "  category 00: 30"
    assert shown[-1] == "  and 2 other categories>"
