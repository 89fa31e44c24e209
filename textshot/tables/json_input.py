"""Read JSON Lines: every value is kept as the JSON text that it was, so nothing is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, NoReturn

from textshot.errors import TableError
from textshot.tables.batches import Batch, Reading, Reject, record_batch, rejected
from textshot.tables.cells import json_field
from textshot.tables.inputs import TextInput
from textshot.tables.lines import Slice, line_slices

if TYPE_CHECKING:
    import pyarrow as pa

_skip_space = re.compile(r"[ \t\r\n]*").match


def read_jsonl(text: TextInput, batch_rows: int) -> Reading:
    """Return the columns (all keys of the first slice) and the slices of a JSON Lines file."""
    import pyarrow as pa

    slices = line_slices(text, batch_rows, object_texts)
    first = next(slices, None)
    if first is None:
        raise TableError(f"{text.source}: the file is empty. It needs one JSON object a line")
    keys = dict.fromkeys(key for row in first.values for key in row)
    if not keys:
        raise TableError(f"{text.source}: {_no_keys(first)}. It needs one JSON object a line")
    schema = pa.schema([json_field(key) for key in keys])
    return schema, _batches(chain([first], slices), schema, text.source)


def object_texts(line: str) -> dict[str, str]:
    """Return the JSON text of each value of one object, by key, exactly as it stands there."""
    try:
        return _split(line.rstrip("\r\n"))
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _split(line: str) -> dict[str, str]:
    position = _after_space(line, 0)
    if line[position] != "{":
        _DECODER.decode(line)
        raise ValueError("is JSON, but not an object. Each line must be like {...}")
    found: dict[str, str] = {}
    position = _after_space(line, position + 1)
    while line[position : position + 1] != "}":
        if found:
            position = _after_space(line, _expect(line, position, ","))
        key, position = _key(line, position)
        begin = _after_space(line, _expect(line, _after_space(line, position), ":"))
        _, end = _DECODER.raw_decode(line, begin)
        if key in found:
            raise ValueError(f"has the key {key!r} twice")
        found[key] = line[begin:end]
        position = _after_space(line, end)
    if _after_space(line, position + 1) != len(line):
        raise json.JSONDecodeError("something follows the object", line, position + 1)
    return found


def _key(line: str, position: int) -> tuple[str, int]:
    if line[position : position + 1] != '"':
        raise json.JSONDecodeError("a key in double quotes is missing", line, position)
    key, end = _DECODER.raw_decode(line, position)
    if any("\ud800" <= c <= "\udfff" for c in key):
        raise ValueError(f"has the key {key!r} with half a character in it")
    return key, end


def _after_space(line: str, position: int) -> int:
    found = _skip_space(line, position)
    return found.end() if found else position


def _expect(line: str, position: int, mark: str) -> int:
    if line[position : position + 1] != mark:
        raise json.JSONDecodeError(f"{mark!r} is missing", line, position)
    return position + 1


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"has {name}, which JSON does not know. Write null")


# Only the ends of the values are wanted: numbers are not turned into numbers, whatever their size.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)


def _batches(
    slices: Iterator[Slice[dict[str, str]]], schema: pa.Schema, source: str
) -> Iterator[Batch]:
    names = set(schema.names)
    for part in slices:
        rows: list[dict[str, str]] = []
        lines: list[int] = []
        for line, row in zip(part.lines, part.values, strict=True):
            if row.keys() <= names:
                rows.append(row)
                lines.append(line)
            else:
                part.rejects.append(_new_key(source, line, row, names))
        part.rejects.sort(key=lambda reject: reject.line)
        columns = [[row.get(name) for row in rows] for name in schema.names]
        yield Batch(record_batch(columns, schema), lines, part.rejects)


def _new_key(source: str, line: int, row: dict[str, str], names: set[str]) -> Reject:
    new = ", ".join(repr(key) for key in row if key not in names)
    reason = f"has the new key {new}; a key must occur early in the file to become a column"
    shown = ", ".join(f"{json.dumps(key)}: {value}" for key, value in row.items())
    return rejected(source, line, reason, "{" + shown + "}")


def _no_keys(first: Slice[dict[str, str]]) -> str:
    if first.rejects:
        reject = first.rejects[0]
        return f"line {reject.line} {reject.reason}, and no line near it is better"
    return "no object has a key"
