"""Convert Arrow values to text, JSON and the cells of a sheet.

Columns from JSON Lines and Excel hold each value as its JSON text, and the metadata of the field
says so: null is an absent key, the text "null" an explicit null.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

if TYPE_CHECKING:
    import pyarrow as pa

Cell: TypeAlias = str | int | float | bool | None

MAX_EXACT_INTEGER = 2**53
"""A sheet holds every number as a double, which skips integers from here on."""

SURROGATES = re.compile("[\ud800-\udfff]+")
"""Half characters: JSON can hold them and no encoding can. Undecodable bytes are held so, too."""

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
    """Return a value as JSON; types that JSON lacks, such as dates, become strings."""
    return _ENCODER.encode(value)


def cell_texts(array: pa.Array, field: pa.Field) -> list[str | None]:
    """Return values as people would read them; absent, null and NaN are None."""
    values = to_python(array)
    if is_json(field):
        return [_text_in_json(value) for value in values]
    return [value if value is None or type(value) is str else _text(value) for value in values]


def json_texts(array: pa.Array, field: pa.Field) -> list[str | None]:
    """Return values as JSON; None where the key was absent."""
    values = to_python(array)
    if is_json(field):
        return values
    # A decimal keeps its digits, which a float would not.
    return [_text(value) if isinstance(value, Decimal) else json_text(value) for value in values]


def sheet_cells(array: pa.Array, field: pa.Field) -> list[Cell]:
    """Return values as Excel can hold them: a number that it would round stays text."""
    cell = _cell_in_json if is_json(field) else _cell
    return [cell(value) for value in to_python(array)]


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that holds the values of a type and that every function of Arrow takes.

    Views and runs become the values themselves, and so do dictionaries but those of strings and
    numbers that are a whole column. Extension types stay.
    """
    import pyarrow as pa

    value = _plain_value_type(kind)
    is_kept = isinstance(kind, pa.DictionaryType) and value == kind.value_type
    return kind if is_kept and not pa.types.is_nested(value) else value


def plain_array(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return the values of an array in its `plain_type`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if array.type == kind:
        return array
    if isinstance(array, pa.ExtensionArray):
        return plain_array(array.storage, kind)
    with suppress(pa.ArrowException):  # a type that it cannot compute with, deep inside
        if isinstance(array, pa.RunEndEncodedArray):
            return plain_array(pc.run_end_decode(array), kind)
        if isinstance(array, pa.DictionaryArray):
            return plain_array(array.dictionary_decode(), kind)
        if "list_view" not in str(array.type):  # Arrow 26 makes broken lists of these
            return array.cast(kind)
    return pa.array(array.to_pylist(), kind)


def _plain_value_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    kinds = pa.types
    if isinstance(kind, pa.DictionaryType | pa.RunEndEncodedType):
        return _plain_value_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        storage = _plain_value_type(kind.storage_type)
        return kind if storage == kind.storage_type else storage
    if kinds.is_string_view(kind):
        return pa.string()
    if kinds.is_binary_view(kind):
        return pa.binary()
    if kinds.is_nested(kind):
        return _plain_nested_type(kind)
    return kind


def _plain_nested_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    kinds = pa.types
    if kinds.is_struct(kind):
        return pa.struct([_plain_field(field) for field in kind])
    if kinds.is_map(kind):
        return pa.map_(_plain_field(kind.key_field), _plain_field(kind.item_field))
    if kinds.is_fixed_size_list(kind):
        return pa.list_(_plain_field(kind.value_field), kind.list_size)
    if kinds.is_large_list(kind) or kinds.is_large_list_view(kind):
        return pa.large_list(_plain_field(kind.value_field))
    if kinds.is_list(kind) or kinds.is_list_view(kind):
        return pa.list_(_plain_field(kind.value_field))
    return kind


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(_plain_value_type(field.type))


def to_python(array: pa.Array) -> list[Any]:
    """Return an Arrow array as str, int, float, bool, Decimal, None, and lists and dicts of these.

    Times become ISO strings, bytes strings, NaN None and infinity a string.
    """
    import pyarrow as pa

    kinds, kind = pa.types, array.type
    if isinstance(array, pa.DictionaryArray):
        return to_python(array.dictionary_decode())
    if isinstance(array, pa.ExtensionArray):
        return _extension_values(array)
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return list(array.to_numpy(zero_copy_only=False))  # several times faster than to_pylist
    if kinds.is_floating(kind):
        return [_float(str(value)) for value in array.to_numpy(zero_copy_only=False)]
    if kinds.is_temporal(kind) and not kinds.is_interval(kind):
        return _times(array)
    if isinstance(array, pa.StructArray):
        return _structs(array)
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return _lists(array)
    return [_decoded(value) for value in array.to_pylist()]


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
    if isinstance(value, int) and abs(value) <= MAX_EXACT_INTEGER:
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
    return int(number) if abs(number) < MAX_EXACT_INTEGER else value


def _times(array: pa.Array) -> list[str | None]:
    import pyarrow as pa

    if pa.types.is_timestamp(array.type):
        # Through UTC without a zone: Arrow needs a time zone database for the rest, and Python
        # has no nanoseconds.
        zone = "" if array.type.tz is None else "Z"
        naive = array.cast(pa.int64()).cast(pa.timestamp(array.type.unit))
        return [value and _iso_time(value) + zone for value in _strings(naive)]
    if pa.types.is_duration(array.type):
        return [value and f"{value} {array.type.unit}" for value in _strings(array)]
    return _strings(array)


def _iso_time(text: str) -> str:
    return text if text[0] == "<" else text.replace(" ", "T")  # "<value out of range: 2147483647>"


def _extension_values(array: pa.ExtensionArray) -> list[Any]:
    values = to_python(array.storage)
    # By name: older versions of Arrow lack these types, and read their storage.
    if array.type.extension_name == "arrow.bool8":
        return [None if value is None else value != 0 for value in values]
    if array.type.extension_name == "arrow.uuid":
        raw = array.storage.to_pylist()
        return [None if value is None else str(UUID(bytes=value)) for value in raw]
    return values


def _strings(array: pa.Array) -> list[str | None]:
    return list(array.cast("string").to_pylist())


def _structs(array: pa.StructArray) -> list[dict[str, Any] | None]:
    names = [field.name for field in array.type]
    columns = [to_python(column) for column in array.flatten()]
    rows = zip(*columns, strict=True) if columns else ((),) * len(array)
    return [
        dict(zip(names, row, strict=True)) if valid else None
        for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)
    ]


def _lists(array: pa.ListArray) -> list[list[Any] | None]:
    values = iter(to_python(array.flatten()))
    lengths = array.value_lengths().to_pylist()
    return [None if n is None else [next(values) for _ in range(n)] for n in lengths]


def _float(digits: str) -> float | str | None:
    # From the digits: a float32 of 0.1 is 0.1 to people and not 0.10000000149011612.
    value = float(digits)
    if math.isnan(value):
        return None
    return digits if math.isinf(value) else value


def _decoded(value: object) -> object:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
