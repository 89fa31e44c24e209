"""The categories of an index and their vectors, in memory: add, remove, rename, merge, replace.

Every change builds a new `State` and puts it in place with one assignment; a reader that took the
state before goes on with the whole old one. So reading needs no lock, from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.index.state import (
    PLAIN,
    SAME_VECTOR,
    EncoderIdentity,
    Entry,
    OutOfScope,
    State,
    check_network,
)
from textshot.networks import Network
from textshot.scoring.name_weight import NameWeight
from textshot.types import (
    Category,
    DecisionSettings,
    Example,
    category_dict,
    clean_name,
)

_P = ParamSpec("_P")


def _in_turn(
    change: Callable[Concatenate[Index, _P], None],
) -> Callable[Concatenate[Index, _P], None]:
    """Make a change wait for another thread's: it reads what is there and then replaces it."""

    @wraps(change)
    def waiting(self: Index, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        with self.changing:
            change(self, *args, **kwargs)

    return waiting


class Index:
    """Categories, each with one fused unit vector, searched exactly by cosine.

    Vectors come from outside (an `Engine` encodes; this class does not), in the order of
    `Category.keys(names=index.names)`. Reading is safe beside a change in another thread. Changes
    take turns; hold `changing` to make several of them one.
    """

    def __init__(
        self,
        dim: int,
        *,
        names: bool = True,
        network: Network = PLAIN,
        weighed: bool = False,
        attentive: bool = False,
    ) -> None:
        """Make an empty index.

        Args:
            dim: the number of dimensions of every vector.
            names: whether a category's name is one of its keys; False for opaque names.
            network: how keys become one vector for each category, and how queries are read.
            weighed: find out from the categories what a name is worth
                (`textshot.scoring.name_weight`), in place of counting it as one example.
            attentive: find out from the examples how much every key has a say of its own
                (`textshot.scoring.attention`), where the network takes one vector for a category.
        """
        if dim < 1:
            raise InvalidCategoriesError(f"dim is {dim}; at least 1 is needed")
        check_network(network, dim)
        name_weight = NameWeight(1.0) if weighed and names and network.uses_prototypes else None
        share = 0.0 if attentive and network.nearest_prototype else None
        self._state = State(
            dim, names, network=network, name_weight=name_weight, attention_share=share
        )
        self.changing = threading.RLock()
        self.generation = 0
        self.path: Path | None = None

    @property
    def state(self) -> State:
        """The whole content at this moment; it never changes under its holder."""
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

    @property
    def names(self) -> bool:
        """Whether names are keys."""
        return self._state.names

    def __len__(self) -> int:
        return len(self._state.entries)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the lock: it belongs to this process."""
        return {name: value for name, value in self.__dict__.items() if name != "changing"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.changing = threading.RLock()

    def search(self, vectors: ArrayLike, k: int = 1) -> tuple[FloatArray, IntArray]:
        """Return the nearest categories of each vector, as it is: an Engine's network reads first.

        Args:
            vectors: numbers (n, dim); scaled to unit rows.
            k: how many, at least 1; more than there are gives all.

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

    @_in_turn
    def add(self, categories: Sequence[Category], vectors: ArrayLike) -> None:
        """Add new categories.

        Args:
            categories: none of them may be there already.
            vectors: numbers (total number of keys, dim), the keys of all categories one after
                another; scaled to unit rows.
        """
        entries = self._entries(categories, vectors)
        for name in entries:
            self._must_be_free(name)
        self._put(entries)

    @_in_turn
    def replace(self, category: Category, vectors: ArrayLike) -> None:
        """Put `category` in the place of the one of that name; `vectors` as for `add`."""
        self.entry(category.name)
        self._put(self._entries([category], vectors))

    @_in_turn
    def remove(self, names: Iterable[str]) -> None:
        """Remove categories; the others keep their keys bit for bit."""
        if isinstance(names, str):
            raise TypeError(f"names is one string; give a list: [{names!r}]")
        gone = {self.entry(name).category.name for name in names}
        self._put({}, drop=gone)

    @_in_turn
    def rename(self, old: str, new: str, vector: ArrayLike | None = None) -> None:
        """Give a category another name; `vector` (dim,) embeds the new name when names are keys."""
        entry = self.entry(old)
        category = replace(entry.category, name=new)
        old, new = entry.category.name, category.name
        if new != old:
            self._must_be_free(new)
        vectors = self._with_name_vector(entry.vectors, new, vector)
        self._put({new: self._entry_of(category, vectors)}, drop={old})

    @_in_turn
    def merge(self, names: Sequence[str], into: str) -> None:
        """Move the examples of `names` to the category `into`, and remove the emptied ones.

        `into` keeps its own name, description and metadata; a text that both had stays once, as it
        was written last.
        """
        if isinstance(names, str):
            raise TypeError(f"names is one string; give a list: [{names!r}]")
        target = self.entry(into)
        into = target.category.name
        found = {entry.category.name: entry for entry in map(self.entry, names)}
        sources = [entry for name, entry in found.items() if name != into]
        if not sources:
            raise InvalidCategoriesError(f"nothing to merge into {into!r}: name another category")
        examples, vectors = list(target.category.examples), [target.vectors]
        place = {e.text: i for i, e in enumerate(examples) if e.text is not None}
        for entry in sources:
            first = len(entry.keys) - len(entry.category.examples)
            for example, vector in zip(entry.category.examples, entry.vectors[first:], strict=True):
                if example.text in place:
                    there = place[example.text]
                    examples[there] = _newer(example, examples[there])
                    continue
                if example.text is not None:
                    place[example.text] = len(examples)
                examples.append(example)
                vectors.append(vector[None, :])
        category = replace(target.category, examples=tuple(examples))
        merged = self._entry_of(category, np.concatenate(vectors))
        self._put({into: merged}, drop={e.category.name for e in sources})

    @_in_turn
    def add_example(self, name: str, example: Example, vector: ArrayLike) -> None:
        """Add an example with its vector (dim,); a text that is there already is not doubled."""
        self.add_examples([(name, example)], np.asarray(vector)[None])

    @_in_turn
    def add_examples(self, pairs: Sequence[tuple[str, Example]], vectors: ArrayLike) -> None:
        """Add examples to categories, as one change.

        Args:
            pairs: the category and the example, n of them.
            vectors: numbers (n, dim), in the same order.
        """
        changed: dict[str, Entry] = {}
        for (name, example), vector in zip(pairs, np.asarray(vectors), strict=True):
            there = self.entry(name)
            key = there.category.name
            changed[key] = self._with_example(changed.get(key, there), example, vector)
        self._put(changed)

    def _with_example(self, entry: Entry, example: Example, vector: ArrayLike) -> Entry:
        row = self._one_row(vector)
        first = len(entry.keys) - len(entry.category.examples)
        same = [i for i in range(first, len(entry.keys)) if _same(entry, i, example, row)]
        for i in same:
            example = _newer(example, entry.category.examples[i - first])
        kept = [i for i in range(len(entry.keys)) if i not in same]
        examples = tuple(entry.category.examples[i - first] for i in kept if i >= first)
        category = replace(entry.category, examples=(*examples, example))
        return self._entry_of(category, np.concatenate([entry.vectors[kept], row]))

    @_in_turn
    def remove_example(self, name: str, text: str) -> None:
        """Remove one example of a category, by its text."""
        entry = self.entry(name)
        found = self._examples_of(entry, text)
        first = len(entry.keys) - len(entry.category.examples)
        examples = tuple(e for i, e in enumerate(entry.category.examples) if i not in found)
        vectors = np.delete(entry.vectors, [first + i for i in found], axis=0)
        category = replace(entry.category, examples=examples)
        self._put({category.name: self._entry_of(category, vectors)})

    @_in_turn
    def replace_example(self, name: str, text: str, example: Example, vector: ArrayLike) -> None:
        """Put `example` with its vector (dim,) in the place of the one with that text."""
        self._examples_of(self.entry(name), text)
        self.add_example(name, example, vector)
        if example.text != text:
            self.remove_example(name, text)

    @_in_turn
    def add_out_of_scope(self, examples: Sequence[Example], vectors: ArrayLike) -> None:
        """Add texts that fit no category, n of them, with their vectors (n, dim)."""
        if len(examples) != len({e.text for e in examples}):
            raise InvalidCategoriesError("a text that fits nothing is given twice. Give it once")
        if not examples:
            return
        rows, state = unit_rows(vectors), self._state
        if rows.shape != (len(examples), self.dim):
            raise InvalidCategoriesError(
                f"{len(examples)} texts that fit nothing, and vectors of shape {rows.shape};"
                f" ({len(examples)}, {self.dim}) is needed"
            )
        _refuse_moved(state)
        there = state.out_of_scope or OutOfScope((), np.empty((0, self.dim), np.float32))
        more = there.with_examples(examples, rows)
        self._change(lambda s: replace(s, out_of_scope=more).knowing(s.__dict__))

    @_in_turn
    def remove_out_of_scope(self, texts: Iterable[str], vectors: ArrayLike | None = None) -> None:
        """Forget texts that were known to fit no category; those that are none are passed over.

        Args:
            texts: such texts.
            vectors: numbers (m, dim): what has one of these vectors is forgotten too.
        """
        if isinstance(texts, str):
            raise TypeError(f"texts is one string; give a list: [{texts!r}]")
        state = self._state
        there = state.out_of_scope
        if there is None:
            return
        none = np.empty((0, self.dim), np.float32)
        left = there.without(texts, none if vectors is None else state.queries(vectors))
        if len(left.examples) == len(there.examples):
            return
        _refuse_moved(self._state)
        some = left if left.examples else None
        self._change(lambda s: replace(s, out_of_scope=some).knowing(s.__dict__))

    @_in_turn
    def take(self, state: State) -> None:
        """Put another content of the same dimensions in place, as one change."""
        self._change(lambda _: state)

    @classmethod
    def of_state(cls, state: State, generation: int = 0) -> Index:
        """Return an index of this content; it belongs to no folder."""
        index = cls(state.dim)
        index._state, index.generation = state, generation
        return index

    def entry(self, name: str) -> Entry:
        """Return a category with its vectors; a name that is not there is an error."""
        state, name = self._state, clean_name(name)
        if name not in state.rows:
            raise InvalidCategoriesError(_no_such(name, state.labels))
        return state.entries[state.rows[name]]

    def settle(
        self,
        *,
        encoder: EncoderIdentity | None,
        decision: DecisionSettings | None,
        private: bool,
    ) -> None:
        """Record what made the vectors, when to abstain, and whether texts may be stored."""

        def settled(state: State) -> State:
            changed = replace(state, encoder=encoder, decision=decision, private=private)
            return changed.knowing(state.__dict__)

        self._change(settled)

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
        _refuse_moved(state)
        if private is False and state.private:
            raise InvalidCategoriesError(
                "the index is private: its texts are not there any more, so it cannot be saved with"
                " them. Build it again from the categories"
            )
        target = Path(path)
        same = self.path is not None and self.path == target.absolute()
        expect = self.generation if same else None if overwrite else 0
        hidden = state.private or bool(private)
        written = replace(state, private=hidden).knowing(state.__dict__)
        self.generation = store.publish(target, written, expect=expect, purge=purge)
        if hidden and not state.private:
            self._change(lambda s: replace(s, private=True).knowing(s.__dict__))
        self.path = target.absolute()
        return self.generation

    @classmethod
    def load(cls, path: str | Path) -> Index:
        """Read an index from a folder, checking all of it.

        Raises:
            IndexNotFoundError: nothing there.
            IndexFormatError: damaged, foreign or newer, with the reason.
        """
        from textshot.index.disk import store

        state, generation = store.read(Path(path))
        index = cls(state.dim)
        index._state, index.generation = state, generation
        index.path = Path(path).absolute()
        return index

    def _examples_of(self, entry: Entry, text: str) -> list[int]:
        found = [i for i, e in enumerate(entry.category.examples) if e.text == text]
        if not found:
            private = " (the index is private: texts are not kept)" if self._state.private else ""
            raise InvalidCategoriesError(
                f"category {entry.category.name!r} has no such example among its"
                f" {len(entry.category.examples)}{private}"
            )
        return found

    def _entries(self, categories: Sequence[Category], vectors: ArrayLike) -> dict[str, Entry]:
        rows = unit_rows(vectors) if len(categories) else np.empty((0, self.dim), np.float32)
        counts = [len(c.keys(names=self.names)) for c in categories]
        if rows.shape != (sum(counts), self.dim):
            raise InvalidCategoriesError(
                f"{len(categories)} categories have {sum(counts)} keys of {self.dim} dimensions;"
                f" the vectors given have shape {rows.shape}"
            )
        ends = np.cumsum(counts)
        return {
            name: self._entry_of(category, rows[end - count : end])
            for (name, category), count, end in zip(
                category_dict(categories).items(), counts, ends, strict=True
            )
        }

    def _entry_of(self, category: Category, vectors: FloatArray) -> Entry:
        return Entry.make(category, vectors, names=self.names, network=self._state.network)

    def _with_name_vector(
        self, vectors: FloatArray, name: str, vector: ArrayLike | None
    ) -> FloatArray:
        if not self.names:
            return vectors
        if vector is None:
            raise InvalidCategoriesError(f"names are keys here: give the vector of {name!r}")
        return np.concatenate([self._one_row(vector), vectors[1:]])

    def _one_row(self, vector: ArrayLike) -> FloatArray:
        row = np.asarray(vector)
        if row.shape != (self.dim,):
            raise InvalidCategoriesError(
                f"the vector given has shape {row.shape}; ({self.dim},) is needed"
            )
        return unit_rows(row[None, :])

    def _must_be_free(self, name: str) -> None:
        if name in self._state.rows:
            raise InvalidCategoriesError(
                f"category {name!r} is there already. Remove it first, or merge into it"
            )

    def _put(self, entries: Mapping[str, Entry], drop: Iterable[str] = ()) -> None:
        def changed(state: State) -> State:
            _refuse_moved(state)
            kept = {e.category.name: e for e in state.entries}
            for name in drop:
                kept.pop(name, None)
            kept.update(entries)
            stale = state.decision and replace(state.decision, stale=True)
            changed = state.with_entries([kept[name] for name in sorted(kept)])
            return replace(changed, decision=stale).knowing(changed.__dict__)

        self._change(changed)

    def _change(self, make: Callable[[State], State]) -> None:
        with self.changing:
            self._state = make(self._state)


def _refuse_moved(state: State) -> None:
    if state.adaptation is not None:
        raise InvalidCategoriesError(
            "this index is adapted to a batch of texts, for one run. Change and save the one that"
            " it was made from"
        )


def _same(entry: Entry, i: int, example: Example, row: FloatArray) -> bool:
    """Tell whether key `i` is that example; where a text is not known, whether its vector is."""
    key = entry.keys[i]
    if key.text is None or example.text is None:
        return bool(entry.vectors[i] @ row[0] > 1 - SAME_VECTOR)
    return key.text == example.text


def _newer(example: Example, there: Example) -> Example:
    """Return `example`, but what was written later about its text stays written."""
    return there if there.correction_order > example.correction_order else example


def _no_such(name: str, labels: Sequence[str]) -> str:
    near = get_close_matches(name, labels, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no category {name!r} among the {len(labels)} of this index{hint}"
