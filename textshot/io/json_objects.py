"""Take one line of JSON Lines apart, into the JSON texts of its values."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from textshot.io.cells import SURROGATES

_skip_space = re.compile(r"[ \t\r\n]*").match


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
        DECODER.decode(line)
        raise ValueError("is JSON, but not an object. Each line must be like {...}")
    found: dict[str, str] = {}
    position = _after_space(line, position + 1)
    while line[position : position + 1] != "}":
        if found:
            position = _after_space(line, _expect(line, position, ","))
        key, position = _key(line, position)
        begin = _after_space(line, _expect(line, _after_space(line, position), ":"))
        _, end = DECODER.raw_decode(line, begin)
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
    key, end = DECODER.raw_decode(line, position)
    if SURROGATES.search(key):
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
DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)
"""Takes a whole line or the value at a place in it."""
