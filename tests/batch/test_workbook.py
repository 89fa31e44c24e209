"""Workbooks in, workbooks out: copied with the answers, or edited in place."""

from __future__ import annotations

import io
import os
import shutil
import warnings
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.styles import Font

from textshot import Engine, _files
from textshot.batch import categorize
from textshot.batch.workbook import earlier_answers
from textshot.errors import TableError, TableWarning
from textshot.io import Format
from textshot.testing import toy_engine
from textshot.types import Category

TEXTS = ["my parcel has not come", "my money back", "", "zzz qqq", "I cannot log in"]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


@pytest.fixture(autouse=True)
def book():
    """Five tickets below a header in bold, one without text; formulas on a hidden sheet."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(["id", "text"])
    for i, text in enumerate(TEXTS):
        sheet.append([i, text])
    sheet["B1"].font = Font(bold=True)
    workbook.create_sheet("Sums")["A1"] = "=SUM(Sheet!A2:A6)"
    workbook["Sums"].sheet_state = "hidden"
    workbook.save("in.xlsx")
    return Path("in.xlsx")


def table(path):
    workbook = openpyxl.load_workbook(path)
    assert workbook.sheetnames == ["Sheet", "Sums"]
    assert workbook["Sums"]["A1"].value == "=SUM(Sheet!A2:A6)"
    assert workbook["Sheet"]["B1"].font.bold
    return [list(row) for row in workbook["Sheet"].iter_rows(values_only=True)]


def expected(engine):
    rows = []
    for i, text in enumerate(TEXTS):
        [p] = engine.classify([text]) if text else [None]
        answer = [p.label or "unknown", round(p.score, 6), round(p.margin, 6)] if p else [None] * 3
        rows.append([i, text or None, *answer])
    return [["id", "text", "label", "score", "margin"], *rows]


def test_a_workbook_is_copied_with_the_answers(engine):
    report = categorize(engine, "in.xlsx", "out.xlsx")
    assert table("out.xlsx") == expected(engine)
    assert (report.read, report.written, report.rejected) == (5, 4, 1)
    assert "the text is empty" in Path("out.xlsx.rejects.csv").read_text()


@pytest.mark.parametrize("in_place", [False, True])
def test_a_run_that_is_resumed_writes_the_same_bytes(engine, in_place):
    categorize(engine, "in.xlsx", "whole.xlsx", shard_rows=2)

    def stop(rows, fraction):
        raise KeyboardInterrupt

    output = "in.xlsx" if in_place else "out.xlsx"
    with pytest.raises(KeyboardInterrupt):
        categorize(engine, "in.xlsx", output, shard_rows=2, in_place=in_place, on_progress=stop)
    report = categorize(engine, "in.xlsx", output, shard_rows=2, in_place=in_place)
    assert report.n_resumed == 1
    assert Path(output).read_bytes() == Path("whole.xlsx").read_bytes()


def test_in_place_keeps_the_original_and_again_changes_nothing(engine, book):
    original = book.read_bytes()
    report = categorize(engine, "in.xlsx", "in.xlsx", in_place=True)
    assert table("in.xlsx") == expected(engine)
    assert report.backup == Path("in.backup.xlsx")
    assert report.backup.read_bytes() == original
    after = book.read_bytes()
    with pytest.warns(TableWarning, match="columns 'label', 'score', 'margin' of an earlier run"):
        again = categorize(engine, "in.xlsx", "in.xlsx", in_place=True)
    assert again.backup is None
    assert book.read_bytes() == after
    assert not Path("in.backup-2.xlsx").exists()


def test_another_index_replaces_the_answers_and_never_a_copy(engine, book):
    Path("in.backup.xlsx").write_bytes(b"of the user")
    categorize(engine, "in.xlsx", "in.xlsx", in_place=True)
    other = Engine.build(
        [Category("parcels", "", ("my parcel",)), Category("rest", "", ("zzz qqq",))],
        encoder=engine.encoder,
        threshold=None,
    )
    before = book.read_bytes()
    with pytest.warns(TableWarning, match="of an earlier run are replaced"):
        report = categorize(other, "in.xlsx", "in.xlsx", in_place=True)
    assert table("in.xlsx") == expected(other)
    assert Path("in.backup.xlsx").read_bytes() == b"of the user"
    assert report.backup == Path("in.backup-3.xlsx")
    assert report.backup.read_bytes() == before


@pytest.mark.parametrize("moment", ["link", "fsync", "replace", "after"])
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_and_the_original(
    engine, book, tmp_path, monkeypatch, moment
):
    original = book.read_bytes()
    categorize(engine, "in.xlsx", "whole.xlsx")

    class Killing:
        def __getattr__(self, name):
            if name == moment and Path("in.xlsx.run/parts").exists():
                raise KeyboardInterrupt
            return getattr(os, name)

    def commit(self):
        if moment == "replace":
            raise KeyboardInterrupt
        committed(self)
        if moment == "after" and self._target.name == "in.xlsx":
            raise KeyboardInterrupt

    committed = _files.AtomicFile.commit
    monkeypatch.setattr(_files, "system", Killing())
    monkeypatch.setattr(_files.AtomicFile, "commit", commit)
    with pytest.raises(KeyboardInterrupt):
        categorize(engine, "in.xlsx", "in.xlsx", in_place=True)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    whole = Path("whole.xlsx").read_bytes()
    assert book.read_bytes() == (whole if moment == "after" else original)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        categorize(engine, "in.xlsx", "in.xlsx", in_place=True)
    assert book.read_bytes() == whole
    assert [p.read_bytes() for p in Path().glob("in.backup*")] == [original]
    assert not list(Path().glob(".*tmp-*"))


def test_without_hard_links_the_original_is_copied(engine, book, monkeypatch):
    original = book.read_bytes()

    class NoLinks:
        def __getattr__(self, name):
            if name == "link":
                raise OSError
            return getattr(os, name)

    monkeypatch.setattr(_files, "system", NoLinks())
    report = categorize(engine, "in.xlsx", "in.xlsx", in_place=True)
    assert report.backup.read_bytes() == original
    assert table("in.xlsx") == expected(engine)


def test_a_change_during_the_job_is_not_overwritten(engine, book):
    def change(rows, fraction):
        book.write_bytes(book.read_bytes() + b"x")

    with pytest.raises(TableError, match="changed while"):
        categorize(engine, "in.xlsx", "in.xlsx", in_place=True, on_progress=change)
    assert book.read_bytes().endswith(b"x")
    assert not list(Path().glob("in.backup*"))


@pytest.mark.parametrize(
    ("inputs", "output", "options"),
    [
        ("in.csv", "in.csv", {}),
        (["in.xlsx", "in.csv"], "in.xlsx", {}),
        ("in.xlsx", "out.xlsx", {}),
        ("in.xlsx", "in.xlsx", {"limit": 1}),
        ("in.xlsx", "in.xlsx", {"sample": 0.5}),
    ],
)
def test_what_cannot_be_edited_in_place_is_refused(engine, book, inputs, output, options):
    Path("in.csv").write_text("text\na\n")
    before = book.read_bytes()
    with pytest.raises(TableError, match="only one whole workbook"):
        categorize(engine, inputs, output, in_place=True, **options)
    assert book.read_bytes() == before


def test_what_cannot_be_copied_is_said_and_in_place_refused_before_the_work(engine, book):
    with zipfile.ZipFile(book, "a") as archive:
        archive.writestr("_xmlsignatures/sig1.xml", "<a/>")
    with pytest.warns(TableWarning, match="plain workbook without .*: is signed, and a change"):
        categorize(engine, "in.xlsx", "out.xlsx")
    assert openpyxl.load_workbook("out.xlsx").sheetnames == ["textshot"]
    with pytest.raises(TableError, match="is signed"):
        categorize(engine, "in.xlsx", "in.xlsx", in_place=True, on_progress=pytest.fail)


def test_a_part_of_the_rows_makes_a_plain_workbook(engine):
    with pytest.warns(TableWarning, match="plain workbook, because only a part of the rows"):
        categorize(engine, "in.xlsx", "out.xlsx", limit=2)
    assert openpyxl.load_workbook("out.xlsx").sheetnames == ["textshot"]


def test_several_inputs_make_a_plain_workbook_which_is_said(engine, book):
    shutil.copy(book, "more.xlsx")
    with pytest.warns(TableWarning, match="plain workbook, because it joins 2 inputs"):
        categorize(engine, ["in.xlsx", "more.xlsx"], "out.xlsx")
    assert openpyxl.load_workbook("out.xlsx").sheetnames == ["textshot"]


def test_a_review_of_a_copy_has_the_rows_with_an_answer(engine):
    report = categorize(engine, "in.xlsx", "out.xlsx", review="review.csv")
    assert report.n_review == 4
    assert ",out.xlsx,2," in Path("review.csv").read_text()


def test_a_workbook_of_other_tables_has_equal_bytes_for_equal_rows(engine, monkeypatch):
    Path("in.csv").write_text("text\nmy money back\n")
    files = []
    for time in (1_000_000_000, 1_700_000_000):
        monkeypatch.setattr("time.time", lambda time=time: time)
        categorize(engine, "in.csv", f"{time}.xlsx")
        files.append(Path(f"{time}.xlsx").read_bytes())
    assert files[0] == files[1]
    with zipfile.ZipFile(f"{time}.xlsx") as archive:
        assert {part.date_time[0] for part in archive.infolist()} == {1980}
        assert b"1980-01-01T00:00:00Z" in archive.read("docProps/core.xml")


@pytest.mark.parametrize(
    ("columns", "metadata", "earlier"),
    [
        (["text", "label", "score", "margin"], [], ["label", "score", "margin"]),
        (["label", "text", "score", "margin"], [], []),
        (
            ["label", "t", "label_textshot", "score", "margin", "probability", "team"],
            ["team"],
            ["label_textshot", "score", "margin", "probability", "team"],
        ),
        (["label", "score", "margin", "team"], [], ["label", "score", "margin"]),
    ],
)
def test_answers_of_an_earlier_run_are_known_by_their_order(columns, metadata, earlier):
    assert earlier_answers(columns, metadata) == earlier


def test_a_copy_goes_to_standard_output_too(engine, monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", stdout)
    categorize(engine, "in.xlsx", "-", output_format=Format.EXCEL)
    assert table(io.BytesIO(stdout.buffer.getvalue())) == expected(engine)
