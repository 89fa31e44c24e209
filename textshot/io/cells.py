"""What a value looks like outside Arrow: as text for people, as JSON, as a cell of a sheet.

Columns that come from JSON Lines and Excel hold each value as its JSON text, and say so in the
metadata of the field: null is an absent key, the text "null" an explicit null.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from textshot.io.arrow_values import plain

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
    found = plain(array)
    if is_json(field):
        return [_text_in_json(value) for value in found]
    return [value if value is None or type(value) is str else _text(value) for value in found]


def json_texts(array: pa.Array, field: pa.Field) -> list[str | None]:
    """Return values as JSON; None where the key was absent."""
    found = plain(array)
    if is_json(field):
        return found
    # A decimal keeps its digits, which a float would not.
    return [_text(value) if isinstance(value, Decimal) else json_text(value) for value in found]


def sheet_cells(array: pa.Array, field: pa.Field) -> list[Cell]:
    """Return values as Excel can hold them: a number that it would round stays a text."""
    if is_json(field):
        return [_cell_in_json(value) for value in plain(array)]
    return [_cell(value) for value in plain(array)]


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
