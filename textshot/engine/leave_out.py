"""States without some of their examples: what an index would answer had it not learned them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from textshot.index import Entry, OutOfScope, State
from textshot.types import Example


def without_examples(state: State, drop: Callable[[Example], bool]) -> State:
    """Return the state without the examples for which `drop` is true.

    A category of which nothing remains is left out. The threshold stays as it is.
    """
    entries = [_without(state, entry, drop) for entry in state.entries]
    if all(after is before for after, before in zip(entries, state.entries, strict=True)):
        changed = state
    else:
        changed = state.with_entries([entry for entry in entries if entry is not None])
    known = state.out_of_scope
    kept = [] if known is None else [i for i, e in enumerate(known.examples) if not drop(e)]
    if known is None or len(kept) == len(known.examples):
        return changed
    left = OutOfScope(tuple(known.examples[i] for i in kept), known.vectors[kept])
    return changed.updated(out_of_scope=left if kept else None)


def without_corrections(state: State) -> State:
    """Return the state without the corrections of its categories."""
    return without_examples(state, lambda example: example.correction_order > 0)


def _without(state: State, entry: Entry, drop: Callable[[Example], bool]) -> Entry | None:
    examples = entry.category.examples
    kept = [not drop(example) for example in examples]
    if all(kept):
        return entry
    first = len(entry.keys) - len(examples)
    rows = np.flatnonzero([*[True] * first, *kept])
    if not len(rows):
        return None
    remaining = tuple(e for e, keep in zip(examples, kept, strict=True) if keep)
    category = replace(entry.category, examples=remaining)
    vectors = entry.vectors[rows]
    return Entry.make(category, vectors, use_names=state.use_names, network=state.network)
