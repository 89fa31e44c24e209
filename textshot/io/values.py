"""Convert Arrow values to text, JSON and the cells of a sheet."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa


Cell: TypeAlias = str | int | float | bool | None

EXACT_INTEGER = 2**53
"""A sheet holds every number as a double; from here on these leave integers out."""

SURROGATES = re.compile("[\ud800-\udfff]+")
"""Halves of a character, which JSON can hold and no encoding; undecodable bytes are held so too."""

_MARK = (b"textshot", b"json")
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str)


def json_field(name: str) -> pa.Field:
    """Return the field of a column whose values are JSON texts."""
    import pyarrow as pa

    return pa.field(name, pa.string(), metadata=dict([_MARK]))


def is_json(field: pa.Field) -> bool:
    """Return whether the values of a column are JSON texts."""
    return _MARK in (field.metadata or {}).items()


def json_text(value: object) -> str:
    """Return a value as JSON; what JSON has no kind for (dates) as a string."""
    return _ENCODER.encode(value)


def texts(array: pa.Array, field: pa.Field) -> list[str | None]:
    """Return values as people would see them; nothing, null and NaN are None."""
    found = to_python(array)
    if is_json(field):
        return [_text_in_json(value) for value in found]
    return [value if value is None or type(value) is str else _text(value) for value in found]


def json_texts(array: pa.Array, field: pa.Field) -> list[str | None]:
    """Return values as JSON; None where the key was absent."""
    found = to_python(array)
    if is_json(field):
        return found
    # A decimal keeps its digits, which a float would not.
    return [_text(value) if isinstance(value, Decimal) else json_text(value) for value in found]


def sheet_cells(array: pa.Array, field: pa.Field) -> list[Cell]:
    """Return values as Excel can hold them: a number that it would round stays a text."""
    if is_json(field):
        return [_cell_in_json(value) for value in to_python(array)]
    return [_cell(value) for value in to_python(array)]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (list, dict)):
        return json_text(value)
    return str(value)


def _text_in_json(value: str | None) -> str | None:
    if value is None or value == "null":
        return None
    if value[0] != '"':
        return value
    text: str = json.loads(value)
    return SURROGATES.sub("\ufffd", text) if "\\u" in value else text


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, (str, bool, float)):
        return value
    if isinstance(value, int) and abs(value) <= EXACT_INTEGER:
        return value
    return _text(value)


def _cell_in_json(value: str | None) -> Cell:
    if value in ("true", "false"):
        return value == "true"
    if value is None or not (value[0] == "-" or value[0].isdigit()):
        return _text_in_json(value)
    number = float(value)
    if not value.lstrip("-").isdigit():
        return number if math.isfinite(number) else value
    return int(number) if abs(number) < EXACT_INTEGER else value


def to_python(array: pa.Array) -> list[Any]:
    """Return an Arrow array as str, int, float, bool, Decimal, None, and lists and dicts of these.

    Times become ISO strings, bytes strings, NaN None and infinity a string.
    """
    import pyarrow as pa

    kinds, kind = pa.types, array.type
    if isinstance(array, pa.DictionaryArray):
        return to_python(array.dictionary_decode())
    if isinstance(array, pa.ExtensionArray):
        return to_python(array.storage)
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return list(array.to_numpy(zero_copy_only=False))  # several times faster than to_pylist
    if kinds.is_floating(kind):
        return [_float(str(value)) for value in array.to_numpy(zero_copy_only=False)]
    if kinds.is_temporal(kind):
        return _times(array)
    if isinstance(array, pa.StructArray):
        return _structs(array)
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return _lists(array)
    return [_decoded(value) for value in array.to_pylist()]


def _times(array: pa.Array) -> list[str | None]:
    import pyarrow as pa

    if pa.types.is_timestamp(array.type):
        return _instants(array)
    if pa.types.is_duration(array.type):
        return [value and f"{value} {array.type.unit}" for value in _strings(array)]
    return _strings(array)


def _strings(array: pa.Array) -> list[str | None]:
    import pyarrow as pa

    return list(array.cast(pa.string()).to_pylist())


def _instants(array: pa.TimestampArray) -> list[str | None]:
    import pyarrow as pa

    # By way of UTC without a zone, as Arrow needs a zone database for the rest, and Python has no
    # nanoseconds.
    zone = "" if array.type.tz is None else "Z"
    naive = array.cast(pa.int64()).cast(pa.timestamp(array.type.unit))
    return [value and value.replace(" ", "T") + zone for value in _strings(naive)]


def _structs(array: pa.StructArray) -> list[dict[str, Any] | None]:
    names = [field.name for field in array.type]
    columns = [to_python(column) for column in array.flatten()]
    valid = array.is_valid().to_pylist()
    rows = zip(*columns, strict=True) if columns else ((),) * len(array)
    return [
        dict(zip(names, row, strict=True)) if there else None
        for row, there in zip(rows, valid, strict=True)
    ]


def _lists(array: pa.ListArray) -> list[list[Any] | None]:
    values = iter(to_python(array.flatten()))
    lengths = array.value_lengths().to_pylist()
    return [None if n is None else [next(values) for _ in range(n)] for n in lengths]


def _float(shown: str) -> float | str | None:
    # From the text, as a float32 of 0.1 is 0.1 to people and not 0.10000000149011612.
    value = float(shown)
    if math.isnan(value):
        return None
    return shown if math.isinf(value) else value


def _decoded(value: object) -> object:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
