"""The index in memory: one immutable state, replaced as a whole, and searched by cosine."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textshot._arrays import FloatArray, IntArray
from textshot._fork import ForkLock
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.index.state import State
from textshot.types import Category


class Index:
    """Categories, each with one unit vector, searched exactly by cosine.

    Every change makes a new `State` and commits it with one assignment: a reader that took the
    state before goes on with the old one. So reading needs no lock, from any thread. Writers hold
    `lock` from reading the state to committing the next one.

    Attributes:
        lock: of the writers of this process, reentrant; free in a forked child.
        generation: as it was loaded or saved last; 0: never.
        path: the folder of that generation; None: none.
    """

    def __init__(self, state: State, *, generation: int = 0, path: Path | None = None) -> None:
        self._state = state
        self.lock = ForkLock()
        self.generation = generation
        self.path = path

    def __repr__(self) -> str:
        """Show size and origin."""
        where = "" if self.path is None else f", {str(self.path)!r}"
        return (
            f"<Index: {len(self)} categories, {self.dim} dimensions,"
            f" generation {self.generation}{where}>"
        )

    def digest(self) -> str:
        """Return 16 hex digits, equal for indexes that give the same answers."""
        return _digest(self._state)

    def __len__(self) -> int:
        return len(self._state.entries)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the lock: it belongs to this process."""
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.lock = ForkLock()

    @property
    def state(self) -> State:
        """All that it holds at this moment, immutable."""
        return self._state

    @property
    def labels(self) -> tuple[str, ...]:
        """Category names in the order of rows (sorted)."""
        return self._state.labels

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories in the order of rows."""
        return tuple(entry.category for entry in self._state.entries)

    @property
    def dim(self) -> int:
        """Number of dimensions."""
        return self._state.dim

    def search(self, vectors: ArrayLike, k: int = 1) -> tuple[FloatArray, IntArray]:
        """Return the nearest categories of each vector, which no network transforms here.

        Args:
            vectors: numbers (n, dim); scaled to unit rows.
            k: how many, at least 1; all of them where there are fewer.

        Returns:
            Cosines, float32 (n, min(k, size)), best first, and rows, int64, of the same shape:
            `labels[row]` is the name. Equal scores are in the order of names.

        Raises:
            InvalidTextsError: another number of dimensions, rows that have no direction, k < 1.
        """
        state = self._state
        queries = state.queries(vectors)
        if k < 1:
            raise InvalidTextsError(f"k is {k}; at least 1 is needed")
        return state.search.search(queries, k)

    def commit(self, state: State) -> None:
        """Replace all that it holds, in one step to readers.

        Raises:
            InvalidCategoriesError: another number of dimensions.
        """
        if state.dim != self.dim:
            raise InvalidCategoriesError(
                f"the state has {state.dim} dimensions, the index {self.dim}"
            )
        with self.lock:
            self._state = state

    def follow(self, other: Index) -> None:
        """Become what follows another index in its folder: `save` refuses if a third came first."""
        self.path, self.generation = other.path, other.generation

    def save(
        self,
        path: str | Path,
        *,
        private: bool | None = None,
        overwrite: bool = False,
        purge: bool = False,
    ) -> int:
        """Write the index to a folder as its next generation, atomically; return that generation.

        Args:
            path: a folder, made when missing.
            private: leave texts out; None keeps what the index was.
            overwrite: allow to follow on an index that this one was not loaded from.
            purge: delete the files of all older generations at once.

        Raises:
            ConflictError: another writer was first, or an index is there and overwrite is False.
            PublishError: it could not be written; the index there is as it was.
        """
        from textshot.index.disk import store

        state = self._state
        state.check_editable()
        if private is False and state.private:
            raise InvalidCategoriesError(
                "the index is private: its texts are not there any more, so it cannot be saved with"
                " them. Build it again from the categories"
            )
        target = Path(path)
        same = self.path is not None and self.path == target.absolute()
        expect = self.generation if same else None if overwrite else 0
        hidden = state.private or bool(private)
        written = state.updated(private=hidden)
        self.generation = store.publish(target, written, expect=expect, purge=purge)
        if hidden and not state.private:
            with self.lock:
                self.commit(self._state.updated(private=True))
        self.path = target.absolute()
        return self.generation

    @classmethod
    def load(cls, path: str | Path) -> Index:
        """Read an index from a folder, checking all of it.

        Raises:
            IndexNotFoundError: nothing there.
            IndexFormatError: damaged, not an index, or newer, with the reason.
        """
        from textshot.index.disk import store

        state, generation = store.read(Path(path))
        return cls(state, generation=generation, path=Path(path).absolute())


def _digest(state: State) -> str:
    """Return 16 hex digits of all that an answer depends on."""
    name_weight = None if state.name_weight is None else asdict(state.name_weight)
    record = {
        "categories": [
            [e.category.name, e.category.threshold, dict(e.category.metadata)]
            for e in state.entries
        ],
        "decision": None if state.decision is None else asdict(state.decision),
        "network": [state.network.name, dict(state.network.settings)],
        "share": state.attention_share,
        "weighing": name_weight,
        "encoder": None if state.encoder is None else state.encoder.fingerprint,
    }
    digest = sha256(json.dumps(record, sort_keys=True, default=str).encode())
    arrays: list[NDArray[Any]] = [
        state.vectors,
        state.key_vectors,
        state.key_rows,
        state.key_kinds,
        state.key_correction_orders,
    ]
    if state.out_of_scope is not None:
        arrays.append(state.out_of_scope.vectors)
    arrays += [state.network.parameters[name] for name in sorted(state.network.parameters)]
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
