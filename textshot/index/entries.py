"""What an index holds of one category, of its encoder, and of texts that fit no category."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import blake2b
from unicodedata import normalize

import numpy as np
from numpy.typing import ArrayLike

from textshot._arrays import FloatArray, IntArray
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.networks import NETWORKS, Matching, Network
from textshot.scoring.prototypes import key_weights, prototype
from textshot.types import Category, Example, Key, KeyKind

KINDS = (KeyKind.NAME, KeyKind.DESCRIPTION, KeyKind.EXAMPLE)
"""The kinds of keys in the order of their numbers, in files and for networks."""

SAME_VECTOR = 1e-6
"""Vectors of the same text differ by 1e-7 at most; two texts are that near only but for blanks."""

PLAIN = Matching()
"""The network of an index that asked for none: the mean of the keys, and the cosine."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One category with its keys, their unit vectors (n_keys, dim) and its prototype (dim,).

    `prototype` is what is searched: as the network has it, in the context of the other categories
    where it is contextual, and with names weighted where the index does that.
    """

    category: Category
    keys: tuple[Key, ...]
    vectors: FloatArray
    prototype: FloatArray

    @classmethod
    def make(
        cls, category: Category, vectors: ArrayLike, *, use_names: bool, network: Network = PLAIN
    ) -> Entry:
        """Pair a category's keys with their vectors, given in the order of `Category.keys`."""
        keys = category.keys(names=use_names)
        rows = np.asarray(vectors, dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(keys):
            raise InvalidCategoriesError(
                f"category {category.name!r} has {len(keys)} keys"
                f" ({', '.join(k.kind for k in keys)}) but vectors of shape {rows.shape}"
            )
        corrected = np.array([key.correction_order > 0 for key in keys], bool)
        weights = key_weights(network, kind_numbers(keys), corrected=corrected)
        return cls(category, keys, rows, prototype(rows, weights))

    def nearest_key(self, query: FloatArray) -> Key:
        """Return the key with the largest cosine to `query` (dim,); the first one of a tie."""
        return self.keys[int((self.vectors @ query).argmax())]


def text_hash(text: str) -> str:
    """Return 16 hex digits, the same for texts that differ in case and blanks only.

    An index keeps them of the texts that it learned, to know these again where it keeps no texts.
    """
    same = normalize("NFC", " ".join(text.split())).casefold()
    return blake2b(same.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def hash_of(example: Example) -> str:
    """Return the hash of an example's text; "" where neither is known."""
    return example.text_hash if example.text is None else text_hash(example.text)


def without_text(example: Example) -> Example:
    """Return an example as a private index keeps it."""
    return replace(example, text=None, text_hash=hash_of(example))


def without_texts(category: Category) -> Category:
    """Return a category as a private index keeps it: names yes, texts no."""
    return replace(
        category,
        description=None if category.description != "" else "",
        metadata={},
        examples=tuple(map(without_text, category.examples)),
    )


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
        """Return these and more; a text that is known already is replaced."""
        # Two texts may have one vector; only where no text and no hash is known does it tell.
        nameless = not all(map(hash_of, self.examples))
        old = self.without([e.text for e in examples], vectors if nameless else vectors[:0])
        both = np.concatenate([old.vectors, vectors])
        return OutOfScope((*old.examples, *examples), both)

    def without(self, texts: Iterable[str | None], vectors: FloatArray) -> OutOfScope:
        """Return these without some texts, and without those that have one of these vectors."""
        gone = set(texts) - {None}
        hashes = {text_hash(text) for text in gone if text is not None}
        same = np.zeros(len(self.examples), bool)
        if len(vectors) and len(self.examples):
            same = (self.vectors @ vectors.T).max(axis=1) > 1 - SAME_VECTOR
        kept = [
            i
            for i, e in enumerate(self.examples)
            if not (same[i] or e.text in gone or (e.text is None and e.text_hash in hashes))
        ]
        return OutOfScope(tuple(self.examples[i] for i in kept), self.vectors[kept])


def unknown_category(name: str, labels: Sequence[str]) -> InvalidCategoriesError:
    """Return the error for a name that no category has, with the nearest one there is."""
    near = get_close_matches(name, labels, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return InvalidCategoriesError(
        f"no category {name!r} among the {len(labels)} of this index{hint}"
    )


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
