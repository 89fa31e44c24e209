"""What an engine is made of, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from textshot._arrays import FloatArray, IntArray
from textshot.engine.decision import decision_of
from textshot.index import EncoderIdentity, Index, State
from textshot.networks import Network
from textshot.scoring.name_weight import NameWeight
from textshot.types import Adaptation, DecisionSettings, Key


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
