"""CSV and TSV come in byte for byte; what is wrong is told with its line."""

import re

import pytest

from textshot.errors import TableError, TableWarning
from textshot.io import open_table


def test_cells_are_kept_byte_for_byte(read_bytes):
    found = read_bytes("a.csv", b"id,text\n007, hi \n1e5,NA\n")
    assert found.columns == ("id", "text")
    assert found.rows == [("007", " hi "), ("1e5", "NA")]


def test_lines_are_physical_where_quotes_hold_newlines(read_bytes):
    found = read_bytes("a.csv", b'text,n\n"one\ntwo",1\nnext,2\n"a\r\nb\rc",3\nlast,4')
    assert found.rows == [("one\ntwo", "1"), ("next", "2"), ("a\r\nb\rc", "3"), ("last", "4")]
    assert found.lines == [2, 4, 5, 8]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_known(read_bytes, end):
    found = read_bytes("a.csv", end.join(["id,text", "1,a", "2,b", ""]).encode())
    assert found.rows == [("1", "a"), ("2", "b")]
    assert found.lines == [2, 3]


def test_blank_lines_are_skipped_and_counted(read_bytes):
    found = read_bytes("a.csv", b"\n\nid,text\n\n1,a\n\n\n2,b\n\n")
    assert found.rows == [("1", "a"), ("2", "b")]
    assert found.lines == [5, 8]


def test_an_empty_quoted_cell_alone_is_a_row(read_bytes):
    assert read_bytes("a.csv", b'text\n""\nb\n').rows == [("",), ("b",)]


def test_a_row_with_too_much_is_rejected_with_both_numbers(read_bytes):
    found = read_bytes("a.csv", b"a,b,c,d\n1,2,3,4\n1,2,3,4,5\n1,2,3,4,,6\n")
    assert found.rows == [("1", "2", "3", "4")]
    assert found.reasons == ["has 5 fields, the header has 4", "has 6 fields, the header has 4"]
    assert [reject.line for reject in found.rejects] == [3, 4]
    assert found.rejects[0].row == '["1", "2", "3", "4", "5"]'
    assert found.rejects[0].source.endswith("a.csv")


def test_empty_cells_may_be_too_many_or_left_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n1,2,3,,\n4,5\n\n6\n,,,\n7,8,9\n")
    message = re.escape(f"{path}:3: 2 rows have fewer cells than the header; the missing ones are")
    with open_table(path) as table, pytest.warns(TableWarning, match=message):
        [batch] = table.batches()
    rows = [tuple(row.values()) for row in batch.data.to_pylist()]
    assert rows == [("1", "2", "3"), ("4", "5", ""), ("6", "", ""), ("", "", ""), ("7", "8", "9")]
    assert batch.lines == [2, 3, 5, 6, 7]
    assert batch.rejects == []


def test_a_short_row_that_may_be_something_else_is_rejected(read_bytes):
    found = read_bytes("a.csv", b'a,b,c\n1;2;3\n4,"5\n6,7"\n8,9,10\n')
    assert found.rows == [("8", "9", "10")]
    assert found.reasons == [
        "has 1 field, the header has 3",
        "has 2 fields, the header has 3 (lines 3 to 4 were taken for it)",
    ]


@pytest.mark.parametrize("start", [b"", b"\n", b",,\n\n", b";;\n"])
@pytest.mark.parametrize("end", [b"", b";", b";;;"])
def test_empty_cells_around_a_table_do_not_hide_its_separator(read_bytes, start, end):
    lines = [b"id;text", b"1;a, b" + end, b"2;c" + end, b"3;" + end]
    found = read_bytes("a.csv", start.replace(b",", b";") + b"\n".join(lines))
    assert found.columns == ("id", "text")
    assert found.rows == [("1", "a, b"), ("2", "c"), ("3", "")]


def test_columns_without_a_name_get_one_by_their_place(read_bytes):
    found = read_bytes("a.csv", b"text,,column 4,,\na,b,c,d,e\n")
    assert found.columns == ("text", "column 2", "column 4", "column 4 (2)", "column 5")
    assert read_bytes("b.csv", b"text,\na,b\n").columns == ("text", "")


