"""Excel: which sheet and which header are read, and cells that have no value."""

from __future__ import annotations

import zipfile

import openpyxl
import pytest

from textshot.errors import TableError, TableWarning
from textshot.io import TableOptions, excel_xml, open_table
from textshot.io.categories import read_category_table, read_labelled_texts
from textshot.io.column_choice import text_columns_of


@pytest.fixture
def book(tmp_path):
    """Make a workbook of sheets, each of rows; hidden if its name says so."""

    def make(name="a.xlsx", **sheets):
        workbook = openpyxl.Workbook()
        workbook.remove(workbook.active)
        for title, rows in sheets.items():
            sheet = workbook.create_sheet(title)
            sheet.sheet_state = "hidden" if title.startswith("hidden") else "visible"
            for row in rows:
                sheet.append(row)
        workbook.save(tmp_path / name)
        return tmp_path / name

    return make


def test_the_first_visible_sheet_is_read_and_named(book, read):
    path = book(hidden_lists=[["choices"]], Data=[["text"], ["a"]])
    with pytest.warns(TableWarning, match="only the sheet 'Data' is read, the first, 'hidden_list"):
        assert read(path).columns == ("text",)


def test_a_hidden_sheet_behind_is_not_worth_a_warning(book, read):
    assert read(book(Data=[["text"], ["a"]], hidden=[["b"]])).columns == ("text",)


@pytest.mark.parametrize("sheet", ["Second", "second ", 2, "2"])
def test_a_sheet_is_chosen_by_name_or_number(book, read, sheet):
    path = book(First=[["a"]], Second=[["b"], ["1"]])
    assert read(path, sheet=sheet).columns == ("b",)


def test_a_name_that_is_a_number_comes_before_the_number(book, read):
    path = book(**{"2026": [["a"]], "1": [["b"]]})
    assert read(path, sheet="1").columns == ("b",)


@pytest.mark.parametrize("sheet", ["Third", "0", 3, "-1"])
def test_a_sheet_that_is_not_there_is_an_error(book, sheet):
    with pytest.raises(TableError, match=r"there is no sheet .*; it has 1 'First', 2 'Second'"):
        open_table(book(First=[["a"]], Second=[["b"]]), sheet=sheet)


def test_the_row_of_the_header_is_chosen(book, read, read_bytes):
    rows = [["Report"], [], ["id", "text"], ["1", "a"]]
    found = read(book(S=rows), header_row=3)
    assert (found.columns, found.rows, found.lines) == (("id", "text"), [("1", "a")], [4])
    found = read_bytes("a.csv", b'Report;2026\n\n"id",text\n1,a\n', header_row=3)
    assert (found.columns, found.rows, found.lines) == (("id", "text"), [("1", "a")], [4])


def test_a_header_row_without_cells_is_an_error(book):
    with pytest.raises(TableError, match="the sheet 'S' is empty in row 2"):
        open_table(book(S=[["text"], [], ["a"]]), header_row=2)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.csv", {"sheet": "x"}, "only a workbook has sheets, and this is csv"),
        ("a.jsonl", {"header_row": 1}, "the header of jsonl has no row of its own"),
        ("a.csv", {"header_row": 0}, "rows are counted from 1"),
    ],
)
def test_a_sheet_or_header_row_that_a_format_lacks_is_refused(tmp_path, name, options, message):
    (tmp_path / name).write_text('{"text": "a"}\n')
    with pytest.raises(TableError, match=message):
        open_table(tmp_path / name, **options)


@pytest.mark.parametrize(
    ("names", "header"), [((), ["id", "Text"]), (("Message",), ["id", "message"])]
)
def test_a_title_above_the_header_is_noticed(book, tmp_path, names, header):
    rows = [["Report", "2026"], [], header, ["1", "a"]]
    (tmp_path / "a.csv").write_text("".join(",".join(row or ["", ""]) + "\n" for row in rows))
    for path in (book(S=rows), tmp_path / "a.csv"):
        with (
            open_table(path) as table,
            pytest.raises(TableError, match=r"header seems to be in row 3\. Give it with"),
        ):
            text_columns_of(table, names)


def test_a_title_of_one_cell_is_not_taken_for_the_text_column(book):
    path = book(S=[["Report"], [], ["id", "message"], ["1", "a"]])
    with open_table(path) as table, pytest.raises(TableError, match=r"in row 3\. Give .*-row 3"):
        text_columns_of(table)


