"""Turn Arrow arrays into plain Python values, without what Python or JSON has no kind for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def plain(array: pa.Array) -> list[Any]:
    """Return an Arrow array as str, int, float, bool, Decimal, None, and lists and dicts of these.

    Times become ISO strings, bytes strings, NaN None and infinity a string.
    """
    import pyarrow as pa

    kinds, kind = pa.types, array.type
    if isinstance(array, pa.DictionaryArray):
        return plain(array.dictionary_decode())
    if isinstance(array, pa.ExtensionArray):
        return plain(array.storage)
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
    columns = [plain(column) for column in array.flatten()]
    valid = array.is_valid().to_pylist()
    rows = zip(*columns, strict=True) if columns else ((),) * len(array)
    return [
        dict(zip(names, row, strict=True)) if there else None
        for row, there in zip(rows, valid, strict=True)
    ]


def _lists(array: pa.ListArray) -> list[list[Any] | None]:
    values = iter(plain(array.flatten()))
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
