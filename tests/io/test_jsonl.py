"""JSON Lines go through Arrow without loss, and what is not an object is rejected."""

import json

import pytest

from textshot.errors import TableError
from textshot.io import open_table


def as_file(*lines: str) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def test_values_are_kept_as_the_json_that_they_were(tmp_path, convert):
    lines = [
        '{"a": 1.10, "b": "caf\\u00e9", "c": [1, {"x": null}], "d": null}',
        '{"a": 123456789012345678901234567890, "c": {}, "d": "\\ud83d"}',
        '{"a": 1e400, "b": "\\u0000 \u2028"}',
        '{"a": -0.0, "b": ""}',
        "{}",
    ]
    source = tmp_path / "a.jsonl"
    source.write_bytes(as_file(*lines))
    assert convert(source, tmp_path / "b.jsonl").read_bytes() == source.read_bytes()


def test_an_absent_key_and_null_stay_different(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(as_file('{"a": 1, "b": null}', '{"b": 2}'))
    with open_table(tmp_path / "a.jsonl") as table:
        [batch] = table.batches()
    assert batch.data.to_pydict() == {"a": ["1", None], "b": ["null", "2"]}
    assert batch.data.schema.field("a").metadata == {b"textshot": b"json"}


def test_people_see_text_and_numbers_as_such(read_bytes):
    found = read_bytes(
        "a.jsonl", as_file('{"a": "x\\ny", "b": 7}', '{"a": true, "b": null}', '{"a": [1, "z"]}')
    )
    assert found.rows == [("x\ny", "7"), ("true", ""), ('[1, "z"]', "")]


def test_half_a_character_is_shown_as_a_replacement(read_bytes):
    assert read_bytes("a.jsonl", as_file('{"a": "x\\ud83dy"}')).rows == [("x\ufffdy",)]


def test_blank_lines_and_space_are_skipped(read_bytes):
    found = read_bytes("a.jsonl", b'\n  {"a" :1 , "b":\t2}  \r\n\n{"a": 3}\n')
    assert found.rows == [("1", "2"), ("3", "")]
    assert found.lines == [2, 4]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1', "is not JSON: ',' is missing at character 8"),
        ('{"a": 1,}', "a key in double quotes is missing"),
        ('{"a" 1}', "':' is missing"),
        ('{"a": }', "Expecting value"),
        ("{a: 1}", "a key in double quotes is missing"),
        ('{"a": 1} {"a": 2}', "something follows the object"),
        ('{"a": "x\ty"}', "Invalid control character"),
        ('{"a": "x\0y"}', "has a NUL byte"),
        ("[1, 2]", "is JSON, but not an object"),
        ('"text"', "is JSON, but not an object"),
        ("hello", "is not JSON: Expecting value"),
        ('{"a": NaN}', "has NaN, which JSON does not know"),
        ('{"a": -Infinity}', "has -Infinity, which JSON does not know"),
        ('{"a": [Infinity]}', "has Infinity, which JSON does not know"),
        ('{"a": 1, "a": 2}', "has the key 'a' twice"),
        ('{"\\ud800": 1}', "half a character"),
        ('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}", "is nested too deeply"),
    ],
)
def test_a_bad_line_is_rejected_with_its_reason(tmp_path, line, reason, read):
    path = tmp_path / "a.jsonl"
    path.write_bytes(as_file('{"a": 0}', '{"a": 1}', line, '{"a": 2}'))
    found = read(path, batch_rows=2)
    assert [row[0] for row in found.rows] == ["0", "1", "2"]
    assert [reject.line for reject in found.rejects] == [3]
    assert reason in found.reasons[0]
    assert len(found.rejects[0].row) < 2_100


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b'[\n {"a": 1}x\n]\n', "line 2 is not JSON"),
        (b"{}\n{}\n", "no object has a key"),
    ],
)
def test_a_file_without_a_usable_object_is_an_error(tmp_path, data, message):
    (tmp_path / "a.jsonl").write_bytes(data)
    with pytest.raises(TableError, match=message):
        open_table(tmp_path / "a.jsonl")


def test_a_number_of_any_length_is_no_work(tmp_path, convert):
    (tmp_path / "a.jsonl").write_text('{"a": ' + "9" * 100_000 + "}\n")
    convert(tmp_path / "a.jsonl", tmp_path / "b.csv")
    assert (tmp_path / "b.csv").stat().st_size == 100_003


def test_output_is_plain_json_for_other_tools(tmp_path, write):
    path = write(tmp_path / "a.jsonl", {"é\n": ["ü", None], "n": [1, 2]})
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == [
        {"é\n": "ü", "n": 1},
        {"é\n": None, "n": 2},
    ]
    assert "ü" in path.read_text("utf-8")