def test_one_column_of_texts_is_no_title(book):
    with open_table(book(S=[["message"], ["a"], ["b"]])) as table:
        assert text_columns_of(table) == ["message"]
        assert [batch.lines for batch in table.batches()] == [[2, 3]]


def test_a_title_is_noticed_where_labels_are_read(book):
    path = book(S=[["Report", ""], ["label", "text"], ["a", "b"]])
    for read in (read_category_table, read_labelled_texts):
        with pytest.raises(TableError, match="the header seems to be in row 2"):
            read(path)
        assert read(path, TableOptions(header_row=2))


def test_formulas_without_a_value_are_counted_and_their_rows_rejected(book):
    path = book(S=[["text", "n"], ["a", "=1+1"], ["=A1", 3], ["", "=2"]])
    with (
        pytest.warns(
            TableWarning, match="3 formulas of the sheet 'S' have no saved value, first in B2"
        ),
        open_table(path) as table,
    ):
        [batch] = table.batches(["text"])
    assert batch.data.to_pydict() == {"text": ['"a"', None], "n": [None, None]}
    assert [(r.line, r.reason) for r in batch.rejects] == [
        (3, "'text' is a formula without a saved value")
    ]


def test_a_formula_that_gives_an_empty_text_has_a_value(book, read, tmp_path):
    edit(book(S=[["text", "n"], ["a", "=1+1"]]), b'<c r="B2">', b'<c r="B2" t="str">')
    assert read(tmp_path / "a.xlsx").rows == [("a", "")]


def test_an_error_in_a_cell_is_no_text(book):
    path = book(S=[["text", "n"], ["#N/A", 1], ["b", "#DIV/0!"]])
    with open_table(path) as table:
        [batch] = table.batches(["text"])
    assert batch.data.to_pydict() == {"text": ['"b"'], "n": ['"#DIV/0!"']}
    assert [r.reason for r in batch.rejects] == ["'text' is the error #N/A"]


def edit(path, old, new, part="xl/worksheets/sheet1.xml"):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            if new is not None or name != part:
                archive.writestr(name, data.replace(old, new or b"") if name == part else data)
    return path


def test_what_is_broken_behind_the_rows_of_a_sheet_is_no_matter(book, read):
    path = edit(
        book(S=[["text"], ["a"]]),
        b"</sheetData>",
        b'</sheetData><mergeCells count="x"><mergeCell ref="nonsense"/></mergeCells>',
    )
    assert read(path).rows == [("a",)]


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"])
def test_a_broken_part_is_an_error_with_the_file(book, read, part):
    path = edit(book(S=[["text"], ["a"]]), b">", b"", part)
    with pytest.raises(TableError, match=r"a\.xlsx: cannot be read as an Excel workbook"):
        read(path)


def test_a_shared_text_that_is_not_there_is_an_error(book, read):
    path = edit(book(S=[["text"], ["a"]]), b't="inlineStr"><is><t>a</t></is>', b't="s"><v>7</v>')
    with pytest.raises(TableError, match=r"a\.xlsx: cannot be read as an Excel workbook"):
        read(path)


def test_a_sheet_that_breaks_in_the_middle_gives_the_rows_before(book, read_until):
    path = book(S=[["text"], *([f"text {i}"] for i in range(5000))])
    edit(path, b'<row r="4000"', b'<row r="4000')
    found = read_until(path, r"cannot be read as an Excel workbook after row \d+ ")
    assert 0 < len(found.rows) < 4000


def test_a_sheet_that_expands_too_far_is_refused(book, monkeypatch):
    path = book(S=[["text"], *(["a" * 1000] for _ in range(1000))])
    edit(path, b"<row", b"<row")  # without compression
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    monkeypatch.setattr(excel_xml, "MAX_COMPRESSION_RATIO", 2)
    monkeypatch.setattr(excel_xml, "MAX_DECOMPRESSED_BYTES", 20_000)
    with pytest.raises(TableError, match=r"expands to .* bytes, more than 2 times its size"):
        open_table(path)


def test_a_workbook_under_the_name_of_a_text_file_is_named(book):
    for name in ("a.csv", "a.jsonl", "a.txt"):
        path = book(name, S=[["text"], ["a"]])
        with pytest.raises(TableError, match="is a zip file, such as a workbook and no text"):
            open_table(path)
