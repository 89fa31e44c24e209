"""Static models: the mean of a row for each token, in NumPy and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray, unit_rows
from textshot.encoders.base import Encoder, with_direction
from textshot.encoders.compiled.tokens import Tokenizer
from textshot.encoders.fingerprint import ModelConfig, effective_max_length
from textshot.encoders.known_words import KnownWords, unknown_token
from textshot.encoders.model_folder import read_modules, read_settings
from textshot.encoders.texts import clean_texts
from textshot.errors import EncoderError

if TYPE_CHECKING:
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

CHUNK = 1024
"""Texts whose tokens are held at once."""

TOKENS_AT_ONCE = 512
"""Tokens that are added up at once, half a megabyte at 256 dimensions. The sums of longer texts are
added up in turn, which also keeps single precision exact over many thousand tokens."""

_NAMES = ("embedding.weight", "embeddings")  # of sentence-transformers, and of model2vec


class StaticEncoder(Encoder):
    """A static model: vectors equal to those of the reference to 1e-5, and the same fingerprint.

    Of a text of ten thousand tokens it is nearer to the exact mean than the reference, which adds
    them up one by one. A vector does not depend on the texts beside it. It is safe to share between
    threads.

    Args:
        config: a model for which `is_static` holds.

    Raises:
        EncoderError: a folder that is refused or damaged, or a max_length, which has no effect.
    """

    backend, precision = "numpy", "fp32"
    is_single_core = True

    def __init__(self, config: ModelConfig) -> None:
        self._config, self._prompt = config, config.prompt
        fingerprint = config.fingerprint()  # refuses unsafe folders before they are read
        first = read_modules(config.folder)[0]
        self._table = _read_table(first.folder)
        self._tokenizer = _read_tokenizer(
            first.folder, effective_max_length(first), len(self._table)
        )
        self._words = KnownWords(self._tokenizer)
        cut = read_settings(config.folder / "config_sentence_transformers.json").get("truncate_dim")
        if isinstance(cut, int):
            self._table = np.ascontiguousarray(self._table[:, :cut])
        super().__init__(
            config.name,
            dim=self._table.shape[1],
            fingerprint=fingerprint,
            source=f"{config.source}, numpy fp32",
            spec=config.spec(),
            folder=config.folder,
        )

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts, float32 (n, dim); `batch_size` has no effect."""
        clean = clean_texts(texts)
        rows = np.empty((len(clean), self.dim), np.float32)
        for start in range(0, len(clean), CHUNK):
            chunk = [self._prompt + text for text in clean[start : start + CHUNK]]
            rows[start : start + CHUNK] = mean_rows(self._table, self._tokenizer.tokenize(chunk))
        return unit_rows(with_direction(rows))

    def unreadable(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which texts are blank, or have no word that the encoder knows; bool (n,)."""
        return self._words.unreadable(texts)

    def reference(self) -> SentenceTransformerEncoder:
        """Return the encoder in torch."""
        from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

        return SentenceTransformerEncoder(self._config, "cpu")

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process by name: the model is loaded again there."""
        return StaticEncoder, (self._config,)


def is_static(folder: Path) -> bool:
    """Tell whether a model is one matrix in float32 that NumPy can do alone.

    Others (half precision, a mapping of tokens, a Dense module behind) are left to torch.

    Raises:
        EncoderError: a folder that is refused.
    """
    from safetensors import SafetensorError, safe_open

    first, *others = read_modules(folder)
    if first.kind != "StaticEmbedding" or any(m.kind != "Normalize" for m in others):
        return False
    truncation = read_settings(first.folder / "tokenizer.json").get("truncation")
    if isinstance(truncation, dict) and truncation.get("direction") == "Left":
        return False
    try:
        with safe_open(first.folder / "model.safetensors", framework="np") as file:
            names = list(file.keys())
            if len(names) != 1 or names[0] not in _NAMES:
                return False
            matrix = file.get_slice(names[0])
            return matrix.get_dtype() == "F32" and len(matrix.get_shape()) == 2
    except (SafetensorError, OSError):
        return False  # damaged: the reference says so


def _read_table(folder: Path) -> FloatArray:
    from safetensors.numpy import load_file

    path = folder / "model.safetensors"
    [table] = load_file(path).values()
    if not np.isfinite(table).all():
        raise EncoderError(f"{path} holds a value that is not finite: it is damaged")
    return np.asarray(table, np.float32)


def _read_tokenizer(folder: Path, limit: int | None, n_rows: int) -> Tokenizer:
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer(path, limit, unknown_token(path), special=False)
    except Exception as error:  # tokenizers raises nothing more precise
        raise EncoderError(f"{path} cannot be read as a tokenizer: {error}") from error
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest >= n_rows:
        raise EncoderError(
            f"{path} has a token {largest}, and the matrix beside it {n_rows} rows: they do not"
            " belong together"
        )
    return tokenizer


def mean_rows(table: FloatArray, tokens: Sequence[IntArray]) -> FloatArray:
    """Return the mean of the rows of each text's tokens; text by text is faster than all at once.

    Args:
        table: float32 (n_tokens, dim).
        tokens: for each of n texts int64 (m,).

    Returns:
        float32 (n, dim); zeros for a text without tokens.
    """
    rows = np.zeros((len(tokens), table.shape[1]), np.float32)
    for row, ids in zip(rows, tokens, strict=True):
        for start in range(0, len(ids), TOKENS_AT_ONCE):
            row += np.add.reduce(table.take(ids[start : start + TOKENS_AT_ONCE], axis=0), axis=0)
        row /= np.float32(max(1, len(ids)))
    return rows
