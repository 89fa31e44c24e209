"""Warnings about examples that say nothing to the encoder (docs/adr/0028)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import compress

from textshot._characters import is_blank
from textshot.encoders import Encoder, clean_texts
from textshot.errors import InvalidCategoriesError
from textshot.types import Category, KeyKind

_MAX_NAMES = 3

logger = logging.getLogger(__name__)


def why_unreadable(text: str) -> str:
    """Say why a text says nothing to the encoder."""
    return "the text says nothing" if is_blank(text) else "the encoder knows no word of the text"


def warn_of_examples(encoder: Encoder, texts: Sequence[str], labels: Sequence[str]) -> None:
    """Warn of examples that say nothing, `texts[i]` of `labels[i]`."""
    mask = encoder.unreadable(texts)
    names = dict.fromkeys(label for label, bad in zip(labels, mask, strict=True) if bad)
    if names:
        listed = ", ".join(map(repr, [*names][:_MAX_NAMES])) + (", ..." * (len(names) > _MAX_NAMES))
        logger.warning(
            "%d of %d examples say nothing to the encoder %s, which knows no word of them (in %s)."
            " Such texts stay unknown. Leave them out, or take an encoder for their language",
            int(mask.sum()),
            len(texts),
            encoder.name,
            listed,
        )


def warn_of_unlearned(encoder: Encoder, n: int, n_texts: int) -> None:
    """Warn of `n` corrections that are not learned."""
    if n:
        logger.warning(
            "%d of %d texts say nothing to the encoder %s, which knows no word of them. They stay"
            " unknown, and nothing is learned of them",
            n,
            n_texts,
            encoder.name,
        )


def check_not_empty(categories: Iterable[Category]) -> None:
    """Raise InvalidCategoriesError where an example is blank."""
    for category in categories:
        for example in category.examples:
            if isinstance(example.text, str) and is_blank(example.text):
                raise InvalidCategoriesError(
                    f"category {category.name!r} has an empty example. Leave it out"
                )


def key_texts(encoder: Encoder, categories: Sequence[Category], *, use_names: bool) -> list[str]:
    """Return the texts of all keys, and warn of examples and descriptions that say nothing.

    Raises:
        InvalidCategoriesError: a blank example, a text that a private index left out, or a
            category for which nothing stands that the encoder can read.
    """
    check_not_empty(categories)
    keys = [(c.name, key) for c in categories for key in c.keys(names=use_names)]
    texts = clean_texts([key.text for _, key in keys if key.text is not None])
    if len(texts) < len(keys):
        raise InvalidCategoriesError("a category of a private index has no texts to encode")
    names = [name for name, _ in keys]
    readable = set(compress(names, ~encoder.unreadable(texts)))
    for name in names:
        if name not in readable:
            raise InvalidCategoriesError(
                f"category {name!r}: the encoder {encoder.name} knows no word of what stands for"
                " it. Add an example or a description in words that it knows, or take an encoder"
                " for this language"
            )
    rows = [i for i, (_, key) in enumerate(keys) if key.kind is not KeyKind.NAME]
    warn_of_examples(encoder, [texts[i] for i in rows], [names[i] for i in rows])
    return texts
