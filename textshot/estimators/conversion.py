"""Conversions between what scikit-learn passes in and an Engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import column_or_1d

from textshot.encoders import DEFAULT_ENCODER, clean_texts
from textshot.encoders.base import ADAPTER_KEY
from textshot.engine import Engine
from textshot.engine.encoder_identity import NO_NETWORK
from textshot.errors import InvalidTextsError
from textshot.index import PLAIN
from textshot.networks import Memory, Network, make_network
from textshot.types import UNKNOWN, Category, Threshold, clean_name


def texts_of(X: Any) -> list[str]:
    """Return the texts of a list, an array, or one column of pandas, Polars or Arrow.

    Raises:
        TypeError: a single string.
        InvalidTextsError: several columns, or a text that is missing or no string.
    """
    if isinstance(X, str):
        raise TypeError(f"X is a string; give a list: [{X!r}]")
    column = np.asarray(X, dtype=object)
    if column.ndim == 2 and column.shape[1] != 1:
        names = getattr(X, "column_names", getattr(X, "columns", ()))
        listed = f" ({', '.join(map(str, names))})" if len(names) else ""
        raise InvalidTextsError(
            f"X has {column.shape[1]} columns{listed}, and texts are one. Choose it: X['text'], or"
            " a ColumnTransformer with the name of the column"
        )
    return clean_texts(column_or_1d(column, warn=False))


def texts_by_class(X: Mapping[Any, Any], y: Any) -> dict[Any, list[str]]:
    """Return the texts of a mapping {class: [texts]}.

    Raises:
        InvalidTextsError: classes in `y` too, no class, or a string in place of a list.
    """
    if y is not None:
        raise InvalidTextsError("with a mapping {class: [texts]} the classes are in X: leave y")
    if not X:
        raise InvalidTextsError("a mapping {class: [texts]} needs texts and one class at least")
    for label, texts in X.items():
        if isinstance(texts, str):
            raise InvalidTextsError(f"class {label!r} has a string; give a list: [{texts!r}]")
    return {label: clean_texts(texts) for label, texts in X.items()}


def name_of(label: Any) -> str:
    """Return the name of the category of a class."""
    return clean_name(str(label))


def _are_strings(classes: Sequence[Any] | NDArray[Any]) -> bool:
    return all(isinstance(c, str) for c in classes)


def by_class(texts: list[str], y: NDArray[Any]) -> dict[Any, list[str]]:
    """Return the texts of each class."""
    return {c: [texts[i] for i in np.flatnonzero(y == c)] for c in np.unique(y)}


def union(*classes: NDArray[Any]) -> NDArray[Any]:
    """Return the classes of several arrays, sorted; raise where strings and others mix."""
    some = [array for array in classes if len(array)]
    if len({"strings" if _are_strings(array) else array.dtype.kind for array in some}) > 1:
        listed = ", ".join(repr(array.tolist()[0]) for array in some)
        raise InvalidTextsError(f"classes of one kind are needed, and not {listed} together")
    return np.unique(np.concatenate(classes))


def without_missing(y: NDArray[Any]) -> NDArray[Any]:
    """Return y; raise where a class is missing."""
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    for i, label in enumerate(y if y.dtype == object else ()):
        if not isinstance(label, str) and str(label) in ("None", "nan", "<NA>", "NaT"):
            raise InvalidTextsError(f"class {i} of y is missing ({label}). Drop the row")
    return y


def check_classes(classes: Sequence[Any] | NDArray[Any], threshold: Threshold) -> bool:
    """Return whether the classes are strings; raise if others leave no room for "unknown"."""
    strings = _are_strings(classes)
    if not strings and threshold is not None:
        raise InvalidTextsError(
            f"classes such as {classes[0]!r} are not strings, so predict could not say"
            f" {UNKNOWN!r} beside them. Set threshold=None, or give the classes as strings"
        )
    return strings


def in_class_order(
    values: NDArray[Any], labels: Sequence[str], classes: NDArray[Any], missing: float
) -> NDArray[np.float64]:
    """Return values (n, n_labels) with a column for each class, (n, n_classes)."""
    columns = {label: column for column, label in enumerate(labels)}
    ordered = np.full((len(values), len(classes)), missing)
    for i, name in enumerate(map(name_of, classes)):
        if name in columns:
            ordered[:, i] = values[:, columns[name]]
    return ordered


def extend(engine: Engine, texts: list[str], y: NDArray[Any], classes: NDArray[Any]) -> None:
    """Add texts to an engine: new classes first, then new texts of known ones."""
    blank = [i for i, text in enumerate(texts) if not text.strip()]
    if blank:
        raise InvalidTextsError(f"text {blank[0]} is empty. Leave it out")
    remembers, known = isinstance(engine.network, Memory), set(engine.info.labels)
    members = by_class(texts, y)
    new = {c: members.get(c, []) for c in classes if name_of(c) not in known}
    if remembers:  # all texts become corrections, but a new category needs a key
        new = {c: [] if engine.info.use_names else some[:1] for c, some in new.items()}
    standing = {c: some for c, some in new.items() if some or engine.info.use_names}
    if standing:
        engine.add([Category(str(c), examples=[*some]) for c, some in standing.items()])
    rest = [i for i, c in enumerate(y) if remembers or c not in new]
    learn = engine.correct_all if remembers else engine.add_examples
    learn([texts[i] for i in rest], [str(y[i]) for i in rest])


def network_parameter(engine: Engine) -> Network | str | None:
    """Return what brings the network of an engine back as a parameter: None for the plain one."""
    network, spec = engine.network, engine.encoder.spec
    if network.parameters or network.settings != make_network(network.name).settings:
        return network
    if network.name != PLAIN.name:
        return network.name
    # The default encoder would come with its adapter, and an index made without it stays without.
    bare = spec["name"] == DEFAULT_ENCODER and spec.get(ADAPTER_KEY) is None
    return NO_NETWORK if bare else None
