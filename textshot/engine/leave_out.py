"""Which texts an index learned, and what it would answer had it not learned them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray
from textshot.engine.predict import predict
from textshot.index import Entry, OutOfScope, State
from textshot.index.entries import hash_of, text_hash
from textshot.types import Example, Prediction, Threshold

N_FOLDS = 10


def learned_hashes(state: State) -> frozenset[str]:
    """Return the hashes of all texts that stand for a category or are out of scope.

    Names and descriptions too: a text that equals one of them is as sure as an example.
    """
    examples = [e for entry in state.entries for e in entry.category.examples]
    examples += state.out_of_scope.examples if state.out_of_scope else ()
    words = {key.text for key in state.keys if key.text is not None}
    return frozenset({*map(hash_of, examples), *map(text_hash, words)} - {""})


def predict_held_out(
    state: State,
    texts: Sequence[str],
    vectors: FloatArray,
    blank: NDArray[np.bool_],
    derive: Callable[[State], State],
    k: int = 1,
    threshold: Threshold = "auto",
) -> list[Prediction]:
    """Return a prediction for each text by a state that did not learn it (cross-validation).

    The texts are dealt into ten parts by their hashes; each part is answered by the state without
    the examples of these texts. A category of which nothing is left then cannot be the answer.

    Args:
        state: learned the texts, or some of them.
        texts: n texts.
        vectors: float32 (n, dim), unit rows.
        blank: bool (n,), texts that say nothing to the encoder.
        derive: derives the threshold of a state again.
        k: the number of matches.
        threshold: see `Threshold`.
    """
    hashes = [text_hash(text) for text in texts]
    parts = {each: i % N_FOLDS for i, each in enumerate(sorted(set(hashes)))}
    part_of = np.array([parts[each] for each in hashes], np.int64)
    predictions: dict[int, Prediction] = {}
    for part in np.unique(part_of):
        rows = np.flatnonzero(part_of == part)
        left_out = {hashes[i] for i in rows}

        def is_left_out(example: Example, left_out: set[str] = left_out) -> bool:
            return hash_of(example) in left_out

        reduced = derive(without_examples(state, is_left_out))
        answers = predict(reduced, vectors[rows], k, threshold, blank[rows])
        predictions |= zip(rows.tolist(), answers, strict=True)
    return [predictions[i] for i in range(len(texts))]


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
