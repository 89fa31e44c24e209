"""Import categories from the files of other tools: JSON, YAML and tables, read as data alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from textshot._characters import is_blank
from textshot.errors import InvalidCategoriesError, TableError
from textshot.io import Reject, TableOptions
from textshot.io.batches import check_rejected, rejected
from textshot.io.categories import read_labelled_texts
from textshot.io.table import DEFAULTS
from textshot.types import Category, category_dict

LABEL_TEXT = "label_text"
"""The column with the names of SetFit's numbered labels."""


def from_semantic_router(path: str | Path) -> list[Category]:
    """Read routes as `SemanticRouter.to_json` and `to_yaml` write them, or a list of routes.

    The name, the description and the utterances of a route are imported. Its threshold belongs to
    another encoder and is left out, as are function schemas and metadata.

    Raises:
        TableError: The file cannot be read, or is something else.
        InvalidCategoriesError: A route is not a valid category.
    """
    document = _document(path)
    routes = document.get("routes") if isinstance(document, Mapping) else document
    if not isinstance(routes, list) or not routes:
        raise TableError(
            f"{path}: holds no routes. A list of them is needed, or an object with `routes`, as"
            " SemanticRouter.to_json and to_yaml write it"
        )
    return _merged(path, (_route(path, i, route) for i, route in enumerate(routes, 1)))


def from_classy(path: str | Path) -> list[Category]:
    """Read the data of classy-classification: examples by name, or a list of names.

    The configuration of its spaCy component works, too: an object with such `data`.

    Raises:
        TableError: The file cannot be read, or is something else.
        InvalidCategoriesError: An entry is not a valid category.
    """
    data = _document(path)
    if isinstance(data, Mapping) and _is_configuration(data):
        data = data["data"]
    if isinstance(data, list) and data:
        return _merged(path, (_category(path, "a label", name, []) for name in data))
    if not isinstance(data, Mapping) or not data:
        raise TableError(
            f"{path}: holds no data of classy-classification. An object is needed that has a list"
            " of examples for each name, or a list of names"
        )
    return _merged(path, (_category(path, "a label", *item) for item in data.items()))


def from_setfit(
    path: str | Path, names: str | Path | None = None, options: TableOptions = DEFAULTS
) -> tuple[list[Category], list[Reject]]:
    """Read a table of SetFit examples: columns `text`, `label`, and `label_text` if there is one.

    Args:
        path: A table of any format.
        names: The names of numbered labels: a model's `config_setfit.json`, or a list in JSON.
        options: How to read the table; its columns have the names of SetFit.

    Returns:
        The categories, and the rows that cannot be used.

    Raises:
        TableError: A file cannot be read, a column or a name is missing.
    """
    label_names = None if names is None else _label_names(names)
    with options.open(path) as table:
        label = LABEL_TEXT if LABEL_TEXT in table.columns and label_names is None else "label"
    data = read_labelled_texts(path, replace(options, text_columns=["text"], label_column=label))
    check_rejected(data.rejects, len(data.texts), str(path))
    texts: dict[str, list[str]] = {}
    for name, text, line in zip(data.cells, data.texts, data.lines, strict=True):
        if not name.strip():
            data.rejects.append(rejected(str(path), line, "the label is empty", text))
            continue
        if label_names is not None:
            name = _label_name(name, label_names, f"{path}:{line}")
        texts.setdefault(name, []).append(text)
    if not texts:
        raise TableError(f"{path}: holds no example")
    return _merged(
        path, (_category(path, "a label", *item) for item in texts.items())
    ), data.rejects


def _is_configuration(data: Mapping[str, Any]) -> bool:
    """Tell the configuration of a component from examples, where "data" may be a label."""
    return isinstance(data.get("data"), Mapping) or (
        "data" in data and any(isinstance(value, str) for value in data.values())
    )


def _document(path: str | Path) -> Any:
    """Return the content of a JSON or YAML file."""
    import yaml

    source = Path(path)
    read: Callable[[str], Any] = json.loads if source.suffix == ".json" else yaml.safe_load
    try:
        return read(source.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(f"{path}: is no {source.suffix or 'YAML'} file ({first})") from None


def _route(path: str | Path, number: int, route: object) -> Category:
    if not isinstance(route, Mapping) or "name" not in route:
        raise TableError(f"{path}: route {number} is no object with a `name`")
    texts, about = route.get("utterances") or [], route.get("description") or ""
    _check_string(path, "a description", about)
    return _category(path, f"the name of route {number}", route["name"], texts, about)


def _category(
    path: str | Path, role: str, name: Any, texts: object, description: str = ""
) -> Category:
    _check_string(path, role, name)
    if not isinstance(texts, list):
        raise TableError(f"{path}: {name!r} has no list of examples, but {type(texts).__name__}")
    for i, text in enumerate(texts, 1):
        if not isinstance(text, str) or is_blank(text):
            raise TableError(f"{path}: example {i} of {name!r} is no text. Fix or remove it")
    return Category(name, description, examples=[*dict.fromkeys(texts)])


def _check_string(path: str | Path, role: str, value: object) -> None:
    if not isinstance(value, str):
        raise TableError(f"{path}: {role} is {value!r}; a string is needed. Put it in quotes")


def _label_names(path: str | Path) -> list[str]:
    document = _document(path)
    labels = document.get("labels") if isinstance(document, Mapping) else document
    if not isinstance(labels, list) or not all(isinstance(name, str) for name in labels):
        raise TableError(f"{path}: holds no list of labels, nor an object with `labels`")
    return labels


def _label_name(label: str, names: list[str], position: str) -> str:
    if not label.strip().isdecimal() or int(label) >= len(names):
        raise TableError(
            f"{position}: the label is {label!r}; a number from 0 to {len(names) - 1} is needed, as"
            f" there are {len(names)} names"
        )
    return names[int(label)]


def _merged(path: str | Path, categories: Iterable[Category]) -> list[Category]:
    try:
        return list(category_dict(categories).values())
    except InvalidCategoriesError as error:
        raise InvalidCategoriesError(f"{path}: {error}") from None
