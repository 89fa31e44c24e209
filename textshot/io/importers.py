"""Categories out of the files of other tools: examples and routes, read as data alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from textshot.errors import InvalidCategoriesError, TableError
from textshot.io import Reject, open_table, open_writer, text_column
from textshot.io.batches import record_batch, rejected
from textshot.types import Category, category_dict

LABEL_TEXT = "label_text"
"""The column with the names of SetFit's numbered labels."""


def from_semantic_router(path: str | Path) -> list[Category]:
    """Read what `SemanticRouter.to_json` and `to_yaml` write, or a list of such routes.

    A route's name, description and utterances are taken. Its threshold is of another encoder, and
    left; so are function schemas and metadata.

    Raises:
        TableError: the file cannot be read, or is something else.
        InvalidCategoriesError: a route that makes no category.
    """
    found = _document(path)
    routes = found.get("routes") if isinstance(found, Mapping) else found
    if not isinstance(routes, list) or not routes:
        raise TableError(
            f"{path}: holds no routes. A list of them is needed, or an object with `routes`, as"
            " SemanticRouter.to_json and to_yaml write it"
        )
    return _each_once(path, (_route(path, i, route) for i, route in enumerate(routes, 1)))


def from_classy(path: str | Path) -> list[Category]:
    """Read the data of classy-classification: examples by name, or a list of names.

    An object with such `data` in it, a configuration of its spaCy component, will do.

    Raises:
        TableError: the file cannot be read, or is something else.
        InvalidCategoriesError: an entry that makes no category.
    """
    found = _document(path)
    if isinstance(found, Mapping) and "data" in found and _is_configuration(found):
        found = found["data"]
    if isinstance(found, list) and found:
        return _each_once(path, (Category(_string(path, "a label", name)) for name in found))
    if not isinstance(found, Mapping) or not found:
        raise TableError(
            f"{path}: holds no data of classy-classification. An object is needed that has a list"
            " of examples for each name, or a list of names"
        )
    return _each_once(
        path,
        (
            Category(
                _string(path, "a label", name), examples=[*_strings(path, f"label {name!r}", texts)]
            )
            for name, texts in found.items()
        ),
    )


def from_setfit(
    path: str | Path, names: str | Path | None = None
) -> tuple[list[Category], list[Reject]]:
    """Read a table of examples for SetFit: columns `text`, `label`, and `label_text` if there.

    Args:
        path: a table of any format.
        names: what to call labels that are numbers: a model's `config_setfit.json`, or a list.

    Returns:
        the categories, and the rows that could not be used.

    Raises:
        TableError: the files cannot be read, a column or a name is missing.
    """
    called = None if names is None else _label_names(names)
    texts: dict[str, dict[str, None]] = {}
    rejects: list[Reject] = []
    with open_table(str(path)) as table:
        label = LABEL_TEXT if LABEL_TEXT in table.columns and called is None else "label"
        for wanted in ("text", label):
            if wanted not in table.columns:
                raise TableError(
                    f"{path}: has no column {wanted!r}, but {', '.join(table.columns)}. SetFit's"
                    " examples are in `text` and `label`"
                )
        for batch in table.batches():
            rejects += batch.rejects
            cells = (text_column(batch.data, [column]) for column in (label, "text"))
            for name, text, line in zip(*cells, batch.lines, strict=True):
                if not name.strip() or not text.strip():
                    what = "label" if not name.strip() else "text"
                    rejects.append(rejected(table.source, line, f"the {what} is empty", text))
                    continue
                word = name if called is None else _called(name, called, f"{table.source}:{line}")
                texts.setdefault(word, {})[text] = None
    if not texts:
        raise TableError(f"{path}: holds no example")
    return _each_once(
        path, (Category(name, examples=[*some]) for name, some in texts.items())
    ), rejects


def write_categories(path: str, categories: Iterable[Category]) -> None:
    """Write a categories file, as `textshot index` reads it: a row for each example.

    Raises:
        TableError: it cannot be written.
    """
    import pyarrow as pa

    rows = [
        (category.name, example or "", (category.description or "") if i == 0 else "")
        for category in categories
        for i, example in enumerate([e.text for e in category.examples] or [""])
    ]
    schema = pa.schema([(name, pa.string()) for name in ("label", "text", "description")])
    with open_writer(path, schema) as writer:
        writer.write(record_batch(list(zip(*rows, strict=True)), schema))


def _is_configuration(found: Mapping[str, Any]) -> bool:
    """Tell the settings of a component from examples of which some belong to "data"."""
    return isinstance(found["data"], Mapping) or any(isinstance(v, str) for v in found.values())


def _document(path: str | Path) -> Any:
    """Return what a JSON or YAML file holds."""
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


def _route(path: str | Path, place: int, route: object) -> Category:
    if not isinstance(route, Mapping) or "name" not in route:
        raise TableError(f"{path}: route {place} is no object with a `name`")
    name = _string(path, f"the name of route {place}", route["name"])
    texts = _strings(path, f"route {name!r}", route.get("utterances") or [])
    description = route.get("description") or ""
    return Category(
        name, description=_string(path, "a description", description), examples=[*texts]
    )


def _strings(path: str | Path, whose: str, texts: object) -> list[str]:
    if not isinstance(texts, list):
        raise TableError(f"{path}: {whose} has no list of examples, but {type(texts).__name__}")
    for i, text in enumerate(texts, 1):
        if not isinstance(text, str) or not text.strip():
            raise TableError(f"{path}: example {i} of {whose} is no text. Mend it, or drop it")
    return texts


def _string(path: str | Path, what: str, value: object) -> str:
    if not isinstance(value, str):
        raise TableError(f"{path}: {what} is {value!r}; a string is needed. Put it in quotes")
    return value


def _label_names(path: str | Path) -> list[str]:
    found = _document(path)
    labels = found.get("labels") if isinstance(found, Mapping) else found
    if not isinstance(labels, list) or not all(isinstance(name, str) for name in labels):
        raise TableError(f"{path}: holds no list of labels, nor an object with `labels`")
    return labels


def _called(label: str, names: list[str], where: str) -> str:
    if not label.strip().isdecimal() or int(label) >= len(names):
        raise TableError(
            f"{where}: the label is {label!r}; a number from 0 to {len(names) - 1} is needed, as"
            f" there are {len(names)} names"
        )
    return names[int(label)]


def _each_once(path: str | Path, categories: Iterable[Category]) -> list[Category]:
    try:
        return list(category_dict(categories).values())
    except InvalidCategoriesError as error:
        raise InvalidCategoriesError(f"{path}: {error}") from None
