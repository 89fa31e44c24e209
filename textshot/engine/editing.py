"""Edits of categories: pure functions from one state of an index to the next.

A category that an edit does not name keeps its keys bit for bit; prototypes that depend on all
categories are computed again. The threshold becomes stale, see `with_decision`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import FloatArray, unit_rows
from textshot._characters import group_names, name_key
from textshot.engine.decision import decision_of
from textshot.engine.leave_out import without_corrections
from textshot.engine.predict import answer, scorer, supports
from textshot.errors import EncoderError, InvalidCategoriesError, InvalidTextsError
from textshot.index import Entry, State
from textshot.networks import Network
from textshot.scoring.prototypes import correction_influence
from textshot.scoring.threshold import GIVEN, MIN_CATEGORIES, TUNED, derive
from textshot.scoring.transduction import MIN_IN_SCOPE_RATE, MIN_TEXTS, adapt
from textshot.types import (
    DEFAULT_REJECTION_RATE,
    Adaptation,
    Category,
    DecisionSettings,
    Example,
    category_dict,
)

Background = Callable[[], FloatArray | None]
"""Returns vectors of general texts, which stand in for categories where there are few; or None."""


def add_categories(
    state: State,
    categories: Sequence[Category],
    vectors: ArrayLike,
    *,
    allow_similar: bool = False,
) -> State:
    """Return the state with new categories.

    Args:
        state: none of them is in it yet.
        categories: n of them.
        vectors: numbers (total number of keys, dim), the keys of all categories one after
            another, in the order of `Category.keys`; scaled to unit rows.
        allow_similar: allow names that differ only in case, blanks or form (`name_key`).

    Raises:
        InvalidCategoriesError: a name twice or similar to another one, or vectors of another shape.
    """
    entries = _entries(state, categories, vectors)
    for name in entries:
        _check_free(state, name)
    if not allow_similar:
        check_similar(entries, state.labels)
    return put_entries(state, entries)


def replace_category(state: State, category: Category, vectors: ArrayLike) -> State:
    """Return the state with `category` instead of the one of that name; see `add_categories`."""
    category = replace(category, name=state.entry(category.name).category.name)
    return put_entries(state, _entries(state, [category], vectors))


def remove_categories(state: State, names: Iterable[str]) -> State:
    """Return the state without some categories."""
    if isinstance(names, str):
        raise TypeError(f"names is one string; give a list: [{names!r}]")
    return put_entries(state, {}, drop={state.entry(name).category.name for name in names})


def rename_category(
    state: State,
    old: str,
    new: str,
    vector: ArrayLike | None = None,
    *,
    allow_similar: bool = False,
) -> State:
    """Return the state with another name for a category; `allow_similar`: see `add_categories`.

    `vector` (dim,) embeds the new name; it is needed where names are keys.
    """
    entry = state.entry(old)
    category = replace(entry.category, name=new)
    old, new, vectors = entry.category.name, category.name, entry.vectors
    if new != old:
        _check_free(state, new)
        if not allow_similar:
            check_similar([new], [name for name in state.labels if name != old])
    if state.use_names:
        if vector is None:
            raise InvalidCategoriesError(f"names are keys here: give the vector of {new!r}")
        vectors = np.concatenate([one_row(state, vector), vectors[1:]])
    return put_entries(state, {new: make_entry(state, category, vectors)}, drop={old})


def merge_categories(state: State, names: Sequence[str], into: str) -> State:
    """Return the state with the examples of `names` moved to `into`, and `names` removed.

    `into` keeps its own name, description and metadata; a text that both had stays once, with the
    newest correction order.
    """
    if isinstance(names, str):
        raise TypeError(f"names is one string; give a list: [{names!r}]")
    target = state.entry(into)
    into = target.category.name
    merged = {entry.category.name: entry for entry in map(state.entry, names)}
    sources = [entry for name, entry in merged.items() if name != into]
    if not sources:
        raise InvalidCategoriesError(f"nothing to merge into {into!r}: name another category")
    examples, vectors = list(target.category.examples), [target.vectors]
    positions = {e.text: i for i, e in enumerate(examples) if e.text is not None}
    for entry in sources:
        first = len(entry.keys) - len(entry.category.examples)
        for example, vector in zip(entry.category.examples, entry.vectors[first:], strict=True):
            if example.text in positions:
                position = positions[example.text]
                examples[position] = newest(example, examples[position])
                continue
            if example.text is not None:
                positions[example.text] = len(examples)
            examples.append(example)
            vectors.append(vector[None, :])
    category = replace(target.category, examples=tuple(examples))
    entry = make_entry(state, category, np.concatenate(vectors))
    return put_entries(state, {into: entry}, drop={e.category.name for e in sources})


def with_decision(
    state: State, requested: DecisionSettings | None, background: Background
) -> State:
    """Return the state with a threshold for its categories; probabilities end here.

    A threshold that was given stays; a tuned one stays too, but is stale; any other is derived.

    Args:
        state: the categories.
        requested: the settings in force, or those asked for.
        background: called where there are few categories.
    """
    n_way = len(state.entries)
    if requested is not None and requested.method == GIVEN:
        decision = replace(
            requested, stale=False, n_way=n_way, temperature=None, unknown=None, n_texts=0
        )
    elif requested is not None and requested.method == TUNED:
        decision = replace(requested, stale=True)
    else:
        rate = DEFAULT_REJECTION_RATE if requested is None else requested.rate
        try:
            decision = _derive_steadily(state, rate, background)
        except EncoderError:  # of a lazy one: the edit shall not depend on it
            decision = replace(decision_of(state), stale=True, rate=rate)
    calibrated = state.calibrated if decision.method == TUNED else frozenset()
    return state.updated(decision=decision, calibrated=calibrated)


def adapt_prototypes(state: State, vectors: FloatArray, background: Background) -> State:
    """Return the state with prototypes adapted to unlabelled texts, for one run.

    `State.adaptation` tells to how many, or why not. A derived threshold is derived again; one that
    is tuned, or steadied against corrections, moves as far as that does; a given one stays.

    Args:
        state: of a network that compares with prototypes alone.
        vectors: float32 (n_texts, dim), unit rows of different texts.
        background: see `with_decision`.
    """
    adaptation = Adaptation(len(vectors), _why_not_adapted(state, vectors))
    if adaptation.reason:
        return state.with_prototypes(state.vectors, adaptation)
    n_keys = np.bincount(state.key_rows, minlength=len(state.entries))
    adapted = state.with_prototypes(adapt(state.vectors, n_keys, vectors), adaptation)
    decision = decision_of(state)
    is_tuned = decision.method == TUNED
    moves = is_tuned or (decision.method != GIVEN and bool(state.corrected.any()))
    if not moves or decision.threshold is None:
        return with_decision(adapted, decision, background)
    rate = DEFAULT_REJECTION_RATE if is_tuned else decision.rate
    first, second = (_derive(s, rate, background).threshold for s in (state, adapted))
    shift = 0.0 if first is None or second is None else second - first
    threshold = min(max(decision.threshold + shift, -1.0), 1.0)
    return replace(adapted, decision=replace(decision, threshold=threshold, stale=is_tuned))


def check_adaptable(network: Network) -> None:
    """Raise InvalidTextsError unless a network compares texts with prototypes alone."""
    if not network.nearest_prototype:
        raise InvalidTextsError(
            f"the {network.name} network (settings: {dict(network.settings)}) reads more than one"
            " vector of a category, so there is none to move. Index with --network matching to"
            " adapt"
        )


def put_entries(state: State, entries: Mapping[str, Entry], drop: Iterable[str] = ()) -> State:
    """Return the state with entries by name added or replaced, and others dropped."""
    state.check_editable()
    kept = {entry.category.name: entry for entry in state.entries}
    for name in drop:
        kept.pop(name, None)
    kept.update(entries)
    stale = state.decision and replace(state.decision, stale=True)
    return state.with_entries([kept[name] for name in sorted(kept)]).updated(decision=stale)


def make_entry(state: State, category: Category, vectors: FloatArray) -> Entry:
    """Return the entry of a category, from the unit rows of its keys."""
    return Entry.make(category, vectors, use_names=state.use_names, network=state.network)


def one_row(state: State, vector: ArrayLike) -> FloatArray:
    """Return a vector (dim,) as one unit row."""
    row = np.asarray(vector)
    if row.shape != (state.dim,):
        raise InvalidCategoriesError(
            f"the vector given has shape {row.shape}; ({state.dim},) is needed"
        )
    return unit_rows(row[None, :])


def newest(example: Example, existing: Example) -> Example:
    """Return `example`, or `existing` where that is the newer correction of the same text."""
    return existing if existing.correction_order > example.correction_order else example


def _entries(state: State, categories: Sequence[Category], vectors: ArrayLike) -> dict[str, Entry]:
    rows = unit_rows(vectors) if len(categories) else np.empty((0, state.dim), np.float32)
    counts = [len(category.keys(names=state.use_names)) for category in categories]
    if rows.shape != (sum(counts), state.dim):
        raise InvalidCategoriesError(
            f"{len(categories)} categories have {sum(counts)} keys of {state.dim} dimensions;"
            f" the vectors given have shape {rows.shape}"
        )
    ends = np.cumsum(counts)
    named = category_dict(categories)
    return {
        name: make_entry(state, category, rows[end - count : end])
        for (name, category), count, end in zip(named.items(), counts, ends, strict=True)
    }


def _check_free(state: State, name: str) -> None:
    if name in state.rows:
        raise InvalidCategoriesError(
            f"category {name!r} is there already. Remove it first, or merge into it"
        )


def check_similar(new: Iterable[str], existing: Iterable[str]) -> None:
    """Raise InvalidCategoriesError where a new name is similar to another one."""
    groups = group_names(existing)
    for name in new:
        similar = groups.setdefault(name_key(name), [])
        if similar:
            raise InvalidCategoriesError(
                f"category {name!r} differs from {similar[0]!r} only in case, blanks or form. Use"
                " one name, or allow both: --allow-similar, allow_similar=True"
            )
        similar.append(name)


def _derive_steadily(state: State, rate: float, background: Background) -> DecisionSettings:
    """Derive a threshold that a few corrections move a little (`correction_influence`)."""
    decision = _derive(state, rate, background)
    n_corrections = int(state.corrected.sum())
    if not n_corrections or decision.threshold is None:
        return decision
    without = _derive(without_corrections(state), rate, background).threshold
    if without is None:
        return decision
    share = correction_influence(n_corrections)
    return replace(decision, threshold=(1.0 - share) * without + share * decision.threshold)


def _derive(state: State, rate: float, background: Background) -> DecisionSettings:
    rows, owners = supports(state)
    general = background() if len(state.entries) < MIN_CATEGORIES else None
    return derive(rows, owners, scorer(state), len(state.entries), general, rate=rate)


def _why_not_adapted(state: State, vectors: FloatArray) -> str:
    """Return why prototypes are not adapted to these texts, "" where they are."""
    if len(state.entries) < 2:
        return "there are fewer than two categories"
    if len(vectors) < MIN_TEXTS:
        return f"{len(vectors)} different texts are too few ({MIN_TEXTS} are needed)"
    blank = np.zeros(len(vectors), dtype=bool)
    in_scope = np.mean(answer(state, vectors, 1, "auto", blank).in_scope)
    if in_scope < MIN_IN_SCOPE_RATE:
        return f"only {100 * in_scope:.0f} % of the texts are near any category"
    return ""
