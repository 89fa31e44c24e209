"""Conversions between what scikit-learn passes in and an Engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import column_or_1d

from textshot._characters import clean_name, is_blank, name_key
from textshot.encoders import DEFAULT_ENCODER, clean_texts
from textshot.encoders.base import ADAPTER_KEY
from textshot.encoders.texts import is_missing
from textshot.engine import Engine
from textshot.engine.encoder_identity import NO_NETWORK
from textshot.errors import InvalidTextsError
from textshot.index import PLAIN
from textshot.networks import Memory, Network, make_network
from textshot.types import UNKNOWN, Category, Threshold


def texts_of(X: Any) -> list[str]:
    """Return the texts of a list, an iterator, an array, or one column of a frame.

    Raises:
        TypeError: a single string, a mapping, or nothing that can be iterated.
        InvalidTextsError: several columns, or a text that is missing or no string.
    """
    if isinstance(X, str):
        raise TypeError(f"X is a string; give a list: [{X!r}]")
    if isinstance(X, Mapping) and not hasattr(X, "tocsr"):
        raise TypeError(f"X is a {type(X).__name__}; give a list of texts")
    if not hasattr(X, "__len__"):
        X = list(X)
    column = np.asarray(_out_of_arrow(X), dtype=object)
    if column.ndim == 2 and column.shape[1] != 1:
        names = getattr(X, "column_names", getattr(X, "columns", ()))
        listed = f" ({', '.join(map(str, names))})" if len(names) else ""
        raise InvalidTextsError(
            f"X has {column.shape[1]} columns{listed}, and texts are one. Choose it: X['text'], or"
            " a ColumnTransformer with the name of the column"
        )
    return clean_texts(column_or_1d(column, warn=False))


def _out_of_arrow(column: Any) -> Any:
    """Return a column of Arrow as a list: NumPy cannot read each of its types, nor can pandas."""
    if hasattr(column, "to_pylist") and not hasattr(column, "columns"):
        return column.to_pylist()
    is_of_pandas = type(getattr(column, "dtype", None)).__name__ == "ArrowDtype"
    return column.to_list() if is_of_pandas else column


def texts_by_class(X: Mapping[Any, Any], y: Any) -> tuple[dict[Any, list[str]], list[str]]:
    """Return the texts of a mapping {class: [texts]}, and those that fit none.

    Raises:
        InvalidTextsError: classes in `y` too, no class, or a string in place of a list.
    """
    if y is not None:
        raise InvalidTextsError("with a mapping {class: [texts]} the classes are in X: leave y")
    if not X:
        raise InvalidTextsError("a mapping {class: [texts]} needs texts and one class at least")
    labels = _with_unknown(list(X))
    _check_classes(labels, "X")
    for label, texts in zip(labels, X.values(), strict=True):
        if isinstance(label, tuple | bytes):
            kind = type(label).__name__
            raise InvalidTextsError(f"class {label!r} is a {kind}; a string or a number is needed")
        if isinstance(texts, str):
            raise InvalidTextsError(f"class {label!r} has a string; give a list: [{texts!r}]")
    classes = np.empty(len(X), object)
    classes[:] = labels
    members: dict[Any, list[str]] = {}
    out_of_scope: list[str] = []
    for label, texts in zip(fold(classes), X.values(), strict=True):
        known = out_of_scope if _is_unknown(label) else members.setdefault(label, [])
        known.extend(clean_texts(texts))
    return members, out_of_scope


def name_of(label: Any) -> str:
    """Return the name of the category of a class."""
    return clean_name(str(label))


def fold(classes: NDArray[Any], known: Iterable[Any] = ()) -> NDArray[Any]:
    """Return classes where all that name one category (`name_of`) are the same object.

    That is one of `known`, or the first in order.
    """
    if not len(classes) or not _are_strings(classes):
        return classes
    first: dict[str, Any] = {}
    for label in [*known, *sorted(set(classes.tolist()))]:
        first.setdefault(name_of(label), label)
    return np.array([first[name_of(label)] for label in classes], classes.dtype)


def _are_strings(classes: Sequence[Any] | NDArray[Any]) -> bool:
    return all(isinstance(c, str) for c in classes)


def by_class(texts: list[str], y: NDArray[Any]) -> tuple[dict[Any, list[str]], list[str]]:
    """Return the texts of each class, and those that fit none."""
    groups = {c: [texts[i] for i in np.flatnonzero(y == c)] for c in np.unique(y)}
    unknown = [c for c in groups if _is_unknown(c)]
    out_of_scope = [text for c in unknown for text in groups.pop(c)]
    return groups, out_of_scope


def in_scope(classes: NDArray[Any]) -> NDArray[Any]:
    """Return the classes without "unknown"."""
    return classes[[not _is_unknown(c) for c in classes]] if len(classes) else classes


def _is_unknown(label: Any) -> bool:
    return isinstance(label, str) and name_key(label) == UNKNOWN


def _with_unknown(classes: Sequence[Any]) -> Sequence[Any]:
    """Return classes with "unknown" for None, if the others are strings."""
    others = [c for c in classes if c is not None]
    if len(others) == len(classes) or not all(isinstance(c, str) or is_missing(c) for c in others):
        return classes
    return [UNKNOWN if c is None else c for c in classes]


def check_any(classes: Sequence[Any] | NDArray[Any]) -> None:
    """Refuse texts that all fit none: there is nothing to choose from."""
    if not len(classes):
        raise InvalidTextsError(f"there is no class: all texts are {UNKNOWN!r}. Add texts of some")


def thresholds_by_name(thresholds: Mapping[Any, float] | None) -> dict[str, float]:
    """Return the thresholds of classes by the names of their categories."""
    return {name_of(label): cosine for label, cosine in (thresholds or {}).items()}


def check_thresholds(thresholds: Mapping[Any, float] | None, classes: Sequence[Any]) -> None:
    """Refuse thresholds of what is no class."""
    others = sorted(set(thresholds_by_name(thresholds)) - set(map(name_of, classes)))
    if others:
        raise InvalidTextsError(
            f"thresholds has {', '.join(map(repr, others[:5]))}{', ...' if others[5:] else ''},"
            f" and the {len(classes)} classes do not. Leave them out, or spell them as in y"
        )


def union(*classes: NDArray[Any]) -> NDArray[Any]:
    """Return the classes of several arrays, sorted; raise where strings and others mix."""
    some = [array for array in classes if len(array)]
    if len({"strings" if _are_strings(array) else array.dtype.kind for array in some}) > 1:
        listed = ", ".join(repr(array.tolist()[0]) for array in some)
        raise InvalidTextsError(f"classes of one kind are needed, and not {listed} together")
    return np.unique(np.concatenate(classes))


def classes_of(y: Any) -> NDArray[Any]:
    """Return classes as an array (n,); beside strings, None becomes "unknown".

    Raises:
        InvalidTextsError: a class is missing, or strings and others mix.
    """
    y = list(y) if isinstance(y, Iterator) else _out_of_arrow(y)
    if isinstance(y, list | tuple):
        y = _with_unknown(y)
        _check_classes(y, "y")  # before NumPy makes strings of NaN and of numbers beside strings
    column: NDArray[Any] = column_or_1d(y, warn=True)
    if column.dtype.kind == "f":
        assert_all_finite(column, input_name="y")
    if column.dtype == object:
        column = np.array(_with_unknown(column.tolist()), object)  # not the caller's
        _check_classes(column, "y")
    return column


def _check_classes(classes: Sequence[Any] | NDArray[Any], source: str) -> None:
    """Raise InvalidTextsError where a class is missing, or where strings and others mix."""
    strings = [isinstance(label, str) for label in classes]
    for i, (label, is_string) in enumerate(zip(classes, strings, strict=True)):
        if is_missing(label):
            raise InvalidTextsError(
                f"class {i} of {source} is missing ({label}). Drop the row, or write {UNKNOWN!r} if"
                " the text fits no class"
            )
        if is_string != strings[0]:
            raise InvalidTextsError(
                f"classes of one kind are needed, and not {classes[0]!r} and, at {i} of {source},"
                f" {label!r} together"
            )


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


def extend(
    engine: Engine,
    texts: list[str],
    y: NDArray[Any],
    classes: NDArray[Any],
    thresholds: Mapping[str, float],
    *,
    allow_similar: bool,
) -> None:
    """Add texts to an engine: new classes first, then new texts of known ones and of none."""
    blank = [i for i, text in enumerate(texts) if is_blank(text)]
    if blank:
        raise InvalidTextsError(f"text {blank[0]} is empty. Leave it out")
    remembers, known = isinstance(engine.network, Memory), set(engine.info.labels)
    members, out_of_scope = by_class(texts, y)
    new = {c: members.get(c, []) for c in classes if name_of(c) not in known}
    if remembers:  # all texts become corrections, but a new category needs a key
        new = {c: [] if engine.info.use_names else some[:1] for c, some in new.items()}
    standing = {c: some for c, some in new.items() if some or engine.info.use_names}
    if standing:
        added = [
            Category(str(c), examples=[*some], threshold=thresholds.get(name_of(c)))
            for c, some in standing.items()
        ]
        engine.add(added, allow_similar=allow_similar)
    if out_of_scope:
        engine.add_out_of_scope(out_of_scope)
    rest = [i for i, c in enumerate(y) if (remembers or c not in new) and not _is_unknown(c)]
    learn = engine.correct_all if remembers else engine.add_examples
    learn([texts[i] for i in rest], [str(y[i]) for i in rest])


def truths_of(y: Any, classes: NDArray[Any]) -> list[str | None]:
    """Return what `Engine.tune` takes for n classes; None: missing, for texts out of scope."""
    known = {label: name_of(label) for label in classes.tolist()}
    return [
        None if is_missing(label) else known.get(label, str(label))
        for label in (y if isinstance(y, list | tuple) else column_or_1d(y).tolist())
    ]


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
