"""Records as the service's JSON has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from textshot.errors import InvalidCategoriesError
from textshot.types import Category, Example, Key, KeyKind, Match, Prediction

_DOTS = (".", "..")
_JSON_ROOM = 1024
_JSON_CHARACTER = 12  # bytes of a character outside the basic plane, escaped


def parts(texts: Sequence[str], limits: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """Yield texts in parts that the service takes at once."""
    start = size = 0
    for i, text in enumerate(texts):
        more = _size(text)
        full = i - start >= limits["max_texts"] or size + more > limits["max_body"] - _JSON_ROOM
        if i > start and full:
            yield texts[start:i]
            start, size = i, 0
        size += more
    if start < len(texts):
        yield texts[start:]


def _size(text: str) -> int:
    """Return the most bytes that a text has as JSON."""
    return (len(text) if text.isascii() and text.isprintable() else _JSON_CHARACTER * len(text)) + 4


def at(name: str) -> str:
    """Return the path of a category, whatever its name."""
    # A path has no parts "." and "..": they would be resolved on the way.
    return "/categories/" + (name.replace(".", "%2E") if name in _DOTS else quote(name, safe=""))


def body_of(category: Category) -> dict[str, Any]:
    """Return what is sent of a category, beside its name.

    Raises:
        InvalidCategoriesError: its texts are not known.
    """
    if None in (category.description, *(example.text for example in category.examples)):
        raise InvalidCategoriesError(
            f"category {category.name!r} is of a private index, which does not show its texts."
            " Send the category with its description and examples"
        )
    return {
        "description": category.description,
        "examples": [_example(example) for example in category.examples],
        "parent": category.parent,
        "threshold": category.threshold,
        "metadata": dict(category.metadata),
    }


def _example(example: Example) -> str | dict[str, Any]:
    """Return what is sent of an example: its text, and what else a plain one would not have."""
    if example == Example(example.text):
        return example.text or ""
    return {"text": example.text, "source": example.source, "written": example.correction_order}


def category_of(shown: Mapping[str, Any]) -> Category:
    """Return the category that was sent."""
    examples = tuple(
        Example(one["text"], one["source"], one.get("written", 0)) for one in shown["examples"]
    )
    return Category(**{**shown, "examples": examples})


def prediction_of(shown: Mapping[str, Any]) -> Prediction:
    """Return the prediction that was sent."""
    label = shown["label"]
    matches = (
        Match(
            one["label"],
            one["score"],
            Key(**{**one["key"], "kind": KeyKind(one["key"]["kind"])}),
        )
        for one in shown["matches"]
    )
    return Prediction(
        label=label,
        labels=() if label is None else (label,),
        score=shown["score"],
        probability=shown["probability"],
        margin=shown["margin"],
        threshold=shown["threshold"],
        matches=tuple(matches),
    )
