"""The encoder that runs a twin: the same contract, the same fingerprint, no torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.encoders.base import Spec, clean_texts, with_direction
from textshot.encoders.compiled.batches import ahead, batches
from textshot.encoders.compiled.onnx_graph import Graph
from textshot.encoders.compiled.tokens import Tokens
from textshot.encoders.text_stats import TruncationCounter, TruncationStats
from textshot.encoders.windows import WINDOWS, Windows, pooled

if TYPE_CHECKING:
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

CHUNK = 4096
"""Texts that are sorted by length together."""


class CompiledEncoder:
    """A compiled twin of a sentence-transformers model.

    Its vectors are those of the reference: to 1e-5 in fp32; in bf16 to 2e-3 in nearly every cosine,
    and to 5e-3 in any. In int8 they are near them (cosine 0.997 in the mean), and those of an
    encoder of its own. They do not depend on the texts beside: see `batches`. It is safe to share
    between threads; they take turns.

    Args:
        graph: what runs.
        tokens: its tokenizer.
        pad: the token number that fills up a batch.
        limit: tokens that are read at once.
        name, source, fingerprint, spec, dim: those of the reference.
        folder: of the reference.
        again: loads the reference, for what only torch can do.
        travels: the arguments of `load_compiled`, for another process.

    Attributes:
        kind: what computes, and how precisely: "openvino-bf16".
    """

    def __init__(
        self,
        graph: Graph,
        tokens: Tokens,
        *,
        pad: int,
        limit: int | None,
        name: str,
        source: str,
        fingerprint: str,
        spec: Spec,
        dim: int,
        folder: Path,
        again: Callable[[], SentenceTransformerEncoder],
        travels: tuple[Any, str, str],
    ) -> None:
        self._graph, self._tokens, self._pad, self._limit = graph, tokens, pad, limit
        self.name, self.source, self.fingerprint = name, source, fingerprint
        self.spec, self.dim, self.folder = spec, dim, folder
        self.reference, self._travels = again, travels
        self.kind = "-".join(travels[1:])
        self._prompt = str(spec.get("prompt") or "")
        self._lock = threading.Lock()
        self._windows = None
        if limit is not None and spec.get("long_texts") == WINDOWS:
            self._windows = Windows(tokens, limit, self._prompt)
        self._reader = TruncationCounter(tokens, limit, self._windows)

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts.

        Args:
            texts: a list of n strings; equal ones are encoded once.
            batch_size: there for the contract; batches are made by their tokens.

        Returns:
            float32 of shape (n, dim), unit rows.

        Raises:
            TypeError: a single string in place of a list.
            InvalidTextsError: a member that is not a string.
        """
        clean = clean_texts(texts)
        if not clean:
            return np.empty((0, self.dim), dtype=np.float32)
        different = {text: place for place, text in enumerate(dict.fromkeys(clean))}
        found = self._encode(list(different))
        if len(different) == len(clean):
            return found
        return found[[different[text] for text in clean]]

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Tell how many texts are longer than what is read of them, and how familiar they are."""
        prompt = self._prompt if self._windows is None else ""  # windows leave room for it
        return self._reader([prompt + text for text in clean_texts(texts)])

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: it never changes, and scikit-learn copies what an estimator is given."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process by name: the twin is loaded again there."""
        from textshot.encoders.compiled.load import load_compiled

        return load_compiled, self._travels

    def _encode(self, texts: list[str]) -> FloatArray:
        parts, owners = (texts, None) if self._windows is None else self._windows(texts)
        rows = np.empty((len(parts), self.dim), np.float32)
        starts = range(0, len(parts), CHUNK)
        chunks = ([self._prompt + text for text in parts[i : i + CHUNK]] for i in starts)
        for start, numbers in zip(starts, ahead(self._tokens.numbers, chunks), strict=True):
            self._run(numbers, rows[start : start + CHUNK])
        if owners is not None:
            rows = pooled(with_direction(rows), owners, len(texts))
        return unit_rows(with_direction(rows))

    def _run(self, numbers: Sequence[IntArray], into: FloatArray) -> None:
        def done(places: IntArray, rows: FloatArray) -> None:
            into[places] = rows

        with self._lock:
            self._graph.run(batches(numbers, self._pad, self._limit), done)


def tokenizer_json(tokenizer: Any) -> bytes:
    """Return the tokenizer of transformers as tokenizer.json has it, settings applied."""
    written: str = tokenizer.backend_tokenizer.to_str()
    return written.encode()
