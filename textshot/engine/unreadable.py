"""Warnings about examples that say nothing to the encoder (docs/adr/0028)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

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


def check_readable(encoder: Encoder, categories: Sequence[Category], *, use_names: bool) -> None:
    """Warn of examples and descriptions that say nothing.

    Raises:
        InvalidCategoriesError: a category for which nothing else stands.
    """
    keys = [
        (category.name, key.kind, text)
        for category in categories
        for key in category.keys(names=use_names)
        for text in clean_texts([key.text] if key.text is not None else [])
    ]
    mask = encoder.unreadable([text for _, _, text in keys])
    readable = {name for (name, _, _), bad in zip(keys, mask, strict=True) if not bad}
    for name, _, _ in keys:
        if name not in readable:
            raise InvalidCategoriesError(
                f"category {name!r}: the encoder {encoder.name} knows no word of what stands for"
                " it. Add an example or a description in words that it knows, or take an encoder"
                " for this language"
            )
    examples = [(name, text) for name, kind, text in keys if kind is not KeyKind.NAME]
    warn_of_examples(encoder, [text for _, text in examples], [name for name, _ in examples])