def test_an_unclosed_quote_costs_the_row_where_it_began(read_bytes):
    found = read_bytes("a.csv", b'a,b\n1,2\n3,"open\n5,6\n7,8\n')
    assert found.rows == [("1", "2"), ("5", "6"), ("7", "8")]
    assert found.lines == [2, 4, 5]
    [reject] = found.rejects
    assert reject.line == 3
    assert "never closed. Close it" in reject.reason
    assert reject.row == '3,"open\n'


def test_a_nul_byte_is_rejected(read_bytes):
    found = read_bytes("a.csv", b"a,b\n1,2\n3,x\0y\n5,6\n")
    assert found.rows == [("1", "2"), ("5", "6")]
    assert found.lines == [2, 4]
    assert "has a NUL byte" in found.reasons[0]
    assert found.rejects[0].line == 3


def test_rejects_come_in_the_order_of_their_lines(read_bytes):
    found = read_bytes("a.csv", b"a,b\nx\0,2\n3,,3\n\xff,4\n")
    assert [reject.line for reject in found.rejects] == [2, 3, 4]


def test_a_semicolon_divides_where_no_comma_does(read_bytes):
    found = read_bytes("a.csv", b"id;text\n1;a, b\n")
    assert found.columns == ("id", "text")
    assert found.rows == [("1", "a, b")]
    assert read_bytes("b.csv", b'"id,x";text\n1;a\n').columns == ("id,x", "text")
    assert read_bytes("c.csv", b'"text; more"\na\n').columns == ("text; more",)
    assert read_bytes("d.csv", b"id,te;xt\n1,a\n").columns == ("id", "te;xt")


def test_tsv_is_divided_by_tabs_alone(read_bytes):
    found = read_bytes("a.tsv", b'id\ttext\n1\ta, b; "c"\n2\t"x\ty"\n')
    assert found.rows == [("1", 'a, b; "c"'), ("2", "x\ty")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n\n", "the file is empty"),
        (b",,\n", "the file is empty"),
        (b", \n1,2\n", "the header is empty"),
        (b" \n1\n", "the header is empty"),
        (b"a,b,a\n1,2,3\n", "columns 1 and 3 of the header are both called 'a'"),
        (b'a,"b\n1,2\n', "line 1: the header opens a quote that is never closed"),
        (b"a\xe9,b\n1,2\n", "the header cannot be read: byte 0xe9 is not utf-8"),
        (b"a\0,b\n1,2\n", "the header cannot be read: has a NUL byte"),
    ],
)
def test_a_bad_header_is_an_error_and_says_what_is_wrong(tmp_path, data, message):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(TableError, match=message):
        open_table(tmp_path / "a.csv")


def test_one_column_may_have_no_name_as_pandas_writes_its_index(read_bytes):
    assert read_bytes("a.csv", b",text\n0,a\n").rows == [("0", "a")]


def test_batches_have_the_rows_that_were_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text("n\n" + "".join(f"{i}\n" for i in range(10)))
    with open_table(tmp_path / "a.csv", batch_rows=4) as table:
        assert [batch.data.num_rows for batch in table.batches()] == [4, 4, 2]
    with (
        open_table(tmp_path / "a.csv") as table,
        pytest.raises(TableError, match="is read only once"),
    ):
        table.batches(), table.batches()


def test_a_file_of_bad_rows_alone_gives_small_batches_of_rejects(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + "x,,x\n" * 10)
    with open_table(tmp_path / "a.csv", batch_rows=4) as table:
        assert [len(batch.rejects) for batch in table.batches()] == [4, 4, 2]


def test_a_long_rejected_row_is_cut_with_a_note(read_bytes):
    [reject] = read_bytes("a.csv", b"a,b\n" + b"x" * 5000 + b",,y\n").rejects
    assert reject.row.endswith("… (cut to 2,000 characters)")
    assert len(reject.row) < 2_050
