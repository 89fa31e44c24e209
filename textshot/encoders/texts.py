"""Texts and labels as callers give them: made a list and checked, once, on entry."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from textshot.errors import InvalidTextsError
from textshot.types import parse_truth

# Tokenizers crash on lone surrogates (which JSON can hold) and stop or stumble at NUL.
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")


def clean_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list of plain strings that every tokenizer can read.

    Lone surrogates become U+FFFD and NUL becomes a space; nothing else is changed.

    Args:
        texts: any iterable of strings, numpy.str_ included, or an array of Arrow.

    Returns:
        One str for each text, in order.

    Raises:
        TypeError: no list: a single string, a mapping, a frame, a set, nothing to iterate over.
        InvalidTextsError: a member that is not a string, with its position and type.
    """
    return list(clean_stream(texts))


def clean_stream(texts: Iterable[str]) -> Iterator[str]:
    """Clean texts one at a time, as `clean_texts` does."""
    return (_clean(text, i) for i, text in enumerate(_members(texts, "texts")))


def clean_labels(labels: Iterable[str], n_texts: int) -> list[str]:
    """Return the labels of texts as a list, whatever kind of column they are.

    Raises:
        TypeError: no list, as for `clean_texts`.
        InvalidTextsError: not one label for each text, or one that is missing or no string.
    """
    listed = _as_many(labels, n_texts, "labels")
    for i, label in enumerate(listed):
        if not isinstance(label, str):
            raise InvalidTextsError(f"label {i} {_problem(label)}")
    return [str(label) for label in listed]


def clean_truths(
    truths: Iterable[str | None], n_texts: int, name: str = "truths"
) -> list[str | None]:
    """Return the category of each text, None for out of scope; see `parse_truth`.

    Args:
        truths: any iterable, as for `clean_texts`.
        n_texts: how many there should be.
        name: what messages call them.

    Raises:
        TypeError: no list, as for `clean_texts`.
        InvalidTextsError: not one truth for each text, or one that is neither a string nor None.
            NaN, as pandas marks what is missing, may be a row that nobody labelled.
    """
    listed = _as_many(truths, n_texts, name)
    for i, truth in enumerate(listed):
        if not isinstance(truth, str | None):
            remedy = 'Give None or "unknown" if the text fits no category' * is_missing(truth)
            raise InvalidTextsError(f"{name[:-1]} {i} {_problem(truth, remedy)}")
    return [parse_truth(truth) for truth in listed]


def is_missing(value: object) -> bool:
    """Tell whether a value is None, or how NumPy and pandas mark a missing one."""
    return not isinstance(value, str) and str(value) in ("None", "nan", "<NA>", "NaT")


def _as_many(values: Iterable[Any], n_texts: int, name: str) -> list[Any]:
    listed = list(_members(values, name))
    if len(listed) != n_texts:
        raise InvalidTextsError(f"{n_texts} texts but {len(listed)} {name}: give one each")
    return listed


def _members(values: Any, name: str) -> Iterator[Any]:
    """Return what can be iterated over, and refuse what only looks like a list."""
    kind = type(values).__name__
    if isinstance(values, str | bytes):
        example = ["where is my card?"] if name == "texts" else ["lost card"]
        raise TypeError(f"{name} is one {kind}; give a list, also of one: {json.dumps(example)}")
    if isinstance(values, Mapping) or hasattr(values, "columns"):
        raise TypeError(
            f"{name} is a {kind}, which gives its keys or the names of its columns; give a list, or"
            " the column that holds them, such as table['text']"
        )
    if isinstance(values, set | frozenset):
        raise TypeError(f"{name} is a {kind}, which has no order; give a list")
    if hasattr(values, "to_pylist"):  # the members of an array of Arrow are no strings
        values = values.to_pylist()
    try:
        members: Iterator[Any] = iter(values)
    except TypeError:
        raise TypeError(f"{name} is of type {kind}; give a list of strings") from None
    return members


def _clean(text: object, position: int) -> str:
    if not isinstance(text, str):
        problem = _problem(text, "Drop it, or give '' for an empty text")
        raise InvalidTextsError(f"text {position} {problem}")
    return _UNREADABLE.sub(_replacement, text) if _UNREADABLE.search(text) else str(text)


def _problem(value: object, remedy: str = "") -> str:
    if is_missing(value):
        return f"is missing ({value}). {remedy or 'Drop the row'}"
    return f"is of type {type(value).__name__}, not a string. Convert it with str()"


def _replacement(match: re.Match[str]) -> str:
    return " " if match.group() == "\x00" else "\ufffd"
