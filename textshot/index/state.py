"""What an index holds at one moment: entries, what made their vectors, when to abstain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from textshot.arrays import FloatArray, IntArray
from textshot.errors import InvalidCategoriesError
from textshot.fusion import fuse
from textshot.index.vectors import VectorSearch, make_search
from textshot.records import Category, DecisionSettings, Key


@dataclass(frozen=True, eq=False)
class Entry:
    """One category with its keys, their unit vectors (n_keys, dim) and the fused one (dim,)."""

    category: Category
    keys: tuple[Key, ...]
    vectors: FloatArray
    fused: FloatArray

    @classmethod
    def make(cls, category: Category, vectors: ArrayLike, *, names: bool) -> Entry:
        """Pair a category's keys with their vectors, given in the order of `Category.keys`."""
        keys = category.keys(names=names)
        rows = np.asarray(vectors, dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(keys):
            raise InvalidCategoriesError(
                f"category {category.name!r} has {len(keys)} keys"
                f" ({', '.join(k.kind for k in keys)}) but vectors of shape {rows.shape}"
            )
        return cls(category, keys, rows, fuse(rows))

    def nearest_key(self, query: FloatArray) -> Key:
        """Return the key with the largest cosine to `query` (dim,); the first one of a tie."""
        return self.keys[int((self.vectors @ query).argmax())]


@dataclass(frozen=True, eq=False)
class EncoderIdentity:
    """What made the vectors: fingerprint, how to load it again, a probe text's vector (or None)."""

    fingerprint: str
    spec: Mapping[str, str | int | None]
    probe: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class State:
    """All of an index at one moment. Entries are sorted by name, whatever order they came in."""

    dim: int
    names: bool
    entries: tuple[Entry, ...] = ()
    encoder: EncoderIdentity | None = None
    decision: DecisionSettings | None = None
    private: bool = False

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
        fused = [entry.fused for entry in self.entries]
        return np.stack(fused) if fused else np.empty((0, self.dim), np.float32)

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
    def search(self) -> VectorSearch:
        """Search over `vectors`."""
        return make_search(self.vectors)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is derived: a FAISS index does not go to another process."""
        return {field.name: self.__dict__[field.name] for field in fields(self)}
