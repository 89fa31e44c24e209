"""A copy of a workbook with new columns: all else in it is as it was."""

from __future__ import annotations

import datetime
import io
import zipfile

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.worksheet.table import Table

from textshot.errors import TableError, TableWarning
from textshot.io import TableOptions
from textshot.io.excel_copy import plan_copy

DAY = datetime.datetime(2026, 3, 4)
ROWS = [(2, ["refund & more", 0.5]), (4, ["unknown", -1.0])]
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def book():
    """A workbook with all that people have: a title row is left to single tests."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(["id", "Message", "when"])
    for i in range(3):
        sheet.append([i, f"text {i}", DAY])
    sheet["A1"].font = sheet["C1"].font = Font(bold=True)
    sheet["B2"].comment = Comment("look at this", "me")
    sheet["C2"].number_format = "DD/MM/YYYY"
    sheet.freeze_panes = "A2"
    sheet.column_dimensions["B"].width = 40
    other = workbook.create_sheet("Other")
    other["A1"] = "=1+1"
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=1, min_row=1, max_row=4))
    other.add_chart(chart, "C3")
    return workbook


def saved(workbook):
    stream = io.BytesIO()
    workbook.save(stream)
    return stream


def copied(stream, rows=ROWS, names=("label", "score"), replaced=(), **options):
    target = io.BytesIO()
    plan = plan_copy(stream, "a.xlsx", TableOptions(**options), names, replaced)
    plan.write(stream, target, iter(rows))
    return target


def cells(stream, sheet=None):
    workbook = openpyxl.load_workbook(stream)
    selected = workbook[sheet] if sheet else workbook.active
    return [list(row) for row in selected.iter_rows(values_only=True)]


def parts(stream):
    with zipfile.ZipFile(stream) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def edit(stream, change, part=SHEET):
    edited = io.BytesIO()
    with zipfile.ZipFile(edited, "w") as archive:
        for name, data in parts(stream).items():
            archive.writestr(name, change(data) if name == part else data)
    return edited


def test_rows_get_their_values_and_all_else_stays(book):
    stream = saved(book)
    target = copied(stream)
    assert cells(target) == [
        ["id", "Message", "when", "label", "score"],
        [0, "text 0", DAY, "refund & more", 0.5],
        [1, "text 1", DAY, None, None],
        [2, "text 2", DAY, "unknown", -1],
    ]
    before, after = parts(stream), parts(target)
    assert before.pop(SHEET) != after.pop(SHEET)
    assert before == after  # the chart, the comment, the styles, the other sheet
    sheet = openpyxl.load_workbook(target).active
    assert (sheet.freeze_panes, sheet.column_dimensions["B"].width) == ("A2", 40)
    assert sheet["C2"].number_format == "DD/MM/YYYY"
    assert sheet["B2"].comment.text == "look at this"
    assert sheet["D1"].font.bold
    assert sheet.dimensions == "A1:E4"


def test_the_same_rows_give_the_same_bytes_and_again_in_the_copy(book):
    stream = saved(book)
    first = copied(stream)
    assert copied(stream).getvalue() == first.getvalue()
    again = copied(first, replaced=["label", "score"])
    assert again.getvalue() == first.getvalue()


def test_saved_values_of_formulas_stay(book):
    book.active["B3"] = "=A2+1"
    stream = edit(
        saved(book),
        lambda xml: xml.replace(b"<f>A2+1</f><v></v>", b"<f>A2+1</f><v>7</v>").replace(
            b"<f>A2+1</f><v />", b"<f>A2+1</f><v>7</v>"
        ),
    )
    target = copied(stream)
    assert openpyxl.load_workbook(target, data_only=True).active["B3"].value == 7
    assert openpyxl.load_workbook(target).active["B3"].value == "=A2+1"


def test_nothing_in_the_way_of_the_columns_is_lost(book):
    sheet = book.active
    sheet["E3"] = "a note"
    sheet["H3"] = "another"
    sheet["I1"].font = Font(italic=True)
    target = copied(saved(book))
    assert cells(target)[0][5:7] == ["label", "score"]
    assert cells(target)[1][5:7] == ["refund & more", 0.5]
    assert cells(target)[2][4:8] == ["a note", None, None, "another"]


def test_a_format_of_an_empty_cell_becomes_that_of_the_new_one(book):
    book.active["E2"].number_format = "0.00"
    sheet = openpyxl.load_workbook(copied(saved(book))).active
    assert (sheet["E2"].value, sheet["E2"].number_format) == (0.5, "0.00")


def test_merged_cells_below_the_header_are_left_alone(book):
    book.active.merge_cells("C3:D4")
    assert cells(copied(saved(book)))[0] == ["id", "Message", "when", None, "label", "score"]


def test_a_title_above_the_header_may_be_wider(book):
    sheet = book.active
    sheet.insert_rows(1, 2)
    sheet["A1"] = "Report"
    sheet.merge_cells("A1:H1")
    target = copied(saved(book), [(4, ["x", 1.0])], header_row=3)
    assert cells(target)[2][:5] == ["id", "Message", "when", "label", "score"]
    assert cells(target)[3][3:5] == ["x", 1]


def test_filters_and_tables_become_wider_so_that_sorting_takes_all_columns(book):
    sheet = book.active
    sheet.auto_filter.ref = "A1:C4"
    target = copied(saved(book))
    assert openpyxl.load_workbook(target).active.auto_filter.ref == "A1:E4"
    assert b"!$A$1:$E$4</definedName>" in parts(target)["xl/workbook.xml"]
    sheet.auto_filter.ref = None
    sheet.add_table(Table(displayName="Tickets", ref="A1:C4"))
    first = copied(saved(book))
    for target in (first, copied(first, replaced=["label", "score"])):
        table = openpyxl.load_workbook(target).active.tables["Tickets"]
        assert (table.ref, table.autoFilter.ref) == ("A1:E4", "A1:E4")
        assert [c.name for c in table.tableColumns] == ["id", "Message", "when", "label", "score"]
        assert [c.id for c in table.tableColumns] == [1, 2, 3, 4, 5]


def test_a_table_with_a_column_of_the_name_in_another_case_stays_as_it_is(book):
    book.active["C1"] = "Label"
    book.active.add_table(Table(displayName="Tickets", ref="A1:C4"))
    with pytest.warns(TableWarning, match="are beside the table Tickets and not part of it"):
        target = copied(saved(book))
    assert openpyxl.load_workbook(target).active.tables["Tickets"].ref == "A1:C4"


def test_other_columns_in_a_table_than_before_are_refused(book):
    book.active.add_table(Table(displayName="Tickets", ref="A1:C4"))
    first = copied(saved(book))
    with pytest.raises(
        TableError, match="the table Tickets holds the columns label, score, and now"
    ):
        copied(first, [], names=["label"], replaced=["label", "score"])


def test_fewer_columns_than_before_leave_no_rest(book):
    first = copied(saved(book))
    again = copied(first, [(3, ["x"])], names=["label"], replaced=["label", "score"])
    assert [row[3:] for row in cells(again)] == [["label"], [None], ["x"], [None]]


def test_the_sheet_that_is_named_gets_the_columns(book):
    book["Other"]["B1"] = "text"
    book["Other"]["B2"] = "a"
    target = copied(saved(book), [(2, ["x", 1.0])], sheet="Other")
    assert cells(target, "Other") == [
        [["=1+1", "text"][0], "text", "label", "score"],
        [None, "a", "x", 1],
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda xml: xml.replace(b'<row r="3"', b'<row r="9"'), "row 4 is behind row 9"),
        (lambda xml: xml.replace(b'<c r="B3"', b'<c r="A3"'), "cells of row 3 are not in order"),
        (lambda xml: b"<!DOCTYPE a>" + xml, "it has a document type"),
        (lambda xml: xml[: len(xml) // 2], "cannot be read as an Excel workbook"),
        (lambda xml: xml.replace(b'<row r="4"', b'<row r="5"'), "row 4 is not in the sheet"),
    ],
)
def test_a_sheet_that_cannot_be_edited_is_refused(book, change, message):
    with pytest.raises(TableError, match=message):
        copied(edit(saved(book), change))


def test_names_with_a_prefix_and_cells_without_a_place(book):
    workbook = openpyxl.Workbook()
    for row in (["id", "text"], [1, "a"], [2, "b"]):
        workbook.active.append(row)
    xml = (
        b'<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        b'<x:sheetData><x:row><x:c t="str"><x:v>text</x:v></x:c></x:row>'
        b'<x:row spans="1:1"><x:c t="str"><x:v>a</x:v></x:c></x:row></x:sheetData></x:worksheet>'
    )
    target = copied(edit(saved(workbook), lambda _: xml), [(2, ["x", 1.0])])
    assert cells(target) == [["text", "label", "score"], ["a", "x", 1]]
    assert b"spans" not in parts(target)[SHEET]


@pytest.mark.parametrize(
    ("part", "data", "message"),
    [
        ("[Content_Types].xml", b"macroEnabled", "has macros, and the output ends in .xlsx"),
        ("_xmlsignatures/a.xml", b"", "is signed, and a change would break the signature"),
    ],
)
def test_macros_under_another_name_and_signatures_are_refused(book, part, data, message):
    stream = saved(book)
    edited = io.BytesIO()
    with zipfile.ZipFile(edited, "w") as archive:
        for name, content in (parts(stream) | {part: parts(stream).get(part, b"") + data}).items():
            archive.writestr(name, content)
    with pytest.raises(TableError, match=message):
        copied(edited)


def test_a_text_is_written_as_a_workbook_holds_it(book):
    texts = ["=1+1", '<b> & "c"', "line\nbreak\r", "_x000D_", "\x01é🎉", " blank "]
    target = copied(saved(book), [(2, texts)], names=[f"n{i}" for i in range(len(texts))])
    found = openpyxl.load_workbook(target).active[2][3:]
    assert [cell.data_type for cell in found] == ["s"] * len(texts)
    shown = [*texts[:3], "_x005F_x000D_", "\ufffdé🎉", " blank "]
    assert [cell.value for cell in found] == shown
