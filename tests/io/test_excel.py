"""Excel: the first sheet in, one sheet without formulas out."""

import datetime
import zipfile

import openpyxl
import pytest

from textshot.errors import TableError, TableWarning
from textshot.io import excel_writer, excel_xml, open_table

DAY = datetime.datetime(2026, 3, 4, 5, 6, 7)


def workbook(path, rows):
    book = openpyxl.Workbook()
    for number, row in rows.items():
        for column, value in enumerate(row, 1):
            book.active.cell(number, column, value)
    book.save(path)
    return path


def test_values_are_what_people_see(tmp_path, read):
    path = workbook(
        tmp_path / "a.xlsx",
        {1: ["id", "v"], 2: ["007", 7.0], 3: [True, 2.5], 4: [None, DAY], 5: ["é\n🎉", -(10**20)]},
    )
    found = read(path)
    assert found.rows == [
        ("007", "7"),
        ("true", "2.5"),
        ("", "2026-03-04T05:06:07"),
        ("é\n🎉", "-1e+20"),
    ]


def test_numbers_are_json_numbers_and_texts_json_texts(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {1: ["a", "b"], 2: [7.0, "7"]})
    with open_table(path) as table:
        [batch] = table.batches()
    assert batch.data.to_pydict() == {"a": ["7"], "b": ['"7"']}


def test_lines_are_rows_of_the_sheet_and_empty_rows_are_skipped(tmp_path, read):
    path = workbook(tmp_path / "a.xlsx", {3: ["a", "b"], 5: [1, 2], 9: [3], 20: [None, ""]})
    found = read(path)
    assert found.columns == ("a", "b")
    assert found.rows == [("1", "2"), ("3", "")]
    assert found.lines == [5, 9]


def test_cells_right_of_the_header_cost_no_row_and_are_told(tmp_path, read):
    path = workbook(tmp_path / "a.xlsx", {1: ["a", "b"], 2: [1, 2, DAY], 3: [4, 5]})
    with pytest.warns(TableWarning, match=r"a\.xlsx:2: 1 of the rows have cells right of the "):
        found = read(path)
    assert found.rows == [("1", "2"), ("4", "5")]
    assert found.rejects == []


def test_only_the_first_sheet_is_read(tmp_path, read):
    book = openpyxl.Workbook()
    book.active.append(["first"])
    book.create_sheet("second").append(["second"])
    book.save(tmp_path / "a.xlsx")
    with pytest.warns(TableWarning, match="only the sheet 'Sheet' is read, the first of 2"):
        assert read(tmp_path / "a.xlsx").columns == ("first",)


def test_an_empty_sheet_is_an_error(tmp_path):
    with pytest.raises(TableError, match="the sheet 'Sheet' is empty"):
        open_table(workbook(tmp_path / "a.xlsx", {}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not an Excel workbook"),
        (b"id,text\n", "is not an Excel workbook"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "an old .xls file or has a password"),
    ],
)
def test_another_kind_of_file_is_an_error(tmp_path, data, message):
    (tmp_path / "a.xlsx").write_bytes(data)
    with pytest.raises(TableError, match=message):
        open_table(tmp_path / "a.xlsx")


def test_a_damaged_workbook_is_an_error(tmp_path, read):
    whole = workbook(tmp_path / "a.xlsx", {1: ["a"], 2: ["b"]}).read_bytes()
    (tmp_path / "b.xlsx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableError, match="is not an Excel workbook, or a damaged one"):
        read(tmp_path / "b.xlsx")
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w") as archive:
        archive.writestr("anything", "else")
    with pytest.raises(TableError, match="cannot be read as an Excel workbook"):
        read(tmp_path / "c.xlsx")


def test_damage_inside_the_sheet_is_an_error(tmp_path, read):
    replace_sheet(tmp_path, lambda xml: xml.replace(b"</row>", b"", 1))
    with pytest.raises(TableError, match="cannot be read as an Excel workbook"):
        read(tmp_path / "b.xlsx")


def replace_sheet(tmp_path, change):
    workbook(tmp_path / "a.xlsx", {1: ["a"], 2: ["b"]})
    with (
        zipfile.ZipFile(tmp_path / "a.xlsx") as old,
        zipfile.ZipFile(tmp_path / "b.xlsx", "w") as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data) if name == "xl/worksheets/sheet1.xml" else data)


def test_a_row_number_out_of_bounds_ends_the_sheet_and_not_the_memory(tmp_path, read):
    replace_sheet(tmp_path, lambda xml: xml.replace(b'<row r="2"', b'<row r="9999999999"'))
    assert read(tmp_path / "b.xlsx").rows == []


