"""A JSON array is read as rows, like JSON Lines: from a .json file, any file or a pipe."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textshot.errors import TableError
from textshot.io import Format, batches, open_table, open_writer
from textshot.io.json_array import ArrayElements

ROWS = [{"text": 'a, [b] "x\\', "n": [1, {"y": 2.50}]}, {"text": "c\nd", "n": None}, {"n": 3}]
VALUES = [('a, [b] "x\\', '[1, {"y": 2.5}]'), ("c\nd", ""), ("", "3")]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson"])
@pytest.mark.parametrize("layout", [None, 1, 4, "\t"])
@pytest.mark.parametrize("start", ["", "\n", " \n\n "])
def test_an_array_is_read_as_the_same_rows_one_a_line(read_bytes, name, layout, start):
    found = read_bytes(name, (start + json.dumps(ROWS, indent=layout)).encode())
    assert found.columns == ("text", "n")
    assert [text for text, _ in found.rows] == [text for text, _ in VALUES]
    numbers = [json.loads(n) if n else None for _, n in found.rows]
    assert numbers == [json.loads(n) if n else None for _, n in VALUES]
    assert found.rejects == []


def test_rows_have_the_line_at_which_they_begin(read_bytes):
    data = (
        b'[\n {"text": "a",\n  "n": 1},\r\n\r\n {"text": "b"},\r {"text": bad}, {"text": "c"}\n]\n'
    )
    found = read_bytes("a.json", data)
    assert found.lines == [2, 5, 6]
    assert [(reject.line, reject.row) for reject in found.rejects] == [(6, '{"text": bad}')]


def test_an_array_of_texts_is_a_column(read_bytes):
    assert read_bytes("a.json", b'["a", "b, ]",\n"c"]').rows == [("a",), ("b, ]",), ("c",)]


def test_lines_of_objects_are_read_from_a_json_file(read_bytes):
    assert read_bytes("a.json", b'{"text": "a"}\n{"text": "b"}\n').rows == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("data", "message", "n_rows"),
    [
        (b'[{"text": "a"},\n{"te', r"the array is not closed at the end, line 2\. Check that", 1),
        (b'[{"text": "a"}\n', r"the array is not closed at the end, line 2\. Check", 1),
        (b'[{"text": "a"}]\n[{"text": "b"}]', "something follows the array, in line 2", 1),
        (b'["a", "b"]\n["c", "d"]\n', "something follows the array, in line 2", 2),
        (b'[{"text": "a"}] x', "something follows the array, in line 1", 1),
    ],
)
def test_damage_is_told_after_the_rows_before_it(tmp_path, read_until, data, message, n_rows):
    (tmp_path / "a.json").write_bytes(data)
    assert len(read_until(tmp_path / "a.json", message).rows) == n_rows


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", r"the file is empty\. It needs one JSON object a line, or one array"),
        (b"[1, 2]", "line 1 is JSON, but not an object"),
        (b'{"data": 1,\n "x": 2}', "is not JSON.*It needs one JSON object a line, or one array"),
    ],
)
def test_what_holds_no_rows_is_refused(tmp_path, data, message):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(TableError, match=message):
        open_table(tmp_path / "a.json")


def test_a_break_in_a_string_is_no_json_and_costs_its_row(read_bytes):
    found = read_bytes("a.json", b'[{"text": "a\nb"}, {"text": "c"}]')
    assert found.rows == [("c",)]
    assert "Invalid control character" in found.reasons[0]


def test_a_long_element_costs_itself_and_no_memory(read_bytes, monkeypatch):
    monkeypatch.setattr(batches, "MAX_ROW_CHARS", 30)
    long = b'{"text": "' + b"x" * 300_000 + b'"}'
    found = read_bytes("a.json", b'[{"text": "a"}, ' + long + b', {"text": "b"}]')
    assert found.rows == [("a",), ("b",)]
    assert found.reasons == ["is longer than 30 characters, the most that a row may have"]


@given(
    st.lists(st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ), max_size=5),
    st.sampled_from([None, 0, 3]),
    st.integers(1, 7),
    st.booleans(),
)  # fmt: skip
def test_any_array_has_the_elements_that_json_finds(values, indent, size, ascii_only):
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    elements = [element for _, element in ArrayElements(parts, "a.json", 1)]
    expected = [{"text": v} if isinstance(v, str) else v for v in values]
    assert [json.loads(element) for element in elements] == expected
    assert not any(set(element) & set("\r\n") for element in elements)


def test_a_pipe_may_hold_an_array(monkeypatch):
    data = json.dumps([{"text": f"text {i}"} for i in range(5000)]).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    with open_table("-", format=Format.JSONL) as table:
        assert sum(batch.data.num_rows for batch in table.batches()) == 5000


def test_a_json_file_is_not_written(tmp_path):
    with open_table(
        tmp_path.joinpath("a.csv").write_text("a\n1\n") and tmp_path / "a.csv"
    ) as table:
        for name in ("b.json", "b.json.gz"):
            message = (
                r"b\.json.*: a table is written as JSON Lines.* Call it \.jsonl, or give --out"
            )
            with pytest.raises(TableError, match=message):
                open_writer(tmp_path / name, table.schema)
