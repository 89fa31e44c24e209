"""Separators are found where one alone explains the rows, and kept in what is written."""

import re

import pytest

from textshot.errors import TableError, TableWarning
from textshot.io import TableOptions, open_table, open_writer
from textshot.io.column_choice import text_columns_of

ROWS = [("id", "text"), ("1", "the money, all of it"), ("2", 'a "card" is lost'), ("3", "3,50")]


def table_of(separator: str) -> bytes:
    return "".join(f"{a}{separator}{b}\n" for a, b in ROWS).encode()


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_another_separator_than_the_usual_one_is_found(read_bytes, name, separator):
    found = read_bytes(name, table_of(separator))
    assert [found.columns, *found.rows] == ROWS


def test_commas_in_a_tsv_are_found(read_bytes):
    assert read_bytes("a.tsv", b'id,text\n1,"a, b"\n2,c\n').rows == [("1", "a, b"), ("2", "c")]


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        (b"text\nhello; world\nbye; now\n", ("text",)),
        (b"text\n3,50\n4,50\n", ("text",)),
        (b'"text; more"\na;b\n', ("text; more",)),
        (b"id,te;xt\n1,a\n2,b\n", ("id", "te;xt")),
        (b"id,te;xt\n1,a;b\n2,b;c\n3,c;d\n4,d;e\n", ("id", "te;xt")),
        (b"price;text\n1,50;a\n2,50;b\n", ("price", "text")),
        (b"text | note\nonly a text\nand one more\n", ("text | note",)),
        (b'"a;b",c\n1,2\n', ("a;b", "c")),
        (b"\n\nid\ttext\n1\ta\n", ("id", "text")),
    ],
)
def test_a_separator_is_not_seen_where_it_is_part_of_texts(read_bytes, data, columns):
    assert read_bytes("a.csv", data).columns == columns


def test_what_explains_all_rows_wins_over_commas_in_a_header(read_bytes):
    data = b"id;name, first;text\n1;Smith, J;hi\n2;Poe, E;one, two, three\n3;Orwell;no\n"
    assert read_bytes("a.csv", data).columns == ("id", "name, first", "text")


@pytest.mark.parametrize("line", [b"sep=;", b"SEP=;\r"])
def test_a_first_line_may_name_the_separator(read_bytes, line):
    found = read_bytes("a.csv", line + b"\nid;text\n1;a, b\n2;;3\n")
    assert found.columns == ("id", "text")
    assert found.rows == [("1", "a, b")]
    assert found.lines == [3]
    assert [reject.line for reject in found.rejects] == [4]
    assert read_bytes("b.csv", b"sep=^\na^b\n1^2\n").rows == [("1", "2")]


def test_an_unusual_separator_is_told(tmp_path):
    (tmp_path / "a.csv").write_bytes(table_of("\t"))
    message = re.escape(f"{tmp_path / 'a.csv'}: the columns are separated by tabs")
    with pytest.warns(TableWarning, match=message), TableOptions().open(tmp_path / "a.csv"):
        pass
    (tmp_path / "a.tsv").write_bytes(table_of("\t"))
    with TableOptions().open(tmp_path / "a.tsv"):  # a warning would be an error
        pass


def test_lines_before_the_header_are_skipped_and_may_name_the_separator(read_bytes):
    data = b"Report | 2026\n\nid;text\n1;a\n"
    found = read_bytes("a.csv", data, header_row=3)
    assert (found.columns, found.rows, found.lines) == (("id", "text"), [("1", "a")], [4])
    assert read_bytes("b.csv", b"sep=^\nReport\na^b\n1^2\n", header_row=3).lines == [4]


def test_the_sample_does_not_lose_rows_before_damage(tmp_path, read_until):
    path = tmp_path / "a.csv"
    path.write_bytes("a;b\n1;2\n".encode("utf-16") + b"\x00\xd8")
    found = read_until(path, "not utf-16 after line 2")
    assert found.rows == [("1", "2")]


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("first", [b"", b"sep=%s\n"])
def test_an_output_is_written_as_its_input(tmp_path, read, separator, mark, first):
    data = b'id%stext\n1%s"a%sb"\n'.replace(b"%s", separator.encode())
    source = mark + first.replace(b"%s", separator.encode()) + data
    (tmp_path / "in.csv").write_bytes(source)
    with open_table(tmp_path / "in.csv") as table:
        batches = list(table.batches())
    for name in ("out.csv", "out.tsv", "out.csv.gz"):
        with open_writer(tmp_path / name, table.schema, dialect=table.dialect) as writer:
            for batch in batches:
                writer.write(batch.data)
    assert (tmp_path / "out.csv").read_bytes() == source
    assert (tmp_path / "out.tsv").read_bytes().startswith(b"id\ttext\n")
    assert read(tmp_path / "out.csv.gz").rows == [("1", f"a{separator}b")]


@pytest.mark.parametrize(
    "header",
    [
        "I lost my card",
        "where is my parcel?",
        "1\tthe money",
        "card; lost",
        "x" * 60,
        "\u94b1\u5728\u54ea\u91cc\uff1f",
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_first_text_is_not_taken_for_a_header(tmp_path, name, header):
    (tmp_path / name).write_text(f'"{header}"\nsecond\n', encoding="utf-8")
    with (
        open_table(tmp_path / name) as table,
        pytest.raises(TableError, match=r"which looks like a text\. If the header is missing"),
    ):
        text_columns_of(table)
    with open_table(tmp_path / name) as table:
        assert text_columns_of(table, [header]) == [header]


def test_a_missing_header_is_one_reason_for_a_missing_column(tmp_path):
    (tmp_path / "a.csv").write_text("where is my parcel?,late\nsecond,late\n")
    message = "no column 'text'.* If the header is missing, write one above the first row"
    with open_table(tmp_path / "a.csv") as table, pytest.raises(TableError, match=message):
        text_columns_of(table)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_title_above_the_header_is_seen(tmp_path, separator):
    rows = ["Tickets", "id{s}text", "1{s}where is it", "2{s}my card"]
    (tmp_path / "a.csv").write_text("\n".join(rows).replace("{s}", separator))
    message = "the header seems to be in row 2. Give it with --header-row 2"
    with open_table(tmp_path / "a.csv") as table, pytest.raises(TableError, match=message):
        text_columns_of(table)
    with open_table(tmp_path / "a.csv", header_row=2) as table:
        assert text_columns_of(table) == ["text"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_looking_for_a_header_loses_no_row(tmp_path, name):
    line = '{"body": "hello"}\n' if name == "a.jsonl" else "hello\n"
    (tmp_path / name).write_text("body\n" * (name == "a.csv") + line * 5)
    with open_table(tmp_path / name, batch_rows=2) as table:
        text_columns_of(table)
        assert sum(batch.data.num_rows for batch in table.batches()) == 5


@pytest.mark.parametrize("header", ["text", "Customer comment", "body", "Freitext (DE)"])
def test_a_name_is_taken_for_a_header(tmp_path, header):
    (tmp_path / "a.csv").write_text(f"{header}\nsecond\n")
    with open_table(tmp_path / "a.csv") as table:
        assert text_columns_of(table) == [header]