def test_a_wrong_size_in_the_file_is_not_believed(tmp_path, read):
    replace_sheet(tmp_path, lambda xml: xml.replace(b'ref="A1:A2"', b'ref="A1:XFD1"'))
    assert read(tmp_path / "b.xlsx").rows == [("b",)]


def test_a_workbook_that_expands_too_far_is_refused(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx", {1: ["a"], 2: ["b"]})
    monkeypatch.setattr(excel_xml, "MAX_DECOMPRESSED_BYTES", 100)
    with pytest.raises(TableError, match="bytes besides its sheets; the limit is 100"):
        open_table(path)


def test_no_text_becomes_a_formula_or_an_error_value(tmp_path, write, read):
    texts = ["=1+1", "=", "#N/A", "#REF!", "+1", "@x", "'=1"]
    path = write(tmp_path / "a.xlsx", {"=head": texts})
    kinds = {cell.data_type for (cell,) in openpyxl.load_workbook(path).active.iter_rows()}
    assert kinds == {"s"}
    assert [row[0] for row in read(path).rows] == texts


def test_characters_that_xml_lacks_are_replaced(tmp_path, write, read):
    path = write(tmp_path / "a.xlsx", {"t\x01": ["a\x00b\x1f\ufffec\td\ne"]})
    assert read(path).columns == ("t\ufffd",)
    assert read(path).rows == [("a\ufffdb\ufffd\ufffdc\td\ne",)]


def test_more_than_a_sheet_holds_is_an_error_and_no_file(tmp_path, write, monkeypatch):
    monkeypatch.setattr(excel_writer, "MAX_ROWS", 3)
    write(tmp_path / "fits.xlsx", {"a": ["1", "2", "3"]})
    with pytest.raises(TableError, match="at most 3 rows below its header, and this table has 4"):
        write(tmp_path / "a.xlsx", {"a": ["1", "2", "3", "4"]})
    with pytest.raises(TableError, match="row 1 has a cell of 32,768 characters"):
        write(tmp_path / "a.xlsx", {"a": ["x" * 32_768]})
    monkeypatch.setattr(excel_writer, "MAX_COLUMNS", 2)
    with pytest.raises(TableError, match="at most 2 columns, and this table has 3"):
        write(tmp_path / "a.xlsx", {"a": ["x"], "b": ["x"], "c": ["x"]})
    assert [path.name for path in tmp_path.iterdir()] == ["fits.xlsx"]


def test_json_values_become_cells_of_their_kind(tmp_path, convert):
    values = ["7", "-1.5", "true", "null", "123456789012345678901", "1e400", "[1, 2]", '"7"']
    lines = "".join(f'{{"a": {value}}}\n' for value in values)
    (tmp_path / "a.jsonl").write_text(lines)
    sheet = openpyxl.load_workbook(convert(tmp_path / "a.jsonl", tmp_path / "a.xlsx")).active
    cells = [row[0].value for row in sheet.iter_rows(min_row=2, max_row=9)]
    assert cells == [7, -1.5, True, None, "123456789012345678901", "1e400", "[1, 2]", "7"]


def test_a_number_that_excel_would_round_stays_a_text(tmp_path, write):
    path = write(tmp_path / "a.xlsx", {"n": [2**53 + 1, 5]})
    assert [row[0].value for row in openpyxl.load_workbook(path).active.iter_rows()] == [
        "n",
        str(2**53 + 1),
        5,
    ]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Dear all,_x000D_\nthe parcel_X000D_ is late", "Dear all,\r\nthe parcel_X000D_ is late"),
        ("_x005F_x000D_", "_x000D_"),  # a person wrote this
        ("_xD83C__xDF89_ and _xD83C_", "\U0001f389 and \ufffd"),
        ("snake_x_case _x12_ _x000g_", "snake_x_case _x12_ _x000g_"),
    ],
)
def test_escapes_of_a_workbook_are_not_part_of_its_texts(tmp_path, read, raw, text):
    found = read(workbook(tmp_path / "a.xlsx", {1: ["text", f"a {raw}"], 2: [raw, 1]}))
    assert found.columns == ("text", f"a {text}")
    assert found.rows == [(text, "1")]


def test_a_text_that_looks_like_an_escape_comes_back_as_it_was(tmp_path, read, write):
    texts = ["_x000D_", "_x005F_x000D_", "a_x0041_b", "x_x_", "_x000d__x000d_"]
    write(tmp_path / "a.xlsx", {"text": texts})
    assert [row for (row,) in read(tmp_path / "a.xlsx").rows] == texts
