"""What an engine returns: predictions as arrays and as records, and a description of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.engine.decision import decision_of
from textshot.errors import InvalidTextsError
from textshot.index import EncoderIdentity, Index, State
from textshot.networks import Network
from textshot.scoring.name_weight import NameWeight
from textshot.types import UNREADABLE, Adaptation, DecisionSettings, Key, Match, Prediction

NEVER_ABSTAINS = -np.inf
"""The threshold of a category without one, where another category has its own."""


@dataclass(frozen=True, slots=True)
class PredictionArrays:
    """The predictions of n texts, as arrays.

    Attributes:
        scores: float32 (n, min(k, n_categories)), the best scores, best first.
        rows: int64 of the same shape, the categories that these are of.
        in_scope: bool (n,), False where the answer is "unknown".
        margins: float32 (n,), how far the best category is ahead; of the only one, of -1.
        thresholds: float32 (n,), the score that had to be reached, -inf where abstaining was off
            for the best category; None where it was off for all.
        probabilities: of each answer to be right; None where it is not known.
        unreadable: bool (n,), the texts that say nothing to the encoder.
    """

    scores: FloatArray
    rows: IntArray
    in_scope: NDArray[np.bool_]
    margins: FloatArray
    thresholds: FloatArray | None
    probabilities: list[float | None]
    unreadable: NDArray[np.bool_]

    def take(self, indices: IntArray) -> PredictionArrays:
        """Return the predictions of these texts, int64 (m,); one may come several times."""
        return PredictionArrays(
            self.scores[indices],
            self.rows[indices],
            self.in_scope[indices],
            self.margins[indices],
            None if self.thresholds is None else self.thresholds[indices],
            [self.probabilities[i] for i in indices],
            self.unreadable[indices],
        )


def concatenate(parts: Sequence[PredictionArrays]) -> PredictionArrays:
    """Return predictions, at least one part of one state and one k, as one."""
    thresholds = [part.thresholds for part in parts if part.thresholds is not None]
    return PredictionArrays(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.in_scope for part in parts]),
        np.concatenate([part.margins for part in parts]),
        np.concatenate(thresholds) if thresholds else None,
        [probability for part in parts for probability in part.probabilities],
        np.concatenate([part.unreadable for part in parts]),
    )


def records(state: State, queries: FloatArray, arrays: PredictionArrays) -> Iterator[Prediction]:
    """Yield the record of each query, one at a time, so that a caller need not hold them all."""
    thresholds = arrays.thresholds
    for i, query in enumerate(queries):
        matches = tuple(
            Match(state.labels[row], float(score), state.entries[row].nearest_key(query))
            for score, row in zip(arrays.scores[i], arrays.rows[i], strict=True)
        )
        if not matches:
            yield Prediction(None, (), -1.0, None, 0.0, None, (), "no_categories")
            continue
        threshold = None if thresholds is None else float(thresholds[i])
        threshold = None if threshold == NEVER_ABSTAINS else threshold
        label = matches[0].label if arrays.in_scope[i] else None
        is_below = threshold is not None and matches[0].score < threshold
        reason = "below_threshold" if is_below else "near_nothing"
        yield Prediction(
            label=label,
            labels=() if label is None else (label,),
            score=matches[0].score,
            probability=arrays.probabilities[i],
            margin=float(arrays.margins[i]),
            threshold=threshold,
            matches=matches,
            unknown_because=None if label else UNREADABLE if arrays.unreadable[i] else reason,
        )


def unique(texts: Sequence[str]) -> tuple[list[str], IntArray]:
    """Return the different texts, and the position of each text among them, int64 (n,)."""
    positions = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    return list(positions), np.array([positions[text] for text in texts], np.int64)


def blank_mask(blank: NDArray[np.bool_] | None, n: int) -> NDArray[np.bool_]:
    """Return which of n texts say nothing; None: each says something."""
    if blank is None:
        return np.zeros(n, dtype=bool)
    if blank.shape != (n,):
        raise InvalidTextsError(f"blank has shape {blank.shape}; ({n},) is needed")
    return blank


@dataclass(frozen=True, eq=False)
class EngineInfo:
    """What an engine is made of at one moment.

    Attributes:
        labels: category names, sorted; rows of `PredictionArrays` and columns of `scores`.
        n_keys: how many names, descriptions and examples stand for them.
        dim: number of dimensions.
        generation: of the index, as it was loaded or saved; 0: never saved.
        private: whether texts are left out of what is saved.
        use_names: whether names are keys.
        network: how texts are scored against categories.
        name_weight: what a name is worth beside an example; None: as much.
        attention_share: how much of a score is the attention of all keys; None: not estimated.
        decision: when the engine abstains.
        encoder: what made the vectors.
        n_out_of_scope: how many texts are known to fit no category.
        adaptation: to how many texts the categories were adapted; None: they were not.
    """

    labels: tuple[str, ...]
    n_keys: int
    dim: int
    generation: int
    private: bool
    use_names: bool
    network: Network
    name_weight: NameWeight | None
    attention_share: float | None
    decision: DecisionSettings
    encoder: EncoderIdentity | None
    n_out_of_scope: int
    adaptation: Adaptation | None


def engine_info(index: Index) -> EngineInfo:
    """Return what an engine over this index is made of now."""
    state = index.state
    return EngineInfo(
        labels=state.labels,
        n_keys=sum(len(entry.keys) for entry in state.entries),
        dim=state.dim,
        generation=index.generation,
        private=state.private,
        use_names=state.use_names,
        network=state.network,
        name_weight=state.name_weight,
        attention_share=state.attention_share,
        decision=decision_of(state),
        encoder=state.encoder,
        n_out_of_scope=len(state.out_of_scope.examples) if state.out_of_scope else 0,
        adaptation=state.adaptation,
    )


def describe(state: State, encoder_name: str) -> str:
    """Return what an engine over this state is, in four lines."""
    n_examples = sum(len(entry.category.examples) for entry in state.entries)
    decision = decision_of(state)
    threshold = "none" if decision.threshold is None else f"{decision.threshold:.3f}"
    return (
        f"{len(state.entries)} categories, {n_examples} examples\n"
        f"  encoder: {encoder_name}, {state.dim} dimensions\n"
        f"  network: {state.network.name}\n"
        f"  threshold: {threshold} ({decision.method})"
    )


def prototype_vectors(index: Index) -> FloatArray:
    """Return the prototypes, float32 (n_categories, dim), in the order of the labels."""
    return index.state.vectors


def key_vectors(index: Index) -> tuple[tuple[Key, ...], IntArray, FloatArray]:
    """Return n keys, the row of the category of each, int64 (n,), and their vectors (n, dim)."""
    state = index.state
    return state.keys, state.key_rows, state.key_vectors
