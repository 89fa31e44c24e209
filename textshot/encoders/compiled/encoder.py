"""The encoder that runs a compiled graph: the vectors of the reference, without torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot._fork import ADVICE, mend_after_fork, never_free
from textshot.encoders.base import Encoder, with_direction
from textshot.encoders.compiled.backends import INT8, OPENVINO
from textshot.encoders.compiled.export import INT8_MARK
from textshot.encoders.compiled.graphs import Graph
from textshot.encoders.compiled.store import CompiledModel
from textshot.encoders.compiled.tokens import Tokenizer, batches, prefetch
from textshot.encoders.fingerprint import ModelConfig
from textshot.encoders.known_words import KnownWords
from textshot.encoders.long_texts import (
    WINDOWS,
    TruncationCounter,
    TruncationStats,
    Windows,
    pool_windows,
)
from textshot.encoders.texts import clean_texts
from textshot.errors import EncoderError

if TYPE_CHECKING:
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

CHUNK = 4096
"""Texts that are sorted by length together."""


class CompiledEncoder(Encoder):
    """A sentence-transformers model, compiled for the CPU.

    Its vectors are those of the reference: to 1e-5 in fp32; in bf16 to 2e-3 in nearly every cosine,
    and to 5e-3 in any. In int8 they are near them (cosine 0.997 in the mean), and those of an
    encoder of its own. They do not depend on the texts beside: see `batches`. It is safe to share
    between threads; they take turns.

    Args:
        config: the model.
        backend, precision: what runs the graph, and how precisely.
        compiled: facts about the model that was compiled.
        tokenizer: of the model.
        graph: what runs.
    """

    def __init__(
        self,
        config: ModelConfig,
        backend: str,
        precision: str,
        *,
        compiled: CompiledModel,
        tokenizer: Tokenizer,
        graph: Graph,
    ) -> None:
        is_int8 = precision == INT8
        super().__init__(
            config.name,
            dim=compiled.dim,
            fingerprint=config.fingerprint() + (INT8_MARK if is_int8 else ""),
            source=f"{config.source}, {backend} {precision}",
            spec=config.spec() | ({"precision": INT8} if is_int8 else {}),
            folder=config.folder,
        )
        self.backend, self.precision = backend, precision
        self.is_exact = backend == OPENVINO
        self._config, self._prompt = config, config.prompt
        self._compiled = compiled
        self._lock = threading.Lock()
        self._is_child = False
        self._use(tokenizer, graph)
        mend_after_fork(self)

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts, float32 (n, dim); `batch_size` has no effect.

        Equal texts are encoded once, and batches are made by the number of tokens.
        """
        clean = clean_texts(texts)
        if not clean:
            return np.empty((0, self.dim), dtype=np.float32)
        self._mend()
        row_of = {text: row for row, text in enumerate(dict.fromkeys(clean))}
        rows = self._encode(list(row_of))
        return rows if len(row_of) == len(clean) else rows[[row_of[text] for text in clean]]

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Count the texts that are cut off and the words that the encoder does not know."""
        self._mend()
        prompt = self._prompt if self._windows is None else ""  # windows count it
        return self._counter([prompt + text for text in clean_texts(texts)])

    def unreadable(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which texts are blank, or have no word that the encoder knows; bool (n,)."""
        self._mend()
        return self._words.unreadable(texts)

    def reference(self) -> SentenceTransformerEncoder:
        """Return the encoder in torch."""
        from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

        return SentenceTransformerEncoder(self._config, "cpu")

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process by name: the graph is loaded again there."""
        from textshot.encoders.compiled.load import load_compiled

        return load_compiled, (self._config, self.backend, self.precision)

    def after_fork(self) -> None:
        """Note in a forked child that the threads of the graph are gone, and free the lock."""
        self._is_child = True
        self._lock = threading.Lock()
        never_free(self._graph)

    def _use(self, tokenizer: Tokenizer, graph: Graph) -> None:
        self._tokenizer, self._graph = tokenizer, graph
        limit = self._compiled.limit
        self._windows = None
        if limit is not None and self._config.long_texts == WINDOWS:
            self._windows = Windows(tokenizer, limit, self._prompt)
        self._counter = TruncationCounter(tokenizer, limit, self._windows)
        self._words = KnownWords(tokenizer)

    def _mend(self) -> None:
        """Load the graph again in a forked child."""
        from textshot.encoders.compiled.load import open_compiled

        with self._lock:
            if not self._is_child:
                return
            try:
                parts = open_compiled(self._compiled, self.backend, self.precision)
            except (EncoderError, OSError) as error:
                raise EncoderError(
                    f"{self.name} cannot be loaded again in a forked process: {error}. {ADVICE}"
                ) from error
            self._compiled, tokenizer, graph = parts
            self._use(tokenizer, graph)
            self._is_child = False

    def _encode(self, texts: list[str]) -> FloatArray:
        parts, owners = (texts, None) if self._windows is None else self._windows(texts)
        rows = np.empty((len(parts), self.dim), np.float32)
        starts = range(0, len(parts), CHUNK)
        chunks = ([self._prompt + text for text in parts[i : i + CHUNK]] for i in starts)
        for start, tokens in zip(starts, prefetch(self._tokenizer.tokenize, chunks), strict=True):
            self._run(tokens, rows[start : start + CHUNK])
        if owners is not None:
            rows = pool_windows(with_direction(rows), owners, len(texts))
        return unit_rows(with_direction(rows))

    def _run(self, tokens: Sequence[IntArray], output: FloatArray) -> None:
        def done(positions: IntArray, rows: FloatArray) -> None:
            output[positions] = rows

        with self._lock:
            self._graph.run(batches(tokens, self._compiled.pad, self._compiled.limit), done)
