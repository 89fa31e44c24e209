"""Plain text, pipes, and how the format of a file is found."""

import io
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textshot.errors import TableError, TableWarning
from textshot.io import Format, open_table, open_writer
from textshot.io.inputs import TextInput
from textshot.io.lines import read_text

SCHEMA = pa.schema([("a", pa.string())])
ROWS = pa.RecordBatch.from_pydict({"a": ["x", "y"]})


def test_plain_text_is_one_text_a_line(read_bytes):
    found = read_bytes("a.txt", b'one, "two"\n\n   \n three \r\nfour')
    assert found.columns == ("text",)
    assert found.rows == [('one, "two"',), (" three ",), ("four",)]
    assert found.lines == [1, 4, 5]


def test_plain_text_with_a_nul_is_rejected(read_bytes):
    found = read_bytes("a.txt", b"one\ntw\0o\n")
    assert found.rows == [("one",)]
    assert found.rejects[0].line == 2
    assert found.rejects[0].row == "tw\\0o"


def test_a_table_cannot_be_written_as_plain_text(tmp_path):
    with pytest.raises(TableError, match="cannot be written as plain text"):
        open_writer(tmp_path / "a.txt", SCHEMA)


@pytest.mark.parametrize("name", ["A.CSV", "a.tab", "a.ndjson", "a.pq", "a.XLSX", "a.TXT.gz"])
def test_endings_are_known_in_any_case(tmp_path, write, name):
    if not name.startswith("a.TXT"):
        assert open_writer(tmp_path / name, SCHEMA).format in set(Format)


@pytest.mark.parametrize("name", ["a", "a.xls", "a.json5", "a.gz", "a.parquet.gz", ".csv/x"])
def test_an_unknown_ending_is_an_error_that_lists_the_known(tmp_path, name):
    with pytest.raises(TableError, match=r"\.csv, \.tsv.*--format\s+\(csv, tsv, jsonl"):
        open_table(tmp_path / name)


@pytest.mark.parametrize(("name", "format"), [("/dev/null", None), ("a.csv", "xml")])
def test_a_format_error_names_the_option_that_mends_it(name, format):
    with pytest.raises(TableError, match=r" --output-format"):
        open_writer(name, SCHEMA, format=format)
    with pytest.raises(TableError, match=r" --format"):
        open_table(name, format=format)


def test_a_format_that_is_named_goes_before_the_ending(tmp_path, read_bytes):
    assert read_bytes("a.dat", b"a\tb\n1\t2\n", format=Format.TSV).rows == [("1", "2")]
    assert read_bytes("a.csv", b"a,b\n", format=Format.TEXT).rows == [("a,b",)]
    with pytest.raises(TableError, match="there is no format 'xml'"):
        open_table(tmp_path / "a.csv", format="xml")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the file name is empty"),
        ("missing.csv", "there is no such file"),
        ("a\0.csv", "cannot be opened"),
        ("x" * 300 + ".csv", "cannot be opened"),
    ],
)
def test_a_file_that_is_not_there_is_an_error(name, message):
    with pytest.raises(TableError, match=message):
        open_table(name)


def test_a_folder_is_an_error(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(TableError, match="is a folder"):
        open_table(tmp_path / "a.csv")
    with pytest.raises(TableError, match="is a folder"), open_writer(tmp_path / "a.csv", SCHEMA):
        pass


def test_standard_input_is_plain_text_unless_told(read, stdin):
    stdin(b"a,b\n1,2\n")
    assert read("-").rows == [("a,b",), ("1,2",)]
    stdin(b"a,b\n1,2,3\n")
    found = read("-", format=Format.CSV)
    assert found.columns == ("a", "b")
    assert found.rejects[0].source == "<stdin>"


@pytest.mark.parametrize("format", [Format.PARQUET, Format.EXCEL])
def test_binary_formats_come_through_pipes(tmp_path, write, read, stdin, monkeypatch, format):
    pipe = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", pipe)
    write("-", {"a": ["x", "y"]}, format=format)
    stdin(pipe.buffer.getvalue())
    assert read("-", format=format).rows == [("x",), ("y",)]


def test_standard_output_is_csv_and_stays_open(write, capsysbinary):
    write("-", {"a": ["x", "y"]})
    write("-", {"a": ["z"]})
    assert capsysbinary.readouterr().out == b"a\nx\ny\na\nz\n"


def test_standard_input_stays_open(read, stdin):
    stdin(b"one\n")
    buffer = sys.stdin.buffer
    read("-")
    assert not buffer.closed


def test_a_reader_that_leaves_is_no_error_of_the_table(tmp_path):
    code = f"""
import pyarrow as pa
from textshot.io import open_writer
rows = pa.RecordBatch.from_pydict({{"a": ["x" * 1000] * 1000}})
try:
    with open_writer("-", rows.schema) as writer:
        while True:
            writer.write(rows)
except BrokenPipeError:
    open({str(tmp_path / "seen")!r}, "w").close()
    import os
    os._exit(0)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(60) == 0
    assert (tmp_path / "seen").exists()


def test_a_real_pipe_is_read_whole(tmp_path):
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "a.parquet")
    code = (
        "from textshot.io import *\n"
        "with open_table('-', format='parquet') as t: print([b.lines for b in t.batches()])\n"
        "with open_table('/dev/fd/0', format='csv') as t: print(t.columns)\n"
    )
    shell = f'(cat {tmp_path}/a.parquet) | {sys.executable} -c "{code}"'
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[[1]]\n"
    assert "the file is empty" in done.stderr


def test_a_device_is_written_to_and_not_replaced(write):
    from pathlib import Path

    write("/dev/null", {"a": ["x"]}, format=Format.CSV)
    write("/dev/null", {"a": ["x"]}, format=Format.PARQUET)
    assert Path("/dev/null").is_char_device()


def test_importing_the_package_does_not_import_pyarrow_or_openpyxl():
    code = "import sys, textshot.io; print({'pyarrow', 'openpyxl'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("content", "separator"),
    [
        (b"Id\tMessage\n1\tmy parcel\n\n2\tmy card\n", "tabs"),
        ("Id\tMessage\r\n1\tmy parcel\r\n".encode("utf-16"), "tabs"),  # as Excel saves it
        (b"Id|Message|Date\n1|my parcel|May\n", "vertical bars"),
        (b"Id;Message\n" + b"1;my parcel\n" * 200, "semicolons"),
        (b"id,text\n" + b"1,my parcel\n" * 9, "commas"),
    ],
)
def test_plain_text_with_columns_is_told(tmp_path, content, separator):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    message = rf"a\.txt: each line has the same number of {separator}, .*--format tsv"
    with open_table(path) as table, pytest.warns(TableWarning, match=message):
        list(table.batches())


@pytest.mark.parametrize(
    "content",
    [
        b"one, two\n" * 9,
        b"one; two\nthree; four\n",
        b"a\tb\nc\n",
        b"a\tb\n",
        b"",
        b"\n",
        b"one\ntwo\n",
    ],
)
def test_plain_text_without_columns_is_not_warned_of(read_bytes, content):
    assert read_bytes("a.txt", content).rejects == []  # a warning would be an error


def test_lines_of_a_pipe_are_yielded_before_the_next_ones_are_read():
    read = []

    class Lines(io.StringIO):
        def readline(self, limit=-1):
            read.append(line := super().readline(limit))
            return line

    text = TextInput("<stdin>", "utf-8", Lines("one\ntwo\nthree\n"), False, None)
    batches = read_text(text, 1).batches
    assert next(batches).lines == [1]
    assert read == ["one\n"]
