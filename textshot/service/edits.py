"""Edits of an index over HTTP: an edit that is already in effect changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textshot._characters import group_names, name_key, whole_characters
from textshot.encoders import clean_texts
from textshot.engine import Engine
from textshot.errors import InvalidCategoriesError
from textshot.service.answers import example_json, prediction_json
from textshot.service.errors import APIError
from textshot.service.schemas import CategoryBody, Corrections
from textshot.types import CORRECTION, Category, Example, parse_truth

Edit = Callable[[Engine], tuple[dict[str, Any], bool]]
"""Changes an engine; returns the JSON of the answer, and whether anything changed."""


def new_category(name: str, body: CategoryBody) -> Category:
    """Return the category that a request describes.

    Raises:
        APIError: 422; the message does not repeat the name.
    """
    description, *texts = clean_texts([body.description, *(e.text for e in body.examples)])
    examples = tuple(
        Example(text, e.source, e.written) for text, e in zip(texts, body.examples, strict=True)
    )
    try:
        return Category(name, description, examples, body.parent, body.threshold, body.metadata)
    except InvalidCategoriesError:
        message = (
            'a name must not be empty, have control characters or be "unknown". Choose another'
        )
        raise APIError(422, "invalid_categories", message) from None


def put(category: Category, *, replace: bool, allow_similar: bool = False) -> Edit:
    """Return the edit that adds a category, or replaces the one of the same name."""

    def edit(engine: Engine) -> tuple[dict[str, Any], bool]:
        exists = category.name in engine.info.labels
        if exists and not replace:
            message = "there is a category of that name. Use PUT to replace it"
            raise APIError(409, "category_exists", message)
        if not exists and not allow_similar and _has_similar(engine, category.name):
            message = (
                "there is a category whose name differs only in case, blanks or form. Use its name,"
                " or send allow_similar: true"
            )
            raise APIError(409, "similar_category", message)
        changed = not exists or _differs(engine, category)
        if changed:
            _apply(
                lambda: (
                    engine.replace(category)
                    if exists
                    else engine.add([category], allow_similar=True)
                )
            )
        texts = [e.text for e in category.examples if e.text is not None]
        unreadable = int(engine.unreadable(texts).sum())
        json = category_json(find_category(engine, category.name))
        return {"category": json, "unreadable": unreadable}, changed

    return edit


def remove(name: str) -> Edit:
    """Return the edit that removes a category."""

    def edit(engine: Engine) -> tuple[dict[str, Any], bool]:
        engine.remove(find_category(engine, name).name)
        return {"category": None}, True

    return edit


def correct(body: Corrections) -> Edit:
    """Return the edit that adds corrections, except those already in effect."""

    def edit(engine: Engine) -> tuple[dict[str, Any], bool]:
        texts = clean_texts([correction.text for correction in body.corrections])
        truths = [parse_truth(correction.label) for correction in body.corrections]
        labels = [None if t is None else find_category(engine, t).name for t in truths]
        new = [i for i in range(len(texts)) if not _is_known(engine, texts[i], labels[i])]
        if new:
            _apply(lambda: engine.correct_all([texts[i] for i in new], [labels[i] for i in new]))
        predictions = zip(texts, engine.classify(texts), strict=True)
        return {"predictions": [prediction_json(*pair) for pair in predictions]}, bool(new)

    return edit


def find_category(engine: Engine, name: str) -> Category:
    """Return a category.

    Raises:
        APIError: 404.
    """
    try:
        return engine.category(name)
    except InvalidCategoriesError:
        n = len(engine.info.labels)
        message = f"there is no category of that name among {n}. GET /v1/categories lists them"
        raise APIError(404, "unknown_category", message) from None


def _has_similar(engine: Engine, name: str) -> bool:
    return name_key(name) in group_names(engine.info.labels)


def category_json(category: Category) -> dict[str, Any]:
    """Return a category as the API has it."""
    description, parent = (
        None if text is None else whole_characters(text)
        for text in (category.description, category.parent)
    )
    metadata = category.metadata.items()
    return {
        "name": category.name,
        "description": description,
        "parent": parent,
        "threshold": category.threshold,
        "metadata": {whole_characters(key): whole_characters(value) for key, value in metadata},
        "examples": [example_json(example) for example in category.examples],
    }


def _differs(engine: Engine, category: Category) -> bool:
    """Tell whether a category differs from the one of its name; in a private index, assume so."""
    before = find_category(engine, category.name)
    return engine.info.private or category_json(before) != category_json(category)


def _is_known(engine: Engine, text: str, label: str | None) -> bool:
    """Tell whether the newest correction of a text already gives it this label."""
    if label is None:
        return any(example.text == text for example in engine.out_of_scope)
    corrections = [
        (example.correction_order, category.name)
        for category in engine.categories
        for example in category.examples
        if example.text == text and example.source == CORRECTION and example.correction_order
    ]
    return bool(corrections) and max(corrections)[1] == label


def _apply(edit: Callable[[], object]) -> None:
    try:
        edit()
    except InvalidCategoriesError:
        message = (
            "this index cannot use the category: without names it needs an example or a"
            " description, and private texts cannot be encoded again"
        )
        raise APIError(422, "invalid_categories", message) from None
