"""Records that packages share: categories in, predictions out. No arrays, no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

from textshot._characters import clean_name, is_blank, name_key
from textshot.errors import InvalidCategoriesError, InvalidTextsError

UNKNOWN = "unknown"
"""What tables and `predict` print where a Prediction has no label; no category is called so."""

UNREADABLE = "unreadable"
"""Why a text is unknown that says nothing to the encoder, see `Encoder.unreadable`."""

MAX_UNKNOWN_SCORE = 1e4
"""The largest score, of either sign, that "fits none" may count as."""

DEFAULT_REJECTION_RATE = 0.5
"""The share of out-of-scope texts to reject, unless `unknown_rate` says another."""

CORRECTION = "correction"
"""The source of an example that came in as a correction of an answer."""

Threshold = float | None | Literal["auto"]
"""A cosine; None: always answer; "auto": derived from the categories."""

_NO_METADATA: Mapping[str, str] = {}
_MAX_CORRECTION_ORDER = 1 << 53  # what JSON of any language keeps exactly


class KeyKind(StrEnum):
    """What a key of a category was made from."""

    NAME = "name"
    DESCRIPTION = "description"
    EXAMPLE = "example"


@dataclass(frozen=True, slots=True)
class Example:
    """One text of a category.

    `text` is None in an index that was saved as private; that keeps the `text_hash` instead.
    `correction_order` is the order in which corrections came, over the whole index: a corrected
    example is an exemplar beside its category's prototype, and of two that disagree about a text
    the newest wins. 0: no correction, one key among the others, whatever its source.
    """

    text: str | None
    source: str = "example"
    correction_order: int = 0
    text_hash: str = ""

    def __post_init__(self) -> None:
        strings = isinstance(self.source, str) and isinstance(self.text_hash, str)
        if not isinstance(self.text, str | None) or not strings:
            raise InvalidCategoriesError(
                f"an example is a string with a source, not {self.text!r} with {self.source!r}"
            )
        order = self.correction_order
        if type(order) is not int or not 0 <= order < _MAX_CORRECTION_ORDER:
            raise InvalidCategoriesError(
                f"correction_order is {order!r}; an example needs 0 or a positive integer"
            )


@dataclass(frozen=True, slots=True)
class Key:
    """One text that stands for a category; it becomes one unit vector."""

    kind: KeyKind
    text: str | None
    source: str = "example"
    correction_order: int = 0

    def to_dict(self) -> dict[str, str | int | None]:
        """Return the key as JSON has it, where the order of a correction is called "written"."""
        return {
            "kind": self.kind.value,
            "text": self.text,
            "source": self.source,
            "written": self.correction_order,
        }


@dataclass(frozen=True, slots=True, init=False)
class Category:
    """A name, an optional description, and zero or more examples.

    The name is trimmed and composed (NFC), and an example that occurs twice is kept once.
    `threshold` (a cosine) overrides that of the index for this category alone.
    """

    name: str
    description: str | None
    examples: tuple[Example, ...]
    parent: str | None
    threshold: float | None
    metadata: Mapping[str, str]

    def __init__(
        self,
        name: str,
        description: str | None = "",
        examples: Sequence[Example | str] = (),
        parent: str | None = None,
        threshold: float | None = None,
        metadata: Mapping[str, str] = _NO_METADATA,
    ) -> None:
        """Make a category; InvalidCategoriesError tells which value cannot be."""
        _check_name(name)
        _check_strings(name, (description, parent), metadata)
        values = {
            "name": clean_name(name),
            "description": description,
            "examples": _unique_examples(name, examples),
            "parent": parent,
            "threshold": None if threshold is None else _cosine(name, threshold),
            "metadata": metadata or {},
        }
        for member, value in values.items():
            object.__setattr__(self, member, value)

    def keys(self, *, names: bool = True) -> tuple[Key, ...]:
        """Return what stands for this category: name, description and examples, in that order.

        With `names=False` (opaque names such as "c17") the name is left out.
        """
        keys: list[Key] = []
        if names:
            keys.append(Key(KeyKind.NAME, spoken_name(self.name), "name"))
        if self.description != "":  # None: there was one, its text was left out
            keys.append(Key(KeyKind.DESCRIPTION, self.description, "description"))
        keys.extend(
            Key(KeyKind.EXAMPLE, e.text, e.source, e.correction_order) for e in self.examples
        )
        if not keys:
            raise InvalidCategoriesError(
                f"category {self.name!r} has no example and no description, and names are left"
                " out: nothing stands for it. Add an example, or keep the names"
            )
        return tuple(keys)


@dataclass(frozen=True, slots=True)
class Match:
    """A category that came near: its score (cosine) and the key that was nearest to the text."""

    label: str
    score: float
    key: Key


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one text.

    `label` is None for unknown: no category is near enough, or an out-of-scope text is nearer;
    `labels` is then empty. `score` is the cosine of the best category, `margin` its lead over the
    runner-up (-1 where there is none), `threshold` the score to reach (None: abstaining was off).
    `probability` is that of this answer being right, "unknown" included; None where the engine is
    not calibrated (`Engine.tune`). `matches` are the nearest categories, best first.
    `unknown_because` is "unreadable" (see `Encoder.unreadable`), "below_threshold", "near_nothing"
    (an out-of-scope text is nearer) or "no_categories".
    """

    label: str | None
    labels: tuple[str, ...]
    score: float
    probability: float | None
    margin: float
    threshold: float | None
    matches: tuple[Match, ...]
    unknown_because: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON has it."""
        matches = tuple(
            {"label": m.label, "score": m.score, "key": m.key.to_dict()} for m in self.matches
        )
        return {**asdict(self), "matches": matches}

    toDict = to_dict  # what srsly calls, and spaCy with it


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """When to abstain, and how that was derived: stored with the index.

    `threshold` is a cosine, or None for "always answer". `method` says how it was made, for `n_way`
    categories, from `n_scores` scores; `guess`: from too few; `stale`: categories changed since.
    `rate` is the share of out-of-scope texts to reject. `temperature` (of a cosine) and
    `unknown` (the score that "fits none" counts as) make probabilities of scores, from `n_texts`
    labelled texts; None: not calibrated.
    """

    threshold: float | None
    method: str
    n_way: int
    n_scores: int
    guess: bool = False
    stale: bool = False
    temperature: float | None = None
    rate: float = DEFAULT_REJECTION_RATE
    unknown: float | None = None
    n_texts: int = 0


@dataclass(frozen=True, slots=True)
class Adaptation:
    """To how many different texts category vectors were adapted; `reason`: why they were not."""

    n_texts: int
    reason: str = ""


def parse_truth(cell: str | None) -> str | None:
    """Return the category that a truth names; None where it is empty or "unknown"."""
    if not isinstance(cell, str | None):
        raise InvalidTextsError(f"a truth is a string or None, not {cell!r}")
    name = clean_name(cell or "")
    return None if is_blank(name) or name_key(name) == UNKNOWN else name


def spoken_name(name: str) -> str:
    """Return a category name as people would say it: `card_arrival` becomes "card arrival"."""
    words = " ".join(name.replace("_", " ").split())
    return words if any(c.isalnum() for c in words) else name


def category_dict(categories: Iterable[Category]) -> dict[str, Category]:
    """Return categories by name; a name that occurs twice is an error."""
    named: dict[str, Category] = {}
    for category in categories:
        if category.name in named:
            raise InvalidCategoriesError(
                f"category {category.name!r} is given twice. Give it once, with all its examples"
            )
        named[category.name] = category
    return named


def _unique_examples(name: str, examples: object) -> tuple[Example, ...]:
    if not isinstance(examples, tuple | list) or not all(
        isinstance(example, Example | str) for example in examples
    ):
        raise InvalidCategoriesError(
            f"category {name!r} has examples {examples!r}; a list of texts is needed"
        )
    made = [e if isinstance(e, Example) else Example(e) for e in examples]
    # The texts of a private index are not known, and each example stays.
    return tuple({e.text if e.text is not None else i: e for i, e in enumerate(made)}.values())


def _cosine(name: str, threshold: float) -> float:
    try:
        cosine = float(threshold)
    except (TypeError, ValueError):
        cosine = float("nan")
    if not -1.0 <= cosine <= 1.0:
        raise InvalidCategoriesError(
            f"category {name!r} has threshold {threshold!r}; a cosine lies in -1 to 1"
        )
    return cosine


def _check_strings(name: str, texts: tuple[str | None, ...], metadata: Mapping[str, str]) -> None:
    for text in texts:
        if not isinstance(text, str | None):
            raise InvalidCategoriesError(
                f"category {name!r} has description or parent {text!r}; a string or None is needed"
            )
    if not isinstance(metadata, Mapping) or not all(
        isinstance(word, str) for pair in metadata.items() for word in pair
    ):
        raise InvalidCategoriesError(
            f"category {name!r} has metadata {metadata!r}; strings by name are needed"
        )


def _check_name(name: str) -> None:
    if not isinstance(name, str):
        raise InvalidCategoriesError(f"a category name is a string, not {name!r}")
    if is_blank(name):
        raise InvalidCategoriesError("a category has an empty name. Give it one")
    if name_key(name) == UNKNOWN:
        raise InvalidCategoriesError(
            f"a category cannot be called {name!r}: that is the answer for texts that fit none."
            " Leave it out; textshot abstains by itself"
        )
    if any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in name):
        raise InvalidCategoriesError(f"category name {name!r} has a control character in it")
