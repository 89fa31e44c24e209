"""From texts to token numbers, by the Rust tokenizer alone: the one door of `tokenizers`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from textshot._arrays import IntArray
from textshot.encoders.compiled.onnx_graph import n_cores

_MANY = 512
"""Texts from which on all cores are worth starting threads for."""


class Tokens:
    """The tokenizer of an encoder, read from its tokenizer.json.

    Args:
        path: as transformers would write it, with the special tokens in its post-processor.
        limit: tokens after which a text is cut, with those that mark beginning and end; None: none.
        unknown: the token that stands for what is not known, if there is one.
        special: whether beginning and end are marked; static models have no marks.
    """

    def __init__(
        self, path: Path, limit: int | None, unknown: str | None = None, *, special: bool = True
    ) -> None:
        # Its threads would compete with those that encode, and they make a fork unsafe.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from tokenizers import Tokenizer

        self._whole, self._limit, self._special = Tokenizer.from_file(str(path)), limit, special
        self._whole.no_padding()
        self._whole.no_truncation()
        self.unk_token_id: int | None = (
            None if unknown is None else self._whole.token_to_id(unknown)
        )

    def numbers(self, texts: Sequence[str]) -> list[IntArray]:
        """Return the token numbers of each text as the encoder reads them, int64 (n_tokens,)."""
        if len(texts) < _MANY:
            return self._numbers(texts)
        # The tokenizer has threads of its own, but they stay, and a fork would not survive them.
        size = -(-len(texts) // n_cores())
        slices = [texts[start : start + size] for start in range(0, len(texts), size)]
        with ThreadPoolExecutor(len(slices)) as pool:
            return [row for some in pool.map(self._numbers, slices) for row in some]

    def _numbers(self, texts: Sequence[str]) -> list[IntArray]:
        found = self._whole.encode_batch_fast(list(texts), add_special_tokens=self._special)
        rows = [np.asarray(one.ids, np.int64) for one in found]
        if self._limit is not None:
            for place, row in enumerate(rows):
                if len(row) > self._limit:
                    rows[place] = self._beginning(texts[place], self._limit)
        return rows

    def _beginning(self, text: str, limit: int) -> IntArray:
        """Return the first tokens of a text, and those that mark beginning and end."""
        found = self._whole.encode(text, add_special_tokens=False)
        if not self._special:
            return np.asarray(found.ids[:limit], np.int64)
        found.truncate(max(0, limit - self.num_special_tokens_to_add()))
        return np.asarray(self._whole.post_process(found).ids, np.int64)

    # What windows and readings ask of a tokenizer, as those of transformers answer it.

    def num_special_tokens_to_add(self) -> int:
        """Return how many tokens mark beginning and end."""
        number: int = self._whole.num_special_tokens_to_add(False)
        return number

    def get_vocab(self) -> dict[str, int]:
        """Return the number of each token."""
        vocabulary: dict[str, int] = self._whole.get_vocab(with_added_tokens=True)
        return vocabulary

    def __call__(
        self,
        texts: str | Sequence[str],
        *,
        add_special_tokens: bool,
        truncation: bool = False,
        return_offsets_mapping: bool = False,
        verbose: bool = False,
    ) -> Mapping[str, Any] | Pieces:
        """Return the tokens of a text, or of several, in full."""
        if isinstance(texts, str):
            return {"input_ids": self._whole.encode(texts, add_special_tokens=False).ids}
        encode = (
            self._whole.encode_batch if return_offsets_mapping else self._whole.encode_batch_fast
        )
        return Pieces(encode(list(texts), add_special_tokens=add_special_tokens))


class Pieces:
    """The tokens of several texts."""

    def __init__(self, found: Sequence[Any]) -> None:
        self._found = found

    def __getitem__(self, name: str) -> list[Any]:
        """Return "input_ids" or "offset_mapping", a list for each text."""
        return [one.ids if name == "input_ids" else one.offsets for one in self._found]

    def word_ids(self, place: int) -> list[int | None]:
        """Return which word each token of a text is of."""
        words: list[int | None] = self._found[place].word_ids
        return words
