"""All that an index holds at one moment, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot._arrays import FloatArray, IntArray, are_unit_rows, unit_rows
from textshot._characters import clean_name, group_names, name_key
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.index.entries import (
    PLAIN,
    EncoderIdentity,
    Entry,
    OutOfScope,
    check_network,
    kind_numbers,
    unknown_category,
)
from textshot.index.search import VectorSearch, make_search
from textshot.networks import Network
from textshot.networks.base import attention_scale
from textshot.scoring.attention import Attention, find_attention_share
from textshot.scoring.exemplars import Exemplars, select_exemplars
from textshot.scoring.name_weight import NameWeight, estimate_name_weight
from textshot.scoring.prototypes import category_prototypes, key_weights
from textshot.types import Adaptation, DecisionSettings, Key

DERIVED_FROM_ENTRIES = (
    *("key_vectors", "key_rows", "key_kinds", "keys", "key_correction_orders"),
    *("labels", "rows", "vectors", "search", "uncorrected_rows", "uncorrected_search"),
)
"""Cached properties that stay true while entries and network stay."""


@dataclass(frozen=True, eq=False)
class State:
    """All of an index at one moment. Entries are sorted by name, whatever order they came in.

    Attributes:
        dim: number of dimensions of every vector.
        use_names: whether names are keys.
        entries: the categories.
        encoder: what made the vectors; None: not known.
        decision: when to abstain; None: never derived.
        private: whether texts are left out of what is saved.
        network: how keys become one prototype for each category, and how queries are transformed.
        name_weight: what a name is worth, estimated at each change; None: as much as an example.
        attention_share: how much of a score is the attention of all keys, estimated at each
            change; None: it is not estimated.
        out_of_scope: what fits no category; None: no such text is known.
        calibrated: hashes of the texts that threshold and probabilities were calibrated on.
        adaptation: set where prototypes were adapted to a batch of texts, for one run.
    """

    dim: int
    use_names: bool = True
    entries: tuple[Entry, ...] = ()
    encoder: EncoderIdentity | None = None
    decision: DecisionSettings | None = None
    private: bool = False
    network: Network = PLAIN
    name_weight: NameWeight | None = None
    attention_share: float | None = None
    out_of_scope: OutOfScope | None = None
    calibrated: frozenset[str] = frozenset()
    adaptation: Adaptation | None = None

    @classmethod
    def empty(
        cls,
        dim: int,
        *,
        use_names: bool = True,
        network: Network = PLAIN,
        weigh_names: bool = False,
        key_attention: bool = False,
    ) -> State:
        """Return a state without categories.

        Args:
            dim: the number of dimensions, at least 1.
            use_names: whether a category's name is one of its keys.
            network: see `State`.
            weigh_names: estimate what a name is worth (`textshot.scoring.name_weight`).
            key_attention: estimate how much of a score is the attention of all keys
                (`textshot.scoring.attention`), where the network compares with prototypes alone.
        """
        if dim < 1:
            raise InvalidCategoriesError(f"dim is {dim}; at least 1 is needed")
        check_network(network, dim)
        weighed = weigh_names and use_names and network.uses_prototypes
        return cls(
            dim,
            use_names,
            network=network,
            name_weight=NameWeight(1.0) if weighed else None,
            attention_share=0.0 if key_attention and network.nearest_prototype else None,
        )

    def updated(self, **settings: Any) -> State:
        """Return this state with other settings and the same entries, with all derived of them."""
        return replace(self, **settings).with_derived(self.__dict__)

    def with_entries(self, entries: Sequence[Entry]) -> State:
        """Return this state with other entries, and what depends on all of them estimated again."""
        changed = replace(self, entries=tuple(entries))
        if not entries:
            share = None if self.attention_share is None else 0.0
            name_weight = self.name_weight and NameWeight(1.0)
            return replace(changed, name_weight=name_weight, attention_share=share)
        changes_prototypes = self.network.contextual or self.name_weight is not None
        if not changes_prototypes and self.attention_share is None:
            return changed
        keys = (changed.key_vectors, changed.key_rows, changed.key_kinds)
        if changes_prototypes:
            corrected = changed.corrected
            name_weight = self.name_weight and estimate_name_weight(*keys, corrected)
            weight = name_weight.weight if name_weight else 1.0
            vectors = category_prototypes(self.network, *keys, weight, corrected)
            pairs = zip(entries, vectors, strict=True)
            entries = tuple(Entry(e.category, e.keys, e.vectors, v) for e, v in pairs)
            derived = {**changed.__dict__, "vectors": vectors}
            changed = replace(changed, entries=entries, name_weight=name_weight)
            changed = changed.with_derived(derived)
        if self.attention_share is None:
            return changed
        return changed.updated(
            attention_share=find_attention_share(*keys, changed.attention_at(1.0))
        )

    def with_prototypes(self, vectors: FloatArray, adaptation: Adaptation) -> State:
        """Return this state with other prototypes (n_categories, dim), for one run."""
        pairs = zip(self.entries, vectors, strict=True)
        entries = tuple(replace(entry, prototype=vector) for entry, vector in pairs)
        return replace(self, entries=entries, adaptation=adaptation)

    def with_derived(self, derived: Mapping[str, Any]) -> Self:
        """Take over what was derived from the same entries: gigabytes and seconds, at size.

        Args:
            derived: cached properties by name; those not in DERIVED_FROM_ENTRIES are ignored.
        """
        # The fields of a frozen dataclass stay as they are; cached properties live beside them.
        kept = {name: derived[name] for name in DERIVED_FROM_ENTRIES if name in derived}
        self.__dict__.update(kept)
        return self

    def entry(self, name: str) -> Entry:
        """Return a category with its vectors, see `find_name`.

        Raises:
            InvalidCategoriesError: no such category, with the nearest name there is.
        """
        found = self.find_name(name)
        if found is None:
            raise unknown_category(clean_name(name), self.labels)
        return self.entries[self.rows[found]]

    def find_name(self, name: str) -> str | None:
        """Return the name of a category as it is here, from that or from the only similar one."""
        name = clean_name(name)
        if name in self.rows:
            return name
        similar = self.similar_names.get(name_key(name), ())
        return similar[0] if len(similar) == 1 else None

    def queries(self, vectors: ArrayLike) -> FloatArray:
        """Return vectors from outside, numbers (n, dim), as float32 unit rows.

        Rows that an encoder made are kept bit for bit: to scale them again would move the last bit.

        Raises:
            InvalidTextsError: another number of dimensions, or rows that have no direction.
        """
        given = np.asarray(vectors)
        is_encoded = given.dtype == np.float32 and given.ndim == 2 and are_unit_rows(given, 1e-6)
        rows: FloatArray = given if is_encoded else unit_rows(vectors)
        if rows.shape[1] != self.dim:
            raise InvalidTextsError(
                f"vectors have {rows.shape[1]} dimensions, the index has {self.dim}"
            )
        return rows

    def check_editable(self) -> None:
        """Raise InvalidCategoriesError where prototypes were adapted to a batch of texts."""
        if self.adaptation is not None:
            raise InvalidCategoriesError(
                "this index is adapted to a batch of texts, for one run. Change and save the one"
                " that it was made from"
            )

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Category names; row i of `vectors` belongs to name i."""
        return tuple(entry.category.name for entry in self.entries)

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of each name."""
        return {name: row for row, name in enumerate(self.labels)}

    @cached_property
    def similar_names(self) -> Mapping[str, list[str]]:
        """The names by what similar ones have in common."""
        return group_names(self.labels)

    @cached_property
    def vectors(self) -> FloatArray:
        """The prototypes, float32 (n_categories, dim)."""
        prototypes = [entry.prototype for entry in self.entries]
        return np.stack(prototypes) if prototypes else np.empty((0, self.dim), np.float32)

    @cached_property
    def key_vectors(self) -> FloatArray:
        """float32 (n_keys, dim), category by category."""
        vectors = [entry.vectors for entry in self.entries]
        return np.concatenate(vectors) if vectors else np.empty((0, self.dim), np.float32)

    @cached_property
    def key_rows(self) -> IntArray:
        """int64 (n_keys,), the row of the category that each key belongs to."""
        return np.repeat(np.arange(len(self.entries)), [len(e.keys) for e in self.entries])

    @cached_property
    def key_kinds(self) -> IntArray:
        """int64 (n_keys,), the number of each key's kind."""
        return kind_numbers(self.keys)

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """All keys, category by category."""
        return tuple(key for entry in self.entries for key in entry.keys)

    @cached_property
    def key_correction_orders(self) -> IntArray:
        """int64 (n_keys,), the correction order of each key; 0: no correction."""
        return np.asarray([key.correction_order for key in self.keys], np.int64)

    def attention_at(self, share: float) -> Attention:
        """Return the attention of all keys, with a share of the score."""
        weight = self.name_weight.weight if self.name_weight else 1.0
        weights = key_weights(self.network, self.key_kinds, weight, self.corrected)
        exact = np.ones(len(self.key_kinds)) if weights is None else weights.astype(np.float64)
        return Attention(share, exact, attention_scale(self.network.parameters))

    @cached_property
    def attention(self) -> Attention | None:
        """The attention of all keys beside the prototypes; None: it has no part in scores."""
        return self.attention_at(self.attention_share) if self.attention_share else None

    @cached_property
    def exemplars(self) -> Exemplars | None:
        """The keys that are scored beside their category's prototype; None: there are none."""
        orders, corrected = self.key_correction_orders, self.corrected
        return select_exemplars(
            self.network, self.key_vectors, self.key_rows, self.key_kinds, orders, corrected
        )

    @property
    def corrected(self) -> NDArray[np.bool_]:
        """Which keys are corrections, bool (n_keys,)."""
        # Corrections of the first release have no order, and stay the examples that they were.
        return self.key_correction_orders > 0

    @cached_property
    def scores_prototypes(self) -> bool:
        """Whether a score is the cosine with a prototype, but for corrections."""
        return not (self.network.examples_are_exemplars or self.attention_share)

    @cached_property
    def by_search(self) -> bool:
        """Whether `search` finds the best categories: a score is the cosine with a prototype."""
        return not self.entries or (self.scores_prototypes and self.exemplars is None)

    @cached_property
    def search(self) -> VectorSearch:
        """Search over `vectors`."""
        return make_search(self.vectors)

    @cached_property
    def uncorrected_rows(self) -> IntArray:
        """int64, the rows of the categories without exemplars."""
        rows = np.arange(len(self.entries))
        return rows if self.exemplars is None else np.setdiff1d(rows, self.exemplars.rows)

    @cached_property
    def uncorrected_search(self) -> VectorSearch:
        """Search over the prototypes of `uncorrected_rows`."""
        return make_search(self.vectors[self.uncorrected_rows])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is derived: a FAISS index does not go to another process."""
        return {field.name: self.__dict__[field.name] for field in fields(self)}
