"""Edits of examples: pure functions from one state of an index to the next, as in `editing`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import FloatArray, unit_rows
from textshot.engine.editing import make_entry, newest, one_row, put_entries
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.index import Entry, OutOfScope, State
from textshot.index.entries import SAME_VECTOR, hash_of
from textshot.types import CORRECTION, Example


def add_examples(state: State, pairs: Sequence[tuple[str, Example]], vectors: ArrayLike) -> State:
    """Return the state with more examples; a text that is there already is not doubled.

    Args:
        state: has the categories.
        pairs: the category and the example, n of them.
        vectors: numbers (n, dim), in the same order.
    """
    changed: dict[str, Entry] = {}
    for (name, example), vector in zip(pairs, np.asarray(vectors), strict=True):
        entry = state.entry(name)
        label = entry.category.name
        changed[label] = _with_example(state, changed.get(label, entry), example, vector)
    return put_entries(state, changed)


def remove_example(state: State, name: str, text: str) -> State:
    """Return the state without one example of a category, by its text."""
    entry = _without_example(state, state.entry(name), text)
    return put_entries(state, {entry.category.name: entry})


def replace_example(
    state: State, name: str, text: str, example: Example, vector: ArrayLike
) -> State:
    """Return the state with `example` and its vector (dim,) instead of the one with that text."""
    entry = state.entry(name)
    _positions(state, entry, text)
    entry = _with_example(state, entry, example, vector)
    if example.text != text:
        entry = _without_example(state, entry, text)
    return put_entries(state, {entry.category.name: entry})


def label_texts(
    state: State,
    texts: Sequence[str],
    labels: Sequence[str | None],
    vectors: FloatArray,
    source: str = CORRECTION,
) -> State:
    """Return the state with each text as an example of its label; later ones are newer.

    None as a label: the text fits no category. A text that gets a category is no longer out of
    scope.

    Args:
        state: has the categories.
        texts: n texts.
        labels: n category names, or None.
        vectors: float32 (n, dim), unit rows.
        source: of the examples; corrections get a correction order.
    """
    named = [i for i, label in enumerate(labels) if label is not None]
    last = {text: i for i, text in enumerate(texts)}.values()
    unfit = [i for i in last if labels[i] is None]
    newest_order = max(
        (e.correction_order for entry in state.entries for e in entry.category.examples), default=0
    )
    if named:
        orders = range(newest_order + 1, newest_order + 1 + len(named))
        pairs = [
            (labels[i] or "", Example(texts[i], source, order if source == CORRECTION else 0))
            for i, order in zip(named, orders, strict=True)
        ]
        state = add_examples(state, pairs, vectors[named])
        state = remove_out_of_scope(state, [texts[i] for i in named], vectors[named])
    return add_out_of_scope(state, [Example(texts[i], source) for i in unfit], vectors[unfit])


def add_out_of_scope(state: State, examples: Sequence[Example], vectors: ArrayLike) -> State:
    """Return the state with texts that fit no category, n of them, and their vectors (n, dim)."""
    if len(examples) != len({example.text for example in examples}):
        raise InvalidCategoriesError("an out-of-scope text is given twice. Give it once")
    if not examples:
        return state
    rows = unit_rows(vectors)
    if rows.shape != (len(examples), state.dim):
        raise InvalidCategoriesError(
            f"{len(examples)} out-of-scope texts, and vectors of shape {rows.shape};"
            f" ({len(examples)}, {state.dim}) is needed"
        )
    state.check_editable()
    known = state.out_of_scope or OutOfScope((), np.empty((0, state.dim), np.float32))
    return state.updated(out_of_scope=known.with_examples(examples, rows))


def remove_out_of_scope(
    state: State, texts: Iterable[str], vectors: ArrayLike | None = None
) -> State:
    """Return the state without some out-of-scope texts; those that are none are ignored.

    Args:
        state: may have some.
        texts: such texts.
        vectors: numbers (m, dim): a text with one of these vectors goes too.
    """
    if isinstance(texts, str):
        raise TypeError(f"texts is one string; give a list: [{texts!r}]")
    known = state.out_of_scope
    if known is None:
        return state
    no_rows = np.empty((0, state.dim), np.float32)
    left = known.without(texts, no_rows if vectors is None else state.queries(vectors))
    if len(left.examples) == len(known.examples):
        return state
    state.check_editable()
    return state.updated(out_of_scope=left if left.examples else None)


def forget_out_of_scope(state: State, text: str, vectors: ArrayLike | None = None) -> State:
    """Do as `remove_out_of_scope` for one text.

    Raises:
        InvalidTextsError: it is not known to be out of scope.
    """
    changed = remove_out_of_scope(state, [text])
    known = state.out_of_scope
    nameless = known is not None and not all(map(hash_of, known.examples))
    if changed is state and vectors is not None and nameless:
        changed = remove_out_of_scope(state, [], vectors)
    if changed is state:
        n = len(state.out_of_scope.examples) if state.out_of_scope else 0
        raise InvalidTextsError(
            f"this is none of the texts that are known to fit no category ({n} of them)"
        )
    return changed


def _with_example(state: State, entry: Entry, example: Example, vector: ArrayLike) -> Entry:
    row = one_row(state, vector)
    first = len(entry.keys) - len(entry.category.examples)
    same = [i for i in range(first, len(entry.keys)) if _is_same(entry, i, example, row)]
    for i in same:
        example = newest(example, entry.category.examples[i - first])
    kept = [i for i in range(len(entry.keys)) if i not in same]
    examples = tuple(entry.category.examples[i - first] for i in kept if i >= first)
    category = replace(entry.category, examples=(*examples, example))
    return make_entry(state, category, np.concatenate([entry.vectors[kept], row]))


def _without_example(state: State, entry: Entry, text: str) -> Entry:
    positions = _positions(state, entry, text)
    first = len(entry.keys) - len(entry.category.examples)
    examples = tuple(e for i, e in enumerate(entry.category.examples) if i not in positions)
    vectors = np.delete(entry.vectors, [first + i for i in positions], axis=0)
    return make_entry(state, replace(entry.category, examples=examples), vectors)


def _positions(state: State, entry: Entry, text: str) -> list[int]:
    """Return where among its examples a category has this text."""
    positions = [i for i, e in enumerate(entry.category.examples) if e.text == text]
    if not positions:
        private = " (the index is private: texts are not kept)" if state.private else ""
        raise InvalidCategoriesError(
            f"category {entry.category.name!r} has no such example among its"
            f" {len(entry.category.examples)}{private}"
        )
    return positions


def _is_same(entry: Entry, i: int, example: Example, row: FloatArray) -> bool:
    """Tell whether key `i` is that example: by text, else by hash, else by vector."""
    existing = entry.category.examples[i - len(entry.keys)]
    if existing.text is not None and example.text is not None:
        return existing.text == example.text
    hashes = hash_of(existing), hash_of(example)
    if all(hashes):
        return hashes[0] == hashes[1]
    return bool(entry.vectors[i] @ row[0] > 1 - SAME_VECTOR)
