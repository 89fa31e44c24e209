"""What goes out comes in again, from each format to each other."""

import gzip
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textshot.io import open_table

HARD = [
    ("id", "text"),
    ("007", "plain"),
    ("1e5", ' spaces and "quotes", and; commas '),
    ("", "two\nlines"),
    ("-5", "tab\tand 🎉 日本"),
    ("null", "\\ud800 [1, 2] {}"),
    ("x", "'apostrophe"),
    ("true", '"'),
]
NAMES = ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.xlsx", "a.csv.gz", "a.jsonl.gz"]


@pytest.fixture
def hard(tmp_path, write):
    columns = zip(*HARD, strict=True)
    return write(tmp_path / "hard.csv", {name: list(values) for name, *values in columns})


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(NAMES, 2)))
def test_texts_survive_from_any_format_to_any_other(tmp_path, hard, convert, read, first, second):
    convert(hard, tmp_path / first)
    found = read(convert(tmp_path / first, tmp_path / f"b{second}"))
    assert [found.columns, *found.rows] == HARD
    assert found.rejects == []


def test_a_chain_through_all_formats_ends_with_the_same_bytes(tmp_path, hard, convert):
    names = ["1.jsonl", "2.parquet", "3.xlsx", "4.csv"]
    for before, after in itertools.pairwise([hard.name, *names]):
        convert(tmp_path / before, tmp_path / after)
    assert (tmp_path / "4.csv").read_bytes() == hard.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_still_give_a_header(tmp_path, convert, read, name):
    (tmp_path / "empty.csv").write_text("id,text\n")
    path = convert(tmp_path / "empty.csv", tmp_path / name)
    if "jsonl" in name:
        assert open_bytes(path) == b""
    else:
        assert read(path).columns == ("id", "text")
        assert read(path).rows == []


def open_bytes(path):
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_a_file_may_be_written_over_itself_while_it_is_read(tmp_path, convert):
    path = tmp_path / "a.csv"
    path.write_text("n\n" + "".join(f"{n}\n" for n in range(20_000)))
    before = path.read_bytes()
    convert(path, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv.gz"])
def test_the_same_rows_give_the_same_packed_bytes(tmp_path, hard, convert, name):
    first = convert(hard, tmp_path / name).read_bytes()
    assert convert(hard, tmp_path / f"other-{name}").read_bytes() == first


def test_csv_has_line_feeds_and_carriage_returns_survive(tmp_path, write, read):
    path = write(tmp_path / "a.csv", {"a": ["x\ry", "x\r\ny"], "b": ["1", "2"]})
    assert path.read_bytes() == b'a,b\n"x\ry",1\n"x\r\ny",2\n'
    assert read(path).rows == [("x\ry", "1"), ("x\r\ny", "2")]


def test_null_is_an_empty_cell(tmp_path, write):
    path = write(tmp_path / "a.csv", {"a": ["x", None], "b": [1.5, None]})
    assert path.read_text() == "a,b\nx,1.5\n,\n"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.filterwarnings("ignore::textshot.errors.TableWarning")  # a text of many lines is told
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_any_text_without_nul_survives(tmp_path, write, read, name, rows):
    rows = [(a.replace("\0", ""), b.replace("\0", "")) for a, b in rows] + [("1", "2")]
    a, b = (list(column) for column in zip(*rows, strict=True))
    path = write(tmp_path / name, {"a": a, "b": b}, escape=False)
    assert read(path).rows == rows


@given(st.binary(max_size=60))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_no_bytes_break_a_reader_and_no_row_is_lost_silently(tmp_path, name, data):
    head = b'{"a": 1}\n' if name == "a.jsonl" else b"a\n"
    (tmp_path / name).write_bytes(head + data.replace(b'"', b"q") + b"\n")
    with open_table(tmp_path / name) as table:
        batches = list(table.batches())
    kept = sum(len(batch.lines) + len(batch.rejects) for batch in batches)
    text = (tmp_path / name).read_bytes().decode("utf-8", "surrogateescape")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blank = (lambda line: not line) if name.endswith("sv") else (lambda line: not line.strip())
    assert kept == sum(not blank(line) for line in lines) - name.endswith("sv")
