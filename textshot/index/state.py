"""What an index holds at one moment: entries, what made their vectors, when to abstain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import FloatArray, IntArray, are_unit_rows, unit_rows
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.index.search import VectorSearch, make_search
from textshot.networks import NETWORKS, Matching, Network
from textshot.networks.base import attention_scale
from textshot.scoring.attention import Attention, find_attention_share
from textshot.scoring.name_weight import NameWeight, estimate_name_weight
from textshot.scoring.prototypes import category_prototypes, key_weights, prototype
from textshot.types import Adaptation, Category, DecisionSettings, Example, Key, KeyKind

KINDS = (KeyKind.NAME, KeyKind.DESCRIPTION, KeyKind.EXAMPLE)
"""The kinds of keys in the order of their numbers, in files and for networks."""

SAME_VECTOR = 1e-6
"""Twice the same text differs by 1e-7 at most; two texts are never so near, but for blanks."""

PLAIN = Matching()
"""What an index has that never asked for a network: the mean of the keys, and the cosine."""


_OF_KEYS = ("key_vectors", "key_rows", "key_kinds", "keys", "key_correction_orders")
_OF_ENTRIES = (*_OF_KEYS, "labels", "rows", "vectors", "search")
"""Properties that entries alone tell, whatever else of a state changes."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One category with its keys, their unit vectors (n_keys, dim) and the fused one (dim,).

    `prototype` is what is searched: as the network has it, in the context of the other categories
    where it is contextual, and with names weighted where the index does that.
    """

    category: Category
    keys: tuple[Key, ...]
    vectors: FloatArray
    prototype: FloatArray

    @classmethod
    def make(
        cls, category: Category, vectors: ArrayLike, *, names: bool, network: Network = PLAIN
    ) -> Entry:
        """Pair a category's keys with their vectors, given in the order of `Category.keys`."""
        keys = category.keys(names=names)
        rows = np.asarray(vectors, dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(keys):
            raise InvalidCategoriesError(
                f"category {category.name!r} has {len(keys)} keys"
                f" ({', '.join(k.kind for k in keys)}) but vectors of shape {rows.shape}"
            )
        return cls(category, keys, rows, prototype(rows, network.key_weights(kind_numbers(keys))))

    def nearest_key(self, query: FloatArray) -> Key:
        """Return the key with the largest cosine to `query` (dim,); the first one of a tie."""
        return self.keys[int((self.vectors @ query).argmax())]


def kind_numbers(keys: Sequence[Key]) -> IntArray:
    """Return the number of each key's kind, int64 (n_keys,)."""
    return np.asarray([KINDS.index(key.kind) for key in keys], np.int64)


@dataclass(frozen=True, eq=False)
class EncoderIdentity:
    """What made the vectors: fingerprint, how to load it again, a probe text's vector (or None)."""

    fingerprint: str
    spec: Mapping[str, str | int | None]
    probe: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class OutOfScope:
    """Texts that are known to fit no category, and their unit vectors (n, dim)."""

    examples: tuple[Example, ...]
    vectors: FloatArray

    def with_examples(self, examples: Sequence[Example], vectors: FloatArray) -> OutOfScope:
        """Return these and more; of a text that was there the new one stays."""
        old = self.without([e.text for e in examples], vectors)
        both = np.concatenate([old.vectors, vectors])
        return OutOfScope((*old.examples, *examples), both)

    def without(self, texts: Iterable[str | None], vectors: FloatArray) -> OutOfScope:
        """Return these without some texts, and without what is all but the same."""
        gone = set(texts) - {None}
        same = np.zeros(len(self.examples), bool)
        if len(vectors) and len(self.examples):
            same = (self.vectors @ vectors.T).max(axis=1) > 1 - SAME_VECTOR
        kept = [i for i, e in enumerate(self.examples) if e.text not in gone and not same[i]]
        return OutOfScope(tuple(self.examples[i] for i in kept), self.vectors[kept])


@dataclass(frozen=True, eq=False)
class State:
    """All of an index at one moment. Entries are sorted by name, whatever order they came in."""

    dim: int
    names: bool
    entries: tuple[Entry, ...] = ()
    encoder: EncoderIdentity | None = None
    decision: DecisionSettings | None = None
    private: bool = False
    network: Network = field(default=PLAIN)
    name_weight: NameWeight | None = None
    """What a name is worth, found out again at each change; None: as much as an example."""

    attention_share: float | None = None
    """How much of a score is the attention of all keys, found out again at each change; None: it
    is not looked for."""

    out_of_scope: OutOfScope | None = None
    """What fits no category; None: no such text is known."""

    adaptation: Adaptation | None = None
    """Set where vectors were moved towards a batch of texts, for one run."""

    def with_prototypes(self, vectors: FloatArray, adaptation: Adaptation) -> State:
        """Return this state with other category vectors (n_categories, dim), for one run."""
        pairs = zip(self.entries, vectors, strict=True)
        entries = tuple(replace(entry, prototype=vector) for entry, vector in pairs)
        return replace(self, entries=entries, adaptation=adaptation)

    def with_entries(self, entries: Sequence[Entry]) -> State:
        """Return this state with other entries, and all vectors that depend on each other new."""
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
            name_weight = self.name_weight and estimate_name_weight(*keys)
            weight = name_weight.weight if name_weight else 1.0
            vectors = category_prototypes(self.network, *keys, weight)
            pairs = zip(entries, vectors, strict=True)
            entries = tuple(Entry(e.category, e.keys, e.vectors, v) for e, v in pairs)
            known = {**changed.__dict__, "vectors": vectors}
            changed = replace(changed, entries=entries, name_weight=name_weight).knowing(known)
        if self.attention_share is None:
            return changed
        share = find_attention_share(*keys, changed.attention_at(1.0))
        return replace(changed, attention_share=share).knowing(changed.__dict__)

    def knowing(self, derived: Mapping[str, Any]) -> Self:
        """Take over what was derived from the same entries: at size that is gigabytes, and seconds.

        Args:
            derived: values of `vectors`, `search` and the like by name; others are passed over.
        """
        # What a frozen dataclass holds stays as it is; cached properties live beside it.
        self.__dict__.update({name: derived[name] for name in _OF_ENTRIES if name in derived})
        return self

    def queries(self, vectors: ArrayLike) -> FloatArray:
        """Return vectors that come from outside, numbers (n, dim), as float32 unit rows.

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

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Category names; row i of `vectors` belongs to name i."""
        return tuple(entry.category.name for entry in self.entries)

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of each name."""
        return {name: row for row, name in enumerate(self.labels)}

    @cached_property
    def vectors(self) -> FloatArray:
        """float32 (n_categories, dim), the fused vectors."""
        prototypes = [entry.prototype for entry in self.entries]
        return np.stack(prototypes) if prototypes else np.empty((0, self.dim), np.float32)

    @cached_property
    def key_vectors(self) -> FloatArray:
        """float32 (n_keys, dim), category by category."""
        found = [entry.vectors for entry in self.entries]
        return np.concatenate(found) if found else np.empty((0, self.dim), np.float32)

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
        """int64 (n_keys,), when each key was written; 0: from the start."""
        return np.asarray([key.correction_order for key in self.keys], np.int64)

    def attention_at(self, share: float) -> Attention:
        """Return the attention of all keys, with a share of the score."""
        weight = self.name_weight.weight if self.name_weight else 1.0
        weights = key_weights(self.network, self.key_kinds, weight)
        exact = np.ones(len(self.key_kinds)) if weights is None else weights.astype(np.float64)
        return Attention(share, exact, attention_scale(self.network.parameters))

    @cached_property
    def attention(self) -> Attention | None:
        """What all keys have to say beside the category vectors; None: nothing."""
        return self.attention_at(self.attention_share) if self.attention_share else None

    @cached_property
    def by_search(self) -> bool:
        """Whether `search` finds the best categories: there are no exemplars and no attention."""
        if not self.entries:
            return True
        has_corrections = bool(self.key_correction_orders.any())
        return not (self.network.examples_are_exemplars or has_corrections or self.attention_share)

    @cached_property
    def search(self) -> VectorSearch:
        """Search over `vectors`."""
        return make_search(self.vectors)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is derived: a FAISS index does not go to another process."""
        return {field.name: self.__dict__[field.name] for field in fields(self)}


def check_network(network: Network, dim: int) -> None:
    """Raise InvalidTextsError unless an index of `dim` dimensions can use and keep `network`."""
    if NETWORKS.get(network.name) is not type(network):
        raise InvalidTextsError(
            f"{type(network).__name__} is no network that an index can keep; choose"
            f" {', '.join(NETWORKS)}"
        )
    shapes, parameters = network.parameter_shapes(dim), network.parameters
    if parameters and set(parameters) != set(shapes):
        raise InvalidTextsError(
            f"the {network.name} network has the parameters {sorted(parameters)};"
            f" {sorted(shapes)} are needed"
        )
    for name, array in parameters.items():
        if array.shape != shapes[name] or array.dtype != np.float32:
            raise InvalidTextsError(
                f"{name} of the {network.name} network is {array.dtype} {array.shape}; with"
                f" vectors of {dim} dimensions float32 {shapes[name]} is needed. A network belongs"
                " to the encoder that it was trained with"
            )
        if not np.isfinite(array).all():
            raise InvalidTextsError(f"{name} of the {network.name} network is not finite")
