"""Texts of which an encoder knows no word: their vectors are those of the unknown token.

What share of unknown tokens is too much: docs/adr/0028.
"""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from textshot._characters import is_blank

MAX_UNKNOWN_SHARE = 0.9
"""With a larger share of unknown tokens, answers are right no more often than by chance."""

_KNOWN_PER_UNKNOWN = 1 / MAX_UNKNOWN_SHARE - 1
_MAX_WORD_CHARS = 100  # a longer one is unknown as a whole to tokenizers of the BERT family
_CONTINUES = "##"
_FIRST_IDEOGRAPH = "\u2e80"


class KnownWords:
    """Tells which texts an encoder can read.

    Punctuation, digits and single letters of other scripts are neither known nor unknown words:
    they say nothing beside unknown ones.

    Args:
        tokenizer: a fast one of transformers, or a `compiled.tokens.Tokenizer`.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._unknown: int | None = tokenizer.unk_token_id

    def unreadable(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which texts are blank, or have next to no word that is known; bool (n,)."""
        mask = np.array([is_blank(text) for text in texts], dtype=bool)
        if self._unknown is None:  # such as tokenizers of bytes
            return mask
        doubtful = [i for i in np.flatnonzero(~mask).tolist() if self._is_doubtful(texts[i])]
        for i, tokens in zip(doubtful, self._tokens([texts[i] for i in doubtful]), strict=True):
            ids = np.asarray(tokens, np.int64)
            n_unknown = int((ids == self._unknown).sum())
            n_known = int(self._is_word[ids].sum())
            mask[i] = not len(ids) or n_unknown > MAX_UNKNOWN_SHARE * (n_unknown + n_known)
        return mask

    def _is_doubtful(self, text: str) -> bool:
        """Tell whether a text must be tokenized: not where plain words are enough of it."""
        if not self._knows_ascii:
            return True
        is_short = len(text) <= _MAX_WORD_CHARS
        if is_short and text.isascii():
            return False
        words = text.split()
        plain = [word for word in words if word.isascii() and len(word) <= _MAX_WORD_CHARS]
        # Each unknown token has a character beyond ASCII, or is one of the longest words.
        most = len(text) - len(text.encode("ascii", "ignore")) + len(words) - len(plain)
        n_letters = sum(any(map(str.isalpha, word)) for word in plain)
        return most > 0 and n_letters < _KNOWN_PER_UNKNOWN * most

    def _tokens(self, texts: Sequence[str]) -> Sequence[Sequence[int]]:
        if not texts:
            return []
        tokens: Sequence[Sequence[int]] = self._tokenizer(
            list(texts), add_special_tokens=False, truncation=False, verbose=False
        )["input_ids"]
        return tokens

    @cached_property
    def _is_word(self) -> NDArray[np.bool_]:
        """Tell of each token whether it is a known word, or a part of one."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        mask = np.zeros(max(vocabulary.values()) + 1, dtype=bool)
        mask[[i for token, i in vocabulary.items() if _is_word(token)]] = True
        mask[self._unknown] = False
        return mask

    @cached_property
    def _knows_ascii(self) -> bool:
        """Tell whether each word of ASCII letters and digits has known tokens."""
        vocabulary = self._tokenizer.get_vocab()
        plain = string.ascii_lowercase + string.digits
        starts = ("", _CONTINUES) if any(t.startswith(_CONTINUES) for t in vocabulary) else ("",)
        if not all(start + c in vocabulary for start in starts for c in plain):
            return False
        capitals = self._tokens(list(string.ascii_uppercase))
        return not any(self._unknown in tokens for tokens in capitals)


def unknown_token(path: Path) -> str | None:
    """Return the token that stands for unknown ones in a tokenizer.json; None: there is none."""
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    if model.get("unk_id") is not None:
        return str(model["vocab"][model["unk_id"]][0])
    token = model.get("unk_token")
    return None if token is None else str(token)


def _is_word(token: str) -> bool:
    """Tell whether a token has several letters, or one that is a word, or a symbol such as a heart.

    Many vocabularies have single letters of scripts of which they have no word.
    """
    letters = [c for c in token if c.isalpha()]
    is_word = any(c.isascii() or c >= _FIRST_IDEOGRAPH for c in letters)
    return is_word or len(letters) > 1 or any(category(c) == "So" for c in token)
