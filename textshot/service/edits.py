"""Changes of an index as the service makes them: said twice they are done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textshot.encoders import clean_texts
from textshot.engine import Engine
from textshot.errors import InvalidCategoriesError
from textshot.index import State
from textshot.service.answers import as_dict
from textshot.service.problems import Problem
from textshot.service.schemas import CategoryBody, Corrections
from textshot.types import CORRECTION, Category, Example, clean_name, truth_of

Change = Callable[[Engine], dict[str, Any]]


def new_category(name: str, body: CategoryBody) -> Category:
    """Return the category that a body describes.

    Raises:
        Problem: 422; names are not repeated, as error bodies hold nothing that was sent.
    """
    description, *texts = clean_texts([body.description, *(e.text for e in body.examples)])
    examples = tuple(
        Example(text, e.source, e.written) for text, e in zip(texts, body.examples, strict=True)
    )
    try:
        return Category(name, description, examples, body.parent, body.threshold, body.metadata)
    except InvalidCategoriesError:
        raise Problem(
            422,
            "invalid_categories",
            "this cannot be the name of a category: it is empty, has a control character, or is"
            ' "unknown", which is the answer for what fits none',
        ) from None


def put(category: Category, *, replace: bool) -> Change:
    """Return the change that adds a category, or puts it in the place of one of its name."""

    def change(engine: Engine) -> dict[str, Any]:
        state = engine.index.state
        there = category.name in state.rows
        if there and not replace:
            raise Problem(
                409,
                "category_exists",
                "there is a category of that name. PUT replaces it; corrections add examples",
            )
        if not there:
            _told(lambda: engine.add([category]))
        elif _is_other(engine, category):
            _told(lambda: engine.replace(category))
        return {"category": shown(engine.index.entry(category.name).category)}

    return change


def remove(name: str) -> Change:
    """Return the change that removes a category."""

    def change(engine: Engine) -> dict[str, Any]:
        engine.remove(find(engine.index.state, name).name)
        return {"category": None}

    return change


def correct(body: Corrections) -> Change:
    """Return the change that learns corrections, those left out that are known already."""

    def change(engine: Engine) -> dict[str, Any]:
        state = engine.index.state
        texts = clean_texts(correction_texts(body))
        truths = [truth_of(one.label) for one in body.corrections]
        labels = [None if truth is None else find(state, truth).name for truth in truths]
        new = [i for i in range(len(texts)) if not _is_known(engine, texts[i], labels[i])]
        if new:
            _told(lambda: engine.correct_all([texts[i] for i in new], [labels[i] for i in new]))
        answers = zip(texts, engine.classify(texts), strict=True)
        return {"predictions": [as_dict(text, found) for text, found in answers]}

    return change


def correction_texts(body: Corrections) -> list[str]:
    """Return the texts of corrections."""
    return [one.text for one in body.corrections]


def find(state: State, name: str) -> Category:
    """Return a category of an index.

    Raises:
        Problem: 404.
    """
    row = state.rows.get(clean_name(name))
    if row is None:
        raise Problem(
            404,
            "unknown_category",
            f"there is no category of that name among {len(state.entries)}. GET /v1/categories"
            " lists them",
        )
    return state.entries[row].category


def shown(category: Category) -> dict[str, Any]:
    """Return a category as JSON has it."""
    return {
        "name": category.name,
        "description": category.description,
        "parent": category.parent,
        "threshold": category.threshold,
        "metadata": dict(category.metadata),
        "examples": [
            {"text": e.text, "source": e.source, "written": e.correction_order}
            for e in category.examples
        ],
    }


def _is_other(engine: Engine, category: Category) -> bool:
    """Tell whether a category differs from the one of its name; of a private one nobody knows."""
    before = engine.index.entry(category.name).category
    if engine.index.state.private:
        return True
    return shown(before) != shown(category)


def _is_known(engine: Engine, text: str, label: str | None) -> bool:
    """Tell whether a correction says what the newest one of this text says already."""
    state = engine.index.state
    if label is None:
        known = () if state.nothing is None else state.nothing.examples
        return any(e.text == text for e in known)
    newest, owner = 0, None
    for category in engine.categories:
        for e in category.examples:
            if e.text == text and e.source == CORRECTION and e.correction_order > newest:
                newest, owner = e.correction_order, category.name
    return owner == label


def _told(change: Callable[[], object]) -> None:
    try:
        change()
    except InvalidCategoriesError:
        raise Problem(
            422,
            "invalid_categories",
            "nothing stands for the category: names are left out in this index, so an example or a"
            " description is needed; or its texts are private and cannot be encoded again",
        ) from None
