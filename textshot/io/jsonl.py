"""Read and write JSON Lines: every value keeps its JSON text, so nothing is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from textshot.errors import TableError
from textshot.io.batches import MAX_BATCH_CHARS, Batch, Reading, limit_rows, record_batch, rejected
from textshot.io.inputs import TextInput
from textshot.io.json_array import ArrayElements
from textshot.io.lines import Slice, bounded_lines, chunks, line_slices, parsed
from textshot.io.values import SURROGATES, json_field, json_text, json_texts

if TYPE_CHECKING:
    import pyarrow as pa

MAX_COLUMNS = 10_000
"""More keys are not columns but data in the place of keys."""

_skip_space = re.compile(r"[ \t\r\n]*").match


def read_jsonl(text: TextInput, batch_rows: int, columns: Sequence[str] | None = None) -> Reading:
    """Read JSON Lines, or one array of objects or texts; a text is in the column "text".

    The columns are all keys of the file. A pipe cannot be read twice: there they are the keys of
    the first slice. A caller that knows the keys passes `columns`.
    """
    import pyarrow as pa

    keys: dict[str, None] = dict.fromkeys(columns or ())
    new_key = "of a pipe, only the first rows make the columns. Save it as a file, and all do"
    if text.reopen is not None:
        if not keys:
            keys = _all_keys(text)
            text = text.reopen()
        new_key = "which was not there before: the file changed while it was read"
        batch_rows = limit_rows(batch_rows, len(keys))
    slices = line_slices(text, _numbered_rows(text), batch_rows, object_texts)
    if not keys:
        first = next(slices, None)
        keys = _first_keys(first, text.source)
        slices = chain([first] if first else [], slices)
    schema = pa.schema([json_field(key) for key in keys])
    return Reading(schema, _batches(slices, schema, text.source, new_key))


def _numbered_rows(text: TextInput) -> Iterator[tuple[int, str]]:
    """Yield each row with its line: the lines, or the elements if the first one opens an array."""
    lines = enumerate(bounded_lines(text), 1)
    for number, line in lines:
        if line.lstrip().startswith("["):
            yield from ArrayElements(chunks(text, line), text.source, number)
            return
        yield number, line
        if line.strip():
            break
    yield from lines


def _all_keys(text: TextInput) -> dict[str, None]:
    keys: dict[str, None] = {}
    chars = 0
    with suppress(TableError):  # damage is reported when the rows before it are read
        for _, line in _numbered_rows(text):
            for key in _texts_if_new(line, keys, text.encoding):
                if key not in keys:
                    keys[key] = None
                    chars += len(key)
            # A few very long keys would fill the memory, too.
            if len(keys) > MAX_COLUMNS or chars > MAX_BATCH_CHARS:
                break
    if len(keys) > MAX_COLUMNS or chars > MAX_BATCH_CHARS:
        raise _too_many_keys(text.source)
    return keys


def _texts_if_new(line: str, known: Mapping[str, None], encoding: str) -> dict[str, str]:
    """Return the values of a line with a new key; nothing for any other or invalid line."""
    try:
        # Most lines have no new key, and then decoding the line at once is several times faster
        # than value by value. It nests one level deeper, so it may fail where that does not.
        with suppress(RecursionError):
            value = _DECODER.decode(line)
            if not isinstance(value, dict) or value.keys() <= known.keys():
                return {}
        return parsed(line, encoding, object_texts)
    except ValueError:
        return {}


def _first_keys(first: Slice[dict[str, str]] | None, source: str) -> dict[str, None]:
    if first is None:
        raise TableError(
            f"{source}: the file is empty. It needs one JSON object a line, or one array"
        )
    keys = dict.fromkeys(key for row in first.values for key in row)
    if not keys:
        problem = "no object has a key"
        if first.rejects:
            reject = first.rejects[0]
            problem = f"line {reject.line} {reject.reason}, and no line near it is better"
        raise TableError(f"{source}: {problem}. It needs one JSON object a line, or one array")
    if len(keys) > MAX_COLUMNS:
        raise _too_many_keys(source)
    return keys


def _too_many_keys(source: str) -> TableError:
    return TableError(
        f"{source}: the objects have more than {MAX_COLUMNS:,} different keys, or"
        f" {MAX_BATCH_CHARS:,} characters in them, and each key would become a column. Put what"
        " varies into the values"
    )


def _batches(
    slices: Iterator[Slice[dict[str, str]]], schema: pa.Schema, source: str, new_key: str
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
                new = ", ".join(repr(key) for key in row if key not in names)
                reason = f"has the new key {new}; {new_key}"
                part.rejects.append(rejected(source, line, reason, _as_json(row)))
        part.rejects.sort(key=lambda reject: reject.line)
        columns = [[row.get(name) for row in rows] for name in schema.names]
        yield Batch(record_batch(columns, schema), lines, part.rejects)


def _as_json(row: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in row.items()) + "}"


def object_texts(line: str) -> dict[str, str]:
    """Return the JSON text of each value of one object, by key, exactly as it is in the line.

    Raises:
        ValueError: The line is not a JSON object, with the reason.
    """
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
        raise ValueError("is JSON, but not an object. Each row must be like {...}")
    values: dict[str, str] = {}
    position = _after_space(line, position + 1)
    while line[position : position + 1] != "}":
        if values:
            position = _after_space(line, _expect(line, position, ","))
        key, position = _key(line, position)
        begin = _after_space(line, _expect(line, _after_space(line, position), ":"))
        _, end = _DECODER.raw_decode(line, begin)
        if key in values:
            raise ValueError(f"has the key {key!r} twice")
        values[key] = line[begin:end]
        position = _after_space(line, end)
    if _after_space(line, position + 1) != len(line):
        raise json.JSONDecodeError("something follows the object", line, position + 1)
    return values


def _key(line: str, position: int) -> tuple[str, int]:
    if line[position : position + 1] != '"':
        raise json.JSONDecodeError("a key in double quotes is missing", line, position)
    key, end = _DECODER.raw_decode(line, position)
    if SURROGATES.search(key):
        raise ValueError(f"has the key {key!r} with half a character in it")
    return key, end


def _after_space(line: str, position: int) -> int:
    match = _skip_space(line, position)
    return match.end() if match else position


def _expect(line: str, position: int, mark: str) -> int:
    if line[position : position + 1] != mark:
        raise json.JSONDecodeError(f"{mark!r} is missing", line, position)
    return position + 1


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"has {name}, which JSON does not know. Write null")


# Finds where values end: numbers stay text, whatever their size.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)


class JsonEncoder:
    """Writes JSON Lines: one object a line; a key that was absent stays absent."""

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        self._stream = stream
        self._keys = [f"{json_text(name)}: " for name in schema.names]

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows."""
        columns = [
            [None if value is None else key + value for value in json_texts(column, field)]
            for key, column, field in zip(self._keys, batch.columns, batch.schema, strict=True)
        ]
        rows = (", ".join(filter(None, row)) for row in zip(*columns, strict=True))
        self._stream.write("".join(f"{{{row}}}\n" for row in rows).encode("utf-8"))

    def close(self) -> None:
        """Do nothing: the format has no footer."""

    def discard(self) -> None:
        """Do nothing: no rows are buffered."""
