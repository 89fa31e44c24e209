"""Static models: a row for each token and the mean of these, in NumPy and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from textshot._arrays import FloatArray, unit_rows
from textshot.encoders.base import clean_texts, with_direction
from textshot.encoders.compiled.load import Model, fingerprint_of, reference, spec_of
from textshot.encoders.compiled.means import means
from textshot.encoders.compiled.tokens import Tokens
from textshot.encoders.fingerprint import effective_max_length
from textshot.encoders.model_folder import read_modules, read_settings
from textshot.encoders.text_stats import TruncationStats
from textshot.errors import EncoderError

if TYPE_CHECKING:
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

CHUNK = 1024
"""Texts whose tokens are held at once."""

_NAMES = ("embedding.weight", "embeddings")  # of sentence-transformers, and of model2vec


class StaticEncoder:
    """A static model: vectors equal to those of the reference to 1e-5, and the same fingerprint.

    Of a text of ten thousand tokens it is nearer to the exact mean than the reference, which adds
    them up one by one. A vector does not depend on the texts beside it. It is safe to share between
    threads.

    Args:
        model: which one; `is_static` holds for it.

    Attributes:
        kind: what computes, and how precisely.

    Raises:
        EncoderError: a folder that is refused or damaged, or a max_length, which has no effect.
    """

    kind = "numpy-fp32"

    def __init__(self, model: Model) -> None:
        self._model, self.name, self.folder = model, model.name, model.folder
        self.source = f"{model.source}, numpy fp32"
        self.fingerprint, self.spec = fingerprint_of(model, None), spec_of(model, None)
        [self._prompt] = clean_texts([model.prompt])
        first = read_modules(model.folder)[0]
        self._table = _read_table(first.folder)
        self._tokens = _read_tokens(first.folder, effective_max_length(first), len(self._table))
        cut = read_settings(model.folder / "config_sentence_transformers.json").get("truncate_dim")
        if isinstance(cut, int):
            self._table = np.ascontiguousarray(self._table[:, :cut])
        self.dim = self._table.shape[1]

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts.

        Args:
            texts: a list of n strings.
            batch_size: there for the contract; memory is bounded by tokens.

        Returns:
            float32 of shape (n, dim), unit rows.

        Raises:
            TypeError: a single string in place of a list.
            InvalidTextsError: a member that is not a string.
        """
        clean = clean_texts(texts)
        rows = np.empty((len(clean), self.dim), np.float32)
        for start in range(0, len(clean), CHUNK):
            some = [self._prompt + text for text in clean[start : start + CHUNK]]
            rows[start : start + CHUNK] = means(self._table, self._tokens.numbers(some))
        return unit_rows(with_direction(rows))

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Tell how many texts there are: they are read to their end."""
        return TruncationStats(len(texts))

    def reference(self) -> SentenceTransformerEncoder:
        """Return the reference, for what only torch can do."""
        return reference(self._model)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: it never changes, and scikit-learn copies what an estimator is given."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process by name: the model is loaded again there."""
        return StaticEncoder, (self._model,)


def is_static(folder: Path) -> bool:
    """Tell whether a model is one matrix in float32 and nothing that NumPy does not do.

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
            told = file.get_slice(names[0])
            return told.get_dtype() == "F32" and len(told.get_shape()) == 2
    except (SafetensorError, OSError):
        return False  # damaged or out of reach, which the reference says


def _read_table(folder: Path) -> FloatArray:
    from safetensors.numpy import load_file

    path = folder / "model.safetensors"
    [table] = load_file(path).values()
    if not np.isfinite(table).all():
        raise EncoderError(f"{path} holds a value that is not finite: it is damaged")
    return np.asarray(table, np.float32)


def _read_tokens(folder: Path, limit: int | None, n_rows: int) -> Tokens:
    path = folder / "tokenizer.json"
    try:
        tokens = Tokens(path, limit, special=False)
    except Exception as error:  # tokenizers raises nothing more precise
        raise EncoderError(f"{path} cannot be read as a tokenizer: {error}") from error
    most = max(tokens.get_vocab().values(), default=-1)
    if most >= n_rows:
        raise EncoderError(
            f"{path} has a token {most}, and the matrix beside it {n_rows} rows: they do not belong"
            " together"
        )
    return tokens
