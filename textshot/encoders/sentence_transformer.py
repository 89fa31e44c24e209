"""The reference encoder: a sentence-transformers folder, run by torch in float32."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, unit_rows
from textshot._fork import ADVICE, mend_after_fork, one_thread_of_torch
from textshot.encoders.adapter import Adapter
from textshot.encoders.base import Encoder, with_direction
from textshot.encoders.fingerprint import ModelConfig, effective_max_length
from textshot.encoders.hub import no_telemetry, quiet_libraries
from textshot.encoders.known_words import KnownWords, unknown_token
from textshot.encoders.long_texts import (
    WINDOWS,
    TruncationCounter,
    TruncationStats,
    Windows,
    pool_windows,
)
from textshot.encoders.model_folder import read_modules
from textshot.encoders.texts import clean_texts
from textshot.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceTransformerEncoder(Encoder):
    """A model from a folder; it never downloads, and runs no code that comes with the model.

    The vector of a text does not depend on the texts beside it (to 1e-5). It is safe to share
    between threads; they take turns.

    Args:
        config: the model folder, and how texts are encoded with it.
        device: such as "cpu" or "cuda"; None takes the best one available.

    Raises:
        EncoderError: a folder that is refused, or that cannot be loaded.
    """

    backend, precision = "torch", "fp32"
    folder: Path

    def __init__(self, config: ModelConfig, device: str | None = None) -> None:
        # First of all, as it refuses unsafe folders before anything of them is loaded.
        fingerprint = config.fingerprint()
        self._config, self._device, self._prompt = config, device, config.prompt
        self._lock = threading.Lock()
        self._is_torn = self._is_child = False
        one_thread_of_torch()
        self._model = _load(config, device)
        super().__init__(
            config.name,
            dim=int(self._encode(["probe"], 1).shape[1]),
            fingerprint=fingerprint,
            source=config.source,
            spec=config.spec(),
            folder=config.folder,
        )
        self._read_lengths()
        mend_after_fork(self)

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts, float32 (n, dim), unit rows."""
        clean = clean_texts(texts)
        if not clean:
            return np.empty((0, self.dim), dtype=np.float32)
        if self._windows is None:
            return unit_rows(with_direction(self._encode(clean, batch_size)))
        with self._ready():  # encoding changes how the tokenizer truncates
            parts, owners = self._windows(clean)
        rows = with_direction(self._encode(parts, batch_size))
        return unit_rows(with_direction(pool_windows(rows, owners, len(clean))))

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Count the texts that are cut off and the words that the encoder does not know."""
        with self._ready():
            if self._counter is None:
                return TruncationStats(len(texts))
            prompt = self._prompt if self._windows is None else ""  # windows count it
            return self._counter([prompt + text for text in clean_texts(texts)])

    def unreadable(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which texts are blank, or have no word that the encoder knows; bool (n,)."""
        with self._ready():
            words = self._words
            return super().unreadable(texts) if words is None else words.unreadable(texts)

    def reference(self) -> Self:
        """Return itself."""
        return self

    @property
    def transformer(self) -> SentenceTransformer:
        """The model, for reading only."""
        return self._model

    def fresh_model(self) -> SentenceTransformer:
        """Return the model loaded once more, on the CPU and in float32, for training to change."""
        return _load(self._config, "cpu")

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process by name: the model is loaded again there."""
        return SentenceTransformerEncoder, (self._config, self._device)

    def after_fork(self) -> None:
        """Note in a forked child what it inherited, and free the lock."""
        self._is_child = True
        # Another thread was encoding, and the tokenizer is as it stood at that moment.
        self._is_torn = self._is_torn or self._lock.locked()
        self._lock = threading.Lock()

    @contextmanager
    def _ready(self) -> Iterator[SentenceTransformer]:
        """Hold the lock, with a model that this process can use."""
        with self._lock:
            device = self._model.device.type
            if self._is_child and device != "cpu":
                raise EncoderError(
                    f"{self.name} computes on {device}, which a forked process cannot use. {ADVICE}"
                )
            if self._is_torn:
                self._model = _load(self._config, self._device)
                self._read_lengths()
                self._is_torn = False
            yield self._model

    def _read_lengths(self) -> None:
        """Learn from the model how long texts may be, and how to count their tokens."""
        tokenizer, limit = self._model.tokenizer, self._model.max_seq_length
        self._windows: Windows | None = None
        self._counter: TruncationCounter | None = None
        self._words = (
            KnownWords(tokenizer) if is_fast(tokenizer) else _words_of_static(self._config)
        )
        if is_fast(tokenizer):
            if limit is not None and self._config.long_texts == WINDOWS:
                self._windows = Windows(tokenizer, limit, self._prompt)
            self._counter = TruncationCounter(tokenizer, limit, self._windows)

    def _encode(self, texts: list[str], batch_size: int) -> FloatArray:
        with self._ready() as model:
            rows = model.encode(
                [self._prompt + text for text in texts],
                prompt="",  # keeps a default prompt of the model away
                batch_size=batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
        return np.array(rows, dtype=np.float32)


def is_fast(tokenizer: Any) -> bool:
    """Tell whether a tokenizer is one of the Rust library; that of a static model has no mark."""
    return bool(getattr(tokenizer, "is_fast", False))


def _words_of_static(config: ModelConfig) -> KnownWords | None:
    """Return the known words of a static model, whose tokenizer is none of transformers."""
    from textshot.encoders.compiled.tokens import Tokenizer

    first = read_modules(config.folder)[0]
    path = first.folder / "tokenizer.json"
    if first.kind != "StaticEmbedding" or not path.exists():
        return None
    return KnownWords(Tokenizer(path, None, unknown_token(path), special=False))


def _check_device(device: str | None) -> None:
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):  # an unknown name, or a device that is not here
        raise EncoderError(
            f"device {device!r} is not available. Say cpu, or leave it out to take the best one"
        ) from None


def _load(config: ModelConfig, device: str | None) -> SentenceTransformer:
    no_telemetry()
    from sentence_transformers import SentenceTransformer

    first = read_modules(config.folder)[0]
    _check_device(device)
    try:
        with quiet_libraries():
            model = SentenceTransformer(
                str(config.folder.resolve()),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                # Half precision on disk would make a vector depend on its neighbours.
                model_kwargs={"use_safetensors": True, "dtype": "float32"},
            )
    except Exception as error:  # three libraries, each with its own kinds
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise EncoderError(f"{config.folder} cannot be loaded: {reason}") from error
    limit = effective_max_length(first, config.max_length)
    if first.kind == "Transformer" and limit is not None:
        model.max_seq_length = limit  # the limit that the fingerprint holds
    if config.adapter is not None:
        _apply(config.adapter, model[0])
    return model.eval()


def _apply(adapter: Adapter, transformer: Any) -> None:
    """Change the weights of what transformers made, in place."""
    import torch

    weights = dict(transformer.model.named_parameters())
    for name, change in adapter.changes.items():
        if name not in weights or tuple(weights[name].shape) != change.shape:
            raise EncoderError(
                f"the adapter {adapter.name!r} changes {name} {change.shape}, which this model"
                " does not have"
            )
        with torch.no_grad():
            weights[name].add_(torch.from_numpy(change).to(weights[name].device))
